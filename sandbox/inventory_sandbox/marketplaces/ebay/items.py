"""Inventory items, groups and offers of the Inventory API, one at a time and by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from inventory_sandbox.marketplaces.assortment import ListingKind, ListingSeed
from inventory_sandbox.marketplaces.ebay.rules import INVENTORY, ErrorRow, error_answer, error_row, invalid_field
from inventory_sandbox.marketplaces.ebay.stock import MAX_SKU_LENGTH, OFFER, EbayStock, Item
from inventory_sandbox.marketplaces.faults import WRITE_MODES
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.stock import Listing, Part
from inventory_sandbox.marketplaces.world import World

BASE: Final = "/sell/inventory/v1"
MAX_ITEM_PAGE: Final = 200
MAX_OFFER_PAGE: Final = 200
Json = dict[str, object]


class Items:
    """The single calls of the Inventory API."""

    def __init__(self, world: World, stock: EbayStock) -> None:
        self._world = world
        self._stock = stock

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        item, offer = f"{BASE}/inventory_item", f"{BASE}/offer"
        group = f"{BASE}/inventory_item_group/{{key:path}}"
        served = (
            ("getInventoryItems", "GET", item, self._get_items),
            ("getInventoryItem", "GET", f"{item}/{{sku:path}}", self._get_item),
            ("createOrReplaceInventoryItem", "PUT", f"{item}/{{sku:path}}", self._put_item),
            ("getInventoryItemGroup", "GET", group, self._get_group),
            ("createOrReplaceInventoryItemGroup", "PUT", group, self._put_group),
            ("deleteInventoryItemGroup", "DELETE", group, self._delete_group),
            ("getOffers", "GET", offer, self._get_offers),
            ("getOffer", "GET", f"{offer}/{{offerId}}", self._get_offer),
            ("updateOffer", "PUT", f"{offer}/{{offerId}}", self._put_offer),
        )
        return tuple(
            Operation(
                name, method, path, handle, limit=INVENTORY, takes=WRITE_MODES if method == "PUT" else frozenset()
            )
            for name, method, path, handle in served
        )

    def item_json(self, item: Item) -> Json:
        """An inventory item as the API shows it, with the quantity that is live."""
        offers = self._stock.offers_of(item.sku)
        auctions = sum(one.live for one in offers if one.seed.kind is ListingKind.AUCTION)
        ship_to: Json = {"quantity": max(item.part.live, 0)}
        if auctions:
            ship_to["allocationByFormat"] = {"auction": auctions, "fixedPrice": max(item.part.live - auctions, 0)}
        found: Json = {
            "sku": item.sku,
            "locale": "en_US",
            "product": {"title": item.title},
            "condition": "NEW",
            "availability": {"shipToLocationAvailability": ship_to},
        }
        if item.groups:
            found["groupIds"] = list(item.groups)
            found["inventoryItemGroupKeys"] = list(item.groups)
        return found

    def replace(self, sku: str, raw: Json, call: Call, api: str) -> tuple[int, ErrorRow | None]:
        """Replaces an inventory item whole: without a quantity it has none. The HTTP status and the error."""
        if not sku or len(sku) > MAX_SKU_LENGTH:
            text = "This is an invalid value for a SKU. Its length must not exceed 50 characters."
            return 400, error_row(25707, text)
        availability = raw.get("availability")
        ship_to = availability.get("shipToLocationAvailability") if isinstance(availability, dict) else None
        quantity = ship_to.get("quantity", 0) if isinstance(ship_to, dict) else 0
        busy = self._stock.busy(sku, call)
        if busy is not None:
            return 500, busy
        item = self._stock.items.get(sku)
        if item is None:
            if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 0:
                return 400, error_row(25004, "Invalid quantity.")
            product = raw.get("product")
            title = str(product.get("title", "")) if isinstance(product, dict) else ""
            self._stock.items[sku] = Item(sku, Part("item", quantity, quantity), title)
            return 201, None
        offers = [one for one in self._stock.offers_of(sku) if one.writable and one.status == "ACTIVE"]
        wrong = self._stock.revise((one.seed.listing_id for one in offers), call.at)
        wrong = wrong or self._stock.set_item(item, quantity, call, api)
        return (204 if wrong is None else 400), wrong

    def _get_items(self, call: Call) -> Answer:
        page = _page(call, MAX_ITEM_PAGE, 25)
        if isinstance(page, Answer):
            return page
        limit, offset = page
        items = list(self._stock.items.values())
        self._world.stock.settle()
        shown = [self.item_json(one) for one in items[offset * limit : (offset + 1) * limit]]
        return json_answer(200, _paged(call, f"{BASE}/inventory_item", "inventoryItems", shown, len(items), page))

    def _get_item(self, call: Call) -> Answer:
        sku = call.parameters["sku"]
        item = self._stock.items.get(sku)
        if item is None:
            return error_answer(404, 25702, f"{sku} could not be found or is not available in the system.")
        return json_answer(200, self.item_json(item))

    def _put_item(self, call: Call) -> Answer:
        if not call.headers.get("content-language"):
            return error_answer(400, 25709, "Invalid value for header Content-Language.", fieldName="Content-Language")
        body = _object(call)
        if isinstance(body, Answer):
            return body
        sku = call.parameters["sku"]
        if call.row_fails(0, 1, sku):
            return error_answer(500, 25001, "A system error has occurred.")
        status, wrong = self.replace(sku, body, call, "createOrReplaceInventoryItem")
        if wrong is not None:
            return json_answer(status, {"errors": [wrong]})
        return Answer(204) if status == 204 else json_answer(status, {"warnings": []})

    def _get_group(self, call: Call) -> Answer:
        key = call.parameters["key"]
        if key not in self._stock.groups:
            return _resource_missing()
        skus = list(self._stock.groups[key])
        group: Json = {"inventoryItemGroupKey": key, "title": key, "variantSKUs": skus}
        group["variesBy"] = {"specifications": [{"name": "Variation", "values": skus}]}
        return json_answer(200, group)

    def _put_group(self, call: Call) -> Answer:
        body = _object(call)
        if isinstance(body, Answer):
            return body
        key, skus = call.parameters["key"], body.get("variantSKUs")
        if not isinstance(skus, list) or not all(isinstance(one, str) for one in skus):
            return json_answer(400, {"errors": [invalid_field("variantSKUs")]})
        listing = self._world.stock.get("ebay", f"group:{key}")
        if listing is not None:
            self._world.violated(listing, "createOrReplaceInventoryItemGroup", call.request_id, None, accepted=True)
        known = key in self._stock.groups
        self._stock.groups[key] = list(skus)
        return Answer(204) if known else json_answer(201, {"warnings": []})

    def _delete_group(self, call: Call) -> Answer:
        """The listing of the group ends; its items stay."""
        key = call.parameters["key"]
        skus = self._stock.groups.get(key)
        if skus is None:
            return _resource_missing()
        for sku in skus:
            item = self._stock.items.get(sku)
            if item is not None and key in item.groups:
                item.groups.remove(key)
            for offer in self._stock.offers_of(sku):
                if offer.seed.group_key == key:
                    offer.status = "ENDED"
        listing = self._world.stock.get("ebay", f"group:{key}")
        if listing is not None:
            self._world.violated(listing, "deleteInventoryItemGroup", call.request_id, None, accepted=True)
            self._world.stock.remove(listing)
        del self._stock.groups[key]
        return Answer(204)

    def _get_offers(self, call: Call) -> Answer:
        page = _page(call, MAX_OFFER_PAGE, 100)
        if isinstance(page, Answer):
            return page
        sku = call.query.get("sku", "")
        if not sku:
            return json_answer(400, {"errors": [invalid_field("sku")]})
        kind, country = call.query.get("format"), call.query.get("marketplace_id")
        offers = [
            one
            for one in self._stock.offers_of(sku)
            if kind in (None, one.seed.format) and country in (None, one.seed.marketplace_id)
        ]
        if not offers:
            return error_answer(404, 25713, f"This Offer is not available : {sku}.")
        limit, offset = page
        shown = [_offer_json(one) for one in offers[offset * limit : (offset + 1) * limit]]
        return json_answer(200, _paged(call, f"{BASE}/offer", "offers", shown, len(offers), page, sku))

    def _get_offer(self, call: Call) -> Answer:
        offer = self._stock.offer(call.parameters["offerId"])
        if offer is None or not offer.seed.offer_id:
            return _offer_missing(call)
        return json_answer(200, _offer_json(offer))

    def _put_offer(self, call: Call) -> Answer:
        if not call.headers.get("content-language"):
            return error_answer(400, 25709, "Invalid value for header Content-Language.", fieldName="Content-Language")
        body = _object(call)
        if isinstance(body, Answer):
            return body
        offer = self._stock.offer(call.parameters["offerId"])
        if offer is None or not offer.seed.offer_id:
            return _offer_missing(call)
        wrong = self._stock.busy(offer.seed.sku, call)
        if wrong is not None:
            return json_answer(500, {"errors": [wrong]})
        if offer.status == "ACTIVE":
            wrong = self._stock.revise([offer.seed.listing_id], call.at)
        # A full replacement: a quantity that is not sent is gone, and the item's own then holds.
        wrong = wrong or self._stock.set_offer(offer, body.get("availableQuantity", 0), call, "updateOffer")
        return Answer(204) if wrong is None else json_answer(400, {"errors": [wrong]})


def _offer_json(offer: Listing) -> Json:
    seed: ListingSeed = offer.seed
    active = offer.status == "ACTIVE"
    status = ("OUT_OF_STOCK" if offer.live <= 0 else "ACTIVE") if active else "ENDED"
    shown: Json = {
        "offerId": seed.offer_id,
        "sku": seed.sku,
        "marketplaceId": seed.marketplace_id,
        "format": seed.format,
        "listingDuration": "DAYS_7" if seed.kind is ListingKind.AUCTION else "GTC",
        "availableQuantity": max(offer.parts[OFFER].live, 0),
        "pricingSummary": {"price": {"value": "19.99", "currency": "USD"}},
        "status": "PUBLISHED" if active else "UNPUBLISHED",
    }
    if seed.listing_id:  # none before it was ever published
        shown["listing"] = {
            "listingId": seed.listing_id,
            "listingStatus": status,
            "soldQuantity": offer.sold,
            "listingOnHold": False,
        }
    return shown


def _object(call: Call) -> Json | Answer:
    body = call.json_object()
    if body is None:
        return json_answer(400, {"errors": [invalid_field("request body", "It is not a JSON object.")]})
    return body


def _page(call: Call, most: int, default: int) -> tuple[int, int] | Answer:
    limit, offset = call.whole("limit", default), call.whole("offset", 0)
    if limit is None or offset is None or not 1 <= limit <= most or offset < 0:
        return error_answer(400, 25706, f"You have provided invalid pagination values. limit is 1 to {most}.")
    return limit, offset


def _paged(
    call: Call, path: str, name: str, shown: list[Json], total: int, page: tuple[int, int], sku: str = ""
) -> Json:
    limit, offset = page
    pages = -(-total // limit)
    start = f"{path}?sku={quote(sku, safe='')}&" if sku else f"{path}?"
    answer: Json = {"href": f"{start}limit={limit}&offset={offset}", "total": total, "size": pages, "limit": limit}
    if offset + 1 < pages:
        answer["next"] = f"{start}limit={limit}&offset={offset + 1}"
    if offset > 0:
        answer["prev"] = f"{start}limit={limit}&offset={offset - 1}"
    answer[name] = shown
    return answer


def _resource_missing() -> Answer:
    text = "We didn't find the resource/entity you are requesting. Please verify the request"
    return error_answer(404, 25710, text)


def _offer_missing(call: Call) -> Answer:
    return error_answer(404, 25713, f"This Offer is not available : {call.parameters['offerId']}.")
