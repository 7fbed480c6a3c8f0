"""Every metric of reconciliation, in one place. Labels are channels, causes and actions; never a SKU."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class ReconcileMetrics:
    """The metrics of one reconciling process, on a registry that is handed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"inventory_sync_reconcile_{name}_total", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"inventory_sync_reconcile_{name}", text, labels, registry=registry)

        self.cycles = counter(
            "cycles", "Reconciliations that ended, by phase (complete, incomplete).", "channel", "phase"
        )
        self.last_complete = gauge(
            "last_complete_timestamp_seconds", "When the last complete reconciliation began.", "channel"
        )
        self.interval = gauge("interval_seconds", "How often each channel is reconciled.")
        self.cycle_duration = gauge("cycle_duration_seconds", "How long the last reconciliation took.", "channel")
        self.progress = gauge("progress_ratio", "How much of the running pull is done, by listings found.", "channel")
        self.listings = gauge("listings", "Listings that the catalog has for the channel.", "channel")
        self.missing = gauge("listings_missing", "Written listings that the last pull did not name.", "channel")
        self.ghosts = gauge("ghost_listings", "Listings shown that the catalog does not have.", "channel")
        self.readings = counter(
            "readings", "Readings by what came of them (within, near, discrepant, unjudged).", "channel", "standing"
        )
        self.discrepancies = counter("discrepancies", "Discrepancies written down.", "channel", "cause", "action")
        self.severities = counter("discrepancies_by_severity", "Discrepancies by who is told.", "channel", "severity")
        self.units_off = counter("units_off", "Units shown too many (over) or too few (under).", "channel", "direction")
        self.corrections = counter("corrections", "Corrections that the engine was asked for.", "channel")
        self.rechecks = counter("rechecks", "Single reads that delivery was asked for.", "channel")
        self.cases_open = gauge("cases_open", "Listings that are waited for, corrected or given up.", "channel")
        self.held_units = counter("held_counts", "Counts of marketplace-held pools that were published.", "channel")
        self.held_failures = counter("held_failures", "Pulls of a held pool that did not reach their end.", "channel")
        self.owned = gauge("marketplaces_owned", "Marketplaces that this process reconciles.")
        self.unreadable = gauge("records_unreadable", "Records passed over because they cannot be read.")
        self.calls_needed = gauge(
            "calls_needed_per_day", "Calls a day that the schedule of pulls needs, where there is a quota.", "account"
        )
        self.calls_allowed = gauge("calls_allowed_per_day", "Calls a day that pulls may use.", "account")
        self.count_differences = gauge(
            "count_differences", "Positions that differ from the source's own counts at the last comparison.", "source"
        )
