"""A marketplace that takes feeds beside single calls, as tests of delivery see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from inventory_domain.bulk import CallFailed, FeedOutcomes, FeedPart, FeedRunning, FeedSubmitted, FeedTraits
from inventory_domain.outcomes import PushOutcome
from inventory_domain.ports import AdapterTraits, OperationLimit, Push
from tests.support.delivery import Answer, FakeMarketplace, accepted, traits

FEED = FeedTraits("feed", 100, poll_operation="poll", takes_s=20.0, takes_s_max=300.0, always_above=10)


def feed_traits(**changes: object) -> AdapterTraits:
    """A marketplace with slow single calls, so that a feed is worth it."""
    limits = (
        OperationLimit("write", 1.0, 2.0),
        OperationLimit("read", 100.0, 100.0),
        OperationLimit("feed", 0.5, 5.0),
        OperationLimit("poll", 10.0, 10.0),
    )
    return traits(**{"limits": limits, "settling_s_max": 5.0, **changes})


@dataclass
class FeedMarketplace(FakeMarketplace):
    """Works on a feed when it is told to. `refuses` is answered in place of taking one."""

    traits: AdapterTraits = field(default_factory=feed_traits)
    feed_traits: FeedTraits = FEED
    node_feed_traits: FeedTraits | None = None
    feeds: dict[str, Mapping[int, Push]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    row_answer: Answer = accepted
    refuses: CallFailed | None = None
    lists: bool = False
    polls: list[FeedPart] = field(default_factory=list)
    takes: bool = True

    async def submit_feed(self, rows: Mapping[int, Push]) -> FeedSubmitted | CallFailed:
        if self.refuses is not None:
            if self.refuses.effect_unknown and self.takes:
                self.feeds[f"feed-{len(self.feeds) + 1}"] = dict(rows)
            return self.refuses
        feed_id = f"feed-{len(self.feeds) + 1}"
        self.feeds[feed_id] = dict(rows)
        return FeedSubmitted(feed_id=feed_id, ask_after_s=2.0, api="feed")

    async def find_feed(self, rows: Mapping[int, Push], since_ms: int) -> FeedSubmitted | CallFailed | None:
        if not self.lists:
            return CallFailed(kind="rejected", api="feeds", reason="not-offered")
        for feed_id, found in self.feeds.items():
            if found == rows:
                return FeedSubmitted(feed_id=feed_id, ask_after_s=2.0, api="feeds")
        return None

    async def poll_feed(self, part: FeedPart, cursor: str | None) -> FeedRunning | FeedOutcomes | CallFailed:
        self.polls.append(part)
        if part.feed_id not in self.done:
            return FeedRunning(ask_after_s=2.0, api="poll")
        outcomes: list[PushOutcome] = [self.row_answer(push) for push in part.rows.values()]
        return FeedOutcomes(outcomes=tuple(outcomes), next_cursor=None)

    def work_on(self, feed_id: str) -> None:
        """The feed is done: what it was made of is shown from now on."""
        self.done.add(feed_id)
        for push in self.feeds[feed_id].values():
            if type(self.row_answer(push)).__name__ == "Accepted":
                self.shown[push.listing_id] = push.quantity

    def in_feeds(self, own_id: str) -> list[int]:
        """What feeds were to set for the listing, in order."""
        rows = [push for rows in self.feeds.values() for push in rows.values()]
        return [push.quantity for push in rows if push.listing_id.endswith(f"/{own_id}")]
