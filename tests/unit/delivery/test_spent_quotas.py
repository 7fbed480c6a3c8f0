"""A day's quota that is spent is no outage: zeros still go, and a channel that can fall is seen to do so."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from inventory_domain.health import ChannelState
from inventory_domain.ports import AdapterTraits, OperationLimit, RevisionLimit
from inventory_streams.delivery.throttle import AccountThrottles
from tests.support.delivery import MovableClock, a_target, traits
from tests.support.delivery_bench import VirtualClock
from tests.support.outages import MarketplaceWithOutages, Outages, outages

MINUTE = 60.0
PER_DAY = 100
RESERVE = 0.2  # 20 calls, of which probes may use half


def shared(per_day: int = PER_DAY, **changes: object) -> AdapterTraits:
    """A marketplace whose reads and writes are of one quota, as eBay's are."""
    limit = OperationLimit("write", 10.0, 10.0, per_day=per_day)
    return traits(limits=(limit,), read_operation="write", **changes)


def spend(around: Outages) -> None:
    """All is gone of the day but what is kept for falls to zero."""
    around.bench.account.throttles.push.told_quota(PER_DAY * RESERVE)
    around.market.pushes.clear()


async def test_a_channel_whose_quota_is_spent_sells_on_by_what_is_kept_for_zeros() -> None:
    """Its rises wait for the next day. They must not keep the probes waiting that show that it can still fall."""
    market = MarketplaceWithOutages(traits=shared())
    async with outages(market, zero_reserve=RESERVE) as around:
        await around.bench.send(a_target("Z", 0, version=1), *[a_target(one, 5, version=1) for one in "ABCDEFGHIJKL"])
        spend(around)
        await around.bench.send(*[a_target(one, 9, version=2) for one in "ABCDEFGHIJKL"])
        await around.bench.clock.pass_s(100 * MINUTE)
        state, probes = around.health.state, len(market.pushes)

    assert state is ChannelState.SELLING
    assert 5 <= probes <= 8, "one each quarter of an hour: half of the time to a stop-sale"


async def test_a_channel_whose_marketplace_fails_is_stopped_also_while_its_quota_is_spent() -> None:
    market = MarketplaceWithOutages(traits=shared())
    async with outages(market, zero_reserve=RESERVE) as around:
        await around.bench.send(a_target("Z", 0, version=1), a_target("A", 5, version=1))
        spend(around)
        market.down = True
        await around.bench.clock.pass_s(50 * MINUTE)

    assert around.health.state is ChannelState.STOPPED


async def test_a_fall_to_zero_passes_whoever_waits_for_the_next_day() -> None:
    """Rises that have waited long have their turn among others, and none in what is kept for zeros."""
    market = MarketplaceWithOutages(traits=shared())
    async with outages(market, zero_reserve=RESERVE) as around:
        names = [f"A{number}" for number in range(9)]
        await around.bench.send(*[a_target(one, 5, version=1) for one in (*names, *"BC")])
        await around.bench.clock.pass_s(10 * MINUTE)
        spend(around)
        await around.bench.send(a_target("B", 9, version=2), a_target("C", 9, version=2))
        await around.bench.clock.pass_s(2 * MINUTE)
        await around.bench.send(*[a_target(one, 0, version=2) for one in names])
        await around.bench.clock.pass_s(5.0)

    assert [(push.listing_id[-2:], push.quantity) for push in market.pushes] == [(one, 0) for one in names]


async def test_a_read_that_waits_for_the_next_day_keeps_no_zero_waiting() -> None:
    clock = VirtualClock()
    throttles = AccountThrottles(shared(), clock, read_share=1.0, zero_reserve=RESERVE)
    await clock.pass_s(10.0)
    throttles.push.told_quota(PER_DAY * RESERVE)
    reads = asyncio.create_task(throttles.acquire_read(lambda: False))
    await clock.settle()
    zeros = asyncio.create_task(throttles.acquire_push(lambda: True))
    await clock.pass_s(1.0)
    done = zeros.done(), reads.done()
    reads.cancel()
    zeros.cancel()

    assert done == (True, False)


async def test_probes_leave_half_of_what_is_kept_for_zeros() -> None:
    clock = MovableClock(now_ms=86_400_000 * 20_000)
    throttles = AccountThrottles(shared(), clock, read_share=0.2, zero_reserve=RESERVE)
    throttles.push.told_quota(PER_DAY * RESERVE)
    probes = 0

    while throttles.may_probe(by_read=False):
        await throttles.acquire_probe()
        probes += 1

    assert probes == 10
    assert not throttles.may_probe(by_read=True)
    assert not throttles.push.spent(10.0, zero=True)
    clock.move(86_400.0)
    assert throttles.may_probe(by_read=False)


async def test_an_idle_channel_is_probed_though_the_reads_part_of_the_day_is_used_up() -> None:
    """Nothing of it is at zero and nothing waits, so that only a read can tell; it would be stopped in the night."""
    market = MarketplaceWithOutages(traits=shared(1_000))
    async with outages(market, zero_reserve=RESERVE) as around:
        await around.bench.send(a_target("A", 5, version=1))
        await around.bench.clock.pass_s(10 * MINUTE)
        throttles = around.bench.account.throttles
        throttles._read_day, throttles._read_used = around.bench.clock.now_ms() // 86_400_000, 200.0
        await around.bench.clock.pass_s(60 * MINUTE)

    assert market.quantities("A") == [5], "it was never stopped"


async def test_a_listing_that_was_written_too_often_today_is_not_probed_with() -> None:
    """What is left of its writes is kept for what must be written."""
    limited = replace(shared(1_000), revisions=RevisionLimit("id", per_day=10, reserve=4))
    market = MarketplaceWithOutages(traits=limited)
    async with outages(market) as around:
        await around.bench.send(a_target("Z", 0, version=1))
        await around.bench.clock.pass_s(100 * MINUTE)
        written = len(market.pushes)

    assert around.health.state is ChannelState.SELLING
    assert written == 6, "the rest is by reads"
