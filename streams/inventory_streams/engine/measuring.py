"""What the partitions of this worker are at, put into metrics once a second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from inventory_streams.engine.catching_up import FetchState
from inventory_streams.engine.live_times import LiveTimes
from inventory_streams.engine.metrics import EngineMetrics
from inventory_streams.engine.partition import Partition
from inventory_streams.engine.velocity import SalesVelocity

PROMISES = ("shared-pool", "divided")


def measure(metrics: EngineMetrics, owned: Collection[Partition], velocity: SalesVelocity, live: LiveTimes) -> None:
    """Set the gauges that follow from the partitions and from what was measured beside them."""
    metrics.partitions.set(len(owned))
    metrics.skus.set(sum(len(one.states) for one in owned))
    for channel, known_ms in live.known_ms().items():
        metrics.time_to_live.labels(channel).set(known_ms / 1000)
    metrics.velocity_windows.set(velocity.windows())
    metrics.velocity_waiting.set(velocity.waiting())
    metrics.velocity_lost.inc(velocity.take_lost())
    metrics.uncounted.set(sum(sum(one.uncounted.values()) for one in owned))
    metrics.owing.set(sum(len(one.owing) for one in owned))
    metrics.catching_up.set(sum(not one.catch_up.done for one in owned))
    metrics.sweep_left.set(sum(one.sweep.left for one in owned if one.sweep is not None))
    metrics.mass_changes.set(sum(one.mass.guarded() for one in owned))
    _measure_totals(metrics, owned)
    _measure_sources(metrics, owned)


def measure_lag(
    metrics: EngineMetrics,
    owned: Collection[Partition],
    topics: Collection[str],
    fetched: Callable[[str, int], FetchState | None],
) -> None:
    """Set the lag of each input; `fetched` says what the last fetch of a topic's partition told of its end."""
    for topic in topics:
        lag = 0
        for one in owned:
            state = fetched(topic, one.number)
            lag += max(0, state.end - one.position(topic)) if state is not None else 0
        metrics.lag.labels(topic).set(lag)


def _measure_totals(metrics: EngineMetrics, owned: Collection[Partition]) -> None:
    for promise in PROMISES:
        metrics.overshown_units.labels(promise).set(sum(one.totals.listing_units[promise] for one in owned))
        metrics.at_risk_units.labels(promise).set(sum(one.totals.sku_units[promise] for one in owned))
    metrics.unknown_exposure.set(sum(one.totals.unknown_listings for one in owned))


def _measure_sources(metrics: EngineMetrics, owned: Collection[Partition]) -> None:
    silence_s: dict[str, float] = {}
    overdue: Counter[str] = Counter()
    silent: Counter[str] = Counter()
    for one in owned:
        for source, silent_ms in one.standing.silent_ms.items():
            silence_s[source] = max(silence_s.get(source, 0.0), silent_ms / 1000)
        overdue.update(one.standing.overdue)
        silent.update(one.progress.silent)
    for gauge in (metrics.source_silence, metrics.source_overdue, metrics.source_silent):
        gauge.clear()  # a partition that went to another worker takes its judgments along
    for name, seconds in silence_s.items():
        metrics.source_silence.labels(name).set(seconds)
        metrics.source_overdue.labels(name).set(overdue[name])
    for name in {*silence_s, *silent}:
        metrics.source_silent.labels(name).set(silent[name])
