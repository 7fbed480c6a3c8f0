"""What tracing costs the engine for an event: off, on with nothing traced, and with a share of the events traced.

    python benchmarks/tracing.py [--events 40000] [--json FILE]

The engine's own computation without Kafka (as `benchmarks/computing.py`), on CPU time; the best of four rounds each,
taken in turn. Spans are made as in production and thrown away in place of being told, as the background does there.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from opentelemetry.sdk.trace import TracerProvider

from benchmarks import ours
from benchmarks.computing import PREFIX, Engine, batches
from benchmarks.machine import described
from benchmarks.workload import SCHEMA_FOLDER, Encoder, Workload
from inventory_cli.tracing import OpenTelemetryTraces
from inventory_domain.identifiers import Sku
from inventory_schemas.registry import LocalRegistry
from inventory_streams.engine.records import FetchedBatch, InputRecord
from inventory_streams.engine.serdes import engine_serdes
from inventory_streams.engine.tracing import NOTHING_CARRIED, spans_of
from inventory_streams.kafka.tracing import TraceContext, Traces

ROUNDS: Final = 4
BATCH: Final = 2_500
SHARES: Final = {"off": None, "on, nothing traced": 0.0, "on, 1 % traced": 0.01, "on, all traced": 1.0}
Batches = list[tuple[int, list[InputRecord]]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; write the numbers where `--json` says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--skus", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    traces = OpenTelemetryTraces(TracerProvider().get_tracer("benchmark"))
    best = dict.fromkeys(SHARES, float("inf"))
    for _ in range(ROUNDS):  # in turn, so that what else the machine does meets all alike
        for name, share in SHARES.items():
            took_s = _round(asked.events, asked.skus, None if share is None else traces, share or 0.0)
            best[name] = min(best[name], took_s)
    found = {name: round(took_s / asked.events * 1e6, 2) for name, took_s in best.items()}
    for name, us in found.items():
        sys.stdout.write(f"{name:20} {us:7.2f} us of CPU per event\n")
    if asked.json is not None:
        told = {"events": asked.events, "us_of_cpu_per_event": found, "machine": described()}
        asked.json.write_text(json.dumps(told, indent=2) + "\n")
    return 0


def _round(events: int, skus: int, traces: Traces | None, share: float) -> float:
    registry, topics = LocalRegistry(), ours.topics(PREFIX)
    engine = Engine(topics, engine_serdes(topics, registry))
    ids = [
        registry.id_of(f"{PREFIX}{name}-value", (SCHEMA_FOLDER / f"{schema_name}.avsc").read_text())
        for name, schema_name in (("inventory.changes", "inventory_change"), ("catalog.products", "product"))
    ]
    encoder, workload = Encoder(*ids), Workload(skus)
    catalog = [encoder.product(Sku(name)) for name in workload.names()]
    first = [encoder.change(change) for change in workload.first_counts()]
    for topic, payloads in ((topics.catalog_products, catalog), (topics.inventory_changes, first)):
        for partition, records in batches(topic, payloads, BATCH):
            engine.batch(partition, records)
    changes = [encoder.change(change) for change in workload.changes(events)]
    ready = _traced(batches(topics.inventory_changes, changes, BATCH), share)
    of_skus = frozenset((topics.inventory_changes,))
    began_s = time.process_time()
    for partition, records in ready:
        if traces is None:
            engine.batch(partition, records)
            continue
        batch = FetchedBatch(topics.inventory_changes, partition, 0, len(records), tuple(records))
        spans = spans_of(traces, batch, of_skus)
        computed = engine.batch(partition, records, NOTHING_CARRIED if spans is None else spans.carried)
        if spans is not None:
            spans.end(computed)
    return time.process_time() - began_s


def _traced(found: Iterator[tuple[int, list[InputRecord]]], share: float) -> Batches:
    number, every = itertools.count(1), 0 if not share else round(1 / share)
    ready = []
    for partition, records in found:
        told = [
            replace(record, headers=_context(next(number)).headers()) if every and index % every == 0 else record
            for index, record in enumerate(records)
        ]
        ready.append((partition, told))
    return ready


def _context(number: int) -> TraceContext:
    return TraceContext(f"00-{number:032x}-{number:016x}-01".encode())


if __name__ == "__main__":
    raise SystemExit(main())
