"""Hands an engine apart its input, a stretch at a time, and follows what it makes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from confluent_kafka import KafkaError, Message, Producer, TopicPartition

from inventory_domain.errors import InventorySyncError
from inventory_domain.identifiers import Sku
from inventory_domain.sku_state import PartitionProgress
from inventory_streams.engine.records import InputRecord
from inventory_streams.engine.serdes import PROGRESS_KEY, EngineSerdes
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.kafka.reading import Place, groupless_consumer

APPLIED_LIMIT_S: Final = 120.0  # without any progress of the engine apart
QUIET_S: Final = 1.5  # so long nothing comes when kits and components have said all that they have to say
POLL_S: Final = 0.02
BATCH: Final = 10_000
FLUSH_LIMIT_S: Final = 120.0


class NotApplied(InventorySyncError):
    """The engine apart ended, or did not get on."""


class EngineApart(Protocol):
    """The engine apart as a process of its own."""

    def check(self) -> None:
        """Raises `NotApplied` with what it said last, when it has ended."""
        ...

    def stop(self) -> None:
        """End it, and wait until it has; harmless when it has ended."""
        ...


class Copying:
    """Writes the input of one engine apart, and reads its changelog. Every call blocks."""

    def __init__(self, own: EngineSettings, serdes: EngineSerdes, engine: EngineApart) -> None:
        self._own = own
        self._serdes = serdes
        self._engine = engine
        self._written: dict[Place, int] = {}  # up to which offset, exclusive
        self._applied: dict[Place, int] = {}
        self._said: dict[Place, int] = {}  # the commands of the engine itself
        self._came = False
        self.states: dict[int, dict[Sku, bytes]] = {number: {} for number in range(own.partitions)}
        self._producer = Producer(
            {
                **own.kafka.producer(),
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 2,
                "compression.type": "lz4",
            }
        )
        self._consumer = groupless_consumer(own.kafka, {"fetch.wait.max.ms": 10})
        followed = (own.topics.sku_state, own.topics.sku_commands)
        self._consumer.assign([TopicPartition(one, number, 0) for one in followed for number in self.states])

    def close(self) -> None:
        """Give the connections back."""
        self._consumer.close()

    def copy(self, records: Sequence[InputRecord], topics: Mapping[str, str]) -> None:
        """Write these records with their times to the topics that stand for theirs, and wait until they are applied.

        Raises:
            NotApplied: they were not within the limit.
        """
        for record in records:
            while True:
                try:
                    self._producer.produce(
                        topics[record.topic],
                        key=record.key,
                        value=record.value,
                        partition=record.partition,
                        timestamp=record.timestamp_ms,
                        headers=list(record.headers) or None,
                        on_delivery=self._delivered,
                    )
                except BufferError:
                    self._producer.poll(0.1)
                    continue
                break
        if self._producer.flush(FLUSH_LIMIT_S):
            raise NotApplied("the broker did not take the copied input")
        self._wait(self._is_applied)

    def settle(self) -> None:
        """Wait until kits and components have said all that they have to say."""
        quiet_since = time.monotonic()

        def settled() -> bool:
            nonlocal quiet_since
            if not self._is_applied() or self._came:
                quiet_since = time.monotonic()
            return time.monotonic() - quiet_since > QUIET_S

        self._wait(settled)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            raise NotApplied(f"{message.topic()}: {error.str()}")
        place = (str(message.topic()), int(message.partition() or 0))
        self._written[place] = max(self._written.get(place, 0), int(message.offset() or 0) + 1)

    def _is_applied(self) -> bool:
        return all(
            self._applied.get(place, 0) >= end
            for wanted in (self._written, self._said)
            for place, end in wanted.items()
        )

    def _wait(self, holds: Callable[[], bool]) -> None:
        since = time.monotonic()
        while True:
            self._came = self._follow()
            if holds():
                return
            self._engine.check()
            if self._came:
                since = time.monotonic()
            elif time.monotonic() - since > APPLIED_LIMIT_S:
                raise NotApplied(f"the engine apart applied nothing for {APPLIED_LIMIT_S:.0f} s")

    def _follow(self) -> bool:
        """Take over what the engine has committed; whether there was anything."""
        messages = self._consumer.consume(BATCH, POLL_S)
        for message in messages:
            error, place = message.error(), (str(message.topic()), int(message.partition() or 0))
            if error is not None:
                if error.fatal() or not error.retriable():
                    raise NotApplied(f"{place[0]}[{place[1]}]: {error.str()}")
            elif place[0] == self._own.topics.sku_commands:
                self._said[place] = int(message.offset() or 0) + 1
            else:
                self._keep(place[1], message.key() or b"", message.value())
        return bool(messages)

    def _keep(self, number: int, key: bytes, value: bytes | None) -> None:
        if key == PROGRESS_KEY:
            progress = self._serdes.decode_progress(value) if value is not None else PartitionProgress()
            for topic, at in progress.positions.items():
                self._applied[topic, number] = at.position
        elif value is None:
            self.states[number].pop(Sku(key.decode()), None)
        else:
            self.states[number][Sku(key.decode())] = value
