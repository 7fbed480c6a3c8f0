"""Pulls: page by page and in the background, within limits, and worth nothing where they do not reach their end."""

from __future__ import annotations

import asyncio

import pytest

from inventory_domain.bulk import TOO_MANY_LISTINGS, BackgroundPullTraits, Found, PullRunning, PullStarted
from inventory_domain.clock import Clock
from inventory_domain.outcomes import LimitSeen
from inventory_domain.ports import MarketplaceAdapter, OperationLimit
from inventory_streams.reconcile.budget import PENALTY_S_MAX, PullBudget, PullThrottle
from inventory_streams.reconcile.collected import Asked
from inventory_streams.reconcile.pulling import NO_CALLS_LEFT, PullEnd, Sink, in_background, pull
from tests.support.delivery_bench import VirtualClock
from tests.support.pulls import CHANNEL, LIMITS, BackgroundMarket, PagedMarket, a_page, done, failed, found

HOUR_S = 3_600.0


class Kept:
    """What a pull came across since it last began."""

    def __init__(self) -> None:
        self.skus: list[str] = []
        self.asked: list[Asked] = []
        self.begun = 0

    def begin(self) -> None:
        self.begun += 1
        self.skus.clear()
        self.asked.clear()

    def add(self, one: Found, asked: Asked) -> None:
        self.skus.append(one.marketplace_ids["sku"])
        self.asked.append(asked)


async def pulled(
    market: PagedMarket | BackgroundMarket,
    clock: VirtualClock | None = None,
    *,
    limit_s: float = HOUR_S,
    share: float = 1.0,
) -> tuple[PullEnd, Kept, VirtualClock]:
    clock, kept = clock or VirtualClock(), Kept()
    budget = PullBudget(market.traits, share, 0.5, clock)
    running = asyncio.ensure_future(
        pull(
            market,  # type: ignore[arg-type]
            budget,
            CHANNEL,
            Sink(kept.begin, kept.add),
            clock,
            background=isinstance(market, BackgroundMarket),
            limit_s=limit_s,
        )
    )
    await clock.settle()
    while not running.done():
        await clock.pass_s(1.0)
    return await running, kept, clock


async def test_pages_are_asked_for_until_there_is_no_cursor() -> None:
    market = PagedMarket(a_page(found("A"), then="2"), a_page(then="3"), a_page(found("B")))

    end, kept, _ = await pulled(market)

    assert end.complete and kept.skus == ["A", "B"] and market.cursors == [None, "2", "3"]


async def test_a_failed_page_is_asked_for_again_with_the_same_cursor() -> None:
    market = PagedMarket(a_page(found("A"), then="2"), failed(), failed("throttled"), a_page(found("B")))

    end, kept, _ = await pulled(market)

    assert end.complete and market.cursors == [None, "2", "2", "2"] and kept.skus == ["A", "B"]


async def test_a_page_that_keeps_failing_ends_the_pull() -> None:
    market = PagedMarket(a_page(found("A"), then="2"), failed(reason="busy"))

    end, _, _ = await pulled(market)

    assert not end.complete and "busy" in end.reason and market.cursors.count("2") == 5


@pytest.mark.parametrize("kind", ["rejected", "unauthorized"])
async def test_what_does_not_get_better_ends_the_pull_at_once(kind: str) -> None:
    market = PagedMarket(failed(kind))

    end, _, _ = await pulled(market)

    assert not end.complete and market.cursors == [None]


async def test_a_sequential_pull_begins_anew_when_its_cursor_is_lost() -> None:
    """A cursor works once: going on in the middle would leave out what is before it."""
    first, rest = a_page(found("A"), then="2"), a_page(found("B"))
    market = PagedMarket(first, failed(reason="cursor-lost"), first, rest, sequential=True)

    end, kept, _ = await pulled(market)

    assert end.complete and market.cursors == [None, "2", None, "2"]
    assert kept.begun == 2 and kept.skus == ["A", "B"]


async def test_what_a_sequential_pull_tells_may_be_as_old_as_its_beginning() -> None:
    first, second = a_page(found("A"), then="2"), a_page(found("B"))

    for sequential in (True, False):
        clock = VirtualClock()
        began_ms = clock.now_ms()
        market = PagedMarket(first, failed("throttled"), second, sequential=sequential)
        _, kept, _ = await pulled(market, clock)

        ages = [began_ms - one.as_of_ms for one in kept.asked]
        assert ages[0] == 60_000  # as old as any read of this marketplace may be
        assert (ages[1] == 60_000) is sequential


async def test_a_cursor_that_comes_back_does_not_go_round_for_ever() -> None:
    market = PagedMarket(a_page(found("A"), then="2"), a_page(found("B"), then="2"))

    end, _, _ = await pulled(market)

    assert not end.complete and "came twice" in end.reason


async def test_a_pull_that_takes_too_long_is_given_up() -> None:
    limits = (*LIMITS[:2], OperationLimit("pull", 0.001, 1.0))
    market = PagedMarket(*(a_page(then=str(n)) for n in range(20)), a_page(found("A")), limits=limits)

    end, _, _ = await pulled(market, limit_s=5_000)

    assert end == PullEnd(False, NO_CALLS_LEFT, end.started_at_ms) and len(market.cursors) == 6


async def test_a_document_is_waited_for_and_gone_through() -> None:
    every = (found(f"S{n}") for n in range(2_500))
    market = BackgroundMarket(PullRunning(ask_after_s=60.0, api="poll"), failed(), done(every, unreadable=3))
    clock = VirtualClock()
    began_ms = clock.now_ms()

    end, kept, clock = await pulled(market, clock)

    assert end.complete and len(kept.skus) == 2_500 and end.unreadable == 3
    assert kept.asked[0].as_of_ms == began_ms - 3_600_000 and kept.asked[0].read_at_ms == clock.now_ms()


async def test_a_document_that_never_comes_ends_the_pull() -> None:
    end, _, _ = await pulled(BackgroundMarket(PullRunning(ask_after_s=60.0, api="poll")), limit_s=600.0)

    assert not end.complete and "pull_s_max" in end.reason


async def test_a_background_pull_that_cannot_begin_says_why() -> None:
    end, _, _ = await pulled(BackgroundMarket(failed(), start=failed("rejected", "not-offered")))  # type: ignore[arg-type]

    assert not end.complete and "not-offered" in end.reason


def test_large_channels_are_pulled_in_the_background_where_that_is_offered() -> None:
    class Both(BackgroundMarket, PagedMarket):
        def __init__(self) -> None:
            BackgroundMarket.__init__(self, failed(), start=PullStarted(pull_id="1", ask_after_s=1, api="a"))
            self.sequential = False

    paged: MarketplaceAdapter = PagedMarket(a_page())  # type: ignore[assignment]
    both: MarketplaceAdapter = Both()  # type: ignore[assignment]

    assert [in_background(both, count, 1_000) for count in (999, 1_000)] == [False, True]
    assert not in_background(paged, 1_000_000, 1_000)


class PagedUpToAThousand(PagedMarket):
    """Refuses to page through what it shows, and tells it in the background."""

    def __init__(self, *found_: Found) -> None:
        super().__init__(failed("rejected", TOO_MANY_LISTINGS))
        self.document = BackgroundMarket(done(iter(found_)))
        self.start_pull, self.poll_pull = self.document.start_pull, self.document.poll_pull

    @property
    def background_pull_traits(self) -> BackgroundPullTraits:
        return self.document.background_pull_traits


async def test_an_account_that_shows_more_than_can_be_paged_through_is_pulled_in_the_background() -> None:
    """However few of it the catalog has; it would never be reconciled."""
    end, kept, _ = await pulled(PagedUpToAThousand(found("A"), found("B")))
    neither, _, _ = await pulled(PagedMarket(failed("rejected", TOO_MANY_LISTINGS)))

    assert end.complete and kept.skus == ["A", "B"]
    assert not neither.complete and TOO_MANY_LISTINGS in neither.reason


class TestThrottle:
    """How fast pulls may call."""

    def throttle(self, clock: Clock, share: float = 0.2, per_day: int | None = None) -> PullThrottle:
        return PullThrottle(OperationLimit("pull", 10.0, 20.0, per_day), share, 0.5, clock)

    async def test_calls_are_as_far_apart_as_the_share_of_the_rate_says(self) -> None:
        clock = VirtualClock()
        throttle = self.throttle(clock)

        await throttle.acquire(1.0)

        assert throttle.wait_s(1.0) == pytest.approx(0.5)

    async def test_what_is_left_of_a_days_share_is_known(self) -> None:
        clock = VirtualClock(start_ms=86_400_000 * 20_000 + 3_600_000)
        throttle = self.throttle(clock, per_day=50)

        await throttle.acquire(4.0)
        left = throttle.left_today
        clock.jump_s(86_400)

        assert (left, throttle.left_today) == (6.0, 10.0)
        assert self.throttle(clock).left_today is None

    async def test_a_days_share_is_kept_and_begins_anew_at_midnight(self) -> None:
        clock = VirtualClock(start_ms=86_400_000 * 20_000 + 3_600_000)
        throttle = self.throttle(clock, per_day=50)
        for _ in range(10):
            clock.jump_s(1)
            await throttle.acquire(1.0)

        assert throttle.wait_s(1.0) > 22 * HOUR_S
        clock.jump_s(23 * HOUR_S)
        assert throttle.wait_s(1.0) == 0

    def test_a_refusal_waits_as_long_as_it_says_and_else_longer_each_time(self) -> None:
        clock = VirtualClock()
        throttle = self.throttle(clock)

        throttle.answered(None, refused=True)
        first = throttle.wait_s(1.0)
        throttle.answered(None, refused=True)
        second = throttle.wait_s(1.0)
        throttle.answered(LimitSeen(operation="pull", wait_s=30.0), refused=True)

        assert (first, second, throttle.wait_s(1.0)) == (1.0, 2.0, 30.0)

    def test_what_is_left_for_pushes_is_not_used_up(self) -> None:
        """The marketplace says how much is left: below the reserve pulls wait until there is more."""
        clock = VirtualClock()
        throttle = self.throttle(clock)

        throttle.answered(LimitSeen(operation="pull", remaining=4.0), refused=False)

        assert throttle.wait_s(1.0) == pytest.approx((10 - 4) / 10)

    async def test_when_all_is_there_again_is_no_wait_while_some_is_left(self) -> None:
        """Walmart says it with each answer, not only where nothing is left."""
        clock = VirtualClock()
        throttle = self.throttle(clock)
        await throttle.acquire(1.0)

        throttle.answered(LimitSeen(operation="pull", remaining=15.0, wait_s=40.0), refused=False)
        some = throttle.wait_s(1.0)
        throttle.answered(LimitSeen(operation="pull", remaining=0.0, wait_s=40.0), refused=False)

        assert some < 1.0 and throttle.wait_s(1.0) == pytest.approx(40.0)

    def test_a_marketplace_that_is_down_is_asked_again_however_long_it_means_to_be(self) -> None:
        throttle = self.throttle(VirtualClock())

        throttle.answered(LimitSeen(operation="pull", wait_s=7_200.0), refused=False)
        down = throttle.wait_s(1.0)
        throttle.answered(LimitSeen(operation="pull", wait_s=7_200.0), refused=True)

        assert (down, throttle.wait_s(1.0)) == (PENALTY_S_MAX, 7_200.0)
