"""How far a ledger is, as it shows it."""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka import KafkaError, TopicPartition
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


@dataclass
class AMessage:
    """A record, or the word that a partition is at its end."""

    place: str
    at_ms: int | None = None

    def topic(self) -> str:
        return self.place

    def partition(self) -> int:
        return 0

    def error(self) -> KafkaError | None:
        return KafkaError(KafkaError._PARTITION_EOF) if self.at_ms is None else None

    def timestamp(self) -> tuple[int, int | None]:
        return 1, self.at_ms


@dataclass
class Given:
    """A consumer that gives what it is told."""

    messages: list[AMessage]

    def consume(self, most: int, wait_s: float) -> list[AMessage]:
        found, self.messages = self.messages, []
        return found


def a_reader(registry: CollectorRegistry) -> LedgerReader:
    settings = settings_for(Topics((AMAZON,)), kafka="nowhere:1")
    reader = LedgerReader(settings, ["changes", "states"], dict, lambda: None, LedgerMetrics(registry))
    reader.close()
    return reader


def test_how_far_everything_is_taken_goes_by_the_partition_that_is_furthest_behind() -> None:
    reader, given = a_reader(CollectorRegistry()), Given([])
    reader._consumer = given  # type: ignore[assignment]
    nowhere = reader.read_until_ms
    reader._assigned = {("changes", 0), ("states", 0)}
    found = []
    for messages in (
        [AMessage("changes", 500)],
        [AMessage("states", 300)],
        [AMessage("states")],
        [AMessage("changes", 700)],
        [AMessage("changes")],
        [AMessage("states", 900)],
    ):
        given.messages = messages
        reader.take()
        found.append(reader.read_until_ms)

    assert nowhere == 0
    assert found == [0, 300, 500, 700, None, 900]


def test_a_topic_that_went_to_another_ledger_is_not_shown_as_behind_any_more() -> None:
    """It is told of there; what stayed here would be alerted on for as long as this one runs."""
    registry = CollectorRegistry()
    reader = a_reader(registry)
    reader._consumer = Far()  # type: ignore[assignment]
    reader._assigned = {("changes", 0), ("states", 0)}
    reader.show_lag()
    before = registry.get_sample_value(LAG, {"topic": "states"})

    reader._assigned = {("changes", 0)}
    reader.show_lag()

    assert before == 200_000
    assert registry.get_sample_value(LAG, {"topic": "states"}) is None
    assert registry.get_sample_value(LAG, {"topic": "changes"}) == 200_000
