"""Processes that are forked from the demo when it has loaded everything, so that five of them load nothing again.

On two cores this is most of the time to the first push: each would load a second's worth of libraries. A fork is
sound only while the demo has one thread and no client, so it comes before both.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from inventory_cli.demo.child import die_with

_FIRST_FD, _LAST_FD = 3, 4096
_POLL_S: Final = 0.01


class Forked:
    """A forked process; as much of `subprocess.Popen` as the demo uses."""

    def __init__(self, pid: int, word: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._word: int | None = word

    def release(self) -> None:
        """Give the word to begin."""
        if self._word is not None:
            os.write(self._word, b"go")
            os.close(self._word)
            self._word = None

    def poll(self) -> int | None:
        """The exit status (negative: the signal that ended it), or None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == self.pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once it has ended."""
        end = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"process {self.pid} has not ended within {timeout} s")
            time.sleep(_POLL_S)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Give back what it was to be released by; one that still waits for its word ends."""
        if self._word is not None:
            os.close(self._word)
            self._word = None


def fork(name: str, log: Path, run: Callable[[], None]) -> Forked:
    """A new process that calls `run` when it is released, and ends. Its output goes to the log."""
    sys.stdout.flush()
    sys.stderr.flush()
    gc.freeze()  # what is loaded stays shared between the processes
    reading, writing = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        os.close(reading)
        return Forked(pid, writing)
    code = 1
    try:
        _become(name, log, parent, reading)
        if os.read(reading, 2):  # nothing: the demo is gone, or does not want it
            os.close(reading)
            run()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        # Nothing of the demo's own stack may run on in this process: no `finally`, no exit handler of the parent.
        kind, failure, trace = sys.exc_info()
        if kind is not None and failure is not None:
            sys.excepthook(kind, failure, trace)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _become(name: str, log: Path, parent: int, keep: int) -> None:
    """A session, files and signals of its own."""
    os.setsid()
    die_with(parent, name)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.closerange(_FIRST_FD, keep)
    os.closerange(keep + 1, _LAST_FD)
