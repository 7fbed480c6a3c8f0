"""Walmart's items, ship nodes and API status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.assortment import WALMART_SHIP_NODES
from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.stock import Listing
from inventory_sandbox.marketplaces.walmart.inventory import Inventory
from inventory_sandbox.marketplaces.walmart.rules import WalmartRules, gateway_error
from inventory_sandbox.marketplaces.world import World

MAX_PAGE: Final = 1_000
MAX_OFFSET: Final = 10_000
CURSOR_LIFE_S: Final = 120.0
MAX_CURSORS: Final = 1_000
_FILTERS: Final = ("sku", "lifecycleStatus", "publishedStatus")
Json = dict[str, object]


class Catalog:
    """What the seller offers and from where."""

    def __init__(self, world: World, rules: WalmartRules, inventory: Inventory) -> None:
        self._world = world
        self._rules = rules
        self._inventory = inventory
        self._cursors: dict[str, tuple[int, float]] = {}

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        nodes = "/v3/settings/shipping/shipnodes"
        return (
            Operation("getAllItems", "GET", "/v3/items", self._items, limit="items"),
            Operation("getCountByStatus", "GET", "/v3/items/count", self._count),
            Operation("getLagTime", "GET", "/v3/lagtime", self._lag_time),
            Operation("getAnItem", "GET", "/v3/items/{sku:path}", self._item),
            Operation("getAllFulfillmentCenters", "GET", nodes, self._nodes),
            Operation("getApiPlatformStatus", "GET", "/v3/utilities/apiStatus", self._status),
        )

    def _items(self, call: Call) -> Answer:
        filtered = any(call.query.get(name) for name in _FILTERS)
        throttled = self._rules.limit("getAllItemsWithParameters" if filtered else "getAllItems", call)
        if throttled is not None:
            return throttled
        limit, offset = call.whole("limit", 20), call.whole("offset", 0)
        if limit is None or offset is None or not 1 <= limit <= MAX_PAGE or not 0 <= offset <= MAX_OFFSET:
            return _bad_request(f"limit must be from 1 to {MAX_PAGE}, offset from 0 to {MAX_OFFSET}.", "limit")
        found = list(self._world.stock.all("walmart"))
        if filtered:
            found = [one for one in found if _fits(one, call)]
        cursor = call.query.get("nextCursor", "")
        if cursor:
            start = self._turn(cursor, limit, call)
            if start is None:
                return _bad_request("Invalid Cursor", "nextCursor")
            cursor, offset = start
        page = found[offset : offset + limit]
        if not page:
            return gateway_error(404, "CONTENT_NOT_FOUND.GMP_ITEM_QUERY_API", "No item found.", "", "DATA")
        answer: Json = {"ItemResponse": [_item_json(one) for one in page], "totalItems": len(found)}
        if cursor and offset + limit < len(found):
            answer["nextCursor"] = cursor
        return json_answer(200, answer)

    def _turn(self, cursor: str, limit: int, call: Call) -> tuple[str, int] | None:
        """The cursor and where its next page begins: it stays the same from page to page, for two minutes each."""
        if cursor == "*":
            cursor, start = f"AoE/{self._world.new_id()}", 0
        else:
            known = self._cursors.get(cursor)
            if known is None or call.at > known[1]:
                return None
            start = known[0]
        self._cursors[cursor] = (start + limit, call.at + CURSOR_LIFE_S)
        if len(self._cursors) > MAX_CURSORS:
            del self._cursors[next(iter(self._cursors))]
        return cursor, start

    def _item(self, call: Call) -> Answer:
        listing = self._inventory.find(call.parameters["sku"])
        if listing is None:
            return gateway_error(404, "CONTENT_NOT_FOUND.GMP_ITEM_QUERY_API", "No item found.", "id", "DATA")
        return json_answer(200, {"ItemResponse": [_item_json(listing)]})

    def _count(self, call: Call) -> Answer:
        """How many items there are; all of them are published."""
        status, found = call.query.get("status", "") or "ALL", sum(1 for _ in self._world.stock.all("walmart"))
        if status.upper() == "ALL":
            return json_answer(200, {"All": found})
        return json_answer(200, {status: found if status.upper() == "PUBLISHED" else 0})

    def _lag_time(self, call: Call) -> Answer:
        sku = call.query.get("sku", "")
        if self._inventory.find(sku) is None:
            return gateway_error(404, "CONTENT_NOT_FOUND.GMP_LAGTIME_API", "No item found.", "sku", "DATA")
        return json_answer(200, {"sku": sku, "fulfillmentLagTime": 1})

    def _nodes(self, call: Call) -> Answer:
        return json_answer(200, [_node_json(one, number) for number, one in enumerate(self._inventory.ship_nodes)])

    def _status(self, call: Call) -> Answer:
        statuses = [
            {"apiGroup": group, "status": status, "lastUpdatedTime": iso_time(at)}
            for group, (status, at) in self._world.api_status.items()
        ]
        return json_answer(200, {"apiStatuses": statuses})


def _fits(listing: Listing, call: Call) -> bool:
    shown = _item_json(listing)
    return all(call.query.get(name) in (None, "", shown[name]) for name in _FILTERS)


def _item_json(listing: Listing) -> Json:
    seed = listing.seed
    return {
        "mart": "WALMART_US",
        "sku": seed.sku,
        "condition": "New",
        "availability": "In_stock" if listing.live > 0 else "Out_of_stock",
        "wpid": f"W{seed.item_id}",
        "upc": f"0{seed.item_id:>011}",
        "productName": seed.title,
        "productType": "Demo",
        "price": {"currency": "USD", "amount": 19.99},
        "publishedStatus": "PUBLISHED",
        "lifecycleStatus": "ACTIVE",
    }


def _node_json(node: str, number: int) -> Json:
    two_day = node in WALMART_SHIP_NODES[:2]
    shown: Json = {
        "shipNode": node,
        "nodeType": "PHYSICAL",
        "shipNodeName": f"Node {number + 1}",
        "status": "ACTIVE",
        "timeZone": "EST",
        "distributorSupportedServices": ["TWO_DAY_DELIVERY"] if two_day else [],
        "customNodeId": f"WH{number + 1}",
        "postalAddress": {"addressLine1": "1 Main St", "city": "Dallas", "state": "TX", "country": "USA"},
        "shippingDetails": [],
    }
    if two_day:
        carrier = {"carrierMethodName": "FEDEX", "carrierMethodType": "GROUND"}
        shown["shippingDetails"] = [{"twoDayShipping": [carrier]}]
    return shown


def _bad_request(text: str, field: str) -> Answer:
    return gateway_error(400, "INVALID_REQUEST_PARAM.GMP_ITEM_QUERY_API", text, field, "DATA")
