"""Takes records from Kafka where the tables end, and hands whole batches of rows to them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from inventory_domain.errors import InventorySyncError
from inventory_ledger.batch import Place
from inventory_ledger.metrics import LedgerMetrics
from inventory_ledger.rows import Arrival
from inventory_ledger.settings import LedgerSettings

WATERMARK_LIMIT_S: Final = 10.0
NO_HEADERS: Final[Mapping[str, bytes]] = MappingProxyType({})
GROUP_TIMES_MS: Final = {"session.timeout.ms": 10_000, "max.poll.interval.ms": 600_000}

log = logging.getLogger(__name__)


class TopicsDiffer(InventorySyncError):
    """The topics are not those that the tables were built from, or are not there."""


class LedgerReader:
    """The consumer group's share of the partitions. All calls belong to one thread.

    Where to go on is told by the tables alone: Kafka's own offsets are committed for tools that show lag, and are
    never read. `positions` is asked at each assignment. `settle` returns when nothing is being written any more: who
    gets a partition after us must find all of it in the tables.
    """

    def __init__(
        self,
        settings: LedgerSettings,
        topics: Sequence[str],
        positions: Callable[[], dict[Place, int]],
        settle: Callable[[], None],
        metrics: LedgerMetrics,
    ) -> None:
        self._batch_max = settings.batch_records_max
        self._wait_s = settings.batch_wait_s
        self._positions = positions
        self._settle = settle
        self._metrics = metrics
        self._begins: dict[Place, int] = {}
        self._at_end: set[Place] = set()
        self._read_ms: dict[Place, int] = {}
        self._assigned: set[Place] = set()
        self._consumer = Consumer(
            {
                **settings.kafka.consumer(),
                "group.id": settings.group,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "queued.max.messages.kbytes": 65_536,
                "fetch.message.max.bytes": 8 << 20,
                **GROUP_TIMES_MS,
            }
        )
        self._consumer.subscribe(list(topics), on_assign=self._assign, on_revoke=self._revoke, on_lost=self._revoke)

    @property
    def begins(self) -> dict[Place, int]:
        """Up to where each partition that is read here is in the tables, or is being written to them."""
        return self._begins

    @property
    def partitions(self) -> int:
        """How many partitions are read here."""
        return len(self._assigned)

    @property
    def caught_up(self) -> bool:
        """Whether every partition was read to the end that it had when it was last asked."""
        return bool(self._assigned) and self._at_end >= self._assigned

    @property
    def read_until_ms(self) -> int | None:
        """Up to which time everything was taken, by the records' own times; None where all that there was is.

        Nothing is while no partition is read here.
        """
        if not self._assigned:
            return 0
        behind = self._assigned - self._at_end
        return min(self._read_ms.get(place, 0) for place in behind) if behind else None

    def take(self) -> list[Message]:
        """The next records, at most a batch; none when nothing came for the wait of the settings.

        Raises:
            TopicsDiffer: a topic is not there, or its records are not those that the tables have.
        """
        records: list[Message] = []
        for message in self._consumer.consume(self._batch_max, self._wait_s):
            error = message.error()
            place = (str(message.topic()), int(message.partition() or 0))
            if error is None:
                records.append(message)
                self._at_end.discard(place)
                self._read_ms[place] = int(message.timestamp()[1])
            elif error.code() == KafkaError._PARTITION_EOF:
                self._at_end.add(place)
            else:
                _raise_lasting(error, place[0])
        return records

    def handed_over(self, ends: dict[Place, int]) -> None:
        """A batch that ends at these positions is being written: the next one begins there."""
        self._begins.update(ends)

    def written(self, ends: dict[Place, int]) -> None:
        """These positions are in the tables now."""
        told = [TopicPartition(topic, partition, end) for (topic, partition), end in ends.items()]
        if told:
            self._consumer.commit(offsets=told, asynchronous=True)

    def show_lag(self) -> None:
        """Bring the lag of each topic up to date from what the last fetches said."""
        lags: dict[str, int] = {}
        for topic, partition in self._assigned:
            behind = 0
            if (topic, partition) not in self._at_end:
                _, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
                behind = max(0, high - self._begins.get((topic, partition), 0))
            lags[topic] = lags.get(topic, 0) + behind
        self._metrics.lag.clear()  # a topic that went to another ledger is told of there
        for topic, behind in lags.items():
            self._metrics.lag.labels(topic).set(behind)
        self._metrics.partitions.set(len(self._assigned))

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._settle()
        known = self._positions()
        for one in partitions:
            place = (one.topic, one.partition)
            position = known.get(place)
            if position is None:
                one.offset = OFFSET_BEGINNING
                continue
            one.offset = position
            self._begins[place] = position
            self._check(consumer, one, position)
        self._assigned = {(one.topic, one.partition) for one in partitions}
        self._at_end.clear()
        self._read_ms.clear()
        consumer.assign(partitions)
        log.info("partitions assigned", extra={"partitions": len(partitions)})

    def _check(self, consumer: Consumer, one: TopicPartition, position: int) -> None:
        found = consumer.get_watermark_offsets(one, timeout=WATERMARK_LIMIT_S)
        if found is None:
            raise TopicsDiffer(f"{one.topic}[{one.partition}]: the broker does not say where it ends")
        low, high = found
        if position > high:
            raise TopicsDiffer(
                f"{one.topic}[{one.partition}] ends at {high}, and the ledger has it up to {position}: the topic was "
                "made anew. `inventory-sync ledger rebuild` builds the tables from the topics that there are now"
            )
        if position < low:
            facts = {"topic": one.topic, "partition": one.partition, "offsets": low - position}
            log.warning("records were deleted by Kafka before the ledger read them", extra=facts)
            self._metrics.missed.labels(one.topic).inc(low - position)

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # Whoever has the partitions next asks the tables where to go on, so what is being written is waited for.
        self._settle()
        self._assigned.clear()
        self._at_end.clear()
        self._begins.clear()


def arrival_of(message: Message, marketplace: str) -> Arrival:
    """The record with its place, for the projection."""
    key, headers, named = message.key(), message.headers(), NO_HEADERS
    if headers:
        pairs = headers.items() if isinstance(headers, dict) else headers
        # What we set comes first; what a producer had set under the same name follows, and does not count.
        named = {str(pair[0]): pair[1] for pair in reversed(list(pairs)) if isinstance(pair[1], bytes)}
    return Arrival(
        str(message.topic()),
        marketplace,
        int(message.partition() or 0),
        int(message.offset() or 0),
        int(message.timestamp()[1]),
        key.encode() if isinstance(key, str) else key or b"",
        message.value(),
        named,
    )


def _raise_lasting(error: KafkaError, topic: str) -> None:
    """Raise for what does not pass by itself; librdkafka repeats everything else."""
    if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
        raise TopicsDiffer(f"{topic} is not there; `inventory-sync topics apply` creates the topics")
    if error.fatal() or not error.retriable():
        raise TopicsDiffer(f"{topic}: {error.str()} ({error.name()})")
    log.warning("reading is repeated", extra={"topic": topic, "error": error.str()})
