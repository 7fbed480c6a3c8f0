"""Falls that are not seen live in time, or wait for a day's quota, sampled rises that are not seen, and listings that
fail again and again: found and told.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from inventory_domain.clock import Clock
from inventory_domain.due import wanted
from inventory_domain.health_alerts import Severity
from inventory_domain.identifiers import ChannelId
from inventory_domain.listing_alerts import FALL_NOT_APPLIED, LISTING_FAILING, RISE_NOT_SEEN
from inventory_domain.listing_holds import (
    FAILING_FALL,
    QUOTA_SPENT,
    FallLimits,
    is_failing,
    is_late,
    is_unseen,
    unsent_since_ms,
)
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
WAITS: Final = "fall not sent in time: it waits for the next day's quota"
NOT_SEEN: Final = "fall not seen live in time: it is tried by the other path"
MASKED: Final = {
    FAILING_FALL: "fall does not land: the listing goes to zero by every path",
    QUOTA_SPENT: "fall waits for the next day's quota: zero goes as far as calls are kept for it",
}

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
        limits_of = {channel: self._limits(channel) for channel in self._accounts.channels}
        zeroed = defaultdict[tuple[ChannelId, str], list[TrackedListing]](list)
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
            tracked.unsent_since_ms = self._unsent_since_ms(tracked)
            if self._is_late(tracked, limits, now_ms):
                late.add(channel, tracked.listing_id)
            if self._is_unseen(tracked, limits, now_ms):
                unseen.add(channel, tracked.listing_id)
            if (mask := _mask_of(tracked, limits, now_ms)) is not None:
                zeroed[channel, mask].append(tracked)
            elif tracked.fall_mask is not None:
                self._lift(tracked)
        for channel in limits_of:
            failing, unsent = zeroed[channel, FAILING_FALL], zeroed[channel, QUOTA_SPENT]
            self._zero(channel, failing)
            for tracked in unsent:
                self._mask(tracked, QUOTA_SPENT)
            self._metrics.falls_late.labels(channel).set(late.count[channel])
            self._metrics.rises_late.labels(channel).set(unseen.count[channel])
            self._metrics.falls_failing.labels(channel).set(len(failing) + len(unsent))
            self._metrics.listings_failing.labels(channel).set(refused.count[channel])
            self._metrics.mass_change_held.labels(channel).set(held[channel])
            self._alerts.found(
                channel, FALL_NOT_APPLIED, Severity.PAGE if failing or unsent else Severity.WARNING, late
            )
            self._alerts.found(channel, RISE_NOT_SEEN, Severity.WARNING, unseen)
            self._alerts.found(channel, LISTING_FAILING, Severity.WARNING, refused)

    def _limits(self, channel: ChannelId) -> FallLimits:
        account = self._accounts.of(channel)
        settling_s = account.traits.settling_s_max if account is not None else 0.0
        return FallLimits(self._settings.seen_within(channel, settling_s), self._settings.failing_fall_s, settling_s)

    def _unsent_since_ms(self, tracked: TrackedListing) -> int | None:
        """Since when a fall of the listing waits that the day's quota has no call for, whichever newer one it has
        become since; None when none does.
        """
        target = tracked.target
        if target is None or (account := self._accounts.of(target.channel)) is None:
            return None
        if not account.throttles.spent:
            return None
        if tracked.in_flight or tracked.held_until_s is not None:
            return tracked.unsent_since_ms  # what becomes of it is not known yet
        standing, want = self._masks.standing(tracked), wanted(target, None)
        if standing.mask not in (None, tracked.fall_mask) or standing.held(want, tracked.exposure):
            return None  # what masks or holds its channel, or itself, is told of in its own right
        if standing.zeros_held or not account.throttles.push.spent(account.traits.push_cost, zero=want.quantity == 0):
            return None
        since_ms = unsent_since_ms(want, target.computed_at_ms, tracked.exposure)
        return since_ms if since_ms is None or tracked.unsent_since_ms is None else tracked.unsent_since_ms

    def _is_late(self, tracked: TrackedListing, limits: FallLimits, now_ms: int) -> bool:
        waits = tracked.unsent_since_ms is not None and now_ms >= limits.late_at_ms(tracked.unsent_since_ms)
        late = waits or is_late(tracked.exposure, limits, now_ms)
        if late and not tracked.late_fall:
            log.error(WAITS if waits else NOT_SEEN, extra=_facts(tracked))
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

    def _zero(self, channel: ChannelId, failing: Sequence[TrackedListing]) -> None:
        """Zero by every path for each of them, unless there are so many that it is the channel's matter."""
        if len(failing) > self._settings.failing_falls_max:
            if any(one.fall_mask is None for one in failing):
                facts = {"channel": channel, "listings": len(failing)}
                log.error("falls do not land on many listings: that is the channel's matter", extra=facts)
            return
        for tracked in failing:
            self._mask(tracked, FAILING_FALL)

    def _mask(self, tracked: TrackedListing, mask: str) -> None:
        """Zero for the listing from now on. A fall that did not land stays one, whatever its target waits for since."""
        before = tracked.fall_mask
        if before in (mask, FAILING_FALL):
            return
        tracked.fall_mask = mask
        if before is None and tracked.target is not None:
            self._metrics.failing_falls.labels(tracked.target.channel).inc()
        log.error(MASKED[mask], extra=_facts(tracked))
        self._scheduler.reconsider(tracked)

    def _lift(self, tracked: TrackedListing) -> None:
        self._masks.holds.lift(tracked)
        self._scheduler.reconsider(tracked)


def _mask_of(tracked: TrackedListing, limits: FallLimits, now_ms: int) -> str | None:
    """Why the listing is to be shown as zero, whatever its target says; None: it is not."""
    if tracked.unsent_since_ms is not None and now_ms >= limits.failing_at_ms(tracked.unsent_since_ms):
        return QUOTA_SPENT
    return FAILING_FALL if is_failing(tracked.exposure, limits, now_ms) else None


def _facts(tracked: TrackedListing) -> dict[str, object]:
    target, exposure = tracked.target, tracked.exposure
    return {
        "listing": tracked.listing_id,
        "may_show": exposure.units() if exposure is not None else None,
        "wanted": target.quantity if target is not None else None,
    }
