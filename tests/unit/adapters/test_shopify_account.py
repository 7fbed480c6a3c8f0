"""Bulk operations, and the shop's locations, by answers as Shopify sends them."""

from __future__ import annotations

import json

import httpx
import pytest

from inventory_domain.account_calls import LocationPage, MarketplaceLocation, ReportsLocations
from inventory_domain.bulk import (
    CallFailed,
    Found,
    Page,
    PullDone,
    PullRunning,
    PullsInBackground,
    PullsListings,
    PullStarted,
)
from inventory_domain.identifiers import ChannelId, NodeId
from inventory_domain.outcomes import Applied, Rejected
from tests.support.adapters import LOCATION, Reply, Scripted, a_push, an_adapter, html

DTC = ChannelId("shopify-dtc")
GID = "gid://shopify/BulkOperation/7"
URL = "https://storage.googleapis.com/shopify-bulk/bulk.jsonl?signature=1"
SERVICE = "gid://shopify/Location/9"
CLOSED = "gid://shopify/Location/8"


def data(**fields: object) -> httpx.Response:
    return httpx.Response(200, json={"data": fields})


def begun(gid: str | None = GID, *errors: dict[str, object]) -> httpx.Response:
    operation = {"id": gid, "status": "CREATED"} if gid else None
    return data(bulkOperationRunQuery={"bulkOperation": operation, "userErrors": list(errors)})


def state(status: str, **fields: object) -> httpx.Response:
    return data(node={"id": GID, "status": status, "errorCode": None, "objectCount": "0", "url": None, **fields})


def lines(*rows: object) -> httpx.Response:
    # Shopify escapes slashes in these files.
    return httpx.Response(200, text="".join(json.dumps(row).replace("/", "\\/") + "\n" for row in rows))


def item(number: int, *, tracked: bool = True) -> dict[str, object]:
    return {"id": f"gid://shopify/InventoryItem/{number}", "sku": f"S{number}", "tracked": tracked}


def level(number: int, location: str, quantity: int, **of_location: object) -> dict[str, object]:
    return {
        "location": {"id": location, "isActive": True, "isFulfillmentService": False, **of_location},
        "quantities": [{"name": "available", "quantity": quantity}],
        "__parentId": f"gid://shopify/InventoryItem/{number}",
    }


async def started(reply: Reply) -> tuple[PullStarted | CallFailed, Scripted]:
    transport = Scripted(reply)
    adapter = an_adapter("shopify", transport)
    assert isinstance(adapter, PullsInBackground)
    answer = await adapter.start_pull(DTC)
    await adapter.aclose()
    return answer, transport


async def polled(*replies: Reply) -> tuple[PullRunning | PullDone | CallFailed, Scripted]:
    transport = Scripted(*replies)
    adapter = an_adapter("shopify", transport)
    assert isinstance(adapter, PullsInBackground)
    answer = await adapter.poll_pull(DTC, GID)
    await adapter.aclose()
    return answer, transport


async def test_a_bulk_operation_is_begun_with_its_lines_grouped() -> None:
    answer, transport = await started(begun())

    assert isinstance(answer, PullStarted) and answer.pull_id == GID
    (body,) = transport.bodies()
    assert isinstance(body, dict) and "groupObjects: true" in body["query"]


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (begun(None, {"code": "OPERATION_IN_PROGRESS", "message": "already"}), "transient", "bulk-running"),
        (begun(None, {"code": "LIMIT_REACHED", "message": "too many"}), "transient", "bulk-running"),
        (begun(None, {"code": "INVALID", "message": "no"}), "rejected", "bulk-refused"),
        (begun(None, {"code": "NEW", "message": "?"}), "transient", "unrecognized"),
        (begun(None), "transient", "unrecognized"),
        (html(200), "transient", "unreadable-answer"),
        (
            httpx.Response(200, json={"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}),
            "throttled",
            "too-many-requests",
        ),
    ],
)
async def test_a_bulk_operation_that_is_not_begun_says_why(reply: Reply, kind: str, reason: str) -> None:
    answer, _ = await started(reply)

    assert isinstance(answer, CallFailed) and (answer.kind, answer.reason) == (kind, reason)


async def test_a_bulk_operation_that_runs_says_how_far_it_is() -> None:
    running, _ = await polled(state("RUNNING", objectCount="1200"))
    created, _ = await polled(state("CREATED", objectCount=None))

    assert isinstance(running, PullRunning) and running.listings == 1200
    assert isinstance(created, PullRunning) and created.listings is None


async def test_the_file_tells_every_item_with_what_counts_of_it() -> None:
    file = lines(
        item(1),
        level(1, LOCATION, 4),
        level(1, CLOSED, 5, isActive=False),
        level(1, SERVICE, 60, isFulfillmentService=True),
        item(2, tracked=False),
        level(2, LOCATION, 7),
        item(3),
        item(4),
        level(4, LOCATION, -2),
        item(5),
        {**level(5, LOCATION, 1), "quantities": []},
    )

    answer, transport = await polled(state("COMPLETED", url=URL), file)

    assert isinstance(answer, PullDone) and answer.unreadable == 0
    found = {each.marketplace_ids["sku"]: each for each in answer.found}
    assert found["S1"] == Found(
        marketplace_ids={"inventory_item_id": "gid://shopify/InventoryItem/1", "sku": "S1"},
        quantity=4,
        nodes={NodeId(LOCATION): 4},
        left_out={NodeId(CLOSED): "inactive-location", NodeId(SERVICE): "fulfillment-service"},
    )
    assert {sku: (each.quantity, each.reason) for sku, each in found.items()} == {
        "S1": (4, None),
        "S2": (None, "not-tracked"),
        "S3": (0, None),
        "S4": (0, None),
        "S5": (None, "no-quantity"),
    }
    assert "x-shopify-access-token" not in transport.requests[1].headers


async def test_a_line_that_is_cut_off_or_out_of_turn_is_counted() -> None:
    whole = lines(item(1), level(1, LOCATION, 4), item(2), level(1, CLOSED, 5))
    cut = httpx.Response(200, content=whole.content + b'{"id":"gid:')

    answer, _ = await polled(state("COMPLETED", url=URL), cut)

    assert isinstance(answer, PullDone) and answer.unreadable == 2
    assert [each.quantity for each in answer.found] == [4, 0]


async def test_an_operation_that_found_nothing_has_no_file() -> None:
    answer, _ = await polled(state("COMPLETED"))

    assert isinstance(answer, PullDone) and list(answer.found) == [] and answer.unreadable == 0


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ((state("FAILED", errorCode="TIMEOUT"),), "bulk-failed"),
        ((state("CANCELED"),), "bulk-canceled"),
        ((state("EXPIRED"),), "bulk-expired"),
        ((state("NEW"),), "unrecognized"),
        ((state("COMPLETED", objectCount="1200"),), "unrecognized"),
        ((data(node=None),), "unrecognized"),
        ((state("COMPLETED", url="https://evil.example/f"),), "document-host-refused"),
        ((state("COMPLETED", url=URL), httpx.Response(404, text="gone")), "document-refused"),
    ],
)
async def test_a_bulk_operation_that_tells_nothing_is_a_failed_call(replies: tuple[Reply, ...], reason: str) -> None:
    answer, _ = await polled(*replies)

    assert isinstance(answer, CallFailed) and (answer.kind, answer.reason) == ("transient", reason)


async def test_a_file_that_is_too_large_is_not_read() -> None:
    adapter = an_adapter(
        "shopify",
        Scripted(state("COMPLETED", url=URL), lines(*(item(number) for number in range(100)))),
        bulk_bytes_max=2_000,
    )
    assert isinstance(adapter, PullsInBackground)

    answer = await adapter.poll_pull(DTC, GID)

    assert isinstance(answer, CallFailed) and answer.reason == "answer-too-large"


def places(*nodes: dict[str, object], more: object = False) -> httpx.Response:
    return data(locations={"pageInfo": {"hasNextPage": more, "endCursor": "c"}, "nodes": list(nodes)})


def place(gid: str, **more: object) -> dict[str, object]:
    return {"id": gid, "name": "Place", "isActive": True, "isFulfillmentService": False, **more}


ALL = places(
    place(LOCATION),
    place(CLOSED, isActive=False),
    place(SERVICE, isFulfillmentService=True),
)
WRITTEN = data(inventorySetQuantities={"inventoryAdjustmentGroup": None, "userErrors": []})


async def test_locations_say_which_are_not_written() -> None:
    adapter = an_adapter("shopify", Scripted(ALL))
    assert isinstance(adapter, ReportsLocations)

    page = await adapter.locations(None)

    assert isinstance(page, LocationPage) and page.next_cursor is None
    assert page.locations == (
        MarketplaceLocation(node=NodeId(LOCATION), name="Place"),
        MarketplaceLocation(node=NodeId(CLOSED), name="Place", left_out="inactive-location"),
        MarketplaceLocation(node=NodeId(SERVICE), name="Place", left_out="fulfillment-service"),
    )


async def test_locations_come_page_by_page_and_a_lost_page_is_no_end() -> None:
    adapter = an_adapter("shopify", Scripted(places(place(LOCATION), more=True), data(locations=None)))
    assert isinstance(adapter, ReportsLocations)

    first = await adapter.locations(None)
    second = await adapter.locations("c")

    assert isinstance(first, LocationPage) and first.next_cursor == "c"
    assert isinstance(second, CallFailed) and second.reason == "unrecognized"


PULLED = data(
    inventoryItems={
        "pageInfo": {"hasNextPage": False, "endCursor": None},
        "nodes": [
            {
                **item(1),
                "inventoryLevels": {
                    "pageInfo": {"hasNextPage": False},
                    "nodes": [level(1, SERVICE, 60, isFulfillmentService=True)],
                },
            }
        ],
    }
)


@pytest.mark.parametrize("told", [ALL, PULLED], ids=["by locations", "by a pull"])
async def test_what_a_fulfillment_service_keeps_is_never_written(told: httpx.Response) -> None:
    transport = Scripted(told, WRITTEN)
    adapter = an_adapter("shopify", transport)
    assert isinstance(adapter, ReportsLocations) and isinstance(adapter, PullsListings)
    if told is ALL:
        await adapter.locations(None)
    else:
        assert isinstance(await adapter.pull(DTC, None), Page)

    ours = a_push("shopify")
    mixed = a_push("shopify", listing_id="shopify-dtc/S2", nodes={NodeId(LOCATION): 1, NodeId(SERVICE): 9})
    outcomes = await adapter.push([mixed, ours])

    assert isinstance(outcomes[0], Rejected) and outcomes[0].reason == "never-written"
    assert isinstance(outcomes[1], Applied)
    assert SERVICE not in transport.requests[-1].content.decode()
