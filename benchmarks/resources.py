"""Memory and processor time of every role while the demo's day goes on, for two sizes of catalog.

    python benchmarks/resources.py [--skus 1000 4000] [--pace 50] [--seconds 60]
                                   [--json benchmarks/results/resources.json]

`inventory-sync demo` plays an ERP and buyers, at one pace for both sizes, against a real Kafka and the stand-ins of
the marketplaces; reconciliation, signals, ledger and console run beside its engine and deliveries on the same settings
file. Each process is looked at every half second: resident memory, and processor time since the look before. Two sizes
tell what a process needs by itself and what each thousand SKUs add, of about three written listings each. Take a pace
that the stand-ins' own limits let settle: a demo that does not come to rest is no result. The requests and limits of
deploy/k8s follow from the result (deploy/sources/resources.py).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import psutil
import yaml

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.cluster import cluster, end_cleanly
from benchmarks.machine import described

LOOK_S: Final = 0.5
PEAK_OVER_S: Final = 5.0  # the highest use is that of the busiest so many seconds
START_S_MAX: Final = 120.0
STOP_S_MAX: Final = 60.0
OF_DEMO: Final = ("engine", "deliver-amazon", "deliver-ebay", "deliver-walmart", "deliver-shopify")
BESIDE: Final = {
    "reconcile": ("reconcile", "run"),
    "signals": ("signals", "serve"),
    "ledger": ("ledger",),
    "console": ("console",),
}
PREPARE: Final = "prepare"
MIB: Final = 1 << 20
COMMAND: Final = (sys.executable, "-m", "inventory_cli")
CONSOLE_LOGIN: Final = {"CONSOLE_OPERATOR": "a-password-of-the-benchmark"}


class Look(NamedTuple):
    """What a process had at one time: resident bytes, and seconds of processor time so far."""

    at_s: float
    resident: int
    cpu_s: float


@dataclass(slots=True)
class Looked:
    """What was seen of one process, look by look."""

    process: psutil.Process
    looks: list[Look] = field(default_factory=list)

    def look(self) -> None:
        """Look once more, if it is still there."""
        try:
            with self.process.oneshot():
                times = self.process.cpu_times()
                resident = self.process.memory_info().rss
                self.looks.append(Look(time.monotonic(), resident, times.user + times.system))
        except psutil.NoSuchProcess:
            return


def used(looks: Sequence[Look]) -> dict[str, float]:
    """Memory at most; processor time in cores, over all that was looked at and in the busiest seconds of it.

    The whole is one of the spans that the most is taken of, so the most is never below the mean.
    """
    apart = max(1, round(PEAK_OVER_S / LOOK_S))
    spans = [(looks[0], looks[-1]), *zip(looks, looks[apart:], strict=False)]
    cores = [(after.cpu_s - before.cpu_s) / max(1e-6, after.at_s - before.at_s) for before, after in spans]
    return {
        "memory_mib_max": round(max(one.resident for one in looks) / MIB, 1),
        "cores_mean": round(cores[0], 3),
        "cores_max": round(max(cores), 3),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both sizes, print, and write the result where `--json` says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skus", type=int, nargs=2, default=[1_000, 4_000])
    parser.add_argument("--pace", type=float, default=50.0, help="events a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long events come")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    end_cleanly()
    sizes = {}
    for skus in asked.skus:
        with cluster(None, None) as broker:
            how_much = ["--skus", str(skus), "--pace", str(asked.pace), "--seconds", str(asked.seconds)]
            sizes[skus] = _day(how_much, broker.bootstrap_servers, broker.registry_url)
        _tell(skus, sizes[skus])
    result = {
        "seconds": asked.seconds,
        "events_per_s": asked.pace,
        "machine": described(),
        "sizes": [{"skus": skus, "roles": roles} for skus, roles in sizes.items()],
    }
    if asked.json is not None:
        asked.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def _day(how_much: Sequence[str], bootstrap_servers: str, registry_url: str) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory(prefix="inventory-sync-resources-") as name:
        folder = Path(name)
        addresses = ["--bootstrap-servers", bootstrap_servers, "--schema-registry", registry_url]
        demo = [*COMMAND, "demo", *how_much, "--data-dir", str(folder), *addresses]
        with _running(demo, folder / "demo.out") as playing:
            settings = _settings(folder, playing)
            once = _prepared(settings, folder)
            looked = {one: Looked(process) for one, process in _children(playing).items()}
            with _beside(settings, folder) as others:
                looked |= {one: Looked(psutil.Process(process.pid)) for one, process in others.items()}
                return {**_watched(playing, looked, folder / "demo.out"), PREPARE: once}


def _watched(playing: subprocess.Popen[bytes], looked: Mapping[str, Looked], said: Path) -> dict[str, dict[str, float]]:
    """Look until the demo is over: its catalog is opened, events come, and all listings settle."""
    while playing.poll() is None:
        for one in looked.values():
            one.look()
        time.sleep(LOOK_S)
    if playing.returncode != 0:
        raise SystemExit(f"the demo ended with {playing.returncode}:\n{said.read_text()[-4000:]}")
    return {name: used(one.looks) for name, one in looked.items()}


def _settings(folder: Path, playing: subprocess.Popen[bytes]) -> Path:
    """The demo's settings file, once it is there, with an operator for the console added."""
    end_s = time.monotonic() + START_S_MAX
    while time.monotonic() < end_s and playing.poll() is None:
        for file in folder.glob("runs/*/sync.yaml"):
            text = file.read_text()
            if text:
                told = yaml.safe_load(text)
                told["console"]["operators"] = {"operator": {"env": "CONSOLE_OPERATOR"}}
                told["console"]["port"] = told["signals"]["port"] = 0
                beside = file.with_name("beside.yaml")
                beside.write_text(yaml.safe_dump(told))
                return beside
        time.sleep(0.05)
    raise SystemExit(f"the demo did not begin:\n{(folder / 'demo.out').read_text()[-4000:]}")


def _children(playing: subprocess.Popen[bytes]) -> dict[str, psutil.Process]:
    """The demo's processes by the names that they give themselves."""
    found = {one.name(): one for one in psutil.Process(playing.pid).children(recursive=True)}
    return {name: found[name] for name in OF_DEMO}


def _prepared(settings: Path, folder: Path) -> dict[str, float]:
    """What runs before a rollout, which finds that all is there: the most that either command needs."""
    worst = {"memory_mib_max": 0.0, "cores_mean": 0.0, "cores_max": 0.0}
    for arguments in (("topics", "apply"), ("schemas", "register")):
        began_s = time.monotonic()
        with (folder / "prepare.out").open("wb") as output:
            process = subprocess.Popen([*COMMAND, *arguments, "--config", str(settings)], stdout=output, stderr=output)
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit((folder / "prepare.out").read_text())
        cores = round((usage.ru_utime + usage.ru_stime) / (time.monotonic() - began_s), 3)
        worst["memory_mib_max"] = max(worst["memory_mib_max"], round(usage.ru_maxrss / 1024, 1))
        worst["cores_mean"] = worst["cores_max"] = max(worst["cores_max"], cores)
    return worst


@contextmanager
def _beside(settings: Path, folder: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """The roles that the demo does not have."""
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in BESIDE.items():
            with (folder / f"{name}.log").open("wb") as log:
                started[name] = subprocess.Popen(
                    [*COMMAND, *command, "--config", str(settings)],
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **CONSOLE_LOGIN},
                )
        yield started
        ended = {name: process.poll() for name, process in started.items() if process.poll() is not None}
        if ended:
            words = [(folder / f"{name}.log").read_text()[-2000:] for name in ended]
            raise SystemExit(f"ended by themselves: {ended}; {words}")
    finally:
        for process in started.values():
            _end(process)


@contextmanager
def _running(command: Sequence[str], said: Path) -> Iterator[subprocess.Popen[bytes]]:
    with said.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tell(skus: int, roles: Mapping[str, Mapping[str, float]]) -> None:
    lines = [f"{skus:,} SKUs", f"  {'':16} {'MiB at most':>12} {'cores, mean':>12} {'at most':>9}"]
    for name, one in roles.items():
        lines.append(f"  {name:16} {one['memory_mib_max']:12.0f} {one['cores_mean']:12.3f} {one['cores_max']:9.3f}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
