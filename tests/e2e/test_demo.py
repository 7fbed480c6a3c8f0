"""The whole pipeline as processes: a change goes through to four marketplaces, and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from inventory_cli.demo.outage import SCHEDULE, STOP_AFTER_S
from inventory_domain.retry import delay_s

LIMIT_S = 170
MARK = "INVENTORY_SYNC_TEST_MARK"
MARKS: dict[int, str] = {}
SMALL = ("--skus", "40", "--seconds", "6", "--partitions", "3", "--factor", "0.005")  # a day in which nothing waits


@pytest.fixture
def broker_options(kafka: str, registry_url: str, tmp_path: Path) -> list[str]:
    """The demo on the tests' own broker, its files in a folder of its own."""
    return ["--bootstrap-servers", kafka, "--schema-registry", registry_url, "--data-dir", str(tmp_path / "demo")]


@contextmanager
def demo(*options: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a session of its own; whatever happens, it has ended after the block."""
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-m", "inventory_cli", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "COLUMNS": "200", MARK: mark},
    )
    MARKS[process.pid] = mark
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def played(report: Path, *options: str) -> dict[str, object]:
    """The report of a run that must be good."""
    with demo(*options, "--report", str(report)) as process:
        said, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, said
    assert children_of(process) == []
    found: dict[str, object] = json.loads(report.read_text())
    return found


def children_of(demo: subprocess.Popen[str]) -> list[psutil.Process]:
    """Every process that this demo started, also when it is dead itself: each has the demo's mark."""
    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ().get(MARK)
        except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            continue
        if mark == MARKS[demo.pid] and process.pid != demo.pid:
            found.append(process)
    return found


@pytest.mark.timeout(LIMIT_S + 10)
def test_a_small_day_ends_with_every_listing_as_it_must_be(broker_options: list[str], tmp_path: Path) -> None:
    report = played(tmp_path / "report.json", *SMALL, *broker_options)

    assert report["mismatches"] == 0
    assert report["never_written"] == 0
    assert report["dead_letters_missing"] == []
    assert {letter["reason"] for letter in report["dead_letters"]} == {  # type: ignore[attr-defined]
        "not-confluent-framed",
        "bad-quantity",
        "unknown-sku",
    }
    assert set(report["pushes"]) == {"amazon", "ebay", "walmart", "shopify"}  # type: ignore[call-overload]
    assert report["events"] > 100  # type: ignore[operator]
    assert report["listings_compared"] > 80  # type: ignore[operator]
    assert report["sold_units"] > 0  # type: ignore[operator]
    assert report["first_push_s"] < 60  # type: ignore[operator]


@pytest.mark.timeout(LIMIT_S + 10)
@pytest.mark.parametrize("chaos", ["engine", "delivery"])
def test_a_process_killed_in_the_middle_changes_nothing(broker_options: list[str], tmp_path: Path, chaos: str) -> None:
    report = played(tmp_path / "report.json", *SMALL, "--chaos", chaos, *broker_options)

    assert report["mismatches"] == 0
    assert len(report["restarts"]) == 1  # type: ignore[arg-type]


@pytest.mark.timeout(LIMIT_S + 10)
def test_an_outage_ends_in_zero_and_is_whole_again_as_the_protocol_says(
    broker_options: list[str], tmp_path: Path
) -> None:
    """The timeline of docs/failure-protocol.md with real processes, 150 times faster, by the log of delivery."""
    report = played(tmp_path / "report.json", *SMALL, "--outage", "amazon", *broker_options)
    lines = log_of(tmp_path / "demo", "deliver-amazon")

    assert report["mismatches"] == 0 and report["never_written"] == 0
    assert report["outage_missing"] == []
    for channel in ("amazon-us", "amazon-ca", "amazon-mx"):
        told = [line for line in lines if line.get("channel") == channel]
        told = told[next(n for n, line in enumerate(told) if line.get("alert") == "channel-failing") :]
        alerts = [line["alert"] for line in told if line["event"] == "channel alert"]
        assert alerts[:5] == [  # 150 times faster, a machine that stands still for 12 s is one more outage after it
            "channel-failing",
            "stop-sale-near",
            "channel-stopped",
            "channel-restored",
            "channel-sells",
        ]
        assert 0 <= float(str(told[0]["stop_sale_in_s"])) <= STOP_AFTER_S  # the countdown, from the last success
        probed = [str(line["outcome"]) for line in told if line["event"] == "channel probed"]
        assert "outage" in probed and set(probed[probed.index("outage") :]) & {"accepted", "passed"}
        masks = [line["mask"] for line in told if line["event"] == "channel's standing changed"]
        assert "stop-sale" in masks and masks[-1] is None
    failed = [line for line in lines if line["event"] == "push failed and waits"]
    assert {int(str(line["failures"])) for line in failed} >= {1, 2, 3}
    for line in failed:  # 5 s, 15 s, 60 s, then 5 min, scaled, and later by a tenth at most
        at_least = delay_s(int(str(line["failures"])), SCHEDULE, 0.0)
        assert at_least <= float(str(line["wait_s"])) <= at_least * 1.1 + 1e-6


def log_of(data_dir: Path, process: str) -> list[dict[str, object]]:
    """The lines that the process of the only run has logged."""
    (log,) = data_dir.glob(f"runs/*/logs/{process}.log")
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


@pytest.mark.timeout(LIMIT_S + 10)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_process_behind(broker_options: list[str], number: signal.Signals) -> None:
    with demo(*SMALL, "--seconds", "600", *broker_options) as process:
        assert process.stdout is not None
        _wait_for(process, "trading")
        assert len(children_of(process)) == 6

        process.send_signal(number)
        process.stdout.read()
        code = process.wait(LIMIT_S)

    assert code == 130
    assert children_of(process) == []


@pytest.mark.timeout(LIMIT_S + 10)
@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death signal is Linux's")
def test_a_demo_that_is_killed_takes_its_processes_along(broker_options: list[str]) -> None:
    with demo(*SMALL, "--seconds", "600", *broker_options) as process:
        _wait_for(process, "trading")

        process.kill()
        process.wait(LIMIT_S)

    end = time.monotonic() + 10
    while children_of(process) and time.monotonic() < end:
        time.sleep(0.05)
    assert children_of(process) == []


def _wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if word in line:
            return
    raise AssertionError("".join(said))
