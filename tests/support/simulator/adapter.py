"""The modelled marketplace as one process's adapter sees it; between its steps the process may end or be frozen."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from inventory_domain.bulk import (
    CallFailed,
    FeedOutcomes,
    FeedPart,
    FeedRunning,
    FeedSubmitted,
    FeedTraits,
    Found,
    Page,
    PullTraits,
)
from inventory_domain.clock import Clock
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import Outage, PushOutcome
from inventory_domain.ports import AdapterTraits, ListingRef, Push, ReadAnswer, Shown
from tests.support.simulator.marketplace import (
    FEED_S,
    FEED_S_MAX,
    LIMITS,
    READ_AGE_S,
    SETTLING_S,
    ModeledMarketplace,
    Sending,
)
from tests.support.simulator.sharing import MARKETPLACE
from tests.support.simulator.virtual_time import Stoppable, VirtualLoop

SLOW_S_MAX = 14.0
ANSWER_S_MAX = 2.0
HANGS_S = 60.0
GROUP = 3
TRAITS = AdapterTraits(
    marketplace=MARKETPLACE,
    limits=LIMITS,
    push_operation="write",
    read_operation="read",
    push_group_max=GROUP,
    settling_s_max=SETTLING_S,
    read_age_s_max=READ_AGE_S,
)
FEED_TRAITS = FeedTraits("feed", 50, poll_operation="poll", takes_s=FEED_S, takes_s_max=FEED_S_MAX, always_above=3)

PULL_TRAITS = PullTraits("pull", page_max=3)

Step = Callable[[str], Awaitable[None]]
"""A point at which the process may end; a process that does never comes back from it."""


class ModeledAdapter:
    """Single calls only; `FeedAdapter` takes feeds beside them. A request that has left arrives, whoever sent it."""

    def __init__(
        self,
        market: ModeledMarketplace,
        clock: Clock,
        loop: VirtualLoop,
        process: Stoppable,
        dice: random.Random,
        step: Step,
    ) -> None:
        self._market = market
        self._clock = clock
        self._loop = loop
        self._process = process
        self._dice = dice
        self._step = step
        self._since_s = clock.monotonic_s()
        self._traits = replace(TRAITS, limits=market.limits)

    @property
    def traits(self) -> AdapterTraits:
        return self._traits

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        """One call; each of its pushes has a fate of its own, and the answer takes a while."""
        began = self._began()
        await self._step("before it is sent")
        market, sent = self._market, began.ends(self._process)
        refused = market.call("write", sent)
        answer: asyncio.Future[list[PushOutcome]] = self._loop.create_future()

        def arrive() -> None:
            outcomes = [market.take(push, refused, sent) for push in pushes]
            if not answer.done():
                answer.set_result(outcomes)

        slow = self._dice.random() < market.weather.slow_way
        self._loop.outside(self._dice.uniform(0.0, SLOW_S_MAX if slow else 0.1), arrive)
        await self._step("sent")
        answered = await answer
        hangs = self._dice.random() < market.weather.hangs
        await self._clock.sleep(HANGS_S if hangs else self._dice.uniform(0.0, ANSWER_S_MAX))
        await self._step("answered")
        return answered

    def _began(self) -> Sending:
        return Sending(self._loop.turns, self._clock.monotonic_s(), self._since_s)

    async def read(self, listing: ListingRef) -> ReadAnswer:
        """What is shown, or was a moment ago."""
        refused = self._market.call("read", self._began().ends(self._process))
        quantity = self._market.seen(listing.listing_id)
        await self._clock.sleep(self._dice.uniform(0.0, 1.0))
        if refused == "down":
            return Outage(listing_id=listing.listing_id, api="read", reason="down")
        return Shown(listing_id=listing.listing_id, quantity=quantity, api="read")

    @property
    def pull_traits(self) -> PullTraits:
        return PULL_TRAITS

    async def pull(self, channel: ChannelId, cursor: str | None) -> Page | CallFailed:
        """The next few listings of a channel. A page may be lost on its way."""
        market = self._market
        refused = market.call("pull", self._began().ends(self._process))
        first = int(cursor or 0)
        listings = market.listed(channel)[first : first + PULL_TRAITS.page_max + 1]
        found = tuple(Found(marketplace_ids={"sku": sku}, quantity=units) for sku, units in listings)
        lost = self._dice.random() < market.weather.lost_page
        await self._clock.sleep(self._dice.uniform(0.0, 1.0))
        await self._step("page pulled")
        if refused == "down":
            return CallFailed(kind="outage", api="pull", reason="down")
        if refused is not None or lost:
            return CallFailed(kind="throttled" if refused else "transient", api="pull", reason=refused or "cut-off")
        more = len(found) > PULL_TRAITS.page_max
        next_cursor = str(first + PULL_TRAITS.page_max) if more else None
        return Page(found=found[: PULL_TRAITS.page_max], next_cursor=next_cursor, api="pull")

    async def aclose(self) -> None:
        """Nothing is held."""


class FeedAdapter(ModeledAdapter):
    """Of a marketplace that takes feeds."""

    @property
    def feed_traits(self) -> FeedTraits:
        return FEED_TRAITS

    @property
    def node_feed_traits(self) -> FeedTraits | None:
        return None

    async def submit_feed(self, rows: Mapping[int, Push]) -> FeedSubmitted | CallFailed:
        """It takes a moment to arrive."""
        began = self._began()
        await self._step("before a feed is sent")
        sent = began.ends(self._process)
        if self._market.call("feed", sent) == "down":
            return CallFailed(kind="transient", api="feed", reason="no-answer")
        answer = self._market.take_feed(rows, sent)
        await self._step("feed sent")
        await self._clock.sleep(self._dice.uniform(0.0, 1.0))
        return answer

    async def find_feed(self, rows: Mapping[int, Push], since_ms: int) -> FeedSubmitted | CallFailed | None:
        return CallFailed(kind="rejected", api="feeds", reason="not-offered")

    async def poll_feed(self, part: FeedPart, cursor: str | None) -> FeedRunning | FeedOutcomes | CallFailed:
        await self._clock.sleep(self._dice.uniform(0.0, 0.5))
        if self._market.weather.down:
            return CallFailed(kind="outage", api="poll", reason="down")
        return self._market.report(part)
