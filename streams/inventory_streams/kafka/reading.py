"""Reading whole partitions to their ends, as recovery and assignment need it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

from inventory_domain.errors import InventorySyncError
from inventory_streams.kafka.settings import KafkaSettings

BATCH = 10_000
POLL_S = 0.02  # Consumer.consume waits the whole time when it gets less than a batch
STALL_LIMIT_S = 60.0
READING_GROUP = "inventory-sync-reading"  # wanted by librdkafka; no group is joined and nothing is committed
BROKER_CALL_S = 30.0
UNSETTLED_S_MAX = 30.0  # as long as librdkafka waits for a topic that is assigned and not known yet
UNSETTLED_PAUSE_S = 0.1

Place: TypeAlias = tuple[str, int]
"""A topic and a partition of it."""
FROM_THE_FIRST: Final[Mapping[Place, int]] = MappingProxyType({})
NO_MORE: Final[Mapping[str, object]] = MappingProxyType({})
WHOLE: Final[Mapping[str, object]] = MappingProxyType(
    {
        "enable.partition.eof": True,
        "queued.max.messages.kbytes": 65_536,
        "fetch.message.max.bytes": 8 << 20,
        "fetch.wait.max.ms": 10,
    }
)


_UNSETTLED: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    }
)


class ReadStalled(InventorySyncError):
    """A partition could not be read to its end: no progress within the limit, or an error that stays."""


def groupless_consumer(settings: KafkaSettings, properties: Mapping[str, object] = NO_MORE) -> Consumer:
    """A consumer of committed records that joins no group and commits nothing. The caller assigns and closes it.

    `properties`: more of librdkafka's, by their names.
    """
    return Consumer(
        {
            **settings.consumer(),
            "group.id": READING_GROUP,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            **properties,
        }
    )


@dataclass(frozen=True, slots=True)
class PartitionRead:
    """One partition that was read whole: how many records there were and the position after the last one."""

    topic: str
    partition: int
    records: int
    position: int


def read_to_end(
    settings: KafkaSettings,
    partitions: Sequence[tuple[str, int]],
    on_records: Callable[[Sequence[Message]], None],
    *,
    abandoned: Callable[[], bool] = lambda: False,
    stall_limit_s: float = STALL_LIMIT_S,
    starts: Mapping[Place, int] = FROM_THE_FIRST,
    uncommitted: bool = False,
) -> list[PartitionRead] | None:
    """Hand every committed record of these partitions to `on_records`, in order, up to the end of each. Blocks.

    A partition that `starts` names is read from that offset on, all others from their first record.

    The end is the end-of-partition event of a read_committed consumer, never a watermark taken before (rule 16).
    `uncommitted`: records of transactions that are open or were aborted, and all behind them, are handed over too.
    Returns None when `abandoned` says that nobody wants the answer any more.

    Raises:
        ReadStalled: nothing came for `stall_limit_s`, or the broker refuses the read.
    """
    properties = {**WHOLE, "isolation.level": "read_uncommitted"} if uncommitted else WHOLE
    consumer = groupless_consumer(settings, properties)
    try:
        return _read(consumer, partitions, on_records, abandoned, stall_limit_s, starts)
    finally:
        consumer.close()


def positions_at(
    settings: KafkaSettings, partitions: Sequence[Place], at_ms: int, unsettled_s_max: float = UNSETTLED_S_MAX
) -> dict[Place, int]:
    """Where records of that time and later begin in each partition; its end where there are none. Blocks.

    A partition that the broker does not know, or that has no leader, is asked for again for `unsettled_s_max`: a topic
    that was just created is told of by one broker before the other, and by a busy one late.

    Raises:
        ReadStalled: the broker does not answer, or refuses.
    """
    asked = [TopicPartition(topic, number, max(0, at_ms)) for topic, number in partitions]
    end = time.monotonic() + unsettled_s_max
    consumer = groupless_consumer(settings, WHOLE)
    try:
        while True:
            found = _asked(consumer, asked)
            if isinstance(found, list):
                return {(one.topic, one.partition): one.offset if one.offset >= 0 else OFFSET_END for one in found}
            if found.code not in _UNSETTLED or time.monotonic() >= end:
                raise ReadStalled(f"where records of a time begin is not told: {found.place}: {found.said}")
            time.sleep(UNSETTLED_PAUSE_S)
    finally:
        consumer.close()


def ends_of(settings: KafkaSettings, partitions: Sequence[Place]) -> dict[Place, int]:
    """The offset that the next record of each partition gets. Blocks.

    Raises:
        ReadStalled: the broker does not answer, or refuses.
    """
    consumer = groupless_consumer(settings)
    try:
        return {one: _end(consumer, TopicPartition(*one)) for one in partitions}
    except KafkaException as failure:
        raise ReadStalled(f"where partitions end is not told: {failure.args[0].str()}") from failure
    finally:
        consumer.close()


def _end(consumer: Consumer, partition: TopicPartition) -> int:
    _, end = consumer.get_watermark_offsets(partition, timeout=BROKER_CALL_S)
    return int(end)


@dataclass(frozen=True, slots=True)
class _Refused:
    place: str
    code: int
    said: str


def _asked(consumer: Consumer, places: list[TopicPartition]) -> list[TopicPartition] | _Refused:
    try:
        found = consumer.offsets_for_times(places, timeout=BROKER_CALL_S)
    except KafkaException as failure:
        error: KafkaError = failure.args[0]
        named = sorted({one.topic for one in places})
        return _Refused(", ".join(named), error.code(), error.str())
    for one in found:
        if one.error is not None:
            return _Refused(f"{one.topic}[{one.partition}]", one.error.code(), one.error.str())
    return found


def _read(
    consumer: Consumer,
    partitions: Sequence[tuple[str, int]],
    on_records: Callable[[Sequence[Message]], None],
    abandoned: Callable[[], bool],
    stall_limit_s: float,
    starts: Mapping[Place, int],
) -> list[PartitionRead] | None:
    # Offset 0, and the first there is if that was deleted: asking for "the beginning" by its name waits half a second
    # for the partition's leader to be known.
    consumer.assign([TopicPartition(*place, starts.get(place, 0)) for place in partitions])
    counts = dict.fromkeys(partitions, 0)
    ended: dict[tuple[str, int], int] = {}
    last = time.monotonic()
    while len(ended) < len(counts):
        if abandoned():
            return None
        messages = consumer.consume(BATCH, POLL_S)
        records: list[Message] = []
        for message in messages:
            error, place = message.error(), (str(message.topic()), int(message.partition() or 0))
            if error is None:
                records.append(message)
                counts[place] += 1
            elif error.code() == KafkaError._PARTITION_EOF:
                ended[place] = int(message.offset() or 0)
            elif error.fatal() or not error.retriable():
                raise ReadStalled(f"{place[0]}[{place[1]}]: {error.str()}")
        if messages:
            last = time.monotonic()
        elif time.monotonic() - last > stall_limit_s:
            left = sorted(f"{topic}[{partition}]" for topic, partition in set(counts) - set(ended))
            raise ReadStalled(f"no progress for {stall_limit_s:.0f} s reading {', '.join(left)}")
        if records:
            on_records(records)
    return [PartitionRead(topic, partition, counts[topic, partition], end) for (topic, partition), end in ended.items()]
