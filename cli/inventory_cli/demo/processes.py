"""The demo's processes: started, watched, killed when asked, and all ended at the end, whatever that is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from inventory_domain.errors import InventorySyncError

STOP_LIMIT_S: Final = 12.0
_POLL_S: Final = 0.02
_LOG_LINES: Final = 8
_LINE_LENGTH: Final = 240
_SAID_ANYWAY: Final = frozenset({"process", "level", "logger", "time", "exception"})


class ProcessEnded(InventorySyncError):
    """A process ended that should run. The message holds the end of its log."""


@dataclass(slots=True)
class Running:
    """One process of the demo with its log."""

    name: str
    arguments: Sequence[str]
    preload: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes]
    log_file: IO[bytes] = field(repr=False)

    def release(self) -> None:
        """The word to begin."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")
        self.process.stdin.close()

    def log_end(self) -> str:
        """The last lines that it wrote."""
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return "\n".join(f"    {_readable(line)[:_LINE_LENGTH]}" for line in lines)


class Processes:
    """All processes of one demo. Starting belongs to the main thread: a child dies with the thread that began it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Running] = {}

    def start(
        self, name: str, arguments: Sequence[str], *, preload: Sequence[str] = (), piped: bool = False
    ) -> Running:
        """Start `inventory-sync ARGUMENTS` in a session of its own. With `preload` it loads those modules and waits."""
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / f"{name}.log"
        log_file = log.open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "inventory_cli.demo.child", str(os.getpid()), ",".join(preload), *arguments],
            stdin=subprocess.PIPE if preload else subprocess.DEVNULL,
            stdout=subprocess.PIPE if piped else log_file,
            stderr=log_file,
            start_new_session=True,  # Ctrl-C in the terminal reaches the demo alone, which ends them in order
        )
        running = Running(name, arguments, preload, log, process, log_file)
        self._running[name] = running
        return running

    def get(self, name: str) -> Running:
        """The process of that name."""
        return self._running[name]

    def kill(self, name: str) -> int:
        """Kill it as a power cut would, and wait until it is gone; returns the pid that it had."""
        running = self._running[name]
        running.process.kill()
        running.process.wait()
        running.log_file.close()
        return running.process.pid

    def restart(self, name: str) -> Running:
        """Start again what was killed."""
        old = self._running[name]
        return self.start(name, old.arguments)

    def check(self) -> None:
        """Raise ProcessEnded when one has ended by itself."""
        for running in self._running.values():
            code = running.process.poll()
            if code is not None:
                raise ProcessEnded(f"{running.name} ended with {code}; its log is {running.log}\n{running.log_end()}")

    def forget(self, name: str) -> None:
        """It has done its work: wait until it has ended."""
        running = self._running.pop(name)
        running.process.wait(STOP_LIMIT_S)
        running.log_file.close()
        if running.process.stdout is not None:
            running.process.stdout.close()

    def stop_all(self, limit_s: float = STOP_LIMIT_S) -> None:
        """Ask all to end, wait, and kill what is left. Afterwards none is there."""
        for running in self._running.values():
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + limit_s
        while any(one.process.poll() is None for one in self._running.values()) and time.monotonic() < end:
            time.sleep(_POLL_S)
        for running in self._running.values():
            if running.process.poll() is None:
                running.process.kill()
            running.process.wait()
            running.log_file.close()
            for pipe in (running.process.stdin, running.process.stdout):
                if pipe is not None:
                    pipe.close()
        self._running.clear()


def _readable(line: str) -> str:
    """A line of a log without what is the same in all of them."""
    try:
        event = json.loads(line)
    except ValueError:
        return line
    if not isinstance(event, dict):
        return line
    facts = " ".join(f"{name}={value}" for name, value in event.items() if name not in {"event", *_SAID_ANYWAY})
    return f"{event.get('level', '')}: {event.get('event', '')} {facts}".replace("\n", " ")
