"""What comes and goes by the Inventory API: offers made and deleted, items deleted with their offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from inventory_sandbox.marketplaces.assortment import EBAY_SELLER, ListingKind, ListingSeed
from inventory_sandbox.marketplaces.ebay.rules import INVENTORY, ErrorRow, error_answer, error_row, invalid_field
from inventory_sandbox.marketplaces.ebay.stock import OFFER, EbayStock
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.stock import Listing
from inventory_sandbox.marketplaces.world import World

BASE: Final = "/sell/inventory/v1"
FIXED_PRICE: Final = "FIXED_PRICE"
MAX_OFFERS_OF_SKU: Final = 100
"""Ours: offers that one SKU may have."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one offer: its ids, or what was wrong."""

    offer_id: str = ""
    listing_id: str = ""
    wrong: ErrorRow | None = None


class Lifecycle:
    """Offers of fixed price are made unpublished, and have no listing until they are published."""

    def __init__(self, world: World, stock: EbayStock) -> None:
        self._world = world
        self._stock = stock
        self._numbers = 0

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        offer = f"{BASE}/offer"
        return (
            Operation("createOffer", "POST", offer, self._create_offer, limit=INVENTORY),
            Operation("publishOffer", "POST", f"{offer}/{{offerId}}/publish", self._publish, limit=INVENTORY),
            Operation("withdrawOffer", "POST", f"{offer}/{{offerId}}/withdraw", self._withdraw, limit=INVENTORY),
            Operation("deleteOffer", "DELETE", f"{offer}/{{offerId}}", self._delete_offer, limit=INVENTORY),
            Operation(
                "deleteInventoryItem",
                "DELETE",
                f"{BASE}/inventory_item/{{sku:path}}",
                self._delete_item,
                limit=INVENTORY,
            ),
        )

    def _create_offer(self, call: Call) -> Answer:
        if not call.headers.get("content-language"):
            return error_answer(400, 25709, "Invalid value for header Content-Language.", fieldName="Content-Language")
        done = self.make(call.json_object() or {})
        if done.wrong is not None:
            return json_answer(400, {"errors": [done.wrong]})
        return json_answer(201, {"offerId": done.offer_id})

    def make(self, body: Mapping[str, object]) -> Done:
        """Makes an offer, unpublished."""
        sku, country = str(body.get("sku", "")), str(body.get("marketplaceId", ""))
        if not sku or not country:
            return Done(wrong=invalid_field("sku" if not sku else "marketplaceId"))
        if body.get("format", FIXED_PRICE) != FIXED_PRICE:
            return Done(wrong=invalid_field("format", "The sandbox makes offers of fixed price only."))
        item = self._stock.items.get(sku)
        if item is None:
            return Done(wrong=error_row(25702, f"{sku} could not be found or is not available in the system."))
        offers = self._stock.offers_of(sku)
        same = [one for one in offers if one.seed.marketplace_id == country and one.seed.format == FIXED_PRICE]
        if same or len(offers) >= MAX_OFFERS_OF_SKU:
            known = same[0].seed.offer_id if same else ""
            text = "A user error has occurred. Offer entity already exists."
            return Done(wrong=error_row(25002, text, offerId=known))
        quantity = body.get("availableQuantity", item.part.live)
        if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 0:
            return Done(wrong=error_row(25004, f"Invalid quantity. {quantity}"))
        self._numbers += 1
        seed = ListingSeed(
            marketplace="ebay",
            account=EBAY_SELLER,
            marketplace_id=country,
            sku=sku,
            kind=ListingKind.SELLER_FULFILLED,
            quantity=quantity,
            title=item.title,
            offer_id=f"88{self._numbers:09}",
            format=FIXED_PRICE,
        )
        self._stock.add(seed)
        made = self._stock.offer(seed.offer_id)
        assert made is not None  # added above
        made.status = "ENDED"  # not to be bought before it is published
        return Done(offer_id=seed.offer_id)

    def _publish(self, call: Call) -> Answer:
        if self._found(call) is None:
            return _missing(call)
        done = self.publish(call.parameters["offerId"])
        if done.wrong is not None:
            return json_answer(400, {"errors": [done.wrong]})
        return json_answer(200, {"listingId": done.listing_id})

    def publish(self, offer_id: str, listing_id: str = "") -> Done:
        """Makes an offer a listing, or a variation of the listing named."""
        offer = self._stock.offer(offer_id)
        if offer is None or not offer.seed.offer_id:
            return Done(wrong=error_row(25713, f"This Offer is not available : {offer_id}."))
        if offer.parts[OFFER].submitted < 1 and not self._stock.out_of_stock_control:
            return Done(wrong=error_row(25004, "Invalid quantity. A listing cannot begin with none."))
        if not offer.seed.listing_id:
            offer.seed = replace(offer.seed, listing_id=listing_id or f"11{offer.seed.offer_id}")
        offer.status = "ACTIVE"
        return Done(offer_id, offer.seed.listing_id)

    def _withdraw(self, call: Call) -> Answer:
        offer = self._found(call)
        if offer is None or offer.status != "ACTIVE":
            return _missing(call)
        self.withdraw(offer, "withdrawOffer", call)
        return json_answer(200, {"listingId": offer.seed.listing_id})

    def withdraw(self, offer: Listing, api: str, call: Call) -> None:
        """Ends the offer's listing."""
        if not offer.writable:
            self._world.violated(offer, api, call.request_id, None, accepted=True)
        offer.status = "ENDED"

    def _delete_offer(self, call: Call) -> Answer:
        offer = self._found(call)
        if offer is None:
            return _missing(call)
        self._delete(offer, "deleteOffer", call)
        return Answer(204)

    def _delete_item(self, call: Call) -> Answer:
        sku = call.parameters["sku"]
        if sku not in self._stock.items:
            return error_answer(404, 25702, f"{sku} could not be found or is not available in the system.")
        for offer in self._stock.offers_of(sku):
            self._delete(offer, "deleteInventoryItem", call)
        for variants in self._stock.groups.values():
            if sku in variants:
                variants.remove(sku)
        del self._stock.items[sku]
        return Answer(204)

    def _delete(self, offer: Listing, api: str, call: Call) -> None:
        if not offer.writable:
            self._world.violated(offer, api, call.request_id, None, accepted=True)
        self._world.stock.remove(offer)
        self._stock.items[offer.seed.sku].offers.remove(offer.seed.offer_id)

    def _found(self, call: Call) -> Listing | None:
        offer = self._stock.offer(call.parameters["offerId"])
        return offer if offer is not None and offer.seed.offer_id else None


def _missing(call: Call) -> Answer:
    return error_answer(404, 25713, f"This Offer is not available : {call.parameters['offerId']}.")
