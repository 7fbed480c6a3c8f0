"""Engines as processes of their own: `python -m tests.support.engine_process JSON` is one."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from inventory_domain.silence import SilencePolicy
from inventory_streams.engine.run import run
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics
from tests.support.commands import wait_until
from tests.support.engine import (
    MARKETPLACE,
    PARTITIONS,
    EngineBus,
    FixedRegistry,
    SystemClock,
    the_policy,
)


@dataclass
class EngineProcess:
    """One engine as a process of its own."""

    process: subprocess.Popen[bytes]
    log: Path
    offset: int
    ended: list[int] = field(default_factory=list)

    def text(self) -> str:
        """What it logged."""
        with self.log.open("rb") as file:
            file.seek(self.offset)
            return file.read().decode(errors="replace")

    def events(self) -> list[dict[str, object]]:
        """Its log records, as far as they are whole."""
        found = []
        for line in self.text().splitlines():
            if line.startswith("{") and line.endswith("}"):
                found.append(json.loads(line))
        return found

    def port(self) -> int | None:
        """Where its probes are served."""
        for event in self.events():
            if event["event"] == "probes served":
                return int(str(event["port"]))
        return None

    def probe(self, path: str) -> tuple[int, str]:
        """The answer of a probe: its status, and the body; 0 while nobody answers."""
        port = self.port()
        if port is None:
            return 0, ""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return int(answer.status), answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> bool:
        """Whether it says that it is."""
        assert self.process.poll() is None, f"the engine ended with {self.process.returncode}:\n{self.text()[-4000:]}"
        return self.probe("/readyz")[0] == 200

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM, and its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def owned(engine: EngineProcess) -> list[int]:
    """The partitions of its newest assignment; none when it has ended."""
    if engine.process.poll() is not None:
        return []
    assigned = [event["partitions"] for event in engine.events() if event["event"] == "partitions assigned"]
    newest = assigned[-1] if assigned else []
    assert isinstance(newest, list)
    return newest


def all_owned(*engines: EngineProcess) -> bool:
    """Whether these engines together own each partition once."""
    return sorted(number for engine in engines for number in owned(engine)) == list(range(PARTITIONS))


def share(*engines: EngineProcess) -> bool:
    """Whether each of them owns some of it, and together they own everything: none of them is only about to join."""
    return all_owned(*engines) and all(owned(one) for one in engines)


LAST_WORDS = 6_000


class Engines:
    """Starts engine processes and leaves none behind."""

    def __init__(self, bus: EngineBus, application: str, folder: Path) -> None:
        self.bus = bus
        self.application = application
        self._folder = folder
        self._all: list[EngineProcess] = []

    def start(
        self, *, percent_withheld: int = 0, ready: bool = True, name: str | None = None, **changes: object
    ) -> EngineProcess:
        """An engine with these settings changed, ready unless told not to wait. `name`: a log that goes on."""
        given = {
            "bootstrap_servers": self.bus.kafka.bootstrap_servers,
            "prefix": self.bus.topics.prefix,
            "application": self.application,
            "percent_withheld": percent_withheld,
            "changes": changes,
        }
        log = self._folder / f"{name or f'engine-{len(self._all)}'}.log"
        offset = log.stat().st_size if log.exists() else 0
        command = [sys.executable, "-m", "tests.support.engine_process", json.dumps(given)]
        with log.open("ab") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        engine = EngineProcess(process, log, offset)
        self._all.append(engine)
        if ready:
            wait_until(engine.ready, "the engine is ready")
        return engine

    def close(self) -> None:
        """Kill what still runs. What each said last, and how far it was, is printed: it is shown where a test fails."""
        newest = {engine.log: engine for engine in self._all}  # those started under one name share a log
        for engine in self._all:
            lag = [line for line in engine.probe("/metrics")[1].splitlines() if "_lag" in line and line[0] != "#"]
            engine.kill()
            if newest[engine.log] is engine:
                sys.stdout.write("\n".join([f"{engine.log.name}:", *lag, engine.text()[-LAST_WORDS:], ""]))


class _Lines(logging.Formatter):
    """One JSON object a line, with the fields of each event."""

    _STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message"}

    def format(self, record: logging.LogRecord) -> str:
        fields = {key: value for key, value in vars(record).items() if key not in self._STANDARD}
        text = {"at": record.created, "level": record.levelname, "event": record.getMessage(), **fields}
        if record.exc_info:
            text["traceback"] = self.formatException(record.exc_info)
        return json.dumps(text, default=str)


def settings_of(given: Mapping[str, object]) -> EngineSettings:
    """The settings that a process was told."""
    base = EngineSettings(
        kafka=KafkaSettings(str(given["bootstrap_servers"])),
        topics=Topics((MARKETPLACE,), str(given["prefix"])),
        partitions=PARTITIONS,
        application=str(given["application"]),
    )
    changes = given["changes"]
    assert isinstance(changes, dict)
    silence = SilencePolicy(**changes.pop("silence", {}))
    return replace(base, silence=silence, **changes)


def main(told: str) -> int:
    """Run an engine until it is asked to stop."""
    given = json.loads(told)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    policy = the_policy(int(given["percent_withheld"]))
    return run(settings_of(given), policy, FixedRegistry(), CollectorRegistry(), SystemClock())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
