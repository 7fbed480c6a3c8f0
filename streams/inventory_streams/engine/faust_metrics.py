"""Faust's own statistics as metrics, computed when they are asked for. Its events are our batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

PREFIX: Final = "inventory_sync_engine_faust"


class Monitor(Protocol):
    """What is read of `faust.sensors.Monitor`."""

    messages_received_total: int
    messages_active: int
    events_total: int
    events_active: int
    events_runtime_avg: float
    rebalances: int
    rebalance_return_avg: float
    rebalance_end_avg: float


class FaustStatistics(Collector):
    """The statistics of one app."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def collect(self) -> Iterator[Metric]:
        """What Faust has counted and measured so far."""
        monitor = self._monitor
        yield _total("messages_received", "Messages that Faust received.", monitor.messages_received_total)
        yield _total("events", "Events that Faust handed to agents.", monitor.events_total)
        yield _total("rebalances", "Rebalances that Faust took part in.", monitor.rebalances)
        yield _now("messages_active", "Messages that are not acknowledged.", monitor.messages_active)
        yield _now("events_active", "Events that agents are at.", monitor.events_active)
        yield _now("event_seconds_mean", "Mean time of an event, the newest ones.", monitor.events_runtime_avg)
        yield _now("rebalance_seconds_mean", "Mean time of a rebalance, to its end.", monitor.rebalance_end_avg)
        yield _now("rebalance_return_seconds_mean", "The same, to its answer.", monitor.rebalance_return_avg)

    def describe(self) -> Iterable[Metric]:
        """The same names, which are constant."""
        return self.collect()


def _total(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"{PREFIX}_{name}", text, value=value)


def _now(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)
