"""The local stack as a whole: one Kafka node and one schema registry in one folder."""

import json
import random
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

from inventory_sandbox.stack import kafka, registry
from inventory_sandbox.stack.artifacts import ArtifactCache, default_cache_dir
from inventory_sandbox.stack.errors import ComponentFailed, PortTaken, StackError
from inventory_sandbox.stack.folders import held
from inventory_sandbox.stack.java import KAFKA_NEEDS, REGISTRY_NEEDS, find_java
from inventory_sandbox.stack.ports import LOOPBACK, answers, is_free, pick_free
from inventory_sandbox.stack.processes import ProcessFile

BUSY_WAIT_S: Final = 180.0
"""How long `up` and `down` wait for another process that is busy with the same folder, in seconds."""

Component = Literal["kafka", "registry"]
Step = Literal["download", "prepare", "start", "ready", "moved"]


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of `up`; bytes only while something is downloaded, 0 of 0 otherwise."""

    component: Component
    step: Step
    done_bytes: int = 0
    total_bytes: int = 0


Observer = Callable[[Progress], None]
"""Told of each step, from one of several threads, never from two at once."""


@dataclass(frozen=True, slots=True)
class StackInfo:
    """A stack that answers, and where."""

    bootstrap_servers: str
    schema_registry_url: str
    kafka_pid: int
    registry_pid: int
    data_dir: Path
    was_running: bool


@dataclass(frozen=True, slots=True)
class StackStatus:
    """What is known about a stack without changing anything; addresses are None where it was never started."""

    data_dir: Path
    bootstrap_servers: str | None
    schema_registry_url: str | None
    kafka_pid: int | None
    registry_pid: int | None
    kafka_answers: bool
    registry_answers: bool
    logs: Path

    @property
    def running(self) -> bool:
        """Whether both components answer."""
        return self.kafka_answers and self.registry_answers


@dataclass(frozen=True, slots=True)
class Ports:
    """The four ports of a stack; remembered in its folder, so that addresses survive a restart."""

    kafka: int
    controller: int
    registry: int
    management: int


class LocalStack:
    """A Kafka node and a schema registry whose data, logs and ports live in `data_dir` and survive restarts.

    Ports that are not given are those of the last time, else free ones. Nothing runs before `up`.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        kafka_port: int | None = None,
        registry_port: int | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        self._folder = data_dir.expanduser().absolute()
        self._given: dict[Component, int | None] = {"kafka": kafka_port, "registry": registry_port}
        self._cache = ArtifactCache(cache_dir or default_cache_dir())
        self._kafka = ProcessFile("kafka", self._folder)
        self._registry = ProcessFile("registry", self._folder)

    def up(self, observe: Observer = lambda progress: None) -> StackInfo:
        """Starts what does not run yet and returns when both answer; may take minutes where jars must be fetched.

        Safe to repeat. Raises a StackError that says what to do, and leaves nothing behind that it started itself.
        """
        with held(self._folder / "stack.lock", BUSY_WAIT_S):
            running = {"kafka": self._kafka.find(), "registry": self._registry.find()}
            ports = self._ports(running, observe)
            start = _Start(observe)
            try:
                with ThreadPoolExecutor(2, thread_name_prefix="stack") as pool:
                    kafka_pid = pool.submit(self._start_kafka, running["kafka"], ports, start)
                    registry_pid = pool.submit(self._start_registry, running["registry"], ports, start)
                    start.wait_for(kafka_pid, registry_pid)
            except BaseException:  # also Ctrl-C
                self._undo(running)
                raise
            pids = {"kafka": kafka_pid.result(), "registry": registry_pid.result()}
            return StackInfo(
                bootstrap_servers=f"{LOOPBACK}:{ports.kafka}",
                schema_registry_url=registry.url(ports.registry),
                kafka_pid=pids["kafka"],
                registry_pid=pids["registry"],
                data_dir=self._folder,
                was_running=pids == running,
            )

    def down(self) -> bool:
        """Stops both, waits until they are gone, and says whether anything ran; the data stays."""
        if not self._folder.is_dir():
            return False
        with held(self._folder / "stack.lock", BUSY_WAIT_S), ThreadPoolExecutor(2) as pool:
            stopped = [pool.submit(process.stop) for process in (self._registry, self._kafka)]
            had_one = [future.result() for future in stopped]  # both are waited for
            return any(had_one)

    def status(self) -> StackStatus:
        """What runs and answers now; changes nothing."""
        ports = self._remembered_ports()
        kafka_pid, registry_pid = self._kafka.find(), self._registry.find()
        return StackStatus(
            data_dir=self._folder,
            bootstrap_servers=f"{LOOPBACK}:{ports.kafka}" if ports else None,
            schema_registry_url=registry.url(ports.registry) if ports else None,
            kafka_pid=kafka_pid,
            registry_pid=registry_pid,
            kafka_answers=ports is not None and kafka_pid is not None and answers(ports.kafka),
            registry_answers=ports is not None and registry_pid is not None and registry.is_ready(ports.registry),
            logs=self._folder / "logs",
        )

    def _start_kafka(self, running: int | None, ports: Ports, start: "_Start") -> int:
        pid = running
        ready = partial(kafka.wait_until_ready, self._kafka, ports.kafka, start.pause)
        if pid is None or not _answers(self._kafka, ready):
            java = find_java(KAFKA_NEEDS)
            jars = self._cache.kafka_jars(_counted("kafka", self._cache.kafka_bytes_missing(), start.report))
            properties = kafka.write_properties(self._folder, ports.kafka, ports.controller)
            start.report(Progress("kafka", "prepare"))
            kafka.format_once(java, jars, self._folder, properties)
            start.report(Progress("kafka", "start"))
            pid = self._kafka.start(kafka.command(java, jars, self._kafka, properties))
            ready()
        start.report(Progress("kafka", "ready"))
        return pid

    def _start_registry(self, running: int | None, ports: Ports, start: "_Start") -> int:
        pid = running
        ready = partial(registry.wait_until_ready, self._registry, ports.registry, start.pause)
        if pid is None or not _answers(self._registry, ready):
            java = find_java(REGISTRY_NEEDS)
            home = self._cache.registry_home(_counted("registry", self._cache.registry_bytes_missing(), start.report))
            start.report(Progress("registry", "start"))
            pid = self._registry.start(registry.command(java, home, self._registry, ports.registry, ports.management))
            ready()
        start.report(Progress("registry", "ready"))
        return pid

    def _undo(self, running: dict[str, int | None]) -> None:
        for process in (self._kafka, self._registry):
            if process.find() != running[process.role]:
                process.stop()

    def _ports(self, running: dict[str, int | None], observe: Observer) -> Ports:
        """Given ports must be free; remembered ones are replaced when somebody else took them meanwhile."""
        old = self._remembered_ports()
        chosen: set[int] = set()
        chance = random.Random()

        def choose(component: Component, given: int | None, remembered: int | None) -> int:
            runs = running[component] is not None
            if runs and remembered is not None:
                if given not in (None, remembered):
                    raise StackError(
                        f"{component} already runs on port {remembered} in {self._folder}: "
                        "run 'inventory-sync stack down' first to move it"
                    )
                port = remembered
            elif given is not None:
                if not is_free(given):
                    raise PortTaken(component, given)
                port = given
            elif remembered is not None and remembered not in chosen and is_free(remembered):
                port = remembered
            else:
                port = pick_free(chosen, chance)
                if remembered is not None:
                    observe(Progress(component, "moved"))
            chosen.add(port)
            return port

        ports = Ports(
            kafka=choose("kafka", self._given["kafka"], old.kafka if old else None),
            registry=choose("registry", self._given["registry"], old.registry if old else None),
            controller=choose("kafka", None, old.controller if old else None),
            management=choose("registry", None, old.management if old else None),
        )
        (self._folder / "ports.json").write_text(json.dumps(asdict(ports)) + "\n")
        return ports

    def _remembered_ports(self) -> Ports | None:
        try:
            return Ports(**json.loads((self._folder / "ports.json").read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise StackError(f"{self._folder / 'ports.json'} is damaged ({error}): remove it") from error


def _answers(process: ProcessFile, wait_until_ready: Callable[[], None]) -> bool:
    """False when a process that was found running ends instead: it was just dying, so it is started again."""
    try:
        wait_until_ready()
    except ComponentFailed:
        if process.find() is not None:
            raise
        return False
    return True


class _Start:
    """One run of `up`: its two threads report one at a time, and both give up when one fails or the user does."""

    def __init__(self, observe: Observer) -> None:
        self._observe = observe
        self._reporting = threading.Lock()
        self._given_up = threading.Event()

    def report(self, progress: Progress) -> None:
        self.pause(0)
        with self._reporting:
            self._observe(progress)

    def pause(self, seconds: float) -> None:
        if self._given_up.wait(seconds):
            raise _GivenUp

    def wait_for(self, *parts: "Future[int]") -> None:
        try:
            wait(parts, return_when=FIRST_EXCEPTION)
        finally:
            self._given_up.set()
        failures = [failure for part in parts if (failure := part.exception()) is not None]
        for failure in sorted(failures, key=lambda one: isinstance(one, _GivenUp)):
            raise failure


class _GivenUp(StackError):
    """The other component failed, or the user pressed Ctrl-C."""


def _counted(component: Component, total_bytes: int, observe: Observer) -> Callable[[int], None]:
    """Turns the bytes of several connections into one growing sum."""
    lock = threading.Lock()
    done = 0

    def count(number: int) -> None:
        nonlocal done
        with lock:
            done += number
            observe(Progress(component, "download", done, total_bytes))

    return count
