"""Delivery on the stand-in of a marketplace at which zero ends listings: out-of-stock control first, then writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

from inventory_domain.account_calls import ControlsOutOfStock
from inventory_domain.health import HealthRules, new_channel
from inventory_domain.health_machine import ready
from inventory_domain.identifiers import ChannelId
from inventory_domain.targets import Target
from inventory_sandbox.marketplaces import FaultMode
from inventory_schemas.records import HealthRecord
from inventory_streams.delivery.arrivals import HealthArrival
from tests.support.adapters_sandbox import Stage, a_stage, ids
from tests.support.delivery import FakeMarketplace, a_target
from tests.support.delivery_bench import Bench, VirtualClock, a_bench

CHANNEL = ChannelId("ebay-us")
REFUSES_TO_TURN_ON = "SetUserPreferences"
WRITE = "/bulk_update_price_quantity"
CHECK_S = 600.0


def target(stage: Stage, quantity: int, version: int) -> Target:
    """A target of the first listing."""
    seed = stage.seeds[0]
    return replace(a_target(seed.sku, quantity, version, channel=CHANNEL), marketplace_ids=ids(seed))


@asynccontextmanager
async def delivered(stage: Stage) -> AsyncIterator[Bench]:
    """A worker with this account, and time that the stand-in shares."""

    began_s = stage.clock.now()

    class Together(VirtualClock):
        """What the worker's clock says the stand-in's says too."""

        async def settle(self) -> None:
            stage.clock.move(max(0.0, began_s + self.monotonic_s() - stage.clock.now()))
            await super().settle()

    market = cast(FakeMarketplace, stage.adapter)
    async with a_bench(market, channels=(CHANNEL,), clock=Together(), readiness_check_s=CHECK_S) as bench:
        yield bench
    await stage.adapter.aclose()


def went_live(bench: Bench) -> None:
    """The owner of the channel's health has written down that it was ready."""
    health = ready(new_channel(CHANNEL, 0), bench.clock.now_ms(), HealthRules())
    bench.worker.masks.follow_health(HealthArrival(0, HealthRecord(health)))


async def turned_off_by_the_seller(stage: Stage) -> None:
    """By the same call that turns it on, from elsewhere."""
    adapter = stage.another()
    assert isinstance(adapter, ControlsOutOfStock)
    await adapter.set_out_of_stock_control(False)
    await adapter.aclose()


def writes(stage: Stage) -> int:
    """Calls that set a quantity."""
    return sum(path.endswith(WRITE) for path in stage.transport.paths())


async def test_it_is_turned_on_at_the_start_of_delivery_before_the_first_write() -> None:
    stage = a_stage("ebay", {"ebay_out_of_stock_control": False})
    async with delivered(stage) as bench:
        await bench.send(target(stage, 0, 1))
        await bench.clock.pass_s(300)

    listing = stage.sandbox.world.stock.get("ebay", stage.seeds[0].key)
    paths = stage.transport.paths()
    first_write = next(number for number, path in enumerate(paths) if path.endswith(WRITE))
    assert paths[:first_write].count("/ws/api.dll") == 3, "asked, set, and asked again"
    assert listing is not None and listing.status == "ACTIVE" and stage.live() == 0


async def test_where_it_cannot_be_turned_on_nothing_is_written_until_it_can() -> None:
    stage = a_stage("ebay", {"ebay_out_of_stock_control": False})
    stage.fail(FaultMode.SERVICE_UNAVAILABLE, count=None, match=REFUSES_TO_TURN_ON)
    async with delivered(stage) as bench:
        await bench.send(target(stage, 7, 1), target(stage, 0, 2))
        await bench.clock.pass_s(1_000)
        refused, not_live = writes(stage), bench.metric("channel_not_live", channel=CHANNEL)
        stage.sandbox.world.faults.clear()
        await bench.clock.pass_s(400)
        allowed, live = writes(stage), bench.metric("channel_not_live", channel=CHANNEL)

    assert (refused, not_live) == (0, 1.0)
    assert (allowed, live) == (1, 0.0)


async def test_found_off_later_and_refused_the_listing_is_left_and_an_alert_is_due() -> None:
    stage = a_stage("ebay")
    async with delivered(stage) as bench:
        await bench.send(target(stage, 7, 1))
        await bench.clock.pass_s(300)
        went_live(bench)
        await turned_off_by_the_seller(stage)
        stage.fail(FaultMode.SERVICE_UNAVAILABLE, count=None, match=REFUSES_TO_TURN_ON)
        await bench.clock.pass_s(CHECK_S)
        await bench.send(target(stage, 0, 2))
        await bench.clock.pass_s(300)
        left = (stage.live(), bench.metric("channel_zero_ends_listings", channel=CHANNEL))
        stage.sandbox.world.faults.clear()
        await bench.clock.pass_s(600)

    listing = stage.sandbox.world.stock.get("ebay", stage.seeds[0].key)
    assert left == (7, 1.0)
    assert listing is not None and listing.status == "ACTIVE" and stage.live() == 0, "turned on again, zero keeps it"


async def test_found_off_later_a_seller_may_choose_that_zero_ends_the_listing() -> None:
    stage = a_stage("ebay", zero_without_control="end")
    async with delivered(stage) as bench:
        await bench.send(target(stage, 7, 1))
        await bench.clock.pass_s(300)
        went_live(bench)
        await turned_off_by_the_seller(stage)
        stage.fail(FaultMode.SERVICE_UNAVAILABLE, count=None, match=REFUSES_TO_TURN_ON)
        await bench.clock.pass_s(CHECK_S)
        await bench.send(target(stage, 0, 2))
        await bench.clock.pass_s(300)

    listing = stage.sandbox.world.stock.get("ebay", stage.seeds[0].key)
    assert listing is not None and listing.status == "ENDED"
