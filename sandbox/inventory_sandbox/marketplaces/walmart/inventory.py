"""Walmart's inventory calls: one SKU at its default ship node, one SKU over its nodes, all SKUs by cursor."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.assortment import WALMART_SHIP_NODES, ListingKind, ListingSeed
from inventory_sandbox.marketplaces.faults import WRITE_MODES
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.stock import Listing, Part
from inventory_sandbox.marketplaces.walmart.rules import gateway_error
from inventory_sandbox.marketplaces.walmart.xml import inventory_of
from inventory_sandbox.marketplaces.world import World

MAX_QUANTITY: Final = 999_999_999
MAX_PAGE: Final = 50
MAX_CURSORS: Final = 1_000
"""Unused cursors remembered; older ones answer 404."""
Json = dict[str, object]


class Inventory:
    """The seller's quantities, submitted by SKU and ship node. Reads show what has been applied."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cursors: dict[str, tuple[int, int]] = {}
        self.ship_nodes: dict[str, None] = dict.fromkeys(WALMART_SHIP_NODES)

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        all_skus = "getMultiNodeInventoryForAllSkuAndAllShipNodes"
        one_sku = "getMultiNodeInventoryForSkuAndAllShipnodes"
        return (
            Operation("getInventory", "GET", "/v3/inventory", self._get),
            Operation("updateInventoryForAnItem", "PUT", "/v3/inventory", self._put, takes=WRITE_MODES),
            Operation(all_skus, "GET", "/v3/inventories", self._all),
            Operation(one_sku, "GET", "/v3/inventories/{sku:path}", self._nodes),
            Operation(
                "updateMultiNodeInventory", "PUT", "/v3/inventories/{sku:path}", self._put_nodes, takes=WRITE_MODES
            ),
            Operation("getWFSInventoryDetails", "GET", "/v3/wfs/inventory", self._wfs),
            Operation("getWFSInventory", "GET", "/v3/fulfillment/inventory", self._wfs_old),
        )

    def add(self, seed: ListingSeed) -> None:
        """Takes a listing with a quantity at each of its ship nodes."""
        parts = {node: Part(node, seed.quantity, seed.quantity) for node in seed.ship_nodes}
        self._world.stock.add(Listing(seed, parts))
        self.ship_nodes.update(dict.fromkeys(seed.ship_nodes))

    def find(self, sku: str) -> Listing | None:
        """The listing of a SKU, WFS ones too."""
        return self._world.stock.get("walmart", sku)

    def find_settled(self, sku: str) -> Listing | None:
        """The listing of a SKU, for what is done while settling."""
        return self._world.stock.settled("walmart", sku)

    def submit(
        self, listing: Listing, node: str, quantity: object, call: Call, api: str, at: float | None = None
    ) -> str:
        """Accepts a quantity for one ship node, at that time or now; else the text that says why not."""
        amount = quantity if isinstance(quantity, int) and not isinstance(quantity, bool) else None
        if not listing.writable:
            self._world.violated(listing, api, call.request_id, amount, accepted=False)
            return "The item is fulfilled by Walmart; its inventory cannot be set by the seller."
        if amount is None or not 0 <= amount <= MAX_QUANTITY:
            return f"The quantity must be a whole number from 0 to {MAX_QUANTITY}: {quantity!r}"
        part = listing.parts.get(node)
        if part is None:
            if node not in self.ship_nodes:
                return f"Ship node {node} is not one of the seller's."
            part = listing.parts[node] = Part(node, 0, 0, listings=[listing])
        self._world.stock.accept(
            part,
            amount,
            request_id=call.request_id,
            api=api,
            delay_s=self._world.delay_s("walmart"),
            out_of_order=call.out_of_order,
            at=at,
        )
        return ""

    def _put(self, call: Call) -> Answer:
        found = self._addressed(call)
        if isinstance(found, Answer):
            return found
        listing, node = found
        # By what it is and not by what it is called: a generated client sends JSON under the XML type, as the
        # published file has one schema under both.
        as_xml = call.body.lstrip()[:1] == b"<"
        body = (inventory_of(call.body) if as_xml else call.json_object()) or {}
        quantity = body.get("quantity")
        if not isinstance(quantity, dict) or "amount" not in quantity:
            return _bad_request("quantity.amount is required.", "quantity")
        if quantity.get("unit") != "EACH":
            return _bad_request("quantity.unit must be EACH.", "unit")
        if body.get("sku", listing.seed.sku) != listing.seed.sku:
            return _bad_request("The sku of the body is not that of the request.", "sku")
        if call.row_fails(0, 1, listing.seed.sku):
            return _bad_request("The item cannot be updated now.", "sku")
        wrong = self.submit(listing, node, quantity["amount"], call, "updateInventoryForAnItem")
        if wrong:
            return _bad_request(wrong, "quantity")
        answer: Json = {"sku": listing.seed.sku, "quantity": {"unit": "EACH", "amount": quantity["amount"]}}
        if "inventoryAvailableDate" in body:
            answer["inventoryAvailableDate"] = body["inventoryAvailableDate"]
        return json_answer(200, answer)

    def _get(self, call: Call) -> Answer:
        found = self._addressed(call)
        if isinstance(found, Answer):
            return found
        listing, node = found
        part = listing.parts.get(node)
        amount = part.live + part.reserved if part is not None else 0
        return json_answer(200, {"sku": listing.seed.sku, "quantity": {"unit": "EACH", "amount": amount}})

    def _addressed(self, call: Call) -> tuple[Listing, str] | Answer:
        sku = call.query.get("sku", "")
        if not sku:
            return _bad_request("sku is required.", "sku")
        listing = self.find(sku)
        if listing is None:
            return _content_missing(sku)
        node = call.query.get("shipNode") or next(iter(listing.parts), "")
        if node not in listing.parts and node not in self.ship_nodes:
            return _bad_request(f"Ship node {node} is not one of the seller's.", "shipNode")
        return listing, node

    def _nodes(self, call: Call) -> Answer:
        listing = self.find(call.parameters["sku"])
        if listing is None or listing.seed.kind is ListingKind.WFS:
            return _content_missing(call.parameters["sku"])
        node = call.query.get("shipNode")
        if node and node not in listing.parts:
            return _content_missing(f"{listing.seed.sku} at {node}")
        return json_answer(200, {"sku": listing.seed.sku, "nodes": _nodes_json(listing, node)})

    def _put_nodes(self, call: Call) -> Answer:
        listing = self.find(call.parameters["sku"])
        if listing is None:
            return _content_missing(call.parameters["sku"])
        inventories = (call.json_object() or {}).get("inventories")
        nodes = inventories.get("nodes") if isinstance(inventories, dict) else None
        if not isinstance(nodes, list) or not nodes or not all(isinstance(one, dict) for one in nodes):
            return _bad_request("inventories.nodes is required.", "nodes")
        rows = [self._put_node(listing, one, call, index, len(nodes)) for index, one in enumerate(nodes)]
        return json_answer(200, {"sku": listing.seed.sku, "nodes": rows})

    def _put_node(self, listing: Listing, raw: Json, call: Call, index: int, count: int) -> Json:
        node, quantity = str(raw.get("shipNode", "")), raw.get("inputQty")
        if call.row_fails(index, count, f"{listing.seed.sku} {node}"):
            wrong = "The ship node cannot be updated now."
        elif not isinstance(quantity, dict) or quantity.get("unit") != "EACH":
            wrong = "inputQty with unit EACH is required."
        else:
            wrong = self.submit(listing, node, quantity.get("amount"), call, "updateMultiNodeInventory")
        if not wrong:
            return {"shipNode": node, "status": "Success"}
        error: Json = {"code": "INVALID_REQUEST_PARAM.GMP_INVENTORY_API", "field": "shipNode", "description": wrong}
        error |= {"severity": "ERROR", "category": "DATA"}
        return {"shipNode": node, "status": "Failure", "errors": [error]}

    def _all(self, call: Call) -> Answer:
        limit = call.whole("limit", 10)
        if limit is None or not 1 <= limit <= MAX_PAGE:
            return _bad_request(f"limit must be from 1 to {MAX_PAGE}.", "limit")
        start = 0
        cursor = call.query.get("nextCursor", "")
        if cursor:
            # Strictly in turn: a cursor works once, and only the newest one of its reader.
            found = self._cursors.pop(cursor, None)
            if found is None:
                return _content_missing("nextCursor")
            start, limit = found
        else:
            self._cursors.clear()
        listings = [one for one in self._world.stock.all("walmart") if one.seed.kind is not ListingKind.WFS]
        page = listings[start : start + limit]
        meta: Json = {"totalCount": len(listings)}
        if start + limit < len(listings):
            meta["nextCursor"] = self._new_cursor(start + limit, limit)
        inventories = [{"sku": one.seed.sku, "nodes": _nodes_json(one, None)} for one in page]
        return json_answer(200, {"meta": meta, "elements": {"inventories": inventories}})

    def _new_cursor(self, start: int, limit: int) -> str:
        cursor = base64.b64encode(f"{self._world.new_id()} {limit}".encode()).decode().rstrip("=")
        self._cursors[cursor] = (start, limit)
        if len(self._cursors) > MAX_CURSORS:
            del self._cursors[next(iter(self._cursors))]
        return cursor

    def _wfs_listings(self, call: Call) -> tuple[list[Listing], int, int] | Answer:
        limit, offset = call.whole("limit", 10), call.whole("offset", 0)
        if limit is None or offset is None or not 1 <= limit <= 300 or offset < 0:
            return _bad_request("limit must be from 1 to 300, offset 0 or more.", "limit")
        sku = call.query.get("sku")
        held = [one for one in self._world.stock.all("walmart") if one.seed.kind is ListingKind.WFS]
        return [one for one in held if sku in (None, one.seed.sku)], limit, offset

    def _wfs(self, call: Call) -> Answer:
        found = self._wfs_listings(call)
        if isinstance(found, Answer):
            return found
        listings, limit, offset = found
        rows = [_wfs_row(one) for one in listings[offset : offset + limit]]
        headers = {"totalCount": len(listings), "limit": limit, "offset": offset}
        return json_answer(200, {"headers": headers, "payload": {"inventory": rows}})

    def _wfs_old(self, call: Call) -> Answer:
        found = self._wfs_listings(call)
        if isinstance(found, Answer):
            return found
        listings, limit, offset = found
        rows = [
            {
                "sku": one.seed.sku,
                "shipNodes": [
                    {
                        "modifiedDate": "",
                        "availToSellQty": one.live,
                        "onHandQty": one.live,
                        "shipNodeType": "WFSFulfilled",
                    }
                ],
            }
            for one in listings[offset : offset + limit]
        ]
        headers = {"totalCount": len(listings), "limit": limit, "offset": offset}
        return json_answer(200, {"headers": headers, "payload": {"inventory": rows}})


def _wfs_row(listing: Listing) -> Json:
    units = listing.live
    reserved = sum(part.reserved for part in listing.parts.values())
    return {
        "itemInformation": {"itemName": listing.seed.title, "sku": listing.seed.sku, "itemId": listing.seed.item_id},
        "inventoryData": {
            "availableUnits": units,
            "reservedUnits": reserved,
            "inboundUnits": 0,
            "onhandUnits": units + reserved,
        },
    }


def _nodes_json(listing: Listing, node: str | None) -> list[Json]:
    return [
        {
            "shipNode": part.name,
            "inputQty": {"unit": "EACH", "amount": part.live + part.reserved},
            "availToSellQty": {"unit": "EACH", "amount": part.live},
            "reservedQty": {"unit": "EACH", "amount": part.reserved},
        }
        for part in listing.parts.values()
        if node in (None, "", part.name)
    ]


def _bad_request(text: str, field: str) -> Answer:
    return gateway_error(400, "INVALID_REQUEST_PARAM.GMP_INVENTORY_API", text, field, "DATA")


def _content_missing(what: str) -> Answer:
    return gateway_error(
        404, "CONTENT_NOT_FOUND.GMP_INVENTORY_API", f"Requested content could not be found: {what}", what
    )
