"""Every metric of signals, in one place. Labels are accounts, channels, reasons and topics; never a SKU."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

ANSWER_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class SignalsMetrics:
    """The metrics of one process that takes signals, on a registry that is handed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"inventory_sync_signals_{name}_total", text, labels, registry=registry)

        self.taken = counter("messages_taken", "Genuine messages, each once.", "account", "topic")
        self.duplicates = counter("messages_duplicate", "Messages that came again.", "account")
        self.refused = counter("messages_refused", "Messages not acted on, by reason.", "account", "reason")
        self.hints = counter("hints", "Hints published: a listing is to be read.", "channel")
        self.echoes = counter("echoes", "Signals that only repeat what we wrote.", "channel")
        self.merged = counter("hints_merged", "Signals of a listing that was told of a moment before.", "channel")
        self.left_out = counter("hints_left_out", "Signals beyond the rate, left to the schedule.", "channel")
        self.sales = counter("sales", "Orders published as sales or as sales taken back.", "channel", "kind")
        self.unknown = counter("listings_unknown", "Signals of listings that the catalog does not have.", "account")
        self.queue_failures = counter("queue_failures", "Reads of a queue that failed.", "account")
        self.unpublished = counter("unpublished", "Messages that Kafka did not acknowledge in time.", "account")
        self.in_flight = Gauge("inventory_sync_signals_in_flight", "Messages that are worked on.", registry=registry)
        self.subscriptions_missing = Gauge(
            "inventory_sync_signals_subscriptions_missing",
            "Subscriptions that the settings ask for and that are not on, when they were last seen.",
            ("account",),
            registry=registry,
        )
        self.subscriptions_unseen = Gauge(
            "inventory_sync_signals_subscriptions_unseen_seconds",
            "Since the account's subscriptions were last seen, or since the start.",
            ("account",),
            registry=registry,
        )
        self.answer = Histogram(
            "inventory_sync_signals_answer_seconds",
            "From a message's first byte to its answer.",
            buckets=ANSWER_BUCKETS_S,
            registry=registry,
        )
