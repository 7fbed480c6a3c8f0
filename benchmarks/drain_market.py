"""A marketplace as its published limits describe it, on simulated time: it refuses what is one call too many."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from inventory_domain.bulk import CallFailed, FeedOutcomes, FeedPart, FeedRunning, FeedSubmitted, FeedTraits
from inventory_domain.identifiers import ListingId
from inventory_domain.outcomes import Accepted, Applied, PushOutcome, Throttled
from inventory_domain.ports import AdapterTraits, ListingRef, OperationLimit, Push, ReadAnswer, Shown
from tests.support.delivery_bench import VirtualClock

ANSWER_S = (0.05, 0.6)  # how long an answer takes
UPLOAD_S = 1.5  # a feed's document has to travel
HAIR = 1e-6


@dataclass
class Bucket:
    """The marketplace's own count of one operation. It starts full, as after a quiet hour."""

    limit: OperationLimit
    clock: VirtualClock
    tokens: float = field(init=False)
    at_s: float = field(init=False)
    asked: int = 0
    refused: int = 0
    used: float = 0.0

    def __post_init__(self) -> None:
        self.tokens, self.at_s = self.limit.burst, self.clock.monotonic_s()

    def take(self, cost: float) -> bool:
        """Whether a call of this cost is within the limit."""
        now_s = self.clock.monotonic_s()
        self.tokens = min(self.limit.burst, self.tokens + (now_s - self.at_s) * self.limit.rate_per_s)
        self.at_s = now_s
        self.asked += 1
        over_day = self.limit.per_day is not None and self.used + cost > self.limit.per_day
        if self.tokens + HAIR < cost or over_day:
            self.refused += 1
            return False
        self.tokens -= cost
        self.used += cost
        return True


class DrainMarket:
    """Takes single calls, groups and feeds, and notes when each listing came to show its number."""

    def __init__(
        self,
        traits: AdapterTraits,
        clock: VirtualClock,
        feed: FeedTraits | None,
        seed: int = 1,
        settling_s: float = 0.0,
    ) -> None:
        self.traits = traits
        self.clock = clock
        self.feed = feed
        self.dice = random.Random(seed)
        self.buckets = {limit.operation: Bucket(limit, clock) for limit in traits.limits}
        self.shown: dict[ListingId, int] = {}
        self.live_at_s: dict[ListingId, float] = {}
        self.single_rows = 0
        self.feed_rows = 0
        self.feeds: dict[str, tuple[float, Mapping[int, Push]]] = {}
        self.settling_s = settling_s

    async def _travel(self) -> None:
        await self.clock.sleep(self.dice.uniform(*ANSWER_S) / 2)

    def _apply(self, push: Push, at_s: float) -> None:
        self.shown[push.listing_id] = push.quantity
        self.live_at_s[push.listing_id] = at_s

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        await self._travel()
        taken = self.buckets[self.traits.push_operation].take(self.traits.push_cost)
        at_s = self.clock.monotonic_s()
        if taken:
            self.single_rows += len(pushes)
            for push in pushes:
                self._apply(push, at_s)
        await self._travel()
        told = {"api": self.traits.push_operation, "reason": "ok" if taken else "429"}
        if not taken:
            return [Throttled(listing_id=push.listing_id, **told) for push in pushes]
        kind = Applied if self.traits.answer_proves_live else Accepted
        return [kind(listing_id=push.listing_id, **told) for push in pushes]

    async def read(self, listing: ListingRef) -> ReadAnswer:
        await self._travel()
        if not self.buckets[self.traits.read_operation].take(self.traits.read_cost):
            return Throttled(listing_id=listing.listing_id, api="read", reason="429")
        return Shown(listing_id=listing.listing_id, quantity=self.shown.get(listing.listing_id, 0), api="read")

    async def aclose(self) -> None:
        return


class FeedDrainMarket(DrainMarket):
    """One that takes feeds."""

    @property
    def feed_traits(self) -> FeedTraits:
        assert self.feed is not None
        return self.feed

    @property
    def node_feed_traits(self) -> FeedTraits | None:
        return None

    async def submit_feed(self, rows: Mapping[int, Push]) -> FeedSubmitted | CallFailed:
        await self.clock.sleep(UPLOAD_S)
        feed = self.feed_traits
        if not self.buckets[feed.operation].take(feed.cost):
            return CallFailed(kind="throttled", api=feed.operation, reason="429")
        feed_id = f"feed-{len(self.feeds) + 1}"
        self.feeds[feed_id] = (self.clock.monotonic_s() + feed.takes_s, dict(rows))
        self.feed_rows += len(rows)
        return FeedSubmitted(feed_id=feed_id, ask_after_s=30.0, api=feed.operation)

    async def find_feed(self, rows: Mapping[int, Push], since_ms: int) -> FeedSubmitted | CallFailed | None:
        return None

    async def poll_feed(self, part: FeedPart, cursor: str | None) -> FeedRunning | FeedOutcomes | CallFailed:
        await self._travel()
        if not self.buckets[self.feed_traits.poll_operation].take(1.0):
            return CallFailed(kind="throttled", api="poll", reason="429")
        done_s, rows = self.feeds[part.feed_id]
        if self.clock.monotonic_s() < done_s:
            return FeedRunning(ask_after_s=30.0, api="poll")
        for push in rows.values():
            if self.live_at_s.get(push.listing_id, -1.0) < done_s and push.listing_id not in self.live_at_s:
                self._apply(push, done_s)
        ours = [Accepted(listing_id=push.listing_id, api="feed", reason="ok") for push in part.rows.values()]
        return FeedOutcomes(outcomes=tuple(ours), next_cursor=None)
