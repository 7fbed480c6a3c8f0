"""What accounts are set to and allowed, and what marketplaces hold, against the stand-in marketplaces."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.account_calls import (
    ControlsOutOfStock,
    DailyQuotas,
    LocationPage,
    OutOfStockControl,
    ReportsLocations,
    ReportsQuotas,
)
from inventory_domain.bulk import (
    CallFailed,
    CheckPassed,
    ChecksPushes,
    Found,
    HeldPage,
    HeldStock,
    PullDone,
    PullRunning,
    PullsInBackground,
    PullStarted,
    ReadsHeldStock,
)
from inventory_domain.identifiers import ChannelId, NodeId
from inventory_domain.outcomes import Rejected
from inventory_sandbox.marketplaces import FaultMode, ListingKind
from tests.support.adapters_sandbox import LOCATION, SHIP_NODES, Stage, a_stage

MANY = 230


async def test_out_of_stock_control_that_is_off_is_turned_on() -> None:
    stage = a_stage("ebay", {"ebay_out_of_stock_control": False})
    adapter = stage.adapter
    assert isinstance(adapter, ControlsOutOfStock)

    before = await adapter.out_of_stock_control()
    done = await adapter.set_out_of_stock_control(True)
    after = await adapter.out_of_stock_control()
    await adapter.aclose()

    states = [each.on for each in (before, done, after) if isinstance(each, OutOfStockControl)]
    assert states == [False, True, True]


async def test_a_lost_token_of_the_trading_api_is_replaced() -> None:
    stage = a_stage("ebay")
    adapter = stage.adapter
    assert isinstance(adapter, ControlsOutOfStock)
    await adapter.out_of_stock_control()
    stage.sandbox.world.token_stores["ebay"].revoke_all()

    answer = await adapter.out_of_stock_control()
    await adapter.aclose()

    assert isinstance(answer, OutOfStockControl)


async def test_the_quota_falls_with_every_call() -> None:
    stage = a_stage("ebay", {"ebay_daily_limit": 100})
    adapter = stage.adapter
    assert isinstance(adapter, ReportsQuotas)

    before = await adapter.daily_quotas()
    await stage.push(stage.a_push())
    await stage.read()
    after = await adapter.daily_quotas()
    await adapter.aclose()

    assert isinstance(before, DailyQuotas) and isinstance(after, DailyQuotas)
    (first,), (second,) = before.quotas, after.quotas
    assert (first.operation, first.calls, first.remaining, second.remaining) == ("sell.inventory", 100, 100, 97)
    assert first.resets_at_ms is not None and first.resets_at_ms > stage.clock.now() * 1_000


async def test_a_quota_that_cannot_be_asked_for_says_why() -> None:
    stage = a_stage("ebay")
    adapter = stage.adapter
    assert isinstance(adapter, ReportsQuotas)
    await adapter.daily_quotas()
    for mode, kind in ((FaultMode.SERVICE_UNAVAILABLE, "outage"), (FaultMode.HTML, "transient")):
        stage.fail(mode)

        answer = await adapter.daily_quotas()

        assert isinstance(answer, CallFailed) and answer.kind == kind
    await adapter.aclose()


async def gathered(stage: Stage, channel: str) -> tuple[PullDone, list[Found]]:
    """A pull in the background from beginning to end."""
    adapter = stage.adapter
    assert isinstance(adapter, PullsInBackground)
    started = await adapter.start_pull(ChannelId(channel))
    assert isinstance(started, PullStarted), started
    for _ in range(200):
        answer = await adapter.poll_pull(ChannelId(channel), started.pull_id)
        if isinstance(answer, PullDone):
            return answer, list(answer.found)
        assert isinstance(answer, PullRunning), answer
        stage.clock.move(answer.ask_after_s)
    raise AssertionError("a pull without end")


async def test_a_report_finds_the_listings_of_its_country_with_what_they_show() -> None:
    base = a_stage("amazon").seeds
    fba = replace(base[0], sku="F1", asin="B0000000F1", kind=ListingKind.FBA, quantity=40)
    stage = a_stage("amazon", {"listings": (*base, fba)})
    await stage.push(stage.a_push(0, quantity=8))
    stage.settle()

    done, found = await gathered(stage, "amazon-us")
    await stage.adapter.aclose()

    shown = {each.marketplace_ids["seller_sku"]: (each.quantity, each.reason) for each in found}
    assert done.unreadable == 0
    assert shown == {
        base[0].sku: (8, None),
        base[1].sku: (1, None),
        base[2].sku: (1, None),
        "F1": (None, "marketplace-held"),
    }


async def held(stage: Stage, channel: str) -> list[HeldStock]:
    """The whole pool, page by page."""
    adapter = stage.adapter
    assert isinstance(adapter, ReadsHeldStock)
    found: list[HeldStock] = []
    cursor: str | None = None
    for _ in range(50):
        page = await adapter.held_stock(ChannelId(channel), cursor)
        assert isinstance(page, HeldPage), page
        found += page.held
        cursor = page.next_cursor
        if cursor is None:
            return found
        stage.clock.move(1)
    raise AssertionError("a pool without end")


async def test_the_pool_that_amazon_holds_is_read_to_its_end_and_never_written() -> None:
    base = a_stage("amazon").seeds
    pool = tuple(
        replace(base[0], sku=f"F{number:03d}", asin=f"B1{number:08d}", kind=ListingKind.FBA, quantity=number)
        for number in range(MANY)
    )
    stage = a_stage("amazon", {"listings": (*base, *pool)})

    found = await held(stage, "amazon-us")
    canada = await held(stage, "amazon-ca")
    await stage.adapter.aclose()

    assert {each.marketplace_ids["seller_sku"]: each.available for each in found} == {
        each.sku: each.quantity for each in pool
    }
    assert canada == [] and stage.violations() == 0


async def test_a_checked_push_is_not_made() -> None:
    stage = a_stage("amazon")
    adapter = stage.adapter
    assert isinstance(adapter, ChecksPushes)

    answer = await adapter.check(stage.a_push(0, quantity=77))
    stage.settle()
    refused = await adapter.check(stage.a_push(0, channel=ChannelId("amazon-br")))
    await adapter.aclose()

    assert isinstance(answer, CheckPassed) and isinstance(refused, Rejected)
    assert stage.live(0) == 1


@pytest.mark.parametrize("marketplace", ["ebay", "walmart", "shopify"])
def test_the_others_have_no_preview(marketplace: str) -> None:
    assert not isinstance(a_stage(marketplace).adapter, ChecksPushes)


async def test_the_pool_that_walmart_holds_is_read_to_its_end_and_never_written() -> None:
    base = a_stage("walmart").seeds
    pool = tuple(
        replace(base[0], sku=f"W{number:03d}", item_id=f"6{number:08d}", kind=ListingKind.WFS, quantity=number)
        for number in range(2 * MANY)
    )
    stage = a_stage("walmart", {"listings": (*base, *pool)})

    found = await held(stage, "walmart-us")
    await stage.adapter.aclose()

    assert {each.marketplace_ids["sku"]: each.available for each in found} == {each.sku: each.quantity for each in pool}
    assert stage.violations() == 0


async def test_a_bulk_operation_finds_what_the_shop_shows() -> None:
    base = a_stage("shopify").seeds
    untracked = replace(
        base[0], sku="U1", inventory_item_id="gid://shopify/InventoryItem/7", variant_id="", tracked=False
    )
    many = tuple(
        replace(base[0], sku=f"M{number:04d}", inventory_item_id=f"gid://shopify/InventoryItem/{6_000_000 + number}")
        for number in range(1_200)
    )
    stage = a_stage("shopify", {"listings": (*base, untracked, *many)})
    await stage.push(stage.a_push(3, quantity=9))
    stage.settle()

    done, found = await gathered(stage, "shopify-us")
    await stage.adapter.aclose()

    shown = {each.marketplace_ids["sku"]: each for each in found}
    assert done.unreadable == 0 and len(found) == len(base) + 1 + len(many)
    assert shown[base[3].sku].quantity == 9 and len(shown[base[3].sku].nodes) == 2
    assert (shown["U1"].quantity, shown["U1"].reason) == (None, "not-tracked")
    assert shown["M0700"].quantity == 1


@pytest.mark.parametrize(
    ("marketplace", "ours", "others"),
    [
        ("walmart", SHIP_NODES[0], {}),
        ("shopify", LOCATION, {"gid://shopify/Location/81000009": "fulfillment-service"}),
    ],
)
async def test_locations_are_told_with_those_that_are_never_written(
    marketplace: str, ours: str, others: dict[str, str]
) -> None:
    stage = a_stage(marketplace)
    adapter = stage.adapter
    assert isinstance(adapter, ReportsLocations)

    page = await adapter.locations(None)
    await adapter.aclose()

    assert isinstance(page, LocationPage) and page.next_cursor is None
    told = {each.node: each.left_out for each in page.locations}
    assert told[NodeId(ours)] is None
    assert {node: why for node, why in told.items() if why} == others
