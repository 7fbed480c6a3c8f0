"""Delivery uses the pulls' part of a rate while it knows that nobody pulls, and at no other time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from inventory_domain.identifiers import ChannelId
from inventory_domain.ports import OperationLimit
from inventory_domain.pull_leases import HELD_S, KNOWN_S
from inventory_streams.delivery.pulls import EVERY_S
from inventory_streams.kafka.reading import ReadStalled
from tests.properties.test_account_limits import SharedMarket
from tests.support.delivery import CHANNEL, traits
from tests.support.delivery_bench import Bench, KeptAnnouncements, VirtualClock, a_bench

LENT = {"pull_share": 0.2, "engine_silent_s": 1e6}


def rate(bench: Bench) -> float:
    """What the account may use a second by now."""
    bench.account.throttles.push.wait_s(0.0)
    return bench.account.throttles.push.rate_per_s


@pytest.mark.parametrize("channel", [CHANNEL, None, ChannelId("nobody-knows")])
async def test_an_announced_pull_has_its_part_until_a_while_after_the_last_announcement(channel) -> None:  # type: ignore[no-untyped-def]
    clock = VirtualClock()
    kept = KeptAnnouncements()
    async with a_bench(SharedMarket(clock=clock), clock=clock, pulls=kept, **LENT) as bench:
        assert rate(bench) == 10.0
        kept.announced.append(channel)
        await clock.pass_s(EVERY_S)
        assert rate(bench) == 8.0
        await clock.pass_s(HELD_S - EVERY_S)
        assert rate(bench) == 8.0
        await clock.pass_s(EVERY_S)
        assert rate(bench) == 10.0


async def test_what_cannot_be_read_is_taken_for_a_pull() -> None:
    clock = VirtualClock()

    class Stalls(KeptAnnouncements):
        stalls = False

        def read_on(self) -> Sequence[ChannelId | None]:
            if self.stalls:
                raise ReadStalled("no progress")
            return super().read_on()

    kept = Stalls()
    async with a_bench(SharedMarket(clock=clock), clock=clock, pulls=kept, **LENT) as bench:
        kept.stalls = True
        await clock.pass_s(KNOWN_S)
        assert rate(bench) == 8.0
        kept.stalls = False
        await clock.pass_s(EVERY_S)
        assert rate(bench) == 10.0


async def test_a_worker_that_reads_no_announcements_borrows_nothing() -> None:
    clock = VirtualClock()
    async with a_bench(SharedMarket(clock=clock), clock=clock, **LENT) as bench:
        assert rate(bench) == 8.0


async def test_the_part_that_is_given_back_is_not_saved_up_and_a_day_is_always_divided() -> None:
    clock = VirtualClock()
    kept, market = KeptAnnouncements(), SharedMarket(clock=clock)
    limit = OperationLimit("all", 10.0, 20.0, per_day=1_000)
    market.traits = traits(limits=(limit,), push_operation="all", read_operation="all")
    async with a_bench(market, clock=clock, pulls=kept, **LENT) as bench:
        throttle = bench.account.throttles.push
        assert rate(bench) == 10.0
        await clock.pass_s(60.0)
        whole = throttle.capacity
        assert throttle.wait_s(whole) == 0 and throttle.day_limit == 800
        kept.announced.append(CHANNEL)
        await clock.pass_s(EVERY_S)
        assert throttle.wait_s(0.8 * whole) == 0 and throttle.wait_s(0.8 * whole + 0.1) > 0
        assert throttle.day_limit == 800
