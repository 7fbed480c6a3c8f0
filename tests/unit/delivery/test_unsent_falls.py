"""A fall for which the day's quota has no call left: its listing goes to zero by what is kept for zeros."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.health_alerts import Severity
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.listing_holds import QUOTA_SPENT
from inventory_domain.ports import OperationLimit
from inventory_domain.targets import Target
from tests.support.delivery import CHANNEL, FakeMarketplace, a_target, traits
from tests.support.delivery_bench import Bench, VirtualClock, a_bench
from tests.support.outages import KeptAlerts

MASKED_S = 120.0  # for so long a fall may wait
MIDNIGHT_MS = 86_400_000 * 19_676
LONG_S = 1_000_000.0  # the engine's silence is not what these are about
PER_DAY = 100
RESERVE = 0.2  # 20 calls


def a_market() -> FakeMarketplace:
    """One call for each listing, and reads of the same quota, as eBay's are. It shows 9 of each."""
    limit = OperationLimit("write", 10.0, 10.0, per_day=PER_DAY)
    shared = traits(limits=(limit,), read_operation="write", push_group_max=1, settling_s_max=10.0)
    return FakeMarketplace(traits=shared, shown={ListingId(f"{CHANNEL}/{one}"): 9 for one in "ABCDEF"})


def known(*own_ids: str) -> list[Exposure]:
    confirmed = Confirmed(9, 0, 1_600_000_000_000, Proof.READ)
    return [Exposure(ListingId(f"{CHANNEL}/{own_id}"), Sku(own_id), confirmed) for own_id in own_ids]


def now(bench: Bench, own_id: str, quantity: int, version: int = 2) -> Target:
    return replace(a_target(own_id, quantity, version=version), computed_at_ms=bench.clock.now_ms())


def spend(bench: Bench, left: float = PER_DAY * RESERVE) -> None:
    """So much is left of the day; else what is kept for falls to zero."""
    bench.account.throttles.push.told_quota(left)


async def to_the_next_day(bench: Bench) -> None:
    await bench.clock.pass_s(bench.account.throttles.push.day_left_s() + 10.0)


def around(own_ids: str = "") -> dict[str, object]:
    """A quarter of an hour before midnight. These listings show what they should, 9."""
    return {
        "targets": [a_target(one, 9) for one in own_ids],
        "exposures": known(*own_ids),
        "clock": VirtualClock(MIDNIGHT_MS - 902_000),  # no look at all listings is at midnight itself
        "engine_silent_s": LONG_S,
        "zero_reserve": RESERVE,
        "failing_fall_s": MASKED_S,
        "deadlines_s": {CHANNEL: 30.0},
        "tick_s": 1.0,
    }


@asynccontextmanager
async def a_spent_day(
    market: FakeMarketplace, own_ids: str, *, left: float = PER_DAY * RESERVE, **given: object
) -> AsyncIterator[Bench]:
    """These listings were looked at, and then so much is left of the day's calls."""
    async with a_bench(market, **around(own_ids), **given) as bench:
        await bench.clock.pass_s(10)
        spend(bench, left)
        yield bench


async def test_a_fall_that_waits_for_the_next_day_goes_to_zero_and_shows_its_target_then() -> None:
    """One call of those that are kept, whatever the target becomes before the day is over."""
    market = a_market()
    async with a_spent_day(market, "A") as bench:
        await bench.send(now(bench, "A", 3))
        await bench.clock.pass_s(MASKED_S - 10)
        before, late = market.quantities("A"), bench.metric("falls_late")
        await bench.clock.pass_s(20)
        masked = bench.outcomes()[-1]
        for version in range(3, 8):
            await bench.send(now(bench, "A", 10 - version, version=version))
            await bench.clock.pass_s(MASKED_S)
        during = market.quantities("A")
        await to_the_next_day(bench)
        await bench.clock.pass_s(60)
        after, exposure = market.quantities("A"), bench.exposure("A")
        failing, told = bench.metric("falls_failing"), bench.metric("failing_falls_total")

    assert (before, late) == ([9], 1.0)
    assert (masked.quantity, masked.mask) == (0, QUOTA_SPENT)
    assert during == [9, 0]
    assert after == [9, 0, 3]
    assert exposure is not None and exposure.units() == 3
    assert (failing, told) == (0.0, 1.0)


async def test_a_fall_that_became_another_one_has_waited_since_the_first() -> None:
    market = a_market()
    async with a_spent_day(market, "A") as bench:
        for version in range(2, 6):
            await bench.send(now(bench, "A", 8 - version, version=version))
            await bench.clock.pass_s(MASKED_S / 3)

    assert market.quantities("A") == [9, 0]


async def test_falls_of_a_spent_day_are_not_the_channels_matter_however_many() -> None:
    """The channel goes on, so nobody else takes them from sale."""
    market = a_market()
    async with a_spent_day(market, "ABCDEF", failing_falls_max=2) as bench:
        await bench.send(*(now(bench, one, 3) for one in "ABCDE"), now(bench, "F", 12))
        await bench.clock.pass_s(MASKED_S + 10)

    assert [market.quantities(one)[1:] for one in "ABCDEF"] == [[0], [0], [0], [0], [0], []]


async def test_a_worker_that_begins_anew_knows_since_when_a_fall_waits() -> None:
    """By the target's own time, and never from before the number above it was seen."""
    market = a_market()
    async with a_bench(market, **around("AB")) as bench:
        spend(bench)
        at_ms = bench.clock.now_ms() - 100_000
        (a, b), listings = known("A", "B"), bench.worker.book.partitions[0]
        seen = replace(b, confirmed=Confirmed(9, 0, bench.clock.now_ms(), Proof.READ))
        for exposure in (a, seen):
            listings.tracked(exposure.listing_id).exposure = exposure
        await bench.send(*(replace(a_target(one, 3, version=2), computed_at_ms=at_ms) for one in "AB"))
        await bench.clock.pass_s(MASKED_S - 100)
        await bench.clock.pass_s(10)
        first = [market.quantities(one)[-1:] for one in "AB"]
        await bench.clock.pass_s(100)

    assert first == [[0], []]
    assert market.quantities("B") == [0]


async def test_what_nobody_knows_of_is_not_taken_from_sale_for_it() -> None:
    """A first number is a rise: it may be lower than what is shown, and nobody has said so."""
    market = a_market()
    async with a_bench(market, **around()) as bench:
        spend(bench)
        await bench.send(now(bench, "A", 3))
        await bench.clock.pass_s(3 * MASKED_S)

    assert market.quantities("A") == []


async def test_a_fall_that_is_none_any_more_is_not_masked() -> None:
    market = a_market()
    async with a_spent_day(market, "A") as bench:
        await bench.send(now(bench, "A", 3))
        await bench.clock.pass_s(MASKED_S - 10)
        await bench.send(now(bench, "A", 12, version=3))
        await bench.clock.pass_s(MASKED_S)
        late = bench.metric("falls_late")

    assert (market.quantities("A"), late) == ([9], 0.0)


async def test_a_fall_that_is_held_does_not_wait_for_the_quota() -> None:
    """An operator looks into it; what holds it is told of in its own right."""
    market = a_market()
    async with a_spent_day(market, "A", mass_change_hold_s=2 * MASKED_S) as bench:
        await bench.send(replace(now(bench, "A", 3), guard="g"))
        await bench.clock.pass_s(2 * MASKED_S - 10)
        before, late = market.quantities("A"), bench.metric("falls_late")
        await bench.clock.pass_s(20)

    assert (before, late) == ([9], 0.0)
    assert market.quantities("A") == [9, 0]


@pytest.mark.parametrize("quantity", [3, 0])
async def test_where_what_is_kept_is_gone_too_it_is_told_and_the_next_day_begins_with_it(quantity: int) -> None:
    """Nothing can be written any more, so somebody must look."""
    market, kept = a_market(), KeptAlerts()
    async with a_spent_day(market, "AB", left=0.0, sink=kept) as bench:
        await bench.send(now(bench, "B", 12), now(bench, "A", quantity))
        await bench.clock.pass_s(MASKED_S + 10)
        failing, written = bench.metric("falls_failing"), market.pushes[2:]
        await to_the_next_day(bench)
        first = market.pushes[2]

    assert (failing, written) == (1.0, [])
    assert [(one.name, one.severity) for one in kept.posted[:2]] == [
        ("fall-not-applied", Severity.WARNING),
        ("fall-not-applied", Severity.PAGE),
    ]
    assert first.listing_id == f"{CHANNEL}/A"
    assert market.quantities("A")[1:] == [quantity]


async def test_calls_that_are_told_of_lift_the_mask_before_the_day_is_over() -> None:
    market = a_market()
    async with a_spent_day(market, "A") as bench:
        await bench.send(now(bench, "A", 3))
        await bench.clock.pass_s(MASKED_S + 10)
        spend(bench, left=50.0)
        await bench.clock.pass_s(MASKED_S)

    assert market.quantities("A") == [9, 0, 3]
