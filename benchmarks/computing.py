"""The engine's own computation without Kafka: decode, apply, decide, encode, batch by batch, on the benchmark's input.

    python benchmarks/computing.py [--events 100000] [--batch 2500] [--event-ids 128] [--profile]

It tells where the time of one process goes, within seconds and with nothing else running; it is no throughput of the
engine, which also fetches, writes and commits. `--profile` prints the functions that took most (under cProfile, which
makes small functions look dearer than they are).
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import ours
from benchmarks.workload import PARTITIONS, SCHEMA_FOLDER, Encoder, Payload, Workload
from inventory_domain.identifiers import Sku
from inventory_domain.positions import EVENT_IDS_MAX
from inventory_domain.sku_state import InputPosition, PartitionProgress
from inventory_schemas.registry import LocalRegistry
from inventory_streams.engine.computing import Work
from inventory_streams.engine.memory import collect_rarely
from inventory_streams.engine.partition import encode_states, newest_words, writes_of, writes_of_progress
from inventory_streams.engine.records import InputRecord
from inventory_streams.engine.serdes import EngineSerdes, engine_serdes
from inventory_streams.engine.settings import DECODED_STATES_MAX
from inventory_streams.engine.states import SkuStates
from inventory_streams.engine.tracing import NOTHING_CARRIED, Carried
from inventory_streams.engine.values import Computed, Rules
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.topics import Topics

PREFIX: Final = "bench."
NOW_MS: Final = 1_770_000_000_000
STEPS: Final = ("decode and apply", "decide", "encode states", "encode targets", "adopt")
SHOWN_MAX: Final = 30


class Engine:
    """All partitions of an engine without its surroundings; counts what each step took."""

    def __init__(self, topics: Topics, serdes: EngineSerdes, event_ids_max: int) -> None:
        self._topics = topics
        self._serdes = serdes
        self._rules = Rules(
            ours.policy(),
            topics,
            serdes.decoders,
            PARTITIONS,
            unknown_sku_grace_ms=3_600_000,
            event_ids_max=event_ids_max,
        )
        self._states = [SkuStates(serdes.decode_state, DECODED_STATES_MAX) for _ in range(PARTITIONS)]
        self._progress = {topics.inventory_changes: InputPosition("topic", 0)}
        self.took_s = dict.fromkeys(STEPS, 0.0)
        self.targets = self.states = self.bytes = 0

    def batch(self, partition: int, records: Sequence[InputRecord], carried: Carried = NOTHING_CARRIED) -> Computed:
        """One transaction's worth, as the agent and the committer would do it; `carried` where it is traced."""
        clock = time.process_time  # others may use the machine at the same time
        started = clock()
        work = Work(self._rules, self._states[partition], partition, {}, now_ms=NOW_MS, catching_up=False)
        work.records(records)
        for _ in work.settling():
            pass
        applied = clock()
        computed = work.finish()
        decided = clock()
        encoded = encode_states(computed.states, self._serdes)
        states_encoded = clock()
        progress = PartitionProgress(self._progress, newest_words({}, computed.words), "policy")
        topics, serdes = self._topics, self._serdes
        writes = list(
            writes_of(
                computed,
                encoded,
                partition=partition,
                partitions=PARTITIONS,
                group="engine",
                topics=topics,
                serdes=serdes,
                carried=carried,
            )
        )
        writes += writes_of_progress(progress, None, partition=partition, topics=topics, serdes=serdes)
        all_encoded = clock()
        for sku, state in computed.states.items():
            self._states[partition].put(sku, state, encoded[sku])
        times = (started, applied, decided, states_encoded, all_encoded, clock())
        for step, begin, end in zip(STEPS, times, times[1:], strict=False):
            self.took_s[step] += end - begin
        self.targets += len(computed.targets)
        self.states += len(computed.states)
        self.bytes += sum(len(write.value or b"") for write in writes)
        if computed.dead_letters:
            raise SystemExit(f"dead letter: {computed.dead_letters[0].error}")
        return computed


def batches(topic: str, payloads: Sequence[Payload], size: int) -> Iterator[tuple[int, list[InputRecord]]]:
    """The records by partition, in batches, partition after partition in turn."""
    queues: list[list[InputRecord]] = [[] for _ in range(PARTITIONS)]
    for key, value in payloads:
        partition = partition_of(key.decode(), PARTITIONS)
        queue = queues[partition]
        queue.append(InputRecord(topic, partition, len(queue), NOW_MS, key, value))
    for start in range(0, max(map(len, queues)), size):
        for partition, queue in enumerate(queues):
            if records := queue[start : start + size]:
                yield partition, records


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--skus", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=2_500, help="records in a batch")
    parser.add_argument("--event-ids", type=int, default=EVENT_IDS_MAX, help="remembered of each SKU")
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args(arguments)
    collect_rarely()
    registry, topics = LocalRegistry(), ours.topics(PREFIX)
    engine = Engine(topics, engine_serdes(topics, registry), asked.event_ids)
    ids = [
        registry.id_of(f"{PREFIX}{name}-value", (SCHEMA_FOLDER / f"{schema_name}.avsc").read_text())
        for name, schema_name in (("inventory.changes", "inventory_change"), ("catalog.products", "product"))
    ]
    encoder, workload = Encoder(*ids), Workload(asked.skus)
    catalog = [encoder.product(Sku(name)) for name in workload.names()]
    first = [encoder.change(change) for change in workload.first_counts()]
    changes = [encoder.change(change) for change in workload.changes(asked.events)]
    for topic, payloads in ((topics.catalog_products, catalog), (topics.inventory_changes, first)):
        for partition, records in batches(topic, payloads, asked.batch):
            engine.batch(partition, records)
    engine.took_s = dict.fromkeys(STEPS, 0.0)
    engine.targets = engine.states = engine.bytes = 0
    ready = list(batches(topics.inventory_changes, changes, asked.batch))
    profiler = cProfile.Profile()
    if asked.profile:
        profiler.enable()
    for partition, records in ready:
        engine.batch(partition, records)
    profiler.disable()
    _tell(engine, asked.events)
    if asked.profile:
        pstats.Stats(profiler, stream=sys.stdout).strip_dirs().sort_stats("tottime").print_stats(SHOWN_MAX)
    return 0


def _tell(engine: Engine, events: int) -> None:
    whole = sum(engine.took_s.values())
    lines = [f"{events:,} events, {whole:.2f} s, {events / whole:,.0f} events/s"]
    lines += [f"  {step:18} {took / events * 1e6:7.2f} us/event" for step, took in engine.took_s.items()]
    share = f"{engine.states / events:.2f} states and {engine.targets / events:.2f} targets per event"
    lines.append(f"  {share}, {engine.bytes / events:.0f} bytes per event")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
