"""The FBA Inventory API: what Amazon holds of the seller's stock, to be read only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.amazon.listings import MARKETPLACE_IDS, page_token, position_of
from inventory_sandbox.marketplaces.amazon.rules import invalid_input
from inventory_sandbox.marketplaces.assortment import ListingKind
from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.stock import Listing
from inventory_sandbox.marketplaces.world import World

MAX_SKUS: Final = 50
PAGE: Final = 50
Json = dict[str, object]


class FbaInventory:
    """Inventory summaries by marketplace."""

    def __init__(self, world: World) -> None:
        self._world = world

    def operations(self) -> Sequence[Operation]:
        """What is served of this API."""
        return (Operation("getInventorySummaries", "GET", "/fba/inventory/v1/summaries", self._summaries),)

    def _summaries(self, call: Call) -> Answer:
        query = call.query
        granularity, marketplace_id = query.get("granularityType"), query.get("granularityId", "")
        if granularity != "Marketplace":
            return invalid_input("'granularityType' must be Marketplace.")
        if marketplace_id not in MARKETPLACE_IDS or marketplace_id not in query.get("marketplaceIds", "").split(","):
            return invalid_input("'granularityId' must be a marketplace id, and among 'marketplaceIds'.")
        skus = [one for one in query.get("sellerSkus", "").split(",") if one]
        if len(skus) > MAX_SKUS:
            return invalid_input(f"'sellerSkus' takes at most {MAX_SKUS} values.")
        start = position_of(query.get("nextToken", ""))
        if start is None:
            return invalid_input("'nextToken' cannot be read.")
        held = [
            one
            for one in self._world.stock.all("amazon")
            if one.seed.kind is ListingKind.FBA and one.seed.marketplace_id == marketplace_id
        ]
        found = [one for one in held if not skus or one.seed.sku in skus]
        details = query.get("details", "false").lower() == "true"
        rows = [self._row(one, details, call.at) for one in found[start : start + PAGE]]
        payload = {
            "granularity": {"granularityType": granularity, "granularityId": marketplace_id},
            "inventorySummaries": rows,
        }
        answer: Json = {"payload": payload}
        if start + PAGE < len(found):
            answer["pagination"] = {"nextToken": page_token(start + PAGE)}
        return json_answer(200, answer)

    def _row(self, listing: Listing, details: bool, at: float) -> Json:
        seed = listing.seed
        held = next(part for name, part in listing.parts.items() if name.startswith("AMAZON_"))
        row: Json = {
            "asin": seed.asin,
            "fnSku": f"X00{seed.asin[-7:]}",
            "sellerSku": seed.sku,
            "condition": "NewItem",
            "lastUpdatedTime": iso_time(at),
            "productName": seed.title,
            "totalQuantity": held.live + held.reserved,
        }
        if details:
            row["inventoryDetails"] = {
                "fulfillableQuantity": held.live,
                "inboundWorkingQuantity": 0,
                "inboundShippedQuantity": 0,
                "inboundReceivingQuantity": 0,
                "reservedQuantity": {
                    "totalReservedQuantity": held.reserved,
                    "pendingCustomerOrderQuantity": held.reserved,
                    "pendingTransshipmentQuantity": 0,
                    "fcProcessingQuantity": 0,
                },
            }
        return row
