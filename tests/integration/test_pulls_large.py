"""Very many listings pulled by each adapter: all of them found, in memory that does not grow with what was found."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable, Iterator

import httpx
import pytest

from inventory_domain.bulk import Found
from inventory_domain.identifiers import ChannelId
from inventory_streams.reconcile.budget import PullBudget
from inventory_streams.reconcile.collected import Asked
from inventory_streams.reconcile.pulling import Sink, in_background, pull
from tests.support.adapters import CHANNEL, FakeClock, an_adapter

LISTINGS = int(os.environ.get("INVENTORY_SYNC_TEST_LISTINGS", "5000"))
"""A short form of 100,000, which the environment may ask for."""
PAGES_BYTES_MAX = 4 * 2**20  # for pages and connections, however many listings there are
DOCUMENT_BYTES_MAX = 1_000  # for each listing of a marketplace that tells all in one document, which is held
EBAY_PAGE, WALMART_PAGE = 200, 50
JSON = {"content-type": "application/json"}


class Warehouse(httpx.AsyncBaseTransport):
    """All four marketplaces, each with very many listings that are made while they are told."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        path = request.url.path
        if "token" in path:
            return said({"access_token": "t", "token_type": "bearer", "expires_in": 3_600})
        if path.endswith("/inventory_item"):
            return said(ebay_page(int(request.url.params["offset"])))
        if path.endswith("/v3/inventories"):
            return said(walmart_page(int(request.url.params.get("nextCursor") or 0)))
        if path.endswith("/graphql.json"):
            return said(shopify_answer(json.loads(request.content)["query"]))
        answers: dict[str, object] = {
            "/reports/2021-06-30/reports": {"reportId": "1"},
            "/reports/2021-06-30/reports/1": {"processingStatus": "DONE", "reportDocumentId": "d"},
            "/reports/2021-06-30/documents/d": {"url": "https://documents.amazonaws.com/report"},
        }
        if path in answers:
            return said(answers[path], 202 if request.method == "POST" else 200)
        lines = amazon_lines() if path == "/report" else shopify_lines()
        return httpx.Response(200, content="".join(lines).encode())


def said(body: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, headers=JSON, content=json.dumps(body).encode())


def ebay_page(number: int) -> object:
    first = number * EBAY_PAGE
    rows = [
        {"sku": f"S{one}", "availability": {"shipToLocationAvailability": {"quantity": 7}}}
        for one in range(first, min(first + EBAY_PAGE, LISTINGS))
    ]
    return {"total": LISTINGS, "size": -(-LISTINGS // EBAY_PAGE), "limit": EBAY_PAGE, "inventoryItems": rows}


def walmart_page(first: int) -> object:
    quantity = {"unit": "EACH", "amount": 7}
    rows = [
        {"sku": f"S{one}", "nodes": [{"shipNode": "1", "inputQty": quantity, "availToSellQty": quantity}]}
        for one in range(first, min(first + WALMART_PAGE, LISTINGS))
    ]
    then = first + WALMART_PAGE
    meta = {"totalCount": LISTINGS, **({"nextCursor": str(then)} if then < LISTINGS else {})}
    return {"meta": meta, "elements": {"inventories": rows}}


def amazon_lines() -> Iterator[str]:
    yield "item-name\tseller-sku\tprice\tquantity\tfulfillment-channel\n"
    for one in range(LISTINGS):
        yield f"A thing of many words\tS{one}\t9.99\t7\tDEFAULT\n"


def shopify_answer(query: str) -> object:
    operation: dict[str, object] = {"id": "gid://shopify/BulkOperation/1", "status": "CREATED"}
    if "bulkOperationRunQuery" in query:
        return {"data": {"bulkOperationRunQuery": {"bulkOperation": operation, "userErrors": []}}}
    done = {"status": "COMPLETED", "objectCount": str(2 * LISTINGS), "url": "https://storage.googleapis.com/lines"}
    return {"data": {"node": {**operation, **done}}}


def shopify_lines() -> Iterator[str]:
    for one in range(LISTINGS):
        item = f"gid://shopify/InventoryItem/{one}"
        location = {"id": "gid://shopify/Location/1", "isActive": True, "isFulfillmentService": False}
        level = {"location": location, "quantities": [{"name": "available", "quantity": 7}], "__parentId": item}
        yield json.dumps({"id": item, "sku": f"S{one}", "tracked": True}) + "\n" + json.dumps(level) + "\n"


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("marketplace", "bytes_each"),
    [("amazon", DOCUMENT_BYTES_MAX), ("ebay", 0), ("walmart", 0), ("shopify", DOCUMENT_BYTES_MAX)],
)
async def test_a_pull_finds_all_of_very_many_listings_in_bounded_memory(
    marketplace: str, bytes_each: int, record_property: Callable[[str, object], None]
) -> None:
    clock, adapter = FakeClock(), an_adapter(marketplace, Warehouse())
    budget = PullBudget(adapter.traits, 0.2, 0.5, clock)
    units = count = 0

    def begin() -> None:
        nonlocal units, count
        units = count = 0

    def add(found: Found, asked: Asked) -> None:
        nonlocal units, count
        count, units = count + 1, units + (found.quantity or 0)

    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    background = in_background(adapter, LISTINGS, background_from=1_000)
    channel = ChannelId(CHANNEL[marketplace])
    end = await pull(adapter, budget, channel, Sink(begin, add), clock, background=background, limit_s=1e9)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await adapter.aclose()

    record_property("peak_bytes", peak - before)
    assert (end.complete, end.reason, end.unreadable) == (True, "", 0)
    assert (count, units) == (LISTINGS, 7 * LISTINGS)
    assert peak - before < PAGES_BYTES_MAX + bytes_each * LISTINGS
