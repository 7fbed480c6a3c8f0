"""Kafka as far as the rules depend on it: logs with transaction markers, transactions, fencing, group offsets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from inventory_domain.errors import OwnershipLost
from inventory_streams.engine.records import Headers, InputRecord
from inventory_streams.kafka.transactions import Write

Place = tuple[str, int]


class Now(Protocol):
    """What the broker's own clock says."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        ...


@dataclass
class ModeledKafka:
    """Committed records by topic and partition; None stands for a transaction marker, which takes an offset too.

    `gone`: it answers nobody. Whoever asks it looks for that: each client has its own way to wait.
    """

    clock: Now
    logs: dict[Place, list[InputRecord | None]] = field(default_factory=lambda: defaultdict(list))
    newest: dict[tuple[str, bytes], bytes | None] = field(default_factory=dict)
    newest_ms: dict[tuple[str, bytes], int] = field(default_factory=dict)
    newest_on: dict[tuple[str, int, bytes], bytes | None] = field(default_factory=dict)
    repeated: set[tuple[str, int, int]] = field(default_factory=set)
    epochs: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    offsets: dict[Place, int] = field(default_factory=dict)
    gone: bool = False

    @property
    def now_ms(self) -> int:
        """The broker's time, which is that of its records."""
        return self.clock.now_ms()

    def append(self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """One record."""
        log = self.logs[topic, partition]
        log.append(InputRecord(topic, partition, len(log), self.now_ms, key, value, headers))
        if key is not None:
            self.newest[topic, key] = value
            self.newest_ms[topic, key] = log[-1].timestamp_ms
            self.newest_on[topic, partition, key] = value

    def repeat(self, record: InputRecord) -> None:
        """A record of before comes once more, after newer ones."""
        log = self.logs[record.topic, record.partition]
        self.repeated.add((record.topic, record.partition, len(log)))
        log.append(replace(record, offset=len(log), timestamp_ms=self.now_ms))

    def mark(self, topic: str, partition: int) -> None:
        """The marker of a transaction that wrote there."""
        self.logs[topic, partition].append(None)

    def take_over(self, transactional_id: str) -> int:
        """Own the id from now on; whoever owned it before is refused."""
        self.epochs[transactional_id] += 1
        return self.epochs[transactional_id]

    def commit(self, transactional_id: str, epoch: int, writes: Sequence[Write], *, fenced: bool = True) -> None:
        """One transaction: all of it becomes readable, or the writer is refused."""
        if fenced and self.epochs[transactional_id] != epoch:
            raise OwnershipLost(f"{transactional_id}: epoch {epoch}, and {self.epochs[transactional_id]} owns it")
        for write in writes:
            self.append(write.topic, write.partition, write.key, write.value, write.headers)
        for place in dict.fromkeys((write.topic, write.partition) for write in writes):
            self.mark(*place)

    def end(self, topic: str, partition: int) -> int:
        """The position after the last record or marker."""
        return len(self.logs[topic, partition])

    def fetch(self, topic: str, partition: int, position: int, limit: int) -> tuple[tuple[InputRecord, ...], int]:
        """Records from a position on, and the position after them."""
        stretch = self.logs[topic, partition][position : position + limit]
        return tuple([one for one in stretch if one is not None]), position + len(stretch)

    def read(self, topic: str, partition: int) -> list[InputRecord]:
        """Every record of a partition."""
        return [one for one in self.logs[topic, partition] if one is not None]
