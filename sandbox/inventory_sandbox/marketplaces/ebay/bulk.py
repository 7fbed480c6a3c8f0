"""The bulk calls of the Inventory API: quantities of many SKUs and offers written, many items read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.ebay.items import Items
from inventory_sandbox.marketplaces.ebay.rules import INVENTORY, ErrorRow, error_row, invalid_field
from inventory_sandbox.marketplaces.ebay.stock import EbayStock, Item
from inventory_sandbox.marketplaces.faults import SHAPE_MODES, WRITE_MODES, FaultMode
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.stock import Listing
from inventory_sandbox.marketplaces.world import World

BASE: Final = "/sell/inventory/v1"
MAX_ROWS: Final = 25
_API: Final = "bulkUpdatePriceQuantity"
Row = dict[str, object]


class Bulk:
    """`bulk_update_price_quantity`, `bulk_get_inventory_item` and `bulk_create_or_replace_inventory_item`."""

    def __init__(self, world: World, stock: EbayStock, items: Items) -> None:
        self._world = world
        self._stock = stock
        self._items = items

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        update, get = f"{BASE}/bulk_update_price_quantity", f"{BASE}/bulk_get_inventory_item"
        create = f"{BASE}/bulk_create_or_replace_inventory_item"
        return (
            Operation(_API, "POST", update, self._update, limit=INVENTORY, takes=WRITE_MODES | SHAPE_MODES),
            Operation(
                "bulkGetInventoryItem",
                "POST",
                get,
                self._get,
                limit=INVENTORY,
                takes=frozenset({FaultMode.PARTIAL_FAILURE}),
            ),
            Operation(
                "bulkCreateOrReplaceInventoryItem", "POST", create, self._create, limit=INVENTORY, takes=WRITE_MODES
            ),
        )

    def _update(self, call: Call) -> Answer:
        requests = _requests(call, self._world.settings.ebay_group_size)
        if isinstance(requests, Answer):
            return requests
        repeated = _repeated_offer(requests)
        if repeated is not None:
            more = f"{repeated} is given more than once."
            return json_answer(400, {"errors": [invalid_field("requests.offers.offerId", more)]})
        rows: list[Row] = []
        for index, request in enumerate(requests):
            rows.extend(self._update_one(request, call, index, len(requests)))
        return _rows_answer(rows, always_200=call.odd)

    def _update_one(self, request: Row, call: Call, index: int, count: int) -> list[Row]:
        offers = request.get("offers") or []
        ship_to = request.get("shipToLocationAvailability")
        if not isinstance(offers, list) or not all(isinstance(one, dict) for one in offers) or len(offers) > MAX_ROWS:
            return [_row(400, str(request.get("sku", "")), "", invalid_field("offers"))]
        if not offers and not isinstance(ship_to, dict):
            return [_row(400, str(request.get("sku", "")), "", invalid_field("requests"))]
        sku = str(request.get("sku") or self._sku_of(offers))
        item = self._stock.items.get(sku)
        if item is None:
            return [
                _row(400, sku, "", error_row(25702, f"{sku} could not be found or is not available in the system."))
            ]
        refused = self._refused(sku, item, offers, call, index, count)
        if refused is not None:
            ids = [str(one.get("offerId", "")) for one in offers] or [""]
            status = 500 if refused["errorId"] in (25001, 25025) else 400
            return [_row(status, sku, offer_id, refused) for offer_id in ids]
        rows: list[Row] = []
        if isinstance(ship_to, dict):
            wrong = self._stock.set_item(item, _ship_to_quantity(ship_to), call, _API)
            rows.append(_row(200 if wrong is None else 400, sku, "", wrong))
        for one in offers:
            rows.append(self._update_offer(sku, one, call))
        return rows

    def _refused(
        self, sku: str, item: Item, offers: Sequence[Row], call: Call, index: int, count: int
    ) -> ErrorRow | None:
        if call.odd or call.row_fails(index, count, f"{sku} {' '.join(str(one.get('offerId', '')) for one in offers)}"):
            return error_row(25001, "A system error has occurred. Internal error")
        busy = self._stock.busy(sku, call)
        if busy is not None:
            return busy
        named = {str(one.get("offerId", "")) for one in offers}
        touched = [one for one in self._stock.offers_of(sku) if one.writable and one.status == "ACTIVE"]
        revised = [one for one in touched if one.seed.offer_id in named] or touched
        return self._stock.revise((one.seed.listing_id for one in revised), call.at)

    def _update_offer(self, sku: str, raw: Row, call: Call) -> Row:
        offer_id = str(raw.get("offerId", ""))
        offer = self._stock.offer(offer_id)
        if offer is None or not offer.seed.offer_id or offer.status != "ACTIVE":
            return _row(400, sku, offer_id, error_row(25713, f"This Offer is not available : {offer_id}."))
        if offer.seed.sku != sku:
            return _row(400, sku, offer_id, invalid_field("offerId", "The offer is of another SKU."))
        if "availableQuantity" not in raw:
            if isinstance(raw.get("price"), dict):
                return _row(200, sku, offer_id, None)
            return _row(400, sku, offer_id, invalid_field("availableQuantity"))
        wrong = self._stock.set_offer(offer, raw["availableQuantity"], call, _API)
        return _row(200 if wrong is None else 400, sku, offer_id, wrong)

    def _sku_of(self, offers: Sequence[Row]) -> str:
        found: Listing | None = self._stock.offer(str(offers[0].get("offerId", "")))
        return found.seed.sku if found is not None else ""

    def _get(self, call: Call) -> Answer:
        requests = _requests(call, MAX_ROWS)
        if isinstance(requests, Answer):
            return requests
        rows: list[Row] = []
        for index, request in enumerate(requests):
            sku = str(request.get("sku", ""))
            item = self._stock.items.get(sku)
            if call.row_fails(index, len(requests), sku):
                rows.append(_row(500, sku, "", error_row(25001, "Any System error.")))
            elif item is None:
                rows.append(_row(400, sku, "", error_row(25702, f"SKU {sku} is not available in the system")))
            else:
                found = self._items.item_json(item)
                del found["sku"]
                rows.append({"statusCode": 200, "sku": sku, "inventoryItem": found})
        return _rows_answer(rows)

    def _create(self, call: Call) -> Answer:
        requests = _requests(call, MAX_ROWS)
        if isinstance(requests, Answer):
            return requests
        rows: list[Row] = []
        for index, request in enumerate(requests):
            sku = str(request.get("sku", ""))
            if call.row_fails(index, len(requests), sku):
                rows.append(_row(500, sku, "", error_row(25001, "A system error has occurred.")))
                continue
            status, wrong = self._items.replace(sku, request, call, "bulkCreateOrReplaceInventoryItem")
            rows.append(_row(200 if status < 300 else status, sku, "", wrong))
        return _rows_answer(rows)


def _requests(call: Call, most: int) -> list[Row] | Answer:
    body = call.json_object()
    if body is None:
        return json_answer(400, {"errors": [invalid_field("request body", "It is not a JSON object.")]})
    requests = body.get("requests")
    if not isinstance(requests, list) or not requests or not all(isinstance(one, dict) for one in requests):
        return json_answer(400, {"errors": [invalid_field("requests")]})
    if len(requests) > most:
        return json_answer(400, {"errors": [invalid_field("requests", f"At most {most} can be given in one call.")]})
    return requests


def _repeated_offer(requests: Sequence[Row]) -> str | None:
    seen: set[str] = set()
    for request in requests:
        offers = request.get("offers")
        for one in offers if isinstance(offers, list) else ():
            offer_id = str(one.get("offerId", "")) if isinstance(one, dict) else ""
            if offer_id in seen:
                return offer_id
            seen.add(offer_id)
    return None


def _ship_to_quantity(ship_to: Row) -> object:
    """The quantity given, or the sum over the seller's locations."""
    spread = ship_to.get("availabilityDistributions")
    if "quantity" not in ship_to and isinstance(spread, list) and spread:
        quantities = [one.get("quantity") if isinstance(one, dict) else None for one in spread]
        whole = [one for one in quantities if isinstance(one, int)]
        return sum(whole) if len(whole) == len(quantities) else None
    return ship_to.get("quantity")


def _row(status: int, sku: str, offer_id: str, wrong: ErrorRow | None) -> Row:
    row: Row = {"statusCode": status, "sku": sku}
    if offer_id:
        row["offerId"] = offer_id
    if wrong is not None:
        row["errors"] = [wrong]
    return row


def _rows_answer(rows: list[Row], always_200: bool = False) -> Answer:
    good = always_200 or all(row["statusCode"] == 200 for row in rows)
    return json_answer(200 if good else 207, {"responses": rows})
