"""How far a ledger is, as it shows it."""

from __future__ import annotations

from confluent_kafka import TopicPartition
from prometheus_client import CollectorRegistry

from inventory_ledger.metrics import LedgerMetrics
from inventory_ledger.reading import LedgerReader
from inventory_streams.topics import Topics
from tests.support.ledger import AMAZON, settings_for

LAG = "inventory_sync_ledger_lag_records"


class Far:
    """A consumer whose partitions all end far from here."""

    def get_watermark_offsets(self, place: TopicPartition, *, cached: bool) -> tuple[int, int]:
        return 0, 200_000


def test_a_topic_that_went_to_another_ledger_is_not_shown_as_behind_any_more() -> None:
    """It is told of there; what stayed here would be alerted on for as long as this one runs."""
    settings, registry = settings_for(Topics((AMAZON,)), kafka="nowhere:1"), CollectorRegistry()
    reader = LedgerReader(settings, ["changes", "states"], dict, lambda: None, LedgerMetrics(registry))
    reader.close()
    reader._consumer = Far()  # type: ignore[assignment]
    reader._assigned = {("changes", 0), ("states", 0)}
    reader.show_lag()
    before = registry.get_sample_value(LAG, {"topic": "states"})

    reader._assigned = {("changes", 0)}
    reader.show_lag()

    assert before == 200_000
    assert registry.get_sample_value(LAG, {"topic": "states"}) is None
    assert registry.get_sample_value(LAG, {"topic": "changes"}) == 200_000
