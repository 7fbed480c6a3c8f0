"""From a change to its readable target, at a steady rate, against the broker's own round trip in the same minute.

    python benchmarks/latency.py [--rate 100] [--seconds 60] [--json FILE]

Each change is a count that alters all four listings of its SKU; the time runs from just before it is produced until a
read_committed reader has each of its targets. Between the changes plain records go through the same broker to a reader
of their own: producing and reading one is the round trip that no engine could do without. Afterwards, with the engine
stopped, transactions of the same records are written at the same rate by one client for each partition, which begins
with none of the work of an engine: what they take is what transactions cost on this broker and machine.
"""

from __future__ import annotations

import argparse
import json
import queue
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from benchmarks import machine, ours, report, systems
from benchmarks.cluster import Cluster, NotDone, Output, cluster, end_cleanly
from benchmarks.engine import RESULTS, Options, make_input, say
from benchmarks.workload import CHANNELS, LOCATIONS, MARKER_LOCATION, PARTITIONS, Change, Encoder, schema, sku_name
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.transactions import TransactionalWriter, Write

SKUS: Final = 2_000
WARM_UP_S: Final = 5.0
SETTLE_S: Final = 3.0
"""How long after the last change its targets are waited for."""
START_LIMIT_S: Final = 120.0
HIGH_NUMBER: Final = 1_000_000_000
RECORD: Final = b"x" * 200
"""As long as a target."""


class Reader:
    """Notes when a key was first read after it had been sent. One consumer on a thread of its own."""

    def __init__(self, broker: Cluster, topics: Sequence[str]) -> None:
        self.sent: dict[bytes, float] = {}
        self.took_s: list[float] = []
        self._running = True
        self._consumer = Consumer(
            {
                "bootstrap.servers": broker.bootstrap_servers,
                "group.id": f"bench-latency-{uuid.uuid4().hex[:6]}",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "log_level": 0,
            }
        )
        self._consumer.assign(
            [TopicPartition(topic, part, OFFSET_END) for topic in topics for part in range(PARTITIONS)]
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while self._running:
            message = self._consumer.poll(0.1)
            if message is None or message.error():
                continue
            start = self.sent.pop(message.key() or b"", None)
            if start is not None:
                self.took_s.append(time.perf_counter() - start)

    def close(self) -> None:
        """Stop reading."""
        self._running = False
        self._thread.join(5)
        self._consumer.close()


def figures(took_s: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and most, in milliseconds."""
    ordered = sorted(took_s)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3, 2)

    return {"median": at(0.5), "p99": at(0.99), "max": at(1.0), "samples": len(ordered)}


def measure(broker: Cluster, place: systems.Place, encoder: Encoder, rate: float, seconds: float) -> dict[str, object]:
    """Both figures, side by side."""
    changes, echoes = systems.input_of(_engine(), place.prefix), f"{place.prefix}echo"
    broker.create({echoes: {}})
    targets, echo = Reader(broker, ours.target_topics(place.prefix)), Reader(broker, [echoes])
    producer = Producer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "partitioner": "murmur2_random",
            "linger.ms": 0,
            "acks": "all",
            "log_level": 0,
        }
    )
    time.sleep(WARM_UP_S)  # both readers fetch by then
    begin, count, warm_until = time.perf_counter(), 0, WARM_UP_S
    try:
        while (passed := time.perf_counter() - begin) < WARM_UP_S + seconds:
            if passed > warm_until:
                targets.took_s.clear()
                echo.took_s.clear()
                warm_until = float("inf")
            _one(producer, encoder, count, (changes, targets), (echoes, echo), 1 / rate)
            count += 1
            time.sleep(max(0.0, begin + count / rate - time.perf_counter()))
        producer.flush(10)
        time.sleep(SETTLE_S)
    finally:
        targets.close()
        echo.close()
    if targets.sent:
        raise NotDone(f"{len(targets.sent)} targets were not seen {SETTLE_S:.0f} s after the last change")
    ours_ms, broker_ms = figures(targets.took_s), figures(echo.took_s)
    over = {name: round(ours_ms[name] - broker_ms[name], 2) for name in ("median", "p99")}
    return {"target_ms": ours_ms, "round_trip_ms": broker_ms, "over_round_trip_ms": over}


def _one(
    producer: Producer,
    encoder: Encoder,
    count: int,
    change: tuple[str, Reader],
    echo: tuple[str, Reader],
    pause_s: float,
) -> None:
    """One change, and half a pause later one echo, so that neither waits behind the other."""
    sku = sku_name(count % SKUS)
    units = 1_000 + 500 * (count // SKUS % 2)
    key, value = encoder.change(Change(HIGH_NUMBER + count, sku, "counted", MARKER_LOCATION, units))
    now = time.perf_counter()
    for channel in CHANNELS:
        change[1].sent[f"{channel.name}/{sku}".encode()] = now
    producer.produce(change[0], value, key)
    producer.poll(0)
    time.sleep(pause_s / 2)
    key = str(count).encode()
    echo[1].sent[key] = time.perf_counter()
    producer.produce(echo[0], value, key)
    producer.poll(0)


class Transactions:
    """Writes what a change comes to, each in a transaction of its partition, on one thread for each partition."""

    def __init__(self, broker: Cluster, topics: Sequence[str]) -> None:
        """`topics` are where its records go: each transaction has one for each."""
        self._topics = topics
        self._waiting: list[queue.SimpleQueue[str | None]] = [queue.SimpleQueue() for _ in range(PARTITIONS)]
        settings = KafkaSettings(broker.bootstrap_servers)
        self._writers = [TransactionalWriter(settings, f"{topics[0]}-{number}") for number in range(PARTITIONS)]
        for writer in self._writers:
            writer.take_over()
        self._threads = [threading.Thread(target=self._write, args=(one,), daemon=True) for one in range(PARTITIONS)]
        for thread in self._threads:
            thread.start()

    def begin(self, sku: str) -> None:
        """Have the transaction of this SKU written."""
        self._waiting[partition_of(sku, PARTITIONS)].put(sku)

    def close(self) -> None:
        """Write what waits, and end."""
        for waiting in self._waiting:
            waiting.put(None)
        for thread in self._threads:
            thread.join(START_LIMIT_S)

    def _write(self, number: int) -> None:
        while (sku := self._waiting[number].get()) is not None:
            keys = [sku, *[f"{channel.name}/{sku}" for channel in CHANNELS]]
            places = zip(self._topics, keys, strict=True)
            self._writers[number].commit_all([Write(topic, number, key.encode(), RECORD) for topic, key in places])


def transactions_alone(broker: Cluster, prefix: str, rate: float, seconds: float) -> dict[str, float]:
    """How long a transaction of the same records takes from its begin until each of its targets is readable."""
    topics = [f"{prefix}alone-{name}" for name in ("state", *[channel.name for channel in CHANNELS])]
    broker.create({topic: {} for topic in topics})
    reader, writers = Reader(broker, topics[1:]), Transactions(broker, topics)
    time.sleep(WARM_UP_S)
    begin, count = time.perf_counter(), 0
    try:
        while (passed := time.perf_counter() - begin) < WARM_UP_S + seconds:
            if passed < WARM_UP_S:
                reader.took_s.clear()
            sku = sku_name(count % SKUS)
            now = time.perf_counter()
            for channel in CHANNELS:
                reader.sent[f"{channel.name}/{sku}".encode()] = now
            writers.begin(sku)
            count += 1
            time.sleep(max(0.0, begin + count / rate - time.perf_counter()))
        writers.close()
        time.sleep(SETTLE_S)
    finally:
        reader.close()
    return figures(reader.took_s)


def _engine() -> systems.System:
    return next(one for one in systems.python_systems(systems.PEER_PYTHON) if one.name == "ours")


def run(broker: Cluster, rate: float, seconds: float, folder: Path) -> dict[str, object]:
    """Start the engine with a catalog that is counted, measure, and stop it."""
    system = _engine()
    if system.skip:
        raise SystemExit(system.skip)
    encoder = Encoder(
        broker.register("bench-change-value", schema("inventory_change")),
        broker.register("bench-product-value", schema("product")),
    )
    place = systems.Place(broker, f"bench-latency-{uuid.uuid4().hex[:6]}.", folder)
    given = make_input(Options(PARTITIONS + 1, PARTITIONS + 1, SKUS, 1, START_LIMIT_S), encoder, slow=False)
    systems.prepare(system, place)
    running = systems.start(system, place)
    try:
        broker.feed(ours.topics(place.prefix).catalog_products, given.catalog)
        output = Output(broker, systems.outputs_of(system, place.prefix), systems.decode_of(system))
        for load in given.loads:
            broker.feed(systems.input_of(system, place.prefix), load.payloads)
            output.wait_for(load.marks, START_LIMIT_S, running.check)
        cpu, start = running.cpu_s(), time.monotonic()
        found = measure(broker, place, encoder, rate, seconds)
        found["cpu_share"] = round((running.cpu_s() - cpu) / (time.monotonic() - start), 2)
    finally:
        running.stop()
        broker.delete_all(place.prefix)
    alone = f"{place.prefix}alone-"
    try:
        return {**found, "transactions_ms": transactions_alone(broker, alone, rate, seconds)}
    finally:
        broker.delete_all(alone)


def page(found: Mapping[str, object], described: dict[str, object], rate: float, seconds: float) -> str:
    """The result for people."""
    lines = ["| | median ms | p99 ms |", "| --- | ---: | ---: |"]
    names = {
        "target_ms": "change to target readable",
        "round_trip_ms": "the broker's own round trip",
        "over_round_trip_ms": "difference",
        "transactions_ms": "transactions of the same records, without an engine",
    }
    for name, words in names.items():
        figure = found[name]
        if isinstance(figure, dict):
            lines.append(f"| {words} | {figure['median']} | {figure['p99']} |")
    text = (
        f"{rate:g} changes in a second for {seconds:g} s; {SKUS:,} SKUs at {len(LOCATIONS)} locations, four listings."
    )
    return f"# Latency\n\n{text}\n\n" + "\n".join(lines) + f"\n\n## Machine\n{report.listed(described)}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=100.0, help="changes in a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the result's files")
    parser.add_argument("--bootstrap-servers")
    parser.add_argument("--schema-registry")
    asked = parser.parse_args(arguments)
    end_cleanly()
    described = machine.described()
    with (
        tempfile.TemporaryDirectory(prefix="inventory-sync-bench-") as folder,
        cluster(asked.bootstrap_servers, asked.schema_registry) as broker,
    ):
        found = run(broker, asked.rate, asked.seconds, Path(folder))
    text = page(found, described, asked.rate, asked.seconds)
    report.write(asked.results, "latency", text, {"machine": described, **found})
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(text)
    say("written to the results folder")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
