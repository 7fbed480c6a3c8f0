"""Somebody's own events, command by command as the README gives them, shown by all four marketplaces."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
LIMIT_S = 150  # half a dozen processes load at once, and the machine may be busy with more
COMMAND = (sys.executable, "-m", "inventory_cli")
# 43 counted less 2 shipped less 1 of safety stock are 40; each channel withholds its own share of them.
SHOWN = {
    "amazon/ATVPDKIKX0DER:SKU-00002": 34,
    "ebay/36000000002": 36,
    "walmart/SKU-00002": 35,
    "shopify/50000000002": 38,
}


SHOWN_BY_CHANNEL = {"amazon-us": (34, True), "ebay-us": (36, True), "walmart-us": (35, True), "shop": (38, True)}


def run(*arguments: str, cwd: Path) -> str:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False, cwd=cwd)
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


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    found = Started(tmp_path)
    yield found
    found.end()


@pytest.mark.timeout(480)
def test_events_from_a_file_are_shown_by_every_marketplace(
    kafka: str, registry_url: str, topic_prefix: str, application_id: str, tmp_path: Path, started: Started
) -> None:
    announced = started.start("sandbox", "sandbox", "--json", "--skus", "5", "--factor", "0.001")
    facts = json.loads(_first_line(announced))
    addresses = ("--bootstrap-servers", kafka, "--schema-registry", registry_url)
    run("config", "init", "sync.yaml", "--sandbox", str(announced), *addresses, cwd=tmp_path)
    settings = tmp_path / "sync.yaml"
    text = settings.read_text().replace('prefix: ""', f"prefix: {topic_prefix}")
    text = text.replace("application_id: inventory-sync", f"application_id: {application_id}")
    settings.write_text(_on_free_ports(text))

    run("config", "check", "sync.yaml", cwd=tmp_path)
    run("topics", "apply", "--config", "sync.yaml", cwd=tmp_path)
    run("schemas", "register", "--config", "sync.yaml", cwd=tmp_path)
    started.start("engine", "engine", "--config", "sync.yaml")
    for marketplace in ("amazon", "ebay", "walmart", "shopify"):
        started.start(f"deliver-{marketplace}", "deliver", marketplace, "--config", "sync.yaml")
    started.start("ledger", "ledger", "--config", "sync.yaml")
    said = run("produce", str(EXAMPLES / "03_events.jsonl"), "--config", "sync.yaml", cwd=tmp_path)

    assert said.startswith("6 sent")
    assert _shown(facts["control_url"], until=SHOWN) == SHOWN
    assert _explained("SKU-00002", cwd=tmp_path) == SHOWN_BY_CHANNEL
    run("sku", "zero", "SKU-00002", "--why", "recall", "--config", "sync.yaml", cwd=tmp_path)
    recalled = dict.fromkeys(SHOWN, 0)
    assert _shown(facts["control_url"], until=recalled) == recalled
    statuses = started.end()
    assert {name: status for name, status in statuses.items() if status != 0} == {}
    assert "nothing to adopt" in run("engine", "adopt", "--config", "sync.yaml", cwd=tmp_path)
    assert all('"level": "error"' not in log.read_text() for log in tmp_path.glob("*.log"))


def _explained(sku: str, cwd: Path) -> dict[str, tuple[int, bool]]:
    """What each channel should show by the ledger, and whether a push of exactly that was taken."""
    end = time.monotonic() + LIMIT_S
    found: dict[str, tuple[int, bool]] = {}
    while time.monotonic() < end:
        asked = [*COMMAND, "explain", sku, "--json", "--config", "sync.yaml"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=LIMIT_S, check=False, cwd=cwd)
        if done.returncode == 0:
            listings = json.loads(done.stdout)["listings"]
            found = {
                one["channel"]: (
                    one["target"]["quantity"],
                    any(
                        tried["outcome"] in ("applied", "accepted") and tried["version"] == one["target"]["version"]
                        for tried in one["attempts"]
                    ),
                )
                for one in listings
                if one["target"] is not None
            }
        if found == SHOWN_BY_CHANNEL:
            break
        time.sleep(0.2)
    return found


def _on_free_ports(text: str) -> str:
    for port in range(9400, 9420):
        text = text.replace(f": {port}\n", ": 0\n")
    return text


def _first_line(file: Path) -> str:
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        line, newline, _ = file.read_text().partition("\n")
        if newline:
            return line
        time.sleep(0.05)
    raise AssertionError(f"nothing in {file} within {LIMIT_S} s")


def _shown(control_url: str, until: dict[str, int]) -> dict[str, int]:
    """What the marketplaces show, once it is that or the time is over."""
    end = time.monotonic() + LIMIT_S
    found: dict[str, int] = {}
    while time.monotonic() < end:
        found = {key: httpx.get(f"{control_url}/listings/{key}").json()["live_quantity"] for key in until}
        if found == until:
            break
        time.sleep(0.1)
    return found
