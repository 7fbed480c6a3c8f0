"""The demo's processes: started, watched, killed when asked, and all ended at the end, whatever that is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inventory_cli.demo.forked import Forked, fork
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
    log: Path
    process: subprocess.Popen[bytes] | Forked

    def log_end(self) -> str:
        """The last lines that it wrote."""
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return "\n".join(f"    {_readable(line)[:_LINE_LENGTH]}" for line in lines)

    def close(self) -> None:
        """Give back what it was talked to by."""
        if isinstance(self.process, Forked):
            self.process.close()
        elif self.process.stdout is not None:
            self.process.stdout.close()


class Processes:
    """All processes of one demo. Starting belongs to the main thread: a child dies with the thread that began it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Running] = {}

    def start(self, name: str, arguments: Sequence[str], *, piped: bool = False) -> None:
        """Start `inventory-sync ARGUMENTS` in a session of its own; `piped` leaves its output to the caller."""
        log = self._log(name)
        with log.open("ab") as log_file:
            process = subprocess.Popen(
                [sys.executable, "-m", "inventory_cli.demo.child", str(os.getpid()), name, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else log_file,
                stderr=log_file,
                start_new_session=True,  # Ctrl-C in the terminal reaches the demo alone, which ends them in order
            )
        self._running[name] = Running(name, arguments, log, process)

    def fork(self, name: str, arguments: Sequence[str]) -> None:
        """The same command in a fork of this process, which waits for its release; see `forked`."""
        from inventory_cli.main import main

        log = self._log(name)
        log.touch()
        self._running[name] = Running(name, arguments, log, fork(name, log, lambda: main(arguments)))

    def release(self) -> None:
        """What was forked begins."""
        self.check()
        for running in self._running.values():
            if isinstance(running.process, Forked):
                running.process.release()

    def get(self, name: str) -> Running:
        """The process of that name."""
        return self._running[name]

    def kill(self, name: str) -> int:
        """Kill it as a power cut would, and wait until it is gone; returns the pid that it had."""
        running = self._running[name]
        running.process.kill()
        running.process.wait()
        running.close()
        return running.process.pid

    def restart(self, name: str) -> None:
        """Start again what was killed."""
        self.start(name, self._running[name].arguments)

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
        running.close()

    def stop_all(self, limit_s: float = STOP_LIMIT_S) -> None:
        """Ask all to end, wait, and kill what is left. Afterwards none is there."""
        for running in self._running.values():
            running.close()
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + limit_s
        while any(one.process.poll() is None for one in self._running.values()) and time.monotonic() < end:
            time.sleep(_POLL_S)
        for running in self._running.values():
            if running.process.poll() is None:
                running.process.kill()
            running.process.wait()
        self._running.clear()

    def _log(self, name: str) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{name}.log"


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
