"""How fast the engine recovers its state, against reading the same changelog raw, and how much memory a SKU takes.

    python benchmarks/recovery.py [--skus 100000] [--json FILE]

An engine builds the state from a catalog and counts and is stopped. Then the changelog is read once with
confluent-kafka and nothing is done with it, and once by an engine that starts anew.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import machine, ours, report, systems
from benchmarks.cluster import Cluster, NotDone, Output, cluster, end_cleanly
from benchmarks.engine import RESULTS, Options, make_input, say
from benchmarks.workload import PARTITIONS, Encoder, schema
from inventory_sandbox.stack.ports import LOOPBACK, pick_free
from inventory_streams.kafka.reading import read_to_end
from inventory_streams.kafka.settings import KafkaSettings

READY_LIMIT_S: Final = 600.0
LIMIT_PER_SKU_S: Final = 0.003  # of processor time a SKU takes a tenth of it to be built
TELL_S: Final = 10.0
KNOWN_LIMIT_S: Final = 30.0
POLL_S: Final = 0.05
EVENTS: Final = 20_000


class Probes:
    """What the engine's own probe server says."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{LOOPBACK}:{port}"

    def is_ready(self) -> bool:
        """Whether it says that it is ready; False also while nothing answers."""
        try:
            with urllib.request.urlopen(f"{self._url}/readyz", timeout=5) as answer:
                return int(answer.status) == 200
        except (urllib.error.URLError, OSError):
            return False

    def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        with urllib.request.urlopen(f"{self._url}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        if found is None:
            raise NotDone(f"there is no metric {name}")
        return float(found.group(1))


def limit_s(skus: int) -> float:
    """How long that many SKUs may take to be built or recovered."""
    return READY_LIMIT_S + LIMIT_PER_SKU_S * skus


def wait_until_ready(probes: Probes, running: systems.Running, limit_s: float = READY_LIMIT_S) -> float:
    """Seconds until the engine is ready.

    Raises:
        NotDone: it is not within the limit.
    """
    start = time.monotonic()
    while not probes.is_ready():
        running.check()
        if time.monotonic() - start > limit_s:
            raise NotDone(f"the engine is not ready after {limit_s:.0f} s")
        time.sleep(POLL_S)
    return time.monotonic() - start


def wait_until_known(probes: Probes, skus: int, running: systems.Running) -> float:
    """The SKUs that the engine says it knows, once it has counted them: it does so a moment after it is ready.

    Raises:
        NotDone: it does not say that it knows so many within the limit.
    """
    deadline = time.monotonic() + KNOWN_LIMIT_S
    while (known := probes.metric("inventory_sync_engine_skus")) < skus:
        running.check()
        if time.monotonic() > deadline:
            raise NotDone(f"the engine recovered {known:,.0f} of {skus:,} SKUs")
        time.sleep(POLL_S)
    return known


def read_raw(broker: Cluster, topic: str) -> tuple[int, float]:
    """Records of the whole topic and the seconds that reading them took."""
    start = time.monotonic()
    places = [(topic, part) for part in range(PARTITIONS)]
    done = read_to_end(KafkaSettings(broker.bootstrap_servers), places, lambda messages: None)
    if done is None:
        raise NotDone("the changelog was not read")
    return sum(one.records for one in done), time.monotonic() - start


def run(broker: Cluster, skus: int, folder: Path) -> dict[str, object]:
    """Build, stop, read raw, start anew."""
    system = next(one for one in systems.python_systems(systems.PEER_PYTHON) if one.name == "ours")
    if system.skip:
        raise SystemExit(system.skip)
    encoder = Encoder(
        broker.register("bench-change-value", schema("inventory_change")),
        broker.register("bench-product-value", schema("product")),
    )
    place = systems.Place(broker, f"bench-recovery-{uuid.uuid4().hex[:6]}.", folder)
    given = make_input(Options(EVENTS, EVENTS, skus, 1, limit_s(skus)), encoder, slow=False)
    port = pick_free(set(), random.Random())
    systems.prepare(system, place, port)
    probes = Probes(port)
    try:
        loads = [(one.payloads, one.marks) for one in given.loads]
        empty_mb = _build(system, place, probes, given.catalog, loads, limit_s(skus))
        records, raw_s = read_raw(broker, ours.topics(place.prefix).sku_state)
        say(f"  raw: {records:,} records in {raw_s:.2f} s")
        running = systems.start(system, place)
        try:
            ready_s = wait_until_ready(probes, running, limit_s(skus))
            recovery_s = probes.metric("inventory_sync_engine_recovery_seconds")
            known = wait_until_known(probes, skus, running)
            full_mb = running.memory_mb()
        finally:
            running.stop()
    finally:
        broker.delete_all(place.prefix)
    return {
        "skus": int(known),
        "records": records,
        "raw_records_per_s": round(records / raw_s),
        "recovery_records_per_s": round(records / recovery_s),
        "recovery_s": round(recovery_s, 2),
        "start_to_ready_s": round(ready_s, 2),
        "share_of_raw": round(raw_s / recovery_s, 2),
        "memory_empty_mb": round(empty_mb),
        "memory_mb": round(full_mb),
        "kb_per_sku": round((full_mb - empty_mb) * 1_000 / known, 2),
    }


def _build(
    system: systems.System,
    place: systems.Place,
    probes: Probes,
    catalog: Sequence[tuple[bytes, bytes]],
    loads: Sequence[tuple[Sequence[tuple[bytes, bytes]], Mapping[str, Mapping[str, int]]]],
    limit_s: float,
) -> float:
    """Let an engine make the state; gives its memory in MB when it had none."""
    running = systems.start(system, place)
    told_s = time.monotonic()

    def alive() -> None:
        nonlocal told_s
        running.check()
        if time.monotonic() - told_s > TELL_S:
            told_s = time.monotonic()
            try:
                known = f"{probes.metric('inventory_sync_engine_skus'):,.0f} SKUs are known"
            except OSError as error:
                known = f"it does not answer ({error})"
            say(f"  {known}, {running.memory_mb():,.0f} MB")

    try:
        wait_until_ready(probes, running)
        empty_mb = running.memory_mb()
        place.cluster.feed(ours.topics(place.prefix).catalog_products, catalog)
        output = Output(place.cluster, systems.outputs_of(system, place.prefix), systems.decode_of(system))
        for payloads, marks in loads:
            place.cluster.feed(systems.input_of(system, place.prefix), payloads)
            output.wait_for(marks, limit_s, alive)
        say(f"  state built, {running.memory_mb():,.0f} MB")
        return empty_mb
    finally:
        running.stop()


def page(found: Mapping[str, object], described: Mapping[str, object]) -> str:
    """The result for people."""
    rows = "\n".join(f"| {name.replace('_', ' ')} | {value} |" for name, value in found.items())
    return f"# Recovery\n\n| | |\n| --- | ---: |\n{rows}\n\n## Machine\n{report.listed(described)}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skus", type=int, default=100_000)
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
        found = run(broker, asked.skus, Path(folder))
    text = page(found, described)
    report.write(asked.results, "recovery", text, {"machine": described, **found})
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
