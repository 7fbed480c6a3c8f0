"""What Walmart holds, and the seller's ship nodes, by answers as Walmart sends them."""

from __future__ import annotations

import httpx
import pytest

from inventory_domain.account_calls import LocationPage, MarketplaceLocation, ReportsLocations
from inventory_domain.bulk import CallFailed, HeldPage, HeldStock, ReadsHeldStock
from inventory_domain.identifiers import ChannelId, NodeId
from tests.support.adapters import Reply, Scripted, an_adapter, html


def wfs(total: object, *rows: dict[str, object]) -> httpx.Response:
    headers = {"totalCount": total, "limit": 300, "offset": 0}
    return httpx.Response(200, json={"headers": headers, "payload": {"inventory": list(rows)}})


def row(sku: str, **data: object) -> dict[str, object]:
    return {"itemInformation": {"itemName": "Mug", "sku": sku, "itemID": "5"}, "inventoryData": data}


async def held(reply: Reply, cursor: str | None = None) -> tuple[HeldPage | CallFailed, Scripted]:
    transport = Scripted(reply)
    adapter = an_adapter("walmart", transport)
    assert isinstance(adapter, ReadsHeldStock)
    answer = await adapter.held_stock(ChannelId("walmart-us"), cursor)
    await adapter.aclose()
    return answer, transport


async def test_what_walmart_holds_is_what_can_be_sold_of_it() -> None:
    rows = (row("W1", availableUnits=9, reservedUnits=2, onhandUnits=11), row("W2"), row("W3", availableUnits=-1))

    page, transport = await held(wfs(4, *rows))

    assert isinstance(page, HeldPage) and page.next_cursor == "3"
    assert page.held == (
        HeldStock(marketplace_ids={"sku": "W1"}, available=9, reserved=2),
        HeldStock(marketplace_ids={"sku": "W3"}, available=0),
    )
    assert transport.requests[0].url.path == "/v3/wfs/inventory"
    assert dict(transport.requests[0].url.params) == {"limit": "300", "offset": "0"}


async def test_the_pool_ends_where_its_count_says_or_a_page_is_empty() -> None:
    last, transport = await held(wfs(301, row("W", availableUnits=1)), cursor="300")
    empty, _ = await held(wfs(999), cursor="300")

    assert isinstance(last, HeldPage) and last.next_cursor is None
    assert transport.requests[0].url.params["offset"] == "300"
    assert isinstance(empty, HeldPage) and empty.next_cursor is None


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (httpx.Response(200, json={"headers": {"totalCount": 0}}), "transient"),
        (httpx.Response(200, json={"payload": {"inventory": []}}), "transient"),
        (html(200), "transient"),
        (httpx.Response(429, json={}, headers={"Retry-After": "3"}), "throttled"),
        (httpx.Response(503, json={}), "outage"),
    ],
)
async def test_an_answer_that_says_nothing_is_not_an_empty_pool(reply: Reply, kind: str) -> None:
    page, _ = await held(reply)

    assert isinstance(page, CallFailed) and page.kind == kind


async def located(reply: Reply) -> LocationPage | CallFailed:
    adapter = an_adapter("walmart", Scripted(reply))
    assert isinstance(adapter, ReportsLocations)
    return await adapter.locations(None)


async def test_ship_nodes_say_what_they_promise_and_whether_they_are_in_use() -> None:
    nodes = [
        {
            "shipNode": "1000",
            "nodeType": "PHYSICAL",
            "shipNodeName": "Dallas",
            "status": "ACTIVE",
            "distributorSupportedServices": ["TWO_DAY_DELIVERY"],
        },
        {"shipNode": "1001", "nodeType": "3PL", "status": "INACTIVE"},
        {"shipNodeName": "no id"},
    ]

    page = await located(httpx.Response(200, json=nodes))

    assert isinstance(page, LocationPage) and page.next_cursor is None
    assert page.locations == (
        MarketplaceLocation(node=NodeId("1000"), name="Dallas", services=("TWO_DAY_DELIVERY",)),
        MarketplaceLocation(node=NodeId("1001"), name="1001", left_out="inactive-location"),
    )


@pytest.mark.parametrize("reply", [httpx.Response(200, json={}), html(200)])
async def test_ship_nodes_that_are_not_told_are_not_none(reply: Reply) -> None:
    page = await located(reply)

    assert isinstance(page, CallFailed) and page.kind == "transient"
