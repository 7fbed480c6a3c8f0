"""A system of one's own, started command by command as the README gives them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

EXAMPLES = Path(__file__).parents[2] / "examples"
LIMIT_S = 120
COMMAND = (sys.executable, "-m", "inventory_cli")


def ended(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command that has ended, however it did."""
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=240, check=False, cwd=cwd)


def run(*arguments: str, cwd: Path) -> str:
    """What a command printed that ended well."""
    done = ended(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Started:
    """Processes of one test, each of which must end well when it is asked to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> Path:
        """Start it; returns the file that its standard output goes to."""
        out = self._folder / f"{name}.out"
        with out.open("wb") as out_file, (self._folder / f"{name}.log").open("wb") as log_file:
            self._running[name] = subprocess.Popen(
                [*COMMAND, *arguments], stdout=out_file, stderr=log_file, cwd=self._folder
            )
        return out

    def kill(self, name: str) -> None:
        """End it at once, as by a power cut."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def end(self) -> dict[str, int]:
        """Ask all to end; returns their exit statuses."""
        for process in self._running.values():
            process.terminate()
        try:
            return {name: process.wait(LIMIT_S) for name, process in self._running.items()}
        finally:
            for process in self._running.values():
                process.kill()
                process.wait()


def a_system(
    started: Started, folder: Path, kafka: str, registry_url: str, prefix: str, application_id: str
) -> dict[str, str]:
    """The sandbox is up, settings for it are in `sync.yaml`, topics and schemas are there; what the sandbox said."""
    announced = started.start("sandbox", "sandbox", "--json", "--skus", "5", "--factor", "0.001")
    facts: dict[str, str] = json.loads(first_line(announced))
    addresses = ("--bootstrap-servers", kafka, "--schema-registry", registry_url)
    run("config", "init", "sync.yaml", "--sandbox", str(announced), *addresses, cwd=folder)
    settings = folder / "sync.yaml"
    text = settings.read_text().replace('prefix: ""', f"prefix: {prefix}")
    text = text.replace("application_id: inventory-sync", f"application_id: {application_id}")
    settings.write_text(re.sub(r": 94\d\d$", ": 0", text, flags=re.MULTILINE))
    run("topics", "apply", "--config", "sync.yaml", cwd=folder)
    run("schemas", "register", "--config", "sync.yaml", cwd=folder)
    return facts


def first_line(file: Path) -> str:
    """The first line of a file, once it is whole."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        line, newline, _ = file.read_text().partition("\n")
        if newline:
            return line
        time.sleep(0.05)
    raise AssertionError(f"nothing in {file} within {LIMIT_S} s")


def shown(control_url: str, until: dict[str, int]) -> dict[str, int]:
    """What the marketplaces show, once it is that or the time is over."""
    end = time.monotonic() + LIMIT_S
    found: dict[str, int] = {}
    while time.monotonic() < end:
        found = {key: httpx.get(f"{control_url}/listings/{key}").json()["live_quantity"] for key in until}
        if found == until:
            break
        time.sleep(0.1)
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    """Returns when it holds; fails when it does not within the limit."""
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, f"not within {LIMIT_S} s"
        time.sleep(0.1)
