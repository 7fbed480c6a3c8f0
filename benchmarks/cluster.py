"""The broker side of a measurement: topics, feeding in one transaction, and when the last target became readable."""

from __future__ import annotations

import json
import math
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final, TypeAlias

from confluent_kafka import Consumer, IsolationLevel, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]  # re-exported
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from benchmarks.workload import PARTITIONS, Payload
from inventory_sandbox.ending import ENDS, on_end
from inventory_sandbox.stack import LocalStack

SAMPLE_S: Final = 0.04
"""How often the ends of the output are looked at: the resolution of every measured time."""
QUIET_S: Final = 2.0
"""The output is read and judged only when nothing was written for so long, so that reading takes no time of theirs."""
FEED_TIMEOUT_MS: Final = 900_000
READ_LIMIT_S: Final = 120.0
ADMIN_LIMIT_S: Final = 30.0
AGAIN_S: Final = 30.0
"""After the first signal to end, further ones count for nothing for so long."""

Place: TypeAlias = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class Said:
    """One target as some system wrote it: where, for which channel and SKU, and the number."""

    place: Place
    offset: int
    channel: str
    sku: str
    quantity: int


_LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]

Decode: TypeAlias = Callable[[bytes], tuple[str, str, int]]
"""From a target's bytes to channel, SKU and quantity."""


class NotDone(Exception):
    """A system had not said all it must within the limit."""


@dataclass(slots=True)
class Cluster:
    """One broker with its registry."""

    bootstrap_servers: str
    registry_url: str
    _admin: AdminClient = field(init=False)

    def __post_init__(self) -> None:
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})

    def register(self, subject: str, schema: Mapping[str, object]) -> int:
        """Register a schema and give its id."""
        client = SchemaRegistryClient({"url": self.registry_url})
        return int(client.register_schema(subject, Schema(json.dumps(schema), "AVRO")))

    def create(self, topics: Mapping[str, Mapping[str, str]], partitions: int = PARTITIONS) -> None:
        """Create topics with these settings and wait until all are there."""
        wanted = [NewTopic(name, partitions, 1, config=dict(config)) for name, config in topics.items()]
        for created in self._admin.create_topics(wanted).values():
            created.result(ADMIN_LIMIT_S)

    def delete_all(self, prefix: str) -> None:
        """Delete every topic whose name begins so."""
        names = [name for name in self._admin.list_topics(timeout=ADMIN_LIMIT_S).topics if name.startswith(prefix)]
        if names:
            for deleted in self._admin.delete_topics(names).values():
                deleted.result(ADMIN_LIMIT_S)

    def ends(self, places: Sequence[Place]) -> dict[Place, int]:
        """Up to which offset a read_committed reader can read now."""
        asked = {TopicPartition(*place): _LATEST for place in places}
        futures = self._admin.list_offsets(asked, isolation_level=IsolationLevel.READ_COMMITTED)
        return {
            (place.topic, place.partition): future.result(ADMIN_LIMIT_S).offset for place, future in futures.items()
        }

    def feed(self, topic: str, payloads: Sequence[Payload]) -> float:
        """Write all in one transaction, so that all becomes readable at once; gives the time of that moment."""
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "partitioner": "murmur2_random",
                "transactional.id": f"feed-{topic}",
                "log_level": 0,  # what goes wrong is raised
                "transaction.timeout.ms": FEED_TIMEOUT_MS,
                "linger.ms": 50,
                "batch.size": 1 << 20,
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        producer.init_transactions(ADMIN_LIMIT_S)
        producer.begin_transaction()
        for key, value in payloads:
            while True:
                try:
                    producer.produce(topic, value, key)
                    break
                except BufferError:
                    producer.poll(0.1)
        if producer.flush(READ_LIMIT_S):
            raise NotDone(f"{topic} could not be fed")
        start = time.time()
        producer.commit_transaction(READ_LIMIT_S)
        return start


def end_cleanly() -> None:
    """From now on SIGTERM ends this process as Ctrl-C does, so that what was started is stopped.

    One that follows soon says nothing new, and must not break off the stopping. A later one counts again: the first
    may have come where Python lets nothing through, as in a destructor.
    """
    last_s = -math.inf

    def leave(signum: int, frame: FrameType | None) -> None:
        nonlocal last_s
        before_s, last_s = last_s, time.monotonic()
        if last_s - before_s > AGAIN_S:
            raise KeyboardInterrupt

    for number in ENDS:
        signal.signal(number, leave)


@contextmanager
def _to_its_end() -> Iterator[None]:
    """Signals that would end the process in the middle of the block end it after the block."""
    came: list[int] = []

    def note(signum: int, frame: FrameType | None) -> None:
        came.append(signum)

    try:
        with on_end(note):
            yield
    finally:
        if came:
            raise KeyboardInterrupt


@contextmanager
def cluster(bootstrap_servers: str | None, registry_url: str | None) -> Iterator[Cluster]:
    """The cluster given, else a local stack in a folder of its own that is stopped and removed afterwards."""
    if bootstrap_servers and registry_url:
        yield Cluster(bootstrap_servers, registry_url)
        return
    folder = Path(tempfile.mkdtemp(prefix="inventory-sync-bench-"))
    stack = LocalStack(folder)
    try:
        info = stack.up()
        yield Cluster(info.bootstrap_servers, info.schema_registry_url)
    finally:
        with _to_its_end():
            stack.down()
            shutil.rmtree(folder, ignore_errors=True)


class Output:
    """What one system has said so far on its output topics."""

    def __init__(self, broker: Cluster, topics: Sequence[str], decode: Decode) -> None:
        self._broker = broker
        self._decode = decode
        self._places: list[Place] = [(topic, part) for topic in topics for part in range(PARTITIONS)]
        self._read = dict.fromkeys(self._places, 0)
        self.last: dict[tuple[str, str], int] = {}
        self.records = 0

    def wait_for(
        self, marks: Mapping[str, Mapping[str, int]], limit_s: float, alive: Callable[[], None]
    ) -> tuple[float, int]:
        """Wait until each marker SKU shows its numbers; gives when that was readable, and the targets since last time.

        `marks` are per SKU the numbers by channel; `alive` raises when the system has ended by itself.

        Raises:
            NotDone: the limit passed first.
        """
        samples: list[tuple[float, dict[Place, int]]] = []
        deadline, changed = time.monotonic() + limit_s, time.monotonic()
        found: list[Said] = []
        records = self.records
        while True:
            alive()
            ends = self._broker.ends(self._places)
            now, moment = time.monotonic(), time.time()
            if not samples or ends != samples[-1][1]:
                samples.append((moment, ends))
                changed = now
            elif now - changed > QUIET_S and ends != self._read:
                found.extend(one for one in self._read_to(ends) if one.sku in marks)
                if all(self.last.get((channel, sku)) == n for sku, m in marks.items() for channel, n in m.items()):
                    samples.append((time.time(), self._broker.ends(self._places)))  # some were read beyond the last
                    return _readable(found, samples), self.records - records
            if now > deadline:
                raise NotDone(f"not done after {limit_s:.0f} s, {sum(ends.values())} records are written")
            time.sleep(SAMPLE_S)

    def _read_to(self, ends: Mapping[Place, int]) -> list[Said]:
        """Read on up to these ends, keep the last number of each listing, and give the records."""
        behind = {place: end for place, end in ends.items() if end > self._read[place]}
        consumer = Consumer(
            {
                "bootstrap.servers": self._broker.bootstrap_servers,
                "group.id": "bench-output",
                "log_level": 0,
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
            }
        )
        said: list[Said] = []
        deadline = time.monotonic() + READ_LIMIT_S
        try:
            consumer.assign([TopicPartition(*place, self._read[place]) for place in behind])
            while behind:
                for message in consumer.consume(10_000, 0.05):
                    if message.error():
                        raise KafkaException(message.error())
                    value = message.value()
                    if value is not None:
                        place = (message.topic() or "", message.partition() or 0)
                        one = Said(place, message.offset() or 0, *self._decode(value))
                        said.append(one)
                        self.last[one.channel, one.sku] = one.quantity
                        self.records += 1
                for position in consumer.position([TopicPartition(*place) for place in behind]):
                    place = (position.topic, position.partition)
                    if position.offset >= behind[place]:
                        del behind[place]
                        self._read[place] = position.offset
                if time.monotonic() > deadline:
                    raise NotDone(f"the output could not be read within {READ_LIMIT_S:.0f} s")
        finally:
            consumer.close()
        return said


def _readable(found: Sequence[Said], samples: Sequence[tuple[float, Mapping[Place, int]]]) -> float:
    """When the last of these records could first be read, by the samples of the readable ends."""
    last: dict[Place, int] = {}
    for one in found:
        last[one.place] = max(last.get(one.place, -1), one.offset)
    return max(next(moment for moment, ends in samples if ends[place] > offset) for place, offset in last.items())
