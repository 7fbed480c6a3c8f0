"""Says what holds for whole channels, as it changes: in the log, in metrics, and to whoever is to be paged."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

from inventory_domain.clock import Clock
from inventory_domain.health import SYSTEM
from inventory_domain.health_alerts import Alert, Severity
from inventory_domain.identifiers import ChannelId
from inventory_domain.masks import ENGINE_SILENT, STOP_SALE
from inventory_streams.delivery.masks import Masks, Place
from inventory_streams.delivery.metrics import DeliveryMetrics

log = logging.getLogger(__name__)


class AlertSink(Protocol):
    """Where alerts go beside log and metrics. Neither blocks nor raises: what cannot be told is counted there."""

    def post(self, alert: Alert) -> None:
        """Have it sent."""
        ...


class Announcing:
    """Belongs to the loop of a worker; what one worker sees by itself (the engine's silence) it alerts by itself."""

    def __init__(self, masks: Masks, clock: Clock, metrics: DeliveryMetrics, sink: AlertSink | None) -> None:
        self._masks = masks
        self._clock = clock
        self._metrics = metrics
        self._sink = sink
        self._silent: set[ChannelId] = set()

    def changed(self, changed: Sequence[Place], places: Iterable[Place]) -> None:
        """These standings are others than they were; `places` are all that this worker has."""
        for channel, partition in changed:
            standing = self._masks.standing_at((channel, partition))
            facts = {"mask": standing.mask, "rises_held": standing.rises_held, "falls_held": standing.falls_held}
            facts["zeros_held"] = standing.zeros_held
            log.info("channel's standing changed", extra={"channel": channel, "partition": partition, **facts})
        masked = Counter((channel, self._masks.standing_at((channel, one)).mask) for channel, one in places)
        for channel in dict.fromkeys(channel for channel, _ in changed):
            for mask in (STOP_SALE, ENGINE_SILENT):
                self._metrics.masked.labels(channel, mask).set(masked[channel, mask])
            self._engine(channel, masked[channel, ENGINE_SILENT])

    def _engine(self, channel: ChannelId, partitions: int) -> None:
        """The engine's silence is told once per channel when it begins, and once when it is over."""
        if bool(partitions) is (channel in self._silent):
            return
        (self._silent.add if partitions else self._silent.discard)(channel)
        name, severity = ("engine-silent", Severity.PAGE) if partitions else ("engine-speaks", Severity.INFO)
        text = (
            f"no word of the engine on {partitions} partitions: their listings are shown as zero"
            if partitions
            else "the engine speaks again, the newest targets go out"
        )
        health = self._masks.health(channel)
        alert = Alert(name, severity, channel, text, self._clock.now_ms(), health.epoch if health else 0, SYSTEM)
        self._metrics.alerts.labels(channel, name, severity.value).inc()
        log.warning("channel alert", extra={"channel": channel, "alert": name, "severity": severity.value, "why": text})
        if self._sink is not None:
            self._sink.post(alert)
