"""Processes that outlive who started them: found by who they are, never by their number alone."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from inventory_sandbox.stack import StackBusy
from inventory_sandbox.stack.folders import held
from inventory_sandbox.stack.ports import is_free, pick_free
from inventory_sandbox.stack.processes import ProcessFile
from tests.support.commands import wait_until


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ProcessFile]:
    process = ProcessFile("sleeper", tmp_path)
    yield process
    process.stop(limit_s=1)


def a_sleeper(process: ProcessFile, before: str = "") -> list[str]:
    return ["/bin/sh", "-c", f"{before} echo ready; while :; do sleep 0.05; done", process.marker]


def wait_for_output(process: ProcessFile) -> None:
    wait_until(lambda: "ready" in process.log_path.read_text(), "it has started", limit_s=10)


def has_ended(pid: int) -> bool:
    """Whether there is no such process, or nobody has asked how it ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_started_process_is_found_and_leads_a_session_of_its_own(process: ProcessFile) -> None:
    """Ctrl-C reaches the whole session of a terminal, and must not reach the broker."""
    pid = process.start(a_sleeper(process))

    assert process.find() == pid
    assert os.getsid(pid) != os.getsid(0)


def test_a_foreign_process_with_the_noted_number_is_left_alone(process: ProcessFile) -> None:
    """After a restart of the machine the number may belong to anything, here to the tests themselves."""
    process.pid_path.write_text(f"{os.getpid()}\n")

    stopped = process.stop()

    assert not stopped
    assert not process.pid_path.exists()


def test_the_process_of_another_folder_is_another_process(process: ProcessFile, tmp_path: Path) -> None:
    process.start(a_sleeper(process))

    other = ProcessFile("sleeper", tmp_path / "other")

    assert other.find() is None


def test_a_process_that_ignores_the_polite_signal_is_killed(process: ProcessFile) -> None:
    pid = process.start(a_sleeper(process, before="trap '' TERM;"))
    wait_for_output(process)

    stopped = process.stop(limit_s=0.2)

    assert stopped
    wait_until(lambda: has_ended(pid), "what was killed is no process any more", limit_s=10)


def test_the_log_of_the_run_before_is_kept(process: ProcessFile) -> None:
    process.start(a_sleeper(process))
    wait_for_output(process)
    process.stop()

    process.start(a_sleeper(process, before="echo second;"))
    wait_for_output(process)

    assert process.log_path.read_text() == "second\nready\n"
    assert process.log_path.with_suffix(".log.1").read_text() == "ready\n"


def test_a_folder_that_is_held_is_waited_for_and_then_named(tmp_path: Path) -> None:
    lock = tmp_path / "stack.lock"

    with held(lock, wait_s=1), pytest.raises(StackBusy, match=str(lock)), held(lock, wait_s=0.1):
        pytest.fail("held twice")

    with held(lock, wait_s=0):
        assert lock.exists()


def test_a_free_port_is_below_those_of_outgoing_connections_and_not_a_taken_one() -> None:
    class Chance:
        """Gives a port that is to be avoided first."""

        def __init__(self) -> None:
            self.next = iter((20_001, 20_001, 20_777))

        def randint(self, first: int, last: int) -> int:
            assert (first, last) == (20_000, 29_999)
            return next(self.next)

    assert is_free(20_777)

    assert pick_free({20_001}, Chance()) == 20_777
