"""Every metric of the ledger, in one place. Labels are topics, tables and kinds of reports; never a SKU."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BATCH_RECORDS_BUCKETS = (1, 2, 5, 10, 50, 100, 500, 1000, 2500, 5000, 10_000)
WRITE_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class LedgerMetrics:
    """The metrics of one ledger process, on a registry that is handed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "inventory_sync_ledger_records_total", "Records written to the tables.", ["topic"], registry=registry
        )
        self.unreadable = Counter(
            "inventory_sync_ledger_unreadable_total", "Records that could not be decoded.", ["topic"], registry=registry
        )
        self.rows = Counter("inventory_sync_ledger_rows_total", "Rows written.", ["table"], registry=registry)
        self.forgotten = Counter(
            "inventory_sync_ledger_rows_forgotten_total", "Rows past their retention.", ["table"], registry=registry
        )
        self.write_seconds = Histogram(
            "inventory_sync_ledger_write_seconds",
            "Time of one transaction.",
            buckets=WRITE_BUCKETS_S,
            registry=registry,
        )
        self.batch_records = Histogram(
            "inventory_sync_ledger_batch_records",
            "Records of one transaction.",
            buckets=BATCH_RECORDS_BUCKETS,
            registry=registry,
        )
        self.lag = Gauge(
            "inventory_sync_ledger_lag_records", "Records that are not in the tables yet.", ["topic"], registry=registry
        )
        self.database_failures = Counter(
            "inventory_sync_ledger_database_failures_total", "Transactions that were tried again.", registry=registry
        )
        self.missed = Counter(
            "inventory_sync_ledger_records_missed_total",
            "Offsets that Kafka had deleted before they were read.",
            ["topic"],
            registry=registry,
        )
        self.written_at = Gauge(
            "inventory_sync_ledger_written_timestamp_seconds", "When a batch was last written.", registry=registry
        )
        self.partitions = Gauge("inventory_sync_ledger_partitions", "Partitions that are read here.", registry=registry)
        self.reports = Counter(
            "inventory_sync_ledger_reports_total", "Reports made, by kind.", ["kind"], registry=registry
        )
