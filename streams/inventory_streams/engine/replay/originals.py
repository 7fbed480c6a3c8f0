"""The running engine's input once more: oldest first over all topics and partitions, up to where it was applied."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from confluent_kafka import KafkaError, Message, TopicPartition

from inventory_streams.engine.records import InputRecord
from inventory_streams.kafka.reading import STALL_LIMIT_S, Place, ReadStalled, groupless_consumer
from inventory_streams.kafka.settings import KafkaSettings

WAITING_MAX: Final = 5_000  # records of one partition that wait for older ones of the others; then it is paused
WAITING_MIN: Final = 1_000  # and from here on it is read again
POLL_S: Final = 0.05
BATCH: Final = 1_000


def merged(kafka: KafkaSettings, starts: Mapping[Place, int], ends: Mapping[Place, int]) -> Iterator[InputRecord]:
    """Each committed record from its place's start up to its end, oldest first; a place keeps its order. Blocks.

    Raises:
        ReadStalled: nothing came for a minute, or the broker refuses.
    """
    reading = _Reading(kafka, {place: at for place, at in starts.items() if at < ends[place]}, ends)
    try:
        yield from reading.oldest_first()
    finally:
        reading.close()


class _Reading:
    """Some partitions at once, each with the records that wait for older ones elsewhere."""

    def __init__(self, kafka: KafkaSettings, starts: Mapping[Place, int], ends: Mapping[Place, int]) -> None:
        self._ends = ends
        self._waiting: dict[Place, deque[InputRecord]] = {place: deque() for place in starts}
        self._open = set(starts)  # places of which more may come
        self._paused: set[Place] = set()
        self._consumer = groupless_consumer(kafka, {"enable.partition.eof": True})
        self._consumer.assign([TopicPartition(*place, at) for place, at in starts.items()])

    def close(self) -> None:
        self._consumer.close()

    def oldest_first(self) -> Iterator[InputRecord]:
        while self._waiting:
            self._fill()
            heads = [(found[0].timestamp_ms, place) for place, found in self._waiting.items() if found]
            if not heads:
                return
            _, place = min(heads)
            yield self._waiting[place].popleft()
            self._resume(place)

    def _fill(self) -> None:
        """Read until each place has a record, or has no more: only then is the oldest known."""
        since = time.monotonic()
        while any(not self._waiting[place] for place in self._open):
            messages = self._consumer.consume(BATCH, POLL_S)
            for message in messages:
                error, place = message.error(), (str(message.topic()), int(message.partition() or 0))
                if error is None:
                    record = InputRecord(
                        *place,
                        int(message.offset() or 0),
                        int(message.timestamp()[1]),
                        message.key(),
                        message.value(),
                        _headers(message),
                    )
                    self._take(place, record)
                elif error.code() == KafkaError._PARTITION_EOF:
                    self._close_place(place)
                elif error.fatal() or not error.retriable():
                    raise ReadStalled(f"{place[0]}[{place[1]}]: {error.str()}")
            if messages:
                since = time.monotonic()
            elif time.monotonic() - since > STALL_LIMIT_S:
                raise ReadStalled(f"no progress for {STALL_LIMIT_S:.0f} s reading {sorted(self._open)}")

    def _take(self, place: Place, record: InputRecord) -> None:
        if place not in self._open:
            return
        if record.offset >= self._ends[place]:
            self._close_place(place)
            return
        waiting = self._waiting[place]
        waiting.append(record)
        if record.offset == self._ends[place] - 1:
            self._close_place(place)
        elif len(waiting) >= WAITING_MAX and place not in self._paused:
            self._paused.add(place)
            self._consumer.pause([TopicPartition(*place)])

    def _close_place(self, place: Place) -> None:
        if place in self._open:
            self._open.discard(place)
            self._consumer.pause([TopicPartition(*place)])

    def _resume(self, place: Place) -> None:
        if place in self._paused and place in self._open and len(self._waiting[place]) <= WAITING_MIN:
            self._paused.discard(place)
            self._consumer.resume([TopicPartition(*place)])


def _headers(message: Message) -> tuple[tuple[str, bytes], ...]:
    found = message.headers() or []
    pairs = found.items() if isinstance(found, dict) else found
    return tuple([(name, value.encode() if isinstance(value, str) else value or b"") for name, value in pairs])


def slices(records: Iterable[InputRecord], most: int) -> Iterator[list[InputRecord]]:
    """The records in stretches of at most so many, in which no key has records of two topics.

    An engine reads its topics side by side. Who waits after each stretch until it is applied gives every SKU its
    records in the order in which they once came, over all topics.
    """
    found: list[InputRecord] = []
    topic_of: dict[bytes, str] = {}
    for record in records:
        other = record.key is not None and topic_of.get(record.key, record.topic) != record.topic
        if other or len(found) >= most:
            yield found
            found, topic_of = [], {}
        found.append(record)
        if record.key is not None:
            topic_of[record.key] = record.topic
    if found:
        yield found


def first_products(records: Iterable[InputRecord], known: Callable[[bytes], bool]) -> Iterator[InputRecord]:
    """Of each SKU the first product that the catalog's topic still has, where it is not known already.

    That topic is compacted: what came before is gone, and the changes that it was for would find no product.
    """
    seen: set[bytes] = set()
    for record in records:
        if record.key is None or record.value is None or record.key in seen:
            continue
        seen.add(record.key)
        if not known(record.key):
            yield record
