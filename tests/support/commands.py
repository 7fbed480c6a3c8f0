"""`inventory-sync` as people run it: commands that end, and processes that are asked to."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from inventory_cli.main import main

LIMIT_S = 240
LOOKS_EVERY_S = 0.05
COMMAND = (sys.executable, "-m", "inventory_cli")


def run_command(
    *arguments: str, folder: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        cwd=folder,
        env={**os.environ, **(env or {})},
    )


def run_here(*arguments: str) -> None:
    """Run what only prepares a test in this process, to its good end: each process would load everything for itself."""
    try:
        main(arguments)
    except SystemExit as ended:
        assert not ended.code, f"{' '.join(arguments)} ended with {ended.code}"


class Started:
    """Processes of one test; what is left of them at its end is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> Path:
        """Start it; returns the file that its standard output goes to. Its log is beside it, as NAME.log."""
        return self.start_command(name, [*COMMAND, *arguments], env)

    def start_command(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> Path:
        """The same for another command than `inventory-sync`."""
        out = self._folder / f"{name}.out"
        with out.open("wb") as out_file, self.log(name).open("wb") as log_file:
            self._running[name] = subprocess.Popen(
                command,
                stdout=out_file,
                stderr=log_file,
                cwd=self._folder,
                env={**os.environ, **(env or {})},
            )
        return out

    def log(self, name: str) -> Path:
        """What the process said."""
        return self._folder / f"{name}.log"

    def process(self, name: str) -> subprocess.Popen[bytes]:
        """The process itself."""
        return self._running[name]

    def status_of(self, name: str) -> int:
        """The exit status of a process that ends by itself."""
        return self._running[name].wait(LIMIT_S)

    def end_one(self, name: str) -> int:
        """Ask this one to end; its exit status. It may be started again."""
        process = self._running.pop(name)
        process.terminate()
        return process.wait(LIMIT_S)

    def end(self) -> dict[str, int]:
        """Ask all to end; their exit statuses."""
        for process in self._running.values():
            process.terminate()
        try:
            return {name: process.wait(LIMIT_S) for name, process in self._running.items()}
        finally:
            self.kill()

    def kill(self, *names: str) -> None:
        """End these at once, as by a power cut, and forget them; without a name, leave none behind."""
        for name in names or tuple(self._running):
            process = self._running.pop(name) if names else self._running[name]
            process.kill()
            process.wait()


def first_line(file: Path) -> str:
    """The first whole line of the file, once there is one."""
    wait_until(lambda: "\n" in file.read_text(), f"a line in {file}")
    return file.read_text().partition("\n")[0]


def wait_until(holds: Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> None:
    """Return when it holds; fails after the limit.

    At most half of the time goes into looking: what is waited for needs the processor as well.
    """
    end = time.monotonic() + limit_s
    while True:
        began_s = time.monotonic()
        if holds():
            return
        looked_s = time.monotonic()
        assert looked_s < end, f"not within {limit_s:.0f} s: {what}"
        time.sleep(max(LOOKS_EVERY_S, looked_s - began_s))
