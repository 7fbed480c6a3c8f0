"""Input that can never be applied, with everything that is needed to understand and replay it."""

from __future__ import annotations

from dataclasses import dataclass

from inventory_domain.errors import BadRecord
from inventory_streams.engine.records import InputRecord
from inventory_streams.kafka.transactions import Write

ERROR_LENGTH_MAX = 2_000
HEADERS_KEPT_MAX = 32


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record with the reason (short, constant) and the error (the facts) for which it cannot be applied."""

    record: InputRecord
    reason: str
    error: str

    @staticmethod
    def of(record: InputRecord, bad: BadRecord) -> DeadLetter:
        """The dead letter of a record that was found bad."""
        return DeadLetter(record, bad.reason, str(bad))


def write_of(letter: DeadLetter, topic: str, partition: int, group: str) -> Write:
    """The record to be written: raw key and value, the reason in our headers and in Kafka's own `__dlq.errors.*`."""
    record = letter.record
    place = (str(record.partition).encode(), str(record.offset).encode())
    error = letter.error[:ERROR_LENGTH_MAX].encode()
    headers = (
        ("reason", letter.reason.encode()),
        ("error", error),
        ("attempts", b"1"),
        ("origin-topic", record.topic.encode()),
        ("origin-partition", place[0]),
        ("origin-offset", place[1]),
        ("origin-timestamp-ms", str(record.timestamp_ms).encode()),
        ("__dlq.errors.topic", record.topic.encode()),
        ("__dlq.errors.partition", place[0]),
        ("__dlq.errors.offset", place[1]),
        ("__dlq.errors.group", group.encode()),
        ("__dlq.errors.delivery.count", b"1"),
        ("__dlq.errors.message", error),
        *record.headers[:HEADERS_KEPT_MAX],
    )
    return Write(topic, partition, record.key, record.value, headers)
