"""The systems that are measured: how each is started, what it reads and writes, and why it cannot run here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from benchmarks import ours
from benchmarks.cluster import Cluster, Decode
from benchmarks.kafka_streams import CannotBuild, build
from benchmarks.workload import CHANNELS, LOCATIONS, PARTITIONS, SCHEMA_FOLDER

PEERS: Final = Path(__file__).parent / "peers"
PEER_PYTHON: Final = Path(__file__).parents[1] / ".bench-venv" / "bin" / "python"
COMMIT_INTERVAL_S: Final = 1.0
"""For the peers whose default would put changelog writes after the end of the measurement."""
STOP_LIMIT_S: Final = 20.0
LOG_TAIL: Final = 1_500

INPUT_CONFIG: Final = {"message.timestamp.type": "LogAppendTime"}


class Ended(Exception):
    """A system that is measured has ended by itself."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one system runs: its names on the broker and a folder of its own."""

    cluster: Cluster
    prefix: str
    folder: Path

    @property
    def job(self) -> Path:
        """The file that tells a peer what to do."""
        return self.folder / "job.json"


@dataclass(frozen=True, slots=True)
class System:
    """One system. `slow`: measured with fewer events. `wants_catalog`: it reads the catalog from its topic first."""

    name: str
    what: str
    command: Callable[[Place], list[str]]
    slow: bool = False
    workers: int = 1
    wants_catalog: bool = False
    decides: bool = True
    skip: str | None = None


def _json_target(value: bytes) -> tuple[str, str, int]:
    target = json.loads(value)
    return target["channel"], target["sku"], target["quantity"]


def all_systems(peer_python: Path, folder: Path) -> list[System]:
    """Every system in the order of the table; those that cannot run here say why in `skip`."""
    return [*python_systems(peer_python), *_java_systems(folder)]


def python_systems(peer_python: Path) -> list[System]:
    """The floor, our engine, plain Faust and Quix Streams."""
    here, peer = sys.executable, str(peer_python.absolute())  # processes start in folders of their own
    quix = None if _has(peer_python, "quixstreams") else f"quixstreams is not installed in {peer_python.parts[-3]}"

    def peer_command(script: str, python: str = here) -> Callable[[Place], list[str]]:
        return lambda place: [python, str(PEERS / script), str(place.job)]

    def engine(name: str, workers: int) -> System:
        what = "this project's engine, one process" if workers == 1 else f"this project's engine, {workers} processes"
        return System(
            name,
            what,
            lambda place: [here, ours.__file__, str(place.job)],
            workers=workers,
            wants_catalog=True,
            skip=ours.missing(),
        )

    return [
        System("floor", "confluent-kafka: consume and decode only", peer_command("floor.py"), decides=False),
        engine("ours", 1),
        engine("ours-2", 2),
        System("faust", "Faust, an agent per event, tables in memory", peer_command("faust_app.py"), slow=True),
        System("quix", "Quix Streams, RocksDB state", peer_command("quix_app.py", peer), skip=quix),
    ]


def _java_systems(folder: Path) -> list[System]:
    try:
        peer = build(folder)
        java, why, streams = peer.command, None, f"Kafka Streams {peer.streams}, {peer.java}"
    except CannotBuild as error:
        java, why, streams = (), str(error), "Kafka Streams"

    def command(store: str, guarantee: str) -> Callable[[Place], list[str]]:
        return lambda place: [*java, str(place.job), store, guarantee]

    def kstreams(name: str, store: str, guarantee: str) -> System:
        words = f"{streams}, {store} stores, {guarantee.replace('_', ' ').removesuffix(' v2')}"
        return System(name, words, command(store, guarantee), skip=why)

    return [
        kstreams("kstreams-memory", "memory", "at_least_once"),
        kstreams("kstreams-rocksdb", "rocksdb", "at_least_once"),
        kstreams("kstreams-memory-eos", "memory", "exactly_once_v2"),
        kstreams("kstreams-rocksdb-eos", "rocksdb", "exactly_once_v2"),
    ]


def _has(python: Path, package: str) -> bool:
    if not python.is_file():
        return False
    return (
        subprocess.run([python, "-c", f"import {package}"], capture_output=True, timeout=60, check=False).returncode
        == 0
    )


def input_of(system: System, prefix: str) -> str:
    """The topic that the changes of this system are fed into."""
    return ours.topics(prefix).inventory_changes if system.wants_catalog else f"{prefix}changes"


def outputs_of(system: System, prefix: str) -> list[str]:
    """The topics that this system writes its targets to."""
    return ours.target_topics(prefix) if system.wants_catalog else [f"{prefix}targets"]


def decode_of(system: System) -> Decode:
    """How this system's targets are read."""
    return ours.decode_target if system.wants_catalog else _json_target


def prepare(system: System, place: Place, probe_port: int = 0) -> None:
    """Create the topics and write the job. The probe port is for our engine; 0 takes a free one."""
    if system.wants_catalog:
        ours.prepare(place.cluster, place.prefix)
    else:
        place.cluster.create({input_of(system, place.prefix): INPUT_CONFIG, outputs_of(system, place.prefix)[0]: {}})
    job = {
        "bootstrap_servers": place.cluster.bootstrap_servers,
        "registry_url": place.cluster.registry_url,
        "application": f"{place.prefix}app",
        "prefix": place.prefix,
        "input": input_of(system, place.prefix),
        "output": outputs_of(system, place.prefix)[0],
        "partitions": PARTITIONS,
        "schema": str(SCHEMA_FOLDER / "inventory_change.avsc"),
        "locations": LOCATIONS,
        "channels": [{"name": one.name, "units": one.units, "percent": one.percent} for one in CHANNELS],
        "folder": str(place.folder),
        "commit_interval_s": COMMIT_INTERVAL_S,
        "probe_port": probe_port,
    }
    place.job.write_text(json.dumps(job))


@dataclass(slots=True)
class Running:
    """The processes of one system that was started."""

    processes: list[subprocess.Popen[bytes]]
    log: Path
    _seen: list[psutil.Process] = field(init=False)

    def __post_init__(self) -> None:
        self._seen = [psutil.Process(process.pid) for process in self.processes]

    def check(self) -> None:
        """Raises Ended when a process is gone."""
        for process in self.processes:
            if process.poll() is not None:
                tail = self.log.read_text(errors="replace")[-LOG_TAIL:]
                raise Ended(f"ended with {process.returncode}: {tail}")

    def cpu_s(self) -> float:
        """Processor time that all processes took until now."""
        return sum(sum(process.cpu_times()[:2]) for process in self._seen)

    def memory_mb(self) -> float:
        """Resident memory of all processes."""
        return sum(process.memory_info().rss for process in self._seen) / 1e6

    def stop(self) -> None:
        """End all of them, the hard way where they do not listen."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_LIMIT_S
        for process in self.processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_LIMIT_S)


def start(system: System, place: Place, environment: Mapping[str, str] | None = None) -> Running:
    """Start the system's processes."""
    log = place.folder / "log.txt"
    with log.open("wb") as file:
        processes = [
            subprocess.Popen(
                system.command(place),
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=place.folder,
                env={**os.environ, **(environment or {}), "BENCH_WORKER": str(worker)},
            )
            for worker in range(system.workers)
        ]
    return Running(processes, log)
