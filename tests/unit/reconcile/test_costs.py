"""Pulls where a call costs points, as Shopify's do: what answers say of the cost and of what is left counts."""

from __future__ import annotations

import asyncio

from inventory_domain.bulk import CallFailed, Page, PullTraits
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import LimitSeen
from inventory_domain.ports import AdapterTraits, OperationLimit
from inventory_streams.reconcile.budget import PullBudget
from inventory_streams.reconcile.pulling import PullEnd, Sink, pull
from tests.support.delivery_bench import VirtualClock
from tests.support.pulls import CHANNEL, MARKETPLACE, a_page

RATE, BURST, RESERVE, SHARE = 100.0, 2_000.0, 0.5, 0.2
ESTIMATE, HELD, TAKEN = 500.0, 200.0, 100.0  # points of a page: what we guess, must be left, is taken


class PointsMarket:
    """Its one bucket of points is drawn on by pulls, and by pushes at `pushes_per_s` points a second."""

    traits = AdapterTraits(
        MARKETPLACE, (OperationLimit("all", RATE, BURST),), "all", "all", push_cost=10.0, tells_what_is_left=True
    )
    pull_traits = PullTraits("all", 25, cost=ESTIMATE)

    def __init__(self, clock: VirtualClock, pages: int, pushes_per_s: float = 0.0) -> None:
        self._clock = clock
        self._pages = pages
        self._pushes_per_s = pushes_per_s
        self._left = BURST
        self._at_s = 0.0
        self.refused = 0
        self.least = BURST
        self.pulled = 0

    async def pull(self, channel: ChannelId, cursor: str | None) -> Page | CallFailed:
        now_s = self._clock.monotonic_s()
        grown = (now_s - self._at_s) * (RATE - self._pushes_per_s)
        self._left, self._at_s = min(BURST, self._left + grown), now_s
        if self._left < HELD:
            self.refused += 1
            wait_s = (HELD - self._left) / RATE
            seen = LimitSeen(operation="all", remaining=self._left, wait_s=wait_s, cost_max=HELD)
            return CallFailed(kind="throttled", api="all", reason="throttled", seen=seen)
        self._left -= TAKEN
        self.least = min(self.least, self._left)
        self.pulled += 1
        seen = LimitSeen(operation="all", rate_per_s=RATE, burst=BURST, remaining=self._left, cost=TAKEN, cost_max=HELD)
        page = a_page(then=str(self.pulled) if self.pulled < self._pages else None)
        return Page(found=page.found, next_cursor=page.next_cursor, api="all", seen=seen)


async def pulled(market: PointsMarket, clock: VirtualClock, limit_s: float = 3_600.0) -> tuple[PullEnd | None, float]:
    """How the pull ended, and when; None where it has not within the limit."""
    budget, nothing = PullBudget(market.traits, SHARE, RESERVE, clock), Sink(lambda: None, lambda *_: None)
    running = asyncio.ensure_future(
        pull(market, budget, CHANNEL, nothing, clock, background=False, limit_s=1e6)  # type: ignore[arg-type]
    )
    while not running.done() and clock.monotonic_s() < limit_s:
        await clock.pass_s(1.0)
    if running.done():
        return await running, clock.monotonic_s()
    running.cancel()
    await asyncio.wait({running})
    return None, clock.monotonic_s()


async def test_a_small_shop_is_pulled_as_fast_as_its_bucket_allows() -> None:
    """1,000 items took 16 minutes by the guess and the pulls' share; the half of the bucket is there at once."""
    clock = VirtualClock()
    market = PointsMarket(clock, pages=40)

    end, took_s = await pulled(market, clock)

    assert end is not None and end.complete and market.refused == 0
    assert took_s <= (40 * TAKEN - BURST * (1 - RESERVE)) / RATE + 3.0
    assert market.least >= BURST * RESERVE, "what is kept for pushes is there at any time"


async def test_pulls_keep_to_their_share_while_pushes_need_the_bucket() -> None:
    """Pushes that use all but the pulls' share hold the bucket below the reserve: it is not drawn on faster then."""
    clock = VirtualClock()
    market = PointsMarket(clock, pages=10_000, pushes_per_s=RATE * (1 - SHARE))

    end, took_s = await pulled(market, clock, limit_s=2_000.0)

    by_share = took_s * RATE * SHARE / TAKEN
    assert end is None and market.refused == 0
    assert market.least >= BURST * RESERVE - HELD
    assert 0.9 * by_share <= market.pulled <= by_share + BURST * (1 - RESERVE) / TAKEN + 1


async def test_a_page_is_charged_what_it_took_also_where_nothing_tells_what_is_left() -> None:
    clock = VirtualClock()
    throttle = PullBudget(PointsMarket.traits, SHARE, RESERVE, clock).of("all")

    await throttle.acquire(ESTIMATE)
    throttle.answered(LimitSeen(operation="all", cost=TAKEN), refused=False)

    assert throttle.wait_s(ESTIMATE) == TAKEN / (RATE * SHARE)
