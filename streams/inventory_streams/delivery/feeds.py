"""Handing in feeds for one account, where the marketplace takes them: when one is worth it, and what is in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inventory_domain.bulk import CallFailed, FeedSubmitted, FeedTraits, TakesFeeds
from inventory_domain.clock import Clock
from inventory_domain.due import Urgency
from inventory_domain.exposure import FEED
from inventory_domain.identifiers import ChannelId
from inventory_domain.ports import Push
from inventory_domain.retry import delay_s
from inventory_domain.write_paths import Backlog, FeedPace, FeedRows, SinglePace, may_go_by_feed, rows_of_feed
from inventory_streams.delivery.attempts import Begun
from inventory_streams.delivery.book import TrackedListing
from inventory_streams.delivery.feed_reports import FeedReports
from inventory_streams.delivery.late_requests import SentRequest
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.picking import Picking
from inventory_streams.delivery.queue import WorkKey
from inventory_streams.delivery.reports import Tallies
from inventory_streams.delivery.scheduling import Scheduler
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.within import within

LOOK_S = 0.5
GATHER_S_MAX = 10.0  # a backlog that still grows is given so long before a feed goes with a part of it
FIND_AFTER_S = 2.0  # a feed whose submission was cut off may be listed only a moment later
REFUSED_REST_S = 3_600.0  # feeds rest so long after one was refused for good: single calls go on
OTHERS = (Urgency.FALL, Urgency.RISE)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Gathering:
    """A channel's backlog, growing or not, since a feed became worth it."""

    since_s: float
    rows: int


class Feeds:
    """Hands in feeds until it is cancelled; does nothing where the marketplace takes none."""

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
        self.account = picking.account
        adapter = picking.account.adapter
        self._adapter = adapter if isinstance(adapter, TakesFeeds) else None
        self._picking = picking
        self._settings = settings
        self._clock = clock
        self._scheduler = scheduler
        self._tallies = tallies
        self._metrics = metrics
        self._gathering: dict[ChannelId, _Gathering] = {}
        self._rows_max: dict[str, int] = {}
        self._failures = 0
        self._failed = failed
        self._handing_in: set[asyncio.Task[None]] = set()
        self.reports = FeedReports(picking, settings, clock, scheduler, tallies, metrics, failed)

    async def run(self) -> None:
        """Look at the backlogs again and again."""
        while self._adapter is not None:
            await self._clock.sleep(LOOK_S)
            for channel in dict.fromkeys([*self.account.queue.channels, *self.account.by_feed]):
                while await self._look(self._adapter, channel):
                    pass  # what one feed does not hold goes into the next one at once

    def rejoin(self, tracked: TrackedListing) -> None:
        """The listing may be a row of a feed that a former owner handed in; then its report is asked for here."""
        if self._adapter is not None and (traits := self._traits(self._adapter, tracked)) is not None:
            self.reports.rejoin(tracked, traits)

    def _traits(self, adapter: TakesFeeds, tracked: TrackedListing) -> FeedTraits | None:
        assert tracked.target is not None
        return adapter.node_feed_traits if tracked.target.nodes else adapter.feed_traits

    async def _look(self, adapter: TakesFeeds, channel: ChannelId) -> bool:
        """Hand in a feed of the channel if one is worth it now; whether one was."""
        depth = self.account.queue.depth(channel)
        backlog = Backlog(depth[Urgency.FALL_TO_ZERO], depth[Urgency.FALL] + depth[Urgency.RISE])
        turned = self.account.by_feed.get(channel, {})
        if not self.account.takes_feeds(self._clock.monotonic_s()):
            for key in list(turned):
                self._give_back(key, channel)
            return False
        if not (backlog.all or turned):
            self._gathering.pop(channel, None)
            return False
        sample = next(iter(turned), None) or self.account.queue.least_urgent(channel, 1, tuple(Urgency))[0]
        listing = self._picking.book.listing(sample)
        traits = self._traits(adapter, listing) if listing is not None and listing.target is not None else None
        if traits is None or listing is None or listing.target is None:
            return False
        throttle = self.account.throttles.of(traits.operation, traits.cost)
        wait_s = throttle.wait_s(traits.cost)
        size = self._rows_max.get(traits.operation, traits.listings_max)
        feed = FeedPace(wait_s, traits.takes_s, size, traits.always_above)
        rows = rows_of_feed(backlog, self._single_pace(), feed)
        if wait_s > 0 or not (turned or self._gathered(channel, rows.all, size)):
            return False
        keys = self._chosen(channel, rows, list(turned)[:size], size)
        picked = self._picked(keys, by_node=bool(listing.target.nodes))
        if picked:
            await throttle.acquire(traits.cost)  # it is there: nobody else takes of it
            self._metrics.tokens_used.labels(self.account.account_id, traits.operation).inc(traits.cost)
            goes = throttle.hold(traits.cost)
            task = asyncio.create_task(self._hand_in(adapter, channel, picked, traits, goes), name="hand-in")
            self._handing_in.add(task)
            task.add_done_callback(self._handed_in)
            return True
        return False

    def _handed_in(self, task: asyncio.Task[None]) -> None:
        self._handing_in.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    def _give_back(self, key: WorkKey, channel: ChannelId) -> None:
        self.account.turn_back(key, channel)
        if (tracked := self._picking.book.listing(key)) is not None:
            self._scheduler.reconsider(tracked)

    def _single_pace(self) -> SinglePace:
        """What single calls of this account do, shared by its channels that have work."""
        traits, push = self.account.traits, self.account.throttles.push
        channels = max(1, len(self.account.queue.channels))
        return SinglePace(push.rate_per_s * traits.push_group_max / traits.push_cost / channels)

    def _gathered(self, channel: ChannelId, rows: int, size: int) -> bool:
        """Whether a feed is worth it and its backlog has come to rest, is full, or was waited for long enough."""
        if not rows:
            self._gathering.pop(channel, None)
            return False
        now_s = self._clock.monotonic_s()
        known = self._gathering.get(channel)
        if known is None:
            self._gathering[channel] = _Gathering(now_s, rows)
            return rows >= size
        grows = rows > known.rows * 1.02
        known.rows = rows
        if grows and rows < size and now_s - known.since_s < GATHER_S_MAX:
            return False
        if rows < size:
            del self._gathering[channel]
        return True

    def _chosen(self, channel: ChannelId, rows: FeedRows, turned: list[WorkKey], size: int) -> list[WorkKey]:
        queue = self.account.queue
        others = queue.least_urgent(channel, rows.others, OTHERS)
        zeros = queue.least_urgent(channel, rows.zeros, (Urgency.FALL_TO_ZERO,))
        return [*turned, *zeros, *others][:size]

    def _picked(self, keys: Sequence[WorkKey], *, by_node: bool) -> list[TrackedListing]:
        picked = []
        for key in keys:
            tracked = self._picking.book.listing(key)
            if tracked is None or tracked.target is None or bool(tracked.target.nodes) is not by_node:
                continue
            if not may_go_by_feed(tracked.exposure, self._picking.want(tracked).quantity):
                continue
            self.account.queue.discard(key)
            self.account.turn_back(key, tracked.target.channel)
            if self._picking.pick(key) is not None:
                picked.append(tracked)
        return picked

    async def _hand_in(
        self,
        adapter: TakesFeeds,
        channel: ChannelId,
        picked: list[TrackedListing],
        traits: FeedTraits,
        goes: Callable[[], None],
    ) -> None:
        """One feed. As with single calls: commit, compare, send, and only then may the listings go again.

        `goes` is told when its call leaves, or does not.
        """
        try:
            # 1. Every row is an attempt that is durable before the feed leaves.
            begun = self._begun(picked, traits)
            if not begun:
                return
            committed_s = min(await asyncio.gather(*(one.committed for one in begun.values())))
            for one in begun.values():
                one.owned.targets.finish(one.offset)
            # 2. What was replaced or given away meanwhile stays here; the other rows keep their numbers.
            ready = {number: one for number, one in begun.items() if not self._picking.kept_back(one, committed_s)}
            if ready:
                # 3. The feed, and what became of it.
                request = self._picking.late.sent(
                    ready.values(), committed_s, traits.takes_s_max + self.account.traits.settling_s_max
                )
                goes()
                await self._submit(adapter, channel, ready, traits, request)
        finally:
            goes()
            # 4. Now the listings may go again, if something is due that a feed under way does not stand against.
            for tracked in picked:
                self._picking.over(tracked)

    def _begun(self, picked: Sequence[TrackedListing], traits: FeedTraits) -> dict[int, Begun]:
        """The rows by their numbers, without what was given away or withdrawn since it was picked."""
        begun = {}
        for number, tracked in enumerate(picked, 1):
            row = self._picking.begin(
                tracked, path=FEED, feed_row=number, feed_size=len(picked), report_s=traits.takes_s_max
            )
            if row is not None:
                begun[number] = row
        return begun

    async def _submit(
        self,
        adapter: TakesFeeds,
        channel: ChannelId,
        ready: dict[int, Begun],
        traits: FeedTraits,
        request: SentRequest,
    ) -> None:
        rows = {number: self._picking.push_of(one) for number, one in ready.items()}
        since_ms = self._clock.now_ms()
        answer = await self._answer(adapter, rows, traits)
        await self._picking.late.ended(request)
        if isinstance(answer, CallFailed) and answer.effect_unknown:
            await self._clock.sleep(FIND_AFTER_S)
            answer = await self._found(adapter, rows, since_ms) or answer
        if isinstance(answer, FeedSubmitted):
            self._failures = 0
            self._metrics.feed_rows.labels(channel).inc(len(rows))
            self._metrics.call_listings.labels(self.account.account_id, traits.operation).observe(len(rows))
            facts = {"channel": channel, "feed": answer.feed_id, "rows": len(rows)}
            log.info("feed handed in", extra=facts)
            await self.reports.follow(channel, answer, ready, traits)
            return
        self._metrics.feeds.labels(channel, answer.kind).inc()
        facts = {"channel": channel, "rows": len(rows), "reason": answer.reason, "error": answer.error}
        log.warning("feed not handed in", extra=facts)
        self._rest(answer, traits, len(rows))
        if answer.effect_unknown:
            await self.reports.unknown(ready, answer.reason, self._clock.now_ms() + int(traits.takes_s_max * 1000))
            return
        for one in ready.values():
            if self._picking.book.writable(one.tracked) is not None:
                self._picking.attempts.withdraw(one, "feed-refused")

    async def _answer(
        self, adapter: TakesFeeds, rows: dict[int, Push], traits: FeedTraits
    ) -> FeedSubmitted | CallFailed:
        limit_s = self._settings.request_s_max
        try:
            return await within(self._clock, limit_s, adapter.submit_feed(rows))
        except TimeoutError:
            return CallFailed(kind="transient", api=traits.operation, reason="too-slow", effect_unknown=True)

    async def _found(self, adapter: TakesFeeds, rows: dict[int, Push], since_ms: int) -> FeedSubmitted | None:
        try:
            found = await within(self._clock, self._settings.request_s_max, adapter.find_feed(rows, since_ms))
        except TimeoutError:
            return None
        return found if isinstance(found, FeedSubmitted) else None

    def _rest(self, answer: CallFailed, traits: FeedTraits, rows: int) -> None:
        """Feeds go on later, or smaller; meanwhile everything goes by single calls."""
        throttle = self.account.throttles.of(traits.operation, traits.cost)
        if answer.kind == "throttled":
            throttle.refused(answer.seen)
            self._metrics.throttled.labels(self.account.account_id, traits.operation).inc()
            return
        if answer.kind == "rejected" and answer.reason == "feed-too-large" and rows > 1:
            self._rows_max[traits.operation] = rows // 2
            return
        self._failures += 1
        rest_s = REFUSED_REST_S if answer.kind == "rejected" else delay_s(self._failures, self._settings.retry, 0.0)
        self.account.rest_feeds_until(self._clock.monotonic_s() + rest_s)
