"""A worker's reports on its channels, and its gauges, every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor

from inventory_domain.clock import Clock
from inventory_domain.due import Urgency, is_due, wanted
from inventory_domain.health import FAILURES_IN_A_ROW, ChannelHealth, ChannelState
from inventory_domain.identifiers import ChannelId
from inventory_streams.delivery.account import Accounts
from inventory_streams.delivery.book import Book, TrackedListing
from inventory_streams.delivery.masks import Masks
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.readbacks import ReadBacks
from inventory_streams.delivery.reports import Backlog, ReportTopic, Tallies
from inventory_streams.delivery.retries import Waiting
from inventory_streams.delivery.settings import DeliverySettings

BREATH = 1_000  # listings that are counted before the loop may do something else


class Reporting:
    """Tells what was seen of each channel every few seconds, and at once what its owner should hear of at once."""

    def __init__(
        self,
        name: str,
        settings: DeliverySettings,
        clock: Clock,
        book: Book,
        accounts: Accounts,
        masks: Masks,
        tallies: Tallies,
        waiting: Waiting,
        read_backs: Sequence[ReadBacks],
        reports: ReportTopic,
        metrics: DeliveryMetrics,
        threads: Executor,
    ) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock
        self._book = book
        self._accounts = accounts
        self._masks = masks
        self._tallies = tallies
        self._waiting = waiting
        self._read_backs = read_backs
        self._reports = reports
        self._metrics = metrics
        self._threads = threads
        self._held: dict[ChannelId, Backlog] = {}

    async def run(self) -> None:
        """Report until it is cancelled."""
        loop = asyncio.get_running_loop()
        last_s = self._clock.monotonic_s()
        while True:
            await self._clock.sleep(self._settings.tick_s)
            due = self._clock.monotonic_s() - last_s >= self._settings.report_interval_s
            if not due and not self._tallies.urgent.is_set():
                continue
            last_s = self._clock.monotonic_s()
            self._tallies.urgent.clear()
            await self._count()
            self._measure()
            if not self._book.is_whole:
                # "No listings" would let the clock of a channel rest that has some. What was seen is told later.
                continue
            for channel in self._masks.holds.new_floods():
                self._tallies.flooded(channel)
            reports = self._tallies.reports(self._name, self._held.__getitem__, self._quota, self._revised)
            await loop.run_in_executor(self._threads, self._reports.send, reports)

    async def _count(self) -> None:
        """What this worker holds of each channel. A rebalance in between makes it a little wrong, until the next."""
        epochs = {channel: health.epoch for channel, health in self._healths() if health is not None}
        restoring = {one for one, health in self._healths() if health and health.state is ChannelState.RESTORING}
        listings = dict.fromkeys(self._accounts.channels, 0)
        unsettled = dict.fromkeys(self._accounts.channels, 0)
        for number, tracked in enumerate(list(self._book)):
            if tracked.target is not None and self._masks.writes(tracked):
                channel = tracked.target.channel
                listings[channel] += 1
                unsettled[channel] += _is_unsettled(tracked) if channel in restoring else not tracked.settled
            if number % BREATH == BREATH - 1:
                await asyncio.sleep(0)
        for channel in self._accounts.channels:
            account = self._accounts.of(channel)
            waiting = account.queue.backlog(channel) if account else 0
            self._held[channel] = Backlog(waiting, listings[channel], unsettled[channel], epochs.get(channel, 0))

    def _healths(self) -> list[tuple[ChannelId, ChannelHealth | None]]:
        return [(channel, self._masks.health(channel)) for channel in self._accounts.channels]

    def _quota(self, channel: ChannelId) -> dict[str, int]:
        account = self._accounts.of(channel)
        return account.quota_used() if account else {}

    def _revised(self, channel: ChannelId) -> dict[str, int]:
        """Told once, by the first of the account's channels that is asked."""
        account = self._accounts.of(channel)
        return account.revisions.tell() if account else {}

    def _measure(self) -> None:
        metrics, now_s = self._metrics, self._clock.monotonic_s()
        for channel, held in self._held.items():
            account = self._accounts.of(channel)
            assert account is not None
            metrics.targets_pending.labels(channel).set(held.unsettled)
            metrics.freshness_objective.labels(channel).set(account.traits.freshness_objective_s)
            ages_s = account.queue.ages_s(channel, now_s)
            for urgency, depth in account.queue.depth(channel).items():
                name = Urgency(urgency).name.lower().replace("_", "-")
                metrics.queue_depth.labels(channel, name).set(depth)
                metrics.queue_age.labels(channel, name).set(ages_s[urgency])
        metrics.retries_waiting.set(len(self._waiting))
        metrics.engine_word_age.set(self._masks.word_age_s(self._book.partitions))
        for account, reads in zip(self._accounts.all, self._read_backs, strict=True):
            metrics.reads_waiting.labels(account.account_id).set(reads.waiting)
            for throttle in account.throttles.all:
                labels = (account.account_id, throttle.operation)
                metrics.tokens_allowed.labels(*labels).set(throttle.rate_per_s)


def _is_unsettled(tracked: TrackedListing) -> bool:
    """Whether the listing does not show its target yet. One that fails by itself is alerted in its own right."""
    exposure, target = tracked.exposure, tracked.target
    if target is None or (exposure and exposure.last and exposure.last.failures >= FAILURES_IN_A_ROW):
        return False
    return tracked.in_flight or is_due(wanted(target, None), exposure)
