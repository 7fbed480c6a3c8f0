"""Processes of the demo: they wait for their release, are seen to end, and are all gone at the end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inventory_cli.demo.processes import ProcessEnded, Processes

LIMIT_S = 10


def forking(tmp_path: Path, what: str) -> tuple[str, str]:
    """What a demo of these lines says, and the log of its fork; in a process of its own, which has one thread."""
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from inventory_cli.demo.forked import fork\n"
        "log = Path(sys.argv[1])\n"
        "def hello():\n"
        "    print('hello')\n"
        "    sys.exit(7)\n"
        "def fail():\n"
        "    raise ValueError('canary')\n"
    )
    log = tmp_path / "log"
    log.touch()
    done = subprocess.run(
        [sys.executable, "-c", script + what, str(log)], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, log.read_text()


def test_a_fork_waits_for_its_release(tmp_path: Path) -> None:
    said, log = forking(
        tmp_path,
        "one = fork('one', log, hello)\n"
        "time.sleep(0.1)\n"
        "print(one.poll(), log.read_text() == '')\n"
        "one.release()\n"
        "print(one.wait(5))\n",
    )

    assert said == "None True\n7\n"
    assert log == "hello\n"


def test_a_fork_that_is_never_released_ends_with_the_demo(tmp_path: Path) -> None:
    said, log = forking(tmp_path, "one = fork('one', log, hello)\none.close()\nprint(one.wait(5))\n")

    assert said == "0\n"
    assert log == ""


def test_a_failure_of_a_fork_is_in_its_log_and_its_status(tmp_path: Path) -> None:
    said, log = forking(tmp_path, "one = fork('one', log, fail)\none.release()\nprint(one.wait(5))\n")

    assert said == "1\n"
    assert "ValueError: canary" in log


def test_a_fork_has_a_session_of_its_own(tmp_path: Path) -> None:
    """Ctrl-C in a terminal goes to the whole session: the demo alone must get it, and end the others in order."""
    said, _ = forking(
        tmp_path,
        "one = fork('one', log, hello)\n"
        "end = time.monotonic() + 5\n"
        "while os.getsid(one.pid) != one.pid and time.monotonic() < end:\n"
        "    time.sleep(0.01)\n"
        "print(os.getsid(one.pid) == one.pid)\n"
        "one.close()\n",
    )

    assert said == "True\n"


def test_a_fork_that_was_killed_says_so(tmp_path: Path) -> None:
    said, _ = forking(tmp_path, "one = fork('one', log, hello)\none.kill()\nprint(one.wait(5))\n")

    assert said == "-9\n"


def test_an_end_that_nobody_asked_for_is_told_with_the_log(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("odd", ["no-such-command"])
    try:
        end = time.monotonic() + LIMIT_S
        with pytest.raises(ProcessEnded, match="odd ended with 2") as raised:
            while time.monotonic() < end:
                processes.check()
                time.sleep(0.05)

        assert "no-such-command" in str(raised.value)
    finally:
        processes.stop_all()


def test_a_killed_process_can_be_started_again_and_all_are_gone_at_the_end(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("sandbox", ["sandbox", "--json", "--skus", "0"], piped=True)
    first = processes.kill("sandbox")

    processes.restart("sandbox")
    second = processes.get("sandbox").process.pid
    processes.stop_all()

    assert first != second
    for pid in (first, second):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
