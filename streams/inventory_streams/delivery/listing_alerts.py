"""Tells whoever is to be paged of listings in trouble: a channel's together, since they may be thousands."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Final

from inventory_domain.clock import Clock
from inventory_domain.health import SYSTEM, ChannelState
from inventory_domain.health_alerts import Alert, Severity
from inventory_domain.identifiers import ChannelId, ListingId
from inventory_domain.listing_alerts import FALL_NOT_APPLIED, LISTING_FAILING, RISE_NOT_SEEN, Told, Trouble, tell
from inventory_streams.delivery.announcing import AlertSink
from inventory_streams.delivery.masks import Masks
from inventory_streams.delivery.metrics import DeliveryMetrics

NAMED_MAX: Final = 3
WHAT: Final[Mapping[str, str]] = {
    FALL_NOT_APPLIED: "should show less and are not seen to",
    RISE_NOT_SEEN: "should show more and are not seen to",
    LISTING_FAILING: "failed three times in a row or more",
}

log = logging.getLogger(__name__)


class Listings:
    """Listings of each channel in one kind of trouble: how many, and the first few by name."""

    def __init__(self) -> None:
        self.count: Counter[ChannelId] = Counter()
        self.first: dict[ChannelId, list[ListingId]] = {}

    def add(self, channel: ChannelId, listing_id: ListingId) -> None:
        """One more."""
        self.count[channel] += 1
        if self.count[channel] <= NAMED_MAX:
            self.first.setdefault(channel, []).append(listing_id)


class ListingAlerts:
    """Belongs to the loop of a worker, which tells of its own listings."""

    def __init__(self, masks: Masks, clock: Clock, metrics: DeliveryMetrics, sink: AlertSink | None) -> None:
        self._masks = masks
        self._clock = clock
        self._metrics = metrics
        self._sink = sink
        self._told: dict[tuple[ChannelId, str], Told] = {}

    def found(self, channel: ChannelId, name: str, severity: Severity, listings: Listings) -> None:
        """What a look at all listings has found. While the channel itself does not go on, that is what is told."""
        health = self._masks.health(channel)
        if health is not None and health.state is not ChannelState.SELLING:
            return
        now_ms, count = self._clock.now_ms(), listings.count[channel]
        before = self._told.get((channel, name), Told())
        self._told[channel, name], now = tell(before, Trouble(count, severity), now_ms)
        if now is None:
            return
        first = ", ".join(listings.first.get(channel, ()))
        text = f"listings that {WHAT[name]}: {count} ({first})" if count else f"no listing any more that {WHAT[name]}"
        alert = Alert(name, now, channel, text, now_ms, health.epoch if health else 0, SYSTEM)
        self._metrics.alerts.labels(channel, name, now.value).inc()
        log.warning("listing alert", extra={"channel": channel, "alert": name, "severity": now.value, "why": text})
        if self._sink is not None:
            self._sink.post(alert)
