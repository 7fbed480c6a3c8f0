"""A marketplace on virtual time that is late, loses answers, throttles and is down, all from one seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from inventory_domain.bulk import CallFailed, FeedOutcomes, FeedPart, FeedRunning, FeedSubmitted, FeedTraits
from inventory_domain.identifiers import ListingId
from inventory_domain.outcomes import Accepted, LimitSeen, Outage, PushOutcome, Throttled, Transient
from inventory_domain.ports import AdapterTraits, ListingRef, OperationLimit, Push, ReadAnswer, Shown
from tests.support.delivery import traits
from tests.support.delivery_bench import VirtualClock

SETTLING_S = 8.0
ANSWER_S_MAX = 3.0


@dataclass
class Faults:
    """How often each thing goes wrong, as a share of the calls.

    `slow_way`: the request itself takes long to arrive. `dropped`: a fall is accepted and never applied (a rise that
    was dropped looks like a sale, and is for reconciliation to find). `lost_row`: of a feed, without a word in its
    report. `feed_cut_off`: a feed is taken and the answer is lost. `feed_fatal`: some of it is applied and none told.
    """

    lost_answer: float = 0.0
    refused: float = 0.0
    throttled: float = 0.0
    down: float = 0.0
    hangs: float = 0.0
    slow_way: float = 0.0
    dropped: float = 0.0
    lost_row: float = 0.0
    feed_refused: float = 0.0
    feed_cut_off: float = 0.0
    feed_fatal: float = 0.0
    feed_stuck: float = 0.0


@dataclass
class LateMarketplace:
    """Applies what it takes within its settling time, in the order of its taking, and tells or does not tell."""

    clock: VirtualClock
    seed: int
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.received: list[Push] = []
        self.shown: dict[ListingId, int] = {}
        self._applying: set[asyncio.Task[None]] = set()
        self._last_live_s: dict[ListingId, float] = {}

    @property
    def traits(self) -> AdapterTraits:
        return traits(settling_s_max=SETTLING_S, push_group_max=3)

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        """Each push of a call has a fate of its own; the call takes a while."""
        if self.dice.random() < self.faults.slow_way:
            await self.clock.sleep(self.dice.uniform(0.0, 14.0))
        self.received.extend(pushes)
        outcomes = [self._take(push) for push in pushes]
        hangs = self.dice.random() < self.faults.hangs
        await self.clock.sleep(60.0 if hangs else self.dice.uniform(0.0, ANSWER_S_MAX))
        return outcomes

    def _take(self, push: Push) -> PushOutcome:
        told = {"listing_id": push.listing_id, "api": "write"}
        chance = self.dice.random
        if chance() < self.faults.throttled:
            seen = LimitSeen(operation="write", wait_s=self.dice.uniform(0.1, 2.0))
            return Throttled(**told, reason="429", seen=seen)
        if chance() < self.faults.down:
            return Outage(**told, reason="down")
        if chance() < self.faults.refused:
            return Transient(**told, reason="busy")
        falls = push.quantity < self.shown.get(push.listing_id, 0)
        if not (falls and chance() < self.faults.dropped):
            self._apply_later(push)
        if chance() < self.faults.lost_answer:
            return Transient(**told, reason="cut-off", effect_unknown=True)
        return Accepted(**told, reason="ok")

    def _apply_later(self, push: Push) -> None:
        """In the order in which they were taken, each within the settling time."""
        earliest_s = self._last_live_s.get(push.listing_id, 0.0)
        live_s = max(earliest_s, self.clock.monotonic_s() + self.dice.uniform(0.0, SETTLING_S))
        self._last_live_s[push.listing_id] = live_s
        task = asyncio.create_task(self._apply(push, live_s - self.clock.monotonic_s()))
        self._applying.add(task)
        task.add_done_callback(self._applying.discard)

    async def _apply(self, push: Push, wait_s: float) -> None:
        await self.clock.sleep(wait_s)
        self.shown[push.listing_id] = push.quantity

    async def read(self, listing: ListingRef) -> ReadAnswer:
        shown = self.shown.get(listing.listing_id, 0)
        await self.clock.sleep(self.dice.uniform(0.0, 1.0))
        if self.dice.random() < self.faults.down:
            return Outage(listing_id=listing.listing_id, api="read", reason="down")
        return Shown(listing_id=listing.listing_id, quantity=shown, api="read")

    async def aclose(self) -> None:
        return

    async def stop(self) -> None:
        """Whatever was not live yet never will be."""
        for task in self._applying:
            task.cancel()
        if self._applying:
            await asyncio.wait(self._applying)


@dataclass
class Calls:
    """The marketplace's own count of an operation: what is one call too many is noted."""

    clock: VirtualClock
    rate_per_s: float
    burst: float
    tokens: float = 0.0
    at_s: float = 0.0
    too_many: int = 0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def take(self) -> None:
        now_s = self.clock.monotonic_s()
        self.tokens = min(self.burst, self.tokens + (now_s - self.at_s) * self.rate_per_s)
        self.at_s = now_s
        self.too_many += self.tokens < 1 - 1e-6
        self.tokens -= 1


@dataclass
class LateFeedMarketplace(LateMarketplace):
    """Takes feeds beside single calls, and works on each some time between its submission and its report.

    Its single calls are few, so that what changes together waits for a feed.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.feeds: dict[str, dict[int, Push]] = {}
        self.ends_s: dict[str, float] = {}
        self.fatal: set[str] = set()
        self.lost: set[tuple[str, int]] = set()
        self.writes = Calls(self.clock, 0.5, 3.0)
        self.handed_in = Calls(self.clock, 0.2, 2.0)

    @property
    def traits(self) -> AdapterTraits:
        limits = (
            OperationLimit("write", 0.5, 3.0),
            OperationLimit("read", 1000.0, 1000.0),
            OperationLimit("feed", 0.2, 2.0),
            OperationLimit("poll", 10.0, 10.0),
        )
        return traits(settling_s_max=SETTLING_S, limits=limits)

    @property
    def feed_traits(self) -> FeedTraits:
        return FeedTraits("feed", 50, poll_operation="poll", takes_s=6.0, takes_s_max=40.0, always_above=2)

    @property
    def node_feed_traits(self) -> FeedTraits | None:
        return None

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        self.writes.take()
        return await super().push(pushes)

    async def submit_feed(self, rows: Mapping[int, Push]) -> FeedSubmitted | CallFailed:
        self.handed_in.take()
        await self.clock.sleep(self.dice.uniform(0.0, 2.0))
        if self.dice.random() < self.faults.feed_refused:
            return CallFailed(kind="transient", api="feed", reason="busy")
        feed_id = f"feed-{len(self.feeds) + 1}"
        self.feeds[feed_id] = dict(rows)
        self.received.extend(rows.values())
        stuck = self.dice.random() < self.faults.feed_stuck
        takes_s = 35.0 if stuck else self.dice.uniform(1.0, 12.0)
        self.ends_s[feed_id] = self.clock.monotonic_s() + (1e9 if stuck else takes_s)
        if self.dice.random() < self.faults.feed_fatal:
            self.fatal.add(feed_id)
        for number, push in rows.items():
            if self.dice.random() < self.faults.lost_row or (feed_id in self.fatal and self.dice.random() < 0.5):
                self.lost.add((feed_id, number))
                continue
            task = asyncio.create_task(self._apply(push, self.dice.uniform(0.0, takes_s)))
            self._applying.add(task)
            task.add_done_callback(self._applying.discard)
        if self.dice.random() < self.faults.feed_cut_off:
            return CallFailed(kind="transient", api="feed", reason="cut-off", effect_unknown=True)
        return FeedSubmitted(feed_id=feed_id, ask_after_s=1.0, api="feed")

    async def find_feed(self, rows: Mapping[int, Push], since_ms: int) -> FeedSubmitted | CallFailed | None:
        return CallFailed(kind="rejected", api="feeds", reason="not-offered")

    async def poll_feed(self, part: FeedPart, cursor: str | None) -> FeedRunning | FeedOutcomes | CallFailed:
        await self.clock.sleep(self.dice.uniform(0.0, 0.5))
        if self.clock.monotonic_s() < self.ends_s[part.feed_id]:
            return FeedRunning(ask_after_s=1.0, api="poll")
        outcomes: list[PushOutcome] = []
        for number, push in part.rows.items():
            told = {"listing_id": push.listing_id, "api": "feed"}
            if part.feed_id in self.fatal:
                outcomes.append(Transient(**told, reason="feed-fatal", effect_unknown=True))
            elif (part.feed_id, number) not in self.lost:
                outcomes.append(Accepted(**told, reason="ok"))
        return FeedOutcomes(outcomes=tuple(outcomes), next_cursor=None)
