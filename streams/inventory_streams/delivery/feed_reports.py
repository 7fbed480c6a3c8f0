"""Feeds under way: asked for until their reports are there, watched so that none hangs, taken up after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from inventory_domain.bulk import CallFailed, FeedOutcomes, FeedPart, FeedRunning, FeedSubmitted, FeedTraits, TakesFeeds
from inventory_domain.clock import Clock
from inventory_domain.exposure import Attempt
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import Accepted, PushOutcome, Transient
from inventory_domain.ports import Push
from inventory_domain.retry import delay_s
from inventory_streams.delivery.attempts import Begun
from inventory_streams.delivery.book import TrackedListing
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.picking import Picking, push_of_attempt
from inventory_streams.delivery.queue import WorkKey
from inventory_streams.delivery.reports import Tallies
from inventory_streams.delivery.scheduling import Scheduler
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.tracing import push_span
from inventory_streams.delivery.within import within

BREATH = 500  # rows that are concluded before the loop may do something else
LOOK_S_MAX = 5.0  # a feed's rows are looked after this often, also while its report is not due

log = logging.getLogger(__name__)


@dataclass(slots=True)
class OpenFeed:
    """A feed whose report is not there. `rows`: those that this worker answers for."""

    feed_id: str
    channel: ChannelId
    traits: FeedTraits
    size: int
    stuck_at_s: float
    ask_at_s: float
    rows: dict[int, WorkKey] = field(default_factory=dict)


class FeedReports:
    """The feeds of one account whose rows this worker answers for."""

    def __init__(
        self,
        picking: Picking,
        settings: DeliverySettings,
        clock: Clock,
        scheduler: Scheduler,
        tallies: Tallies,
        metrics: DeliveryMetrics,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._picking = picking
        self._account = picking.account
        self._settings = settings
        self._clock = clock
        self._scheduler = scheduler
        self._tallies = tallies
        self._metrics = metrics
        self._failed = failed
        self._open: dict[str, OpenFeed] = {}
        self._following: set[asyncio.Task[None]] = set()

    async def follow(
        self, channel: ChannelId, handed_in: FeedSubmitted, ready: Mapping[int, Begun], traits: FeedTraits
    ) -> None:
        """The marketplace has this feed. From when this returns, it is durable which one it is."""
        writable = {n: one for n, one in ready.items() if self._picking.book.writable(one.tracked) is not None}
        done = [
            self._picking.attempts.hand_in(one, handed_in.feed_id, traits.takes_s_max, self._account.traits)
            for one in writable.values()
        ]
        feed = self._feed(handed_in.feed_id, channel, traits, max(ready), handed_in.ask_after_s, 0.0)
        feed.rows |= {number: one.tracked.key for number, one in writable.items()}
        await asyncio.gather(*done)

    def rejoin(self, tracked: TrackedListing, traits: FeedTraits) -> None:
        """The listing was taken over; if it is a row of a feed under way, the feed is asked for."""
        row = tracked.exposure.feed_row() if tracked.exposure is not None else None
        if row is None or row.feed_id is None or tracked.target is None:
            return
        age_s = max(0.0, (self._clock.now_ms() - row.sent_at_ms) / 1000)
        feed = self._feed(row.feed_id, tracked.target.channel, traits, row.feed_size, 0.0, age_s)
        feed.rows[row.feed_row] = tracked.key

    def _feed(
        self, feed_id: str, channel: ChannelId, traits: FeedTraits, size: int, ask_after_s: float, age_s: float
    ) -> OpenFeed:
        known = self._open.get(feed_id)
        if known is not None:
            return known
        now_s = self._clock.monotonic_s()
        stuck_at_s = now_s + max(0.0, traits.takes_s_max - age_s)
        feed = self._open[feed_id] = OpenFeed(feed_id, channel, traits, size, stuck_at_s, now_s + ask_after_s)
        task = asyncio.create_task(self._follow(feed), name=f"feed-{feed_id}")
        self._following.add(task)
        task.add_done_callback(self._ended)
        self._metrics.feeds_open.labels(self._account.account_id).set(len(self._open))
        return feed

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._following.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    def close(self) -> None:
        """Stop asking; whoever takes the rows over goes on."""
        for task in self._following:
            task.cancel()

    async def _follow(self, feed: OpenFeed) -> None:
        """Ask until every row has its outcome, or nobody here answers for any row, or it hangs."""
        throttle, cursor, failures = self._account.throttles.of(feed.traits.poll_operation), None, 0
        try:
            while part := await self._part_when_due(feed):
                await throttle.acquire(1.0)
                answer = await self._answer(part, cursor)
                if isinstance(answer, FeedOutcomes):
                    cursor, failures = answer.next_cursor, 0
                    await self._conclude(feed, answer)
                    if cursor is None:
                        await self._end(feed, "not-in-report", self._clock.now_ms())
                        self._metrics.feeds.labels(feed.channel, "done").inc()
                        return
                elif isinstance(answer, FeedRunning):
                    failures = 0
                    feed.ask_at_s = self._clock.monotonic_s() + answer.ask_after_s
                else:
                    failures += 1
                    wait_s = delay_s(failures, self._settings.retry, 0.0)
                    feed.ask_at_s = self._clock.monotonic_s() + wait_s
                    facts = {"feed": feed.feed_id, "reason": answer.reason, "wait_s": wait_s}
                    log.warning("feed's report not had and waits", extra=facts)
        finally:
            self._open.pop(feed.feed_id, None)
            self._metrics.feeds_open.labels(self._account.account_id).set(len(self._open))

    async def _part_when_due(self, feed: OpenFeed) -> FeedPart | None:
        """The rows to be asked for, when it is time; None when there are none left, or the feed is stuck."""
        while rows := self._rows(feed):
            now_s = self._clock.monotonic_s()
            if now_s >= feed.stuck_at_s:
                await self._stuck(feed)
                return None
            if now_s >= feed.ask_at_s:
                return FeedPart(feed.feed_id, feed.size, rows)
            await self._clock.sleep(min(feed.ask_at_s, feed.stuck_at_s, now_s + LOOK_S_MAX) - now_s)
        return None

    def _rows(self, feed: OpenFeed) -> dict[int, Push]:
        """The rows that still wait for their outcome and are this worker's."""
        rows: dict[int, Push] = {}
        for number, key in list(feed.rows.items()):
            found = self._row(feed, key)
            if found is None:
                del feed.rows[number]
            else:
                rows[number] = push_of_attempt(*found)
        return rows

    def _row(self, feed: OpenFeed, key: WorkKey) -> tuple[TrackedListing, Attempt] | None:
        tracked = self._picking.book.listing(key)
        row = tracked.exposure.feed_row() if tracked is not None and tracked.exposure is not None else None
        if tracked is None or row is None or row.feed_id != feed.feed_id or tracked.target is None:
            return None
        return (tracked, row) if self._picking.book.writable(tracked) is not None else None

    async def _answer(self, part: FeedPart, cursor: str | None) -> FeedRunning | FeedOutcomes | CallFailed:
        adapter = self._account.adapter
        assert isinstance(adapter, TakesFeeds)
        try:
            return await within(self._clock, self._settings.request_s_max, adapter.poll_feed(part, cursor))
        except TimeoutError:
            return CallFailed(kind="transient", api="", reason="too-slow")

    async def _conclude(self, feed: OpenFeed, answer: FeedOutcomes) -> None:
        keys = {key[1]: (number, key) for number, key in feed.rows.items()}
        for count, outcome in enumerate(answer.outcomes):
            number, key = keys.get(outcome.listing_id, (0, None))
            if key is not None and (found := self._row(feed, key)) is not None:
                self._conclude_row(*found, outcome)
            feed.rows.pop(number, None)
            if count % BREATH == BREATH - 1:
                await asyncio.sleep(0)
        if answer.outcomes:
            # One word for the whole feed: a channel does not fail 10,000 times at once, nor succeed so.
            best = next((one for one in answer.outcomes if isinstance(one, Accepted)), answer.outcomes[0])
            self._tallies.note(feed.channel, best)

    def _conclude_row(
        self, tracked: TrackedListing, row: Attempt, outcome: PushOutcome, settles_by_ms: int | None = None
    ) -> None:
        owned = self._picking.book.writable(tracked)
        assert owned is not None and tracked.target is not None
        committed: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        span = push_span(self._settings.kafka.traces, tracked.target, row, tracked.traces)
        begun = Begun(tracked, owned, tracked.target, row, tracked.offset, committed, span)
        self._picking.attempts.conclude(
            begun,
            outcome,
            self._account.traits,
            committed_s=self._clock.monotonic_s() - (self._clock.now_ms() - row.sent_at_ms) / 1000,
            sent_at_ms=row.sent_at_ms,
            settles_by_ms=settles_by_ms,
        )
        self._scheduler.reconsider(tracked)

    async def unknown(self, ready: Mapping[int, Begun], reason: str, settles_by_ms: int) -> None:
        """Nobody knows whether the marketplace has the feed: its rows are tried again, and read when it is over.

        Of a listing that was withdrawn meanwhile nothing is tried again.
        """
        for count, one in enumerate(ready.values()):
            if self._picking.book.writable(one.tracked) is not None and one.tracked.target is not None:
                self._conclude_row(one.tracked, one.attempt, _unknown(one.tracked, reason), settles_by_ms)
            if count % BREATH == BREATH - 1:
                await asyncio.sleep(0)

    async def _end(self, feed: OpenFeed, reason: str, settles_by_ms: int) -> None:
        """What has no outcome may have been applied or not: it is due again, and is read."""
        for count, key in enumerate(list(feed.rows.values())):
            if (found := self._row(feed, key)) is not None:
                self._conclude_row(*found, _unknown(found[0], reason), settles_by_ms)
            if count % BREATH == BREATH - 1:
                await asyncio.sleep(0)

    async def _stuck(self, feed: OpenFeed) -> None:
        """The watchdog: single calls take over, in the order of what matters most, and feeds rest for a while."""
        facts = {"channel": feed.channel, "feed": feed.feed_id, "rows": len(feed.rows)}
        log.error("feed is stuck: its listings go by single calls", extra=facts)
        self._metrics.feeds.labels(feed.channel, "stuck").inc()
        now_s = self._clock.monotonic_s()
        self._account.rest_feeds_until(now_s + feed.traits.takes_s_max)
        # It may still be worked on: until then nothing but a read tells what is shown.
        await self._end(feed, "feed-stuck", self._clock.now_ms() + int(self._account.traits.settling_s_max * 1000))


def _unknown(tracked: TrackedListing, reason: str) -> Transient:
    return Transient(
        listing_id=tracked.listing_id, api="", reason=reason, effect_unknown=True, error="no report tells of it"
    )
