"""Every metric of delivery, in one place. Labels are channels, accounts, operations and outcomes; never a SKU."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

FRESHNESS_BUCKETS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
CALL_LISTINGS_BUCKETS = (1, 2, 5, 10, 25, 50, 100, 500, 1000, 5000, 10_000)
TRANSACTION_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)


class DeliveryMetrics:
    """The metrics of one delivery process, on a registry that is handed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"inventory_sync_delivery_{name}_total", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"inventory_sync_delivery_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"inventory_sync_delivery_{name}", text, labels, buckets=buckets, registry=registry)

        self.targets_read = counter("targets_read", "Target records read, each once per process.", "channel")
        self.targets_delivered = counter("targets_delivered", "Targets that a marketplace took.", "channel")
        self.targets_already_sent = counter(
            "targets_already_sent", "Targets that were found sent by an earlier owner.", "channel"
        )
        self.targets_superseded = counter(
            "targets_superseded", "Targets replaced by a newer one before they were taken.", "channel"
        )
        self.targets_dead_lettered = counter("targets_dead_lettered", "Targets given up.", "channel", "reason")
        self.targets_forgotten = counter(
            "targets_forgotten", "Targets whose listing was withdrawn before they were taken.", "channel"
        )
        self.targets_shadowed = counter(
            "targets_shadowed", "Targets computed and not written, by the channel's mode.", "channel"
        )
        self.targets_handed_over = counter(
            "targets_handed_over", "Targets left to the next owner of their partition.", "channel"
        )
        self.targets_pending = gauge("targets_pending", "Targets that are not taken yet.", "channel")
        self.equal_versions = counter(
            "equal_versions", "Targets with the version of another quantity: a bug of ours.", "channel"
        )
        self.pushes = counter("pushes", "Attempts by what became of them.", "channel", "outcome", "reason")
        self.requests_in_flight = gauge("requests_in_flight", "Write calls without an answer yet.", "account")
        self.request_seconds = histogram(
            "request_seconds", "Time of a write call.", FRESHNESS_BUCKETS_S, "account", "operation"
        )
        self.call_listings = histogram(
            "call_listings", "Listings of a write call.", CALL_LISTINGS_BUCKETS, "account", "operation"
        )
        self.feeds = counter("feeds", "Feeds by what became of them.", "channel", "outcome")
        self.feed_rows = counter("feed_rows", "Listings handed in by feeds.", "channel")
        self.feeds_open = gauge("feeds_open", "Feeds handed in whose report is not there yet.", "account")
        self.withdrawn = counter("attempts_withdrawn", "Attempts committed and not sent.", "channel", "reason")
        self.retries = counter("retries", "Targets put back for another try.", "channel", "outcome")
        self.retries_waiting = gauge("retries_waiting", "Listings that wait for another try.")
        self.freshness_accepted = histogram(
            "freshness_accepted_seconds", "From a change to its being taken.", FRESHNESS_BUCKETS_S, "channel"
        )
        self.freshness_confirmed = histogram(
            "freshness_confirmed_seconds", "From a change to its being known live.", FRESHNESS_BUCKETS_S, "channel"
        )
        self.tokens_used = counter("throttle_tokens_used", "Tokens used.", "account", "operation")
        self.tokens_allowed = gauge(
            "throttle_tokens_allowed_per_second", "Tokens this worker may use.", "account", "operation"
        )
        self.throttled = counter("throttled", "Calls refused as too many.", "account", "operation")
        self.transaction_seconds = histogram(
            "transaction_seconds", "Time of a transaction of a partition.", TRANSACTION_BUCKETS_S
        )
        self.transaction_records = counter("transaction_records", "Records committed in transactions.")
        self.reads = counter("reads", "Listings read back, by answer.", "channel", "answer")
        self.reads_waiting = gauge("reads_waiting", "Listings that are to be read back.", "account")
        self.over_shown = counter("over_shown", "Listings seen above what was last sent.", "channel")
        self.assumed = counter("attempts_assumed", "Rises closed at their settling time without a read.", "channel")
        self._of_channels(registry)
        self._of_listings(counter, gauge)
        self.partitions = gauge("partitions_owned", "Partitions of targets that this worker owns.")
        self.takeover_seconds = gauge("takeover_seconds", "How long the last takeover took, to what is known.")

    def _of_channels(self, registry: CollectorRegistry) -> None:
        """What the owner of the channels' health shows, and what every worker shows of masks and probes."""

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"inventory_sync_delivery_{name}_total", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"inventory_sync_delivery_{name}", text, labels, registry=registry)

        self.channel_failing = gauge("channel_failing", "1 while the channel fails, by its health's owner.", "channel")
        self.channel_state = gauge(
            "channel_state", "1 for the state that the channel is in, by its health's owner.", "channel", "state"
        )
        self.credentials_lost = gauge("channel_credentials_lost", "1 while our credentials are refused.", "channel")
        self.without_success = gauge("channel_without_success_seconds", "Time since a write went through.", "channel")
        self.stop_sale_in = gauge(
            "channel_stop_sale_in_seconds",
            "Time until stop-sale unless a write goes through; +Inf while it is not coming, 0 while it lasts.",
            "channel",
        )
        self.alerts = counter("alerts", "Alerts told.", "channel", "alert", "severity")
        self.probes = counter(
            "probes", "Probes by how they were made and what became of them.", "channel", "by", "outcome"
        )
        self.masked = gauge("masked_partitions", "Partitions whose listings are shown as zero.", "channel", "mask")
        self.last_zeros = counter(
            "zeros_without_attempt", "Zeros sent with Kafka gone, by what became of them.", "channel", "outcome"
        )
        self.engine_word_age = gauge(
            "engine_word_age_seconds_max", "Age of the engine's oldest word on the partitions owned here."
        )
        self.not_live = gauge(
            "channel_not_live", "1 while nothing is written because the account is not set as it must be.", "channel"
        )
        self.zero_ends = gauge(
            "channel_zero_ends_listings", "1 while zero would end listings of a channel that is live.", "channel"
        )
        self.failures_in_a_row = gauge("channel_failures_in_a_row", "Failures since the last success.", "channel")

    def _of_listings(self, counter: Callable[..., Counter], gauge: Callable[..., Gauge]) -> None:
        """What waits, what is late, what holds or masks single listings, and what was seen of them."""
        self.queue_depth = gauge("queue_listings", "Listings that wait to be sent.", "channel", "urgency")
        self.queue_age = gauge(
            "queue_age_seconds_max", "How long the longest waiting listing waits.", "channel", "urgency"
        )
        self.freshness_late = counter("freshness_late", "Changes taken later than the objective.", "channel")
        self.freshness_objective = gauge(
            "freshness_objective_seconds", "Within which time a change is to be taken.", "channel"
        )
        self.rises_not_seen = counter(
            "rises_not_seen", "Sampled rises that were not taken, as reads far enough apart have shown.", "channel"
        )
        self.rises_late = gauge("rises_late", "Sampled rises that were not seen by their deadline.", "channel")
        self.revisions_waited = counter(
            "revisions_waited", "Writes put off because their listing was written too often that day.", "channel"
        )
        self.requests_late = counter(
            "requests_late", "Listings of requests that ended when a successor may have sent already.", "channel"
        )
        self.hints = counter("hints", "Signals that asked for a read.", "channel")
        self.falls_late = gauge("falls_late", "Falls not seen live in time, or not sent for want of quota.", "channel")
        self.falls_failing = gauge("falls_failing", "Falls not seen live for so long that zero is wanted.", "channel")
        self.failing_falls = counter(
            "failing_falls", "Listings sent to zero because a fall did not land, or had no call left.", "channel"
        )
        self.listings_failing = gauge("listings_failing", "Listings that failed 3 times in a row or more.", "channel")
        self.mass_change_held = gauge("mass_change_held", "Listings held as part of a mass change.", "channel")
        self.flooded = gauge("dead_letter_flood", "1 while too many dead letters hold the channel's rises.", "channel")
