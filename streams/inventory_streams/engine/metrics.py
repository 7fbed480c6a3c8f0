"""Every metric of the engine, in one place. Labels are topics, effects and marketplaces; never a SKU."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BATCH_RECORDS_BUCKETS = (1, 2, 5, 10, 50, 100, 500, 1000, 2500, 5000, 10_000)
BATCH_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
TRANSACTION_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)
AGE_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)


class EngineMetrics:
    """The metrics of one engine process, on a registry that is handed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"inventory_sync_engine_{name}_total", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"inventory_sync_engine_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"inventory_sync_engine_{name}", text, buckets=buckets, registry=registry)

        self.records_read = counter(
            "records_read",
            "Input records that came in order and were computed, or came again and were dropped.",
            "topic",
        )
        self.records_under_way = gauge(
            "records_under_way", "Input records that were read and whose transaction is not committed yet.", "topic"
        )
        self.records = counter(
            "records",
            "Input records by what became of them (applied, duplicate, superseded, dead-lettered, held); durable.",
            "topic",
            "effect",
        )
        self.records_released = counter(
            "records_released", "Records that had been held for their product, by what became of them.", "effect"
        )
        self.event_ids_forgotten = counter(
            "event_ids_forgotten",
            "Event ids forgotten for newer ones of their SKU: such a change without sequence counts again if repeated.",
        )
        self.dead_letters = counter("dead_letters", "Dead letters written.", "reason")
        self.batches = counter("batches", "Transactions committed, batches of input and others.")
        self.batch_records = histogram("batch_records", "Records of a batch.", BATCH_RECORDS_BUCKETS)
        self.batch_seconds = histogram("batch_seconds", "Time to compute and encode a batch.", BATCH_BUCKETS_S)
        self.transaction_seconds = histogram(
            "transaction_seconds", "Time from the beginning of a transaction to its commit.", TRANSACTION_BUCKETS_S
        )
        self.targets = counter("targets", "Targets written.", "marketplace")
        self.gaps = counter("gaps", "Gaps in an input that were fetched again.", "topic")
        self.uncounted = gauge("uncounted_listings", "Listings left alone: a location uncounted, or none a channel's.")
        self.overdue_sales = gauge(
            "overdue_sales", "Orders that a channel reported longer ago than the limit and the source did not; netted."
        )
        self.skus = gauge("skus", "SKUs known.")
        self._add_velocity(gauge, counter)
        self._add_safety(gauge)
        self.time_to_live = gauge(
            "time_to_live_seconds",
            "From computing a number until it was seen live, on channels with a risk rule; the slowest 5 % left out.",
            "channel",
        )
        self.owing = gauge("owing_skus", "SKUs of which a rise is withheld until input is caught up with.")
        self.catching_up = gauge(
            "catching_up_partitions", "Partitions behind the ends that their inputs had at the assignment."
        )
        self.partitions = gauge("partitions", "Partitions owned.")
        self.recovery_seconds = gauge("recovery_seconds", "How long the last recovery took.")
        self.lag_seconds = gauge(
            "lag_seconds",
            "Age of the time up to which all input is applied, over the partitions owned; idle: up to 3 s.",
        )
        self.lag = gauge("lag_records", "Offsets between what is applied and the end of the input.", "topic")
        self.uncommitted = gauge("uncommitted_seconds", "How long input was applied without a commit; 30 s at most.")
        self.input_age = histogram(
            "input_age_seconds",
            "Age of the newest record of a batch at its commit.",
            AGE_BUCKETS_S,
        )

    def _add_velocity(self, gauge: Callable[..., Gauge], counter: Callable[..., Counter]) -> None:
        """How sales are counted, by which the risk rule and the buffers go."""
        self.velocity_windows = gauge("velocity_windows", "Windows in which sales are counted.")
        self.velocity_waiting = gauge("velocity_waiting_windows", "Windows whose sales wait for the budget of writes.")
        self.velocity_lost = counter(
            "velocity_lost_units", "Units sold that no window counts: too old, or too many waited."
        )

    def _add_safety(self, gauge: Callable[..., Gauge]) -> None:
        """What tells whether the numbers can be trusted: sweeps, mass changes, exposure against stock, sources."""
        self.sweep_left = gauge("sweep_left_skus", "SKUs that a sweep has still to look at.")
        self.mass_changes = gauge(
            "mass_changes", "Channels, per partition, of which the input zeroes more listings than is believed."
        )
        self.overshown_units = gauge(
            "over_shown_units",
            "Units that single listings may be showing beyond all that their channel could promise.",
            "promise",
        )
        self.at_risk_units = gauge(
            "oversell_risk_units",
            "Units that the listings of a SKU may together be showing beyond what there is: sum of exposures - ATP.",
            "promise",
        )
        self.unknown_exposure = gauge(
            "unknown_exposure_listings", "Listings of which nobody knows what they may be showing."
        )
        self.source_silence = gauge(
            "source_silence_seconds", "How long a source that sends heartbeats has said nothing.", "source"
        )
        self.source_overdue = gauge(
            "source_overdue_partitions", "Partitions on which a source has said nothing past its limit.", "source"
        )
        self.source_silent = gauge(
            "source_silent_partitions", "Partitions on which a source's stock counts as 0 for its silence.", "source"
        )
