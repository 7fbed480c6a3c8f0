"""What holds for listings whatever their targets say, and that it is let go of again."""

from __future__ import annotations

import asyncio

import pytest

from inventory_domain.exposure import Confirmed, Exposure, Proof, Result
from inventory_domain.identifiers import Sku
from tests.support.delivery import CHANNEL, FakeMarketplace, a_target
from tests.support.delivery_bench import VirtualClock, a_bench

SHOWN = Exposure(a_target("A").listing_id, Sku("A"), Confirmed(9, 0, 1_600_000_000_000, Proof.READ))


async def test_a_listing_shows_zero_while_the_engine_is_silent_and_its_target_when_it_speaks_again() -> None:
    """Nobody can vouch for a number that the engine has not looked at for a quarter of an hour."""
    clock = VirtualClock()
    async with a_bench(clock=clock, complete_until_ms=clock.now_ms(), engine_silent_s=900.0) as bench:
        await bench.send(a_target("A", 5, version=1))
        await clock.pass_s(899)
        before = bench.market.quantities("A")
        await clock.pass_s(3)
        silent = bench.market.quantities("A")
        exposure = bench.exposure("A")
        await bench.engine_says(clock.now_ms())
        await clock.pass_s(5)

    assert (before, silent, bench.market.quantities("A")) == ([5], [5, 0], [5, 0, 5])
    assert exposure is not None and exposure.last is not None
    assert (exposure.last.mask, exposure.last.version) == ("engine-silent", 1)


async def test_a_worker_counts_silence_from_its_own_start() -> None:
    """What was said an hour ago may be all that there was to read when everything starts at once."""
    clock = VirtualClock()
    async with a_bench(clock=clock, complete_until_ms=clock.now_ms() - 3_600_000, engine_silent_s=900.0) as bench:
        await bench.send(a_target("A", 5, version=1))
        await clock.pass_s(800)
        before = bench.market.quantities("A")
        await clock.pass_s(200)

    assert (before, bench.market.quantities("A")) == ([5], [5, 0])


@pytest.mark.parametrize("heard_s", [0, 600])
async def test_a_clock_that_is_set_back_does_not_make_the_engine_silent_later(heard_s: int) -> None:
    clock = VirtualClock()
    async with a_bench(clock=clock, complete_until_ms=clock.now_ms(), engine_silent_s=900.0) as bench:
        await bench.send(a_target("A", 5, version=1))
        await clock.pass_s(heard_s)
        await bench.engine_says(clock.now_ms())
        await clock.pass_s(10)
        clock.set_back(3_600)
        await clock.pass_s(880)
        before = bench.market.quantities("A")
        await clock.pass_s(20)

    assert (before, bench.market.quantities("A")) == ([5], [5, 0])


async def test_an_engine_whose_clock_was_ahead_is_silent_no_later() -> None:
    """Its last word lies in the future: sales would go on until that time has come and the limit is over."""
    clock = VirtualClock()
    async with a_bench(clock=clock, complete_until_ms=clock.now_ms(), engine_silent_s=900.0) as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.engine_says(clock.now_ms() + 3_600_000)
        await clock.pass_s(890)
        before = bench.market.quantities("A")
        await clock.pass_s(20)

    assert (before, bench.market.quantities("A")) == ([5], [5, 0])


async def test_nothing_rises_before_the_engine_has_said_anything() -> None:
    clock = VirtualClock()
    async with a_bench(clock=clock, complete_until_ms=None) as bench:
        await bench.send(a_target("A", 5, version=1), a_target("B", 0, version=1))
        await clock.pass_s(899)
        before = (bench.market.quantities("A"), bench.market.quantities("B"))
        await bench.engine_says(clock.now_ms())

    assert before == ([], [0])
    assert bench.market.quantities("A") == [5]


async def test_a_listing_shows_zero_also_while_no_word_of_the_engine_is_known() -> None:
    """Its newest target shows that there was one, which is lost: nobody vouches for what the listing shows."""
    clock = VirtualClock()
    async with a_bench(
        clock=clock, complete_until_ms=None, targets=[a_target("A", 9)], exposures=[SHOWN], engine_silent_s=900.0
    ) as bench:
        await clock.pass_s(899)
        before = bench.market.quantities("A")
        await clock.pass_s(3)
        silent = bench.market.quantities("A")
        age_s = bench.worker.masks.word_age_s([0, 1])
        await bench.engine_says(clock.now_ms())
        await clock.pass_s(5)

    assert (before, silent, bench.market.quantities("A")) == ([], [0], [0, 9])
    assert 900 < age_s < 905


async def test_a_first_target_long_after_the_start_is_no_silence() -> None:
    """The engine came later than delivery, and its word on the partition later than its target: zero would take what
    sells today from sale."""
    clock = VirtualClock()
    async with a_bench(clock=clock, complete_until_ms=None, engine_silent_s=900.0) as bench:
        await clock.pass_s(5_000)
        await bench.send(a_target("A", 5, version=1, changed_at_ms=clock.now_ms()))
        await clock.pass_s(5)
        before = bench.market.quantities("A")
        await bench.engine_says(clock.now_ms())

    assert (before, bench.market.quantities("A")) == ([], [5])


async def test_a_target_shows_that_the_engine_is_there_while_no_word_of_it_is_known() -> None:
    clock = VirtualClock()
    async with a_bench(clock=clock, complete_until_ms=None, exposures=[SHOWN], engine_silent_s=900.0) as bench:
        await bench.send(a_target("A", 9, version=1))
        await clock.pass_s(905)
        silent = bench.market.quantities("A")
        await bench.send(a_target("A", 0, version=2, changed_at_ms=clock.now_ms()))
        standing = bench.worker.masks.standing_at((CHANNEL, 0))

    assert silent == [0]
    assert (standing.mask, standing.rises_held) == (None, "no-progress-known")


async def test_a_newer_target_under_a_mask_is_not_sent_a_second_zero() -> None:
    clock = VirtualClock()
    async with a_bench(clock=clock, complete_until_ms=clock.now_ms(), engine_silent_s=60.0) as bench:
        await bench.send(a_target("A", 5, version=1))
        await clock.pass_s(70)
        await bench.send(a_target("A", 7, version=2), a_target("A", 8, version=3))
        await clock.pass_s(30)
        masked = bench.market.quantities("A")
        pending = bench.worker.accounting.pending()
        await bench.engine_says(clock.now_ms())

    assert masked == [5, 0]
    assert pending == 1, "the newest target is not taken while zero stands for it"
    assert (bench.market.quantities("A"), bench.worker.accounting.pending()) == ([5, 0, 8], 0)


async def test_a_mask_that_comes_between_commit_and_request_keeps_the_number_back() -> None:
    clock = VirtualClock()
    async with a_bench(
        clock=clock, complete_until_ms=clock.now_ms(), engine_silent_s=60.0, commit_linger_s=1.0
    ) as bench:
        await clock.pass_s(60.5)
        await bench.worker.take([bench.arrival(a_target("A", 5, version=1))])
        await clock.pass_s(5)

    assert bench.market.quantities("A") == [0]


async def test_the_end_of_a_request_under_way_is_followed_by_the_masks_zero() -> None:
    clock, market = VirtualClock(), FakeMarketplace(open=asyncio.Event())
    async with a_bench(
        market, clock=clock, complete_until_ms=clock.now_ms(), engine_silent_s=60.0, request_s_max=15.0
    ) as bench:
        await clock.pass_s(55)
        await bench.worker.take([bench.arrival(a_target("A", 5, version=1))])
        await clock.pass_s(10)
        assert market.open is not None
        market.open.set()
        await clock.pass_s(5)
        exposure = bench.exposure("A")

    assert market.quantities("A") == [5, 0]
    assert exposure is not None and exposure.last is not None and exposure.last.result is Result.ACCEPTED


class RunningClock(VirtualClock):
    """Virtual time that goes on a little with each look at it, as a real clock does."""

    def monotonic_s(self) -> float:
        self.jump_s(1e-6)
        return super().monotonic_s()


async def test_what_may_go_at_once_goes_at_once_on_a_clock_that_never_stands_still() -> None:
    """Seen: "now" was looked at before the time from which a listing may go, so that it waited for ever."""
    async with a_bench(clock=RunningClock()) as bench:
        await bench.send(a_target("A", 5, version=1))

    assert bench.market.quantities("A") == [5]
