"""Offers of the Inventory API many at a time: made, published one by one or by group, withdrawn, and their fees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from inventory_sandbox.marketplaces.ebay.lifecycle import Done, Lifecycle
from inventory_sandbox.marketplaces.ebay.rules import INVENTORY, error_answer, error_row, invalid_field
from inventory_sandbox.marketplaces.ebay.stock import EbayStock
from inventory_sandbox.marketplaces.faults import FaultMode
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.stock import Listing

BASE: Final = "/sell/inventory/v1"
MAX_ROWS: Final = 25
MAX_FEES: Final = 250
Row = dict[str, object]


class ManyOffers:
    """`bulk_create_offer`, `bulk_publish_offer`, and the calls for all offers of a group."""

    def __init__(self, stock: EbayStock, lifecycle: Lifecycle) -> None:
        self._stock = stock
        self._lifecycle = lifecycle

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        offer, partly = f"{BASE}/offer", frozenset({FaultMode.PARTIAL_FAILURE})
        served: tuple[tuple[str, str, Callable[[Call], Answer], frozenset[FaultMode]], ...] = (
            ("bulkCreateOffer", f"{BASE}/bulk_create_offer", self._create, partly),
            ("bulkPublishOffer", f"{BASE}/bulk_publish_offer", self._publish, partly),
            ("getListingFees", f"{offer}/get_listing_fees", self._fees, frozenset()),
            (
                "publishOfferByInventoryItemGroup",
                f"{offer}/publish_by_inventory_item_group",
                self._publish_group,
                frozenset(),
            ),
            (
                "withdrawOfferByInventoryItemGroup",
                f"{offer}/withdraw_by_inventory_item_group",
                self._withdraw_group,
                frozenset(),
            ),
        )
        return tuple(
            Operation(name, "POST", path, handle, limit=INVENTORY, takes=takes) for name, path, handle, takes in served
        )

    def _create(self, call: Call) -> Answer:
        def one(request: Row) -> Row:
            done = self._lifecycle.make(request)
            row: Row = {"statusCode": 200 if done.wrong is None else 400, "sku": str(request.get("sku", ""))}
            if done.offer_id:
                row["offerId"] = done.offer_id
            row["marketplaceId"] = str(request.get("marketplaceId", ""))
            row["format"] = str(request.get("format", "FIXED_PRICE"))
            return _with(row, done)

        return _each(call, "sku", one)

    def _publish(self, call: Call) -> Answer:
        def one(request: Row) -> Row:
            offer_id = str(request.get("offerId", ""))
            done = self._lifecycle.publish(offer_id)
            row: Row = {"statusCode": 200 if done.wrong is None else 400, "offerId": offer_id}
            if done.listing_id:
                row["listingId"] = done.listing_id
            return _with(row, done)

        return _each(call, "offerId", one)

    def _publish_group(self, call: Call) -> Answer:
        found = self._of_group(call)
        if isinstance(found, Answer):
            return found
        listing_id = next((one.seed.listing_id for one in found if one.seed.listing_id), "")
        for offer in found:
            done = self._lifecycle.publish(offer.seed.offer_id, listing_id)
            if done.wrong is not None:
                return json_answer(400, {"errors": [done.wrong]})
            listing_id = done.listing_id
        return json_answer(200, {"listingId": listing_id})

    def _withdraw_group(self, call: Call) -> Answer:
        found = self._of_group(call)
        if isinstance(found, Answer):
            return found
        for offer in found:
            if offer.status == "ACTIVE":
                self._lifecycle.withdraw(offer, "withdrawOfferByInventoryItemGroup", call)
        return Answer(204)

    def _of_group(self, call: Call) -> list[Listing] | Answer:
        """The group's offers of fixed price in the marketplace that the call names."""
        body = call.json_object() or {}
        key, country = str(body.get("inventoryItemGroupKey", "")), str(body.get("marketplaceId", ""))
        if key not in self._stock.groups:
            return error_answer(400, 25710, "We didn't find the resource/entity you are requesting.")
        if not country:
            return json_answer(400, {"errors": [invalid_field("marketplaceId")]})
        found = [
            offer
            for sku in self._stock.groups[key]
            for offer in self._stock.offers_of(sku)
            if offer.seed.marketplace_id == country and offer.writable
        ]
        return found or error_answer(400, 25713, f"This Offer is not available : {key}.")

    def _fees(self, call: Call) -> Answer:
        rows = (call.json_object() or {}).get("offers")
        if not isinstance(rows, list) or not rows or len(rows) > MAX_FEES:
            return json_answer(400, {"errors": [invalid_field("offers", f"From 1 to {MAX_FEES} can be given.")]})
        countries: dict[str, None] = {}
        for row in rows:
            offer = self._stock.offer(str(row.get("offerId", ""))) if isinstance(row, dict) else None
            if offer is None or offer.status == "ACTIVE":
                return error_answer(400, 25713, "This Offer is not available : only unpublished ones have fees.")
            countries[offer.seed.marketplace_id] = None
        none = {"value": "0.0", "currency": "USD"}
        fee = {"feeType": "InsertionFee", "amount": none, "promotionalDiscount": none}
        return json_answer(200, {"feeSummaries": [{"marketplaceId": one, "fees": [fee]} for one in countries]})


def _each(call: Call, name: str, act: Callable[[Row], Row]) -> Answer:
    """One row of the answer for each request: 200 where all are good, else 207."""
    requests = (call.json_object() or {}).get("requests")
    if not isinstance(requests, list) or not requests or not all(isinstance(one, dict) for one in requests):
        return json_answer(400, {"errors": [invalid_field("requests")]})
    if len(requests) > MAX_ROWS:
        return json_answer(
            400, {"errors": [invalid_field("requests", f"At most {MAX_ROWS} can be given in one call.")]}
        )
    rows: list[Row] = []
    for index, request in enumerate(requests):
        text = str(request.get(name, ""))
        if call.row_fails(index, len(requests), text):
            wrong = error_row(25001, "A system error has occurred.")
            rows.append({"statusCode": 500, name: text, "errors": [wrong]})
        else:
            rows.append(act(request))
    return json_answer(200 if all(row["statusCode"] == 200 for row in rows) else 207, {"responses": rows})


def _with(row: Row, done: Done) -> Row:
    return row if done.wrong is None else {**row, "errors": [done.wrong]}
