"""Throughput of the engine and of its peers, on the same input, with the same work and compared outputs.

    python benchmarks/engine.py [--events N] [--skus N,...] [--only NAME,...] [--rounds 3] [--json FILE]

Each system gets topics of its own on one broker. It starts, reads its first counts (and the catalog, if it reads
one), and waits. Then a whole round of events is written in one transaction; the clock runs from the commit that makes
them readable until the target that follows from the last event of each partition is readable (read_committed).
With several numbers of SKUs all systems are measured with each in turn, and each has a result of its own.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from confluent_kafka import KafkaException

from benchmarks import machine, ours, report, systems
from benchmarks.cluster import Cluster, NotDone, Output, cluster, end_cleanly
from benchmarks.model import Model, Shown, faults
from benchmarks.report import Result, Round
from benchmarks.systems import Ended, Place, Running, System
from benchmarks.workload import (
    CHANNELS,
    MARKER_LOCATION,
    PARTITIONS,
    Change,
    Encoder,
    Payload,
    Workload,
    marker_skus,
    schema,
)

ROUND: Final = "round"
SCHEMAS: Final = ("inventory_change", "product")
WARM_UP_PART: Final = 4
"""A quarter of a round goes before the first, so that a virtual machine has compiled what it will."""
TELL_S: Final = 10.0
RESULTS: Final = Path(__file__).parent / "results"
NOTES: Final = (
    "Every system gets byte for byte the same changes: Avro in Confluent wire format with the project's own schema, "
    "Zipf over the SKUs, 6 partitions; 55 % adjustments, 15 % counts, 15 % sales, 15 % shipments.",
    "Work of each: position per SKU at 3 locations, sales netted until their shipment, available to promise less "
    "safety stock, four channels with their buffers, units sold per SKU, channel and minute, changelog, and a target "
    "when a number is another one. The last number of every SKU and channel is compared with a model of its own.",
    "Our engine does more than the peers: sequences, event ids against repetition, orders known, the catalog, "
    "derivations, one transaction per batch. It says a number once per batch, the peers at each event.",
    "A round's events are written in one transaction; the clock runs from its commit to the moment when the target of "
    "the last event of every partition is readable (read_committed), sampled every 40 ms.",
    "Rounds follow each other in one process that has read its first counts and a quarter of a round before, so that "
    "neither start-up nor joining of the group nor most of a JIT's warm-up is measured.",
    "Processor time is that of the system's own processes, not the broker's.",
    "Kafka Streams runs one stream thread, its record caches on, commit interval 1 s at least once, its default "
    "(100 ms) exactly once. Quix Streams commits every second. Faust has its defaults and gets fewer events, because "
    "it would need many minutes; its rate does not depend on their number.",
)


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured."""

    events: int
    slow_events: int
    skus: int
    rounds: int
    limit_s: float


@dataclass(frozen=True, slots=True)
class Load:
    """One stretch of input with what must be shown after it. Stretches named ROUND are measured.

    `marks`: the numbers of the marker SKUs by channel; `raw_marks`: the same for the floor, which computes none.
    """

    name: str
    payloads: list[Payload]
    expected: Shown
    marks: dict[str, dict[str, int]]
    raw_marks: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Input:
    """All input of one kind of system: the catalog, then stretches: first counts, a warm-up, then each round."""

    catalog: list[Payload]
    loads: list[Load]
    skus: int


def make_input(options: Options, encoder: Encoder, *, slow: bool) -> Input:
    """Generate and encode everything ahead, so that feeding takes as little time as can be."""
    events = options.slow_events if slow else options.events
    warm_up = max(events // WARM_UP_PART, PARTITIONS + 1)
    workload = Workload(options.skus, only_skus_of=events * options.rounds + warm_up if slow else None)
    model = Model()
    catalog = [] if slow else [encoder.product(name) for name in workload.names()]
    loads = [_load("first counts", workload.first_counts(), model, encoder)]
    loads.append(_load("warm-up", workload.changes(warm_up), model, encoder))
    loads += [_load(ROUND, workload.changes(events), model, encoder) for _ in range(options.rounds)]
    return Input(catalog, loads, len(loads[0].expected))


def _load(name: str, changes: Iterator[Change], model: Model, encoder: Encoder) -> Load:
    payloads, markers, raw = [], marker_skus(PARTITIONS), {}
    told_s = time.monotonic()
    for change in changes:
        model.apply(change)
        payloads.append(encoder.change(change))
        if time.monotonic() - told_s > TELL_S:
            told_s = time.monotonic()
            say(f"  input of {name}: {len(payloads):,} changes made")
        if change.location == MARKER_LOCATION and change.sku in markers:
            raw[change.sku] = {"floor": change.units}
    expected = model.shown()
    names = [channel.name for channel in CHANNELS]
    marks = {sku: dict(zip(names, expected[sku], strict=True)) for sku in markers}
    return Load(name, payloads, expected, marks, raw)


def measure(system: System, broker: Cluster, given: Input, options: Options, folder: Path) -> Result:
    """Run one system through all rounds. Its processes and topics are gone afterwards."""
    prefix = f"bench-{system.name}-{uuid.uuid4().hex[:6]}."
    place = Place(broker, prefix, folder / system.name)
    place.folder.mkdir(parents=True)
    systems.prepare(system, place)
    running = systems.start(system, place)
    try:
        return _rounds(system, place, running, given, options)
    except (NotDone, Ended, KafkaException) as error:
        tail = running.log.read_text(errors="replace")[-systems.LOG_TAIL :]
        say(f"  {error}\n{tail}")
        return Result(system.name, system.what, faults=(str(error).splitlines()[0],))
    finally:
        running.stop()
        _delete(broker, prefix)


def _delete(broker: Cluster, prefix: str) -> None:
    """Leave nothing on a broker that is used further; one that is gone has nothing left either."""
    try:
        broker.delete_all(prefix)
    except KafkaException as error:
        say(f"  the topics were not deleted: {error}")


def _rounds(system: System, place: Place, running: Running, given: Input, options: Options) -> Result:
    broker, changes = place.cluster, systems.input_of(system, place.prefix)
    output = Output(broker, systems.outputs_of(system, place.prefix), systems.decode_of(system))
    if system.wants_catalog:
        broker.feed(ours.topics(place.prefix).catalog_products, given.catalog)
    rounds: list[Round] = []
    found: list[str] = []
    for load in given.loads:
        marks = load.marks if system.decides else load.raw_marks
        load_before, cpu_before = machine.load(), running.cpu_s()
        start = broker.feed(changes, load.payloads)
        end, targets = output.wait_for(marks, options.limit_s, running.check)
        done = Round(len(load.payloads), end - start, running.cpu_s() - cpu_before, targets, load_before)
        took = f"{done.events:,} events in {done.seconds:.2f} s, {done.events_per_s:,.0f}/s"
        say(f"  {load.name}: {took}, {targets:,} targets")
        if load.name == ROUND:
            rounds.append(done)
        if system.decides:
            found += [f"{load.name}: {fault}" for fault in faults(load.expected, output.last)]
    return Result(
        system.name,
        system.what,
        tuple(rounds),
        tuple(found),
        memory_mb=running.memory_mb(),
        skus=given.skus,
        compared=system.decides,
    )


def say(text: str) -> None:
    """A line of progress."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="events in a round")
    parser.add_argument("--slow-events", type=int, help="events in a round of plain Faust (default: a twentieth)")
    parser.add_argument("--skus", type=_numbers, default=[20_000], metavar="N,...", help="one after the other")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", metavar="NAME,...", help="measure these systems only")
    parser.add_argument("--limit-s", type=float, default=600.0, help="seconds that a stretch may take")
    named = "write {name: {events_per_s: ...}} there; after the first number of SKUs a name is NAME@SKUS"
    parser.add_argument("--json", type=Path, metavar="FILE", help=named)
    parser.add_argument("--name", help="name of the result's files (default: engine-<skus>)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the result's files")
    parser.add_argument("--bootstrap-servers", help="a Kafka that runs already (default: a local stack of its own)")
    parser.add_argument("--schema-registry", help="its schema registry")
    parser.add_argument("--peer-python", type=Path, default=systems.PEER_PYTHON, help="a Python that has Quix Streams")
    found = parser.parse_args(arguments)
    if bool(found.bootstrap_servers) != bool(found.schema_registry):
        parser.error("--bootstrap-servers and --schema-registry go together")
    if found.events <= PARTITIONS or found.rounds < 1 or min(found.skus) < 1:
        parser.error("there must be at least one round, one SKU and more events than partitions")
    if found.name and len(found.skus) > 1:
        parser.error("--name is the name of one result, and --skus asks for several")
    return found


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the results. 1 when a system said wrong numbers or did not finish."""
    asked = parsed(arguments)
    end_cleanly()
    shown: dict[str, dict[str, dict[str, float]]] = {}
    sound = True
    for skus in asked.skus:
        results = _of_size(asked, skus)
        suffix = f"@{skus}" if shown else ""
        shown |= {f"{name}{suffix}": rates for name, rates in report.as_json(results).items()}
        if asked.json:
            asked.json.write_text(json.dumps(shown, indent=2) + "\n")
        sound = sound and not any(one.faults for one in results)
    return 0 if sound else 1


def _of_size(asked: argparse.Namespace, skus: int) -> list[Result]:
    """All systems with so many SKUs; their result is written after each, so that a run cut off was not for nothing."""
    slow_events = asked.slow_events or max(asked.events // 20, PARTITIONS + 1)
    options = Options(asked.events, slow_events, skus, asked.rounds, asked.limit_s)
    described = machine.described()
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="inventory-sync-bench-") as folder:
        chosen = _chosen(systems.all_systems(asked.peer_python, Path(folder)), asked.only)
        # Closed at once, whatever ends the loop: a broker waits in there to be stopped.
        with closing(_measured(chosen, asked, options, Path(folder))) as measured:
            for result in measured:
                results.append(result)
                _save(results, described, asked, options)
    sys.stdout.write(f"{skus:,} SKUs\n\n{report.table(results)}\n")
    return results


def _save(
    results: Sequence[Result], described: Mapping[str, object], asked: argparse.Namespace, options: Options
) -> None:
    machine_now = {**described, "load_1m_after": machine.load()}
    shown = {name: getattr(options, name) for name in ("events", "slow_events", "skus", "rounds")}
    page = report.markdown(results, machine_now, shown, NOTES)
    details = {"machine": machine_now, "options": shown, "results": [dataclasses.asdict(one) for one in results]}
    report.write(asked.results, asked.name or f"engine-{options.skus}", page, details)


def _chosen(known: Sequence[System], only: str) -> list[System]:
    wanted = [name for name in only.split(",") if name]
    unknown = set(wanted) - {one.name for one in known}
    if unknown:
        raise SystemExit(f"no such system: {', '.join(sorted(unknown))}; there are {', '.join(s.name for s in known)}")
    return [one for one in known if not wanted or one.name in wanted]


def _measured(
    chosen: Sequence[System], asked: argparse.Namespace, options: Options, folder: Path
) -> Generator[Result, None, None]:
    """One result after the other, each from a broker of its own unless one was given."""
    ids: tuple[int, int] | None = None
    inputs: dict[bool, Input] = {}
    for system in chosen:
        say(f"{system.name}: {system.what}")
        if system.skip:
            say(f"  skipped: {system.skip}")
            yield Result(system.name, system.what, skipped=f"skipped: {system.skip}")
            continue
        with cluster(asked.bootstrap_servers, asked.schema_registry) as broker:
            found = tuple(broker.register(f"bench-{name}-value", schema(name)) for name in SCHEMAS)
            if found != ids:  # a new registry gives the same ids, as a rule; else everything is encoded again
                ids, inputs = (found[0], found[1]), {}
            if system.slow not in inputs:
                before = time.monotonic()
                inputs[system.slow] = make_input(options, Encoder(*ids), slow=system.slow)
                say(f"  input made in {time.monotonic() - before:.0f} s")
            yield measure(system, broker, inputs[system.slow], options, folder)


if __name__ == "__main__":
    raise SystemExit(main())
