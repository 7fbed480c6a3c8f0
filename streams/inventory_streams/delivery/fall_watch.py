"""Falls and sampled rises that are not seen live in time, and listings that fail again and again: found and told."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable

from inventory_domain.clock import Clock
from inventory_domain.health_alerts import Severity
from inventory_domain.identifiers import ChannelId
from inventory_domain.listing_alerts import FALL_NOT_APPLIED, LISTING_FAILING, RISE_NOT_SEEN
from inventory_domain.listing_holds import FallLimits, is_failing, is_late, is_unseen
from inventory_streams.delivery.account import Accounts
from inventory_streams.delivery.announcing import AlertSink
from inventory_streams.delivery.book import Book, TrackedListing
from inventory_streams.delivery.listing_alerts import ListingAlerts, Listings
from inventory_streams.delivery.masks import Masks
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.scheduling import Scheduler
from inventory_streams.delivery.settings import DeliverySettings

LOOK_S = 5.0
BREATH = 2_000
FAILURES_TOLD = 3  # failures in a row of one listing that are told in their own right

log = logging.getLogger(__name__)


class FallWatch:
    """Looks through all listings every few seconds; what it finds follows from their exposure, also after a restart."""

    def __init__(
        self,
        settings: DeliverySettings,
        clock: Clock,
        book: Book,
        accounts: Accounts,
        scheduler: Scheduler,
        masks: Masks,
        metrics: DeliveryMetrics,
        sink: AlertSink | None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._book = book
        self._accounts = accounts
        self._scheduler = scheduler
        self._masks = masks
        self._metrics = metrics
        self._alerts = ListingAlerts(masks, clock, metrics, sink)

    async def run(self) -> None:
        """Look until it is cancelled."""
        while True:
            await self._clock.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Look once."""
        failing: dict[ChannelId, list[TrackedListing]] = {channel: [] for channel in self._accounts.channels}
        limits_of = {channel: self._limits(channel) for channel in failing}
        held = Counter[ChannelId]()
        late, refused, unseen = Listings(), Listings(), Listings()
        for number, tracked in enumerate(list(self._book)):
            if number % BREATH == BREATH - 1:
                await asyncio.sleep(0)
            if tracked.target is None or not self._masks.writes(tracked):
                continue
            channel, last = tracked.target.channel, tracked.exposure.last if tracked.exposure else None
            limits, now_ms = limits_of[channel], self._clock.now_ms()
            if last is not None and last.failures >= FAILURES_TOLD:
                refused.add(channel, tracked.listing_id)
            if self._masks.holds.until_s(tracked) is not None:
                held[channel] += 1
            if self._is_late(tracked, limits, now_ms):
                late.add(channel, tracked.listing_id)
            if self._is_unseen(tracked, limits, now_ms):
                unseen.add(channel, tracked.listing_id)
            if is_failing(tracked.exposure, limits, now_ms):
                failing[channel].append(tracked)
            elif tracked.failing_fall:
                self._lift(tracked)
        for channel, found in failing.items():
            self._zero(channel, found)
            self._metrics.falls_late.labels(channel).set(late.count[channel])
            self._metrics.rises_late.labels(channel).set(unseen.count[channel])
            self._metrics.falls_failing.labels(channel).set(len(found))
            self._metrics.listings_failing.labels(channel).set(refused.count[channel])
            self._metrics.mass_change_held.labels(channel).set(held[channel])
            self._alerts.found(channel, FALL_NOT_APPLIED, Severity.PAGE if found else Severity.WARNING, late)
            self._alerts.found(channel, RISE_NOT_SEEN, Severity.WARNING, unseen)
            self._alerts.found(channel, LISTING_FAILING, Severity.WARNING, refused)

    def _limits(self, channel: ChannelId) -> FallLimits:
        account = self._accounts.of(channel)
        settling_s = account.traits.settling_s_max if account is not None else 0.0
        return FallLimits(self._settings.seen_within(channel, settling_s), self._settings.failing_fall_s, settling_s)

    def _is_late(self, tracked: TrackedListing, limits: FallLimits, now_ms: int) -> bool:
        late = is_late(tracked.exposure, limits, now_ms)
        if late and not tracked.late_fall:
            log.error("fall not seen live in time: it is tried by the other path", extra=_facts(tracked))
        if late is not tracked.late_fall:
            tracked.late_fall = late
            self._scheduler.reconsider(tracked)
        return late

    def _is_unseen(self, tracked: TrackedListing, limits: FallLimits, now_ms: int) -> bool:
        unseen = is_unseen(tracked.exposure, limits, now_ms)
        if unseen and not tracked.late_rise:
            log.error(
                "rise not seen live in time: it is tried by the other path as soon as that can be no sale",
                extra=_facts(tracked),
            )
        tracked.late_rise = unseen
        return unseen

    def _zero(self, channel: ChannelId, failing: Iterable[TrackedListing]) -> None:
        """Zero by every path for each of them, unless there are so many that it is the channel's matter."""
        found = list(failing)
        new = [one for one in found if not one.failing_fall]
        if len(found) > self._settings.failing_falls_max:
            if new:
                facts = {"channel": channel, "listings": len(found)}
                log.error("falls do not land on many listings: that is the channel's matter", extra=facts)
            return
        for tracked in new:
            tracked.failing_fall = True
            self._metrics.failing_falls.labels(channel).inc()
            log.error("fall does not land: the listing goes to zero by every path", extra=_facts(tracked))
            self._scheduler.reconsider(tracked)

    def _lift(self, tracked: TrackedListing) -> None:
        tracked.failing_fall = False
        log.warning("fall has landed: the listing shows its target again", extra={"listing": tracked.listing_id})
        self._scheduler.reconsider(tracked)


def _facts(tracked: TrackedListing) -> dict[str, object]:
    target, exposure = tracked.target, tracked.exposure
    return {
        "listing": tracked.listing_id,
        "may_show": exposure.units() if exposure is not None else None,
        "wanted": target.quantity if target is not None else None,
    }
