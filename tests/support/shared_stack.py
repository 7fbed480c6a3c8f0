"""One local stack for all processes of a test run, stopped when the last of them is gone, however it went.

Each process holds a lock for as long as it uses the stack, and the system takes the lock from whoever dies. A guard
waits until nobody holds it and stops what is left then, so also a run that was killed leaves nothing running.

    python -m tests.support.shared_stack FOLDER      the guard
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from inventory_sandbox.stack import LocalStack, StackInfo
from inventory_sandbox.stack.folders import held

ROOT: Final = Path(__file__).parents[2]
START_WAIT_S: Final = 900.0
"""How long one process waits for another that is starting the stack, in seconds: it may have to fetch it."""


@contextmanager
def shared_stack(folder: Path, up: Callable[[LocalStack], StackInfo] = LocalStack.up) -> Iterator[StackInfo]:
    """The stack in this folder: started by the first who asks, and stopped by the last who leaves."""
    folder.mkdir(parents=True, exist_ok=True)
    stack = folder / "stack"
    with _users(folder) as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            with held(folder / "start.lock", START_WAIT_S):
                if not stack.exists():
                    stack.mkdir()
                    _start_guard(folder)
                info = up(LocalStack(stack))
            yield info
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
            _leave(users, stack)


def _users(folder: Path) -> IO[str]:
    return (folder / "users.lock").open("a")


def _leave(users: IO[str], stack: Path) -> None:
    """The last one stops it, and waits for the guard where that was faster."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(users, fcntl.LOCK_SH)  # at once, unless the guard is at work
    else:
        _stop(stack)


def _stop(stack: Path) -> None:
    LocalStack(stack).down()
    shutil.rmtree(stack, ignore_errors=True)


def _start_guard(folder: Path) -> None:
    """A process of nobody: neither Ctrl-C nor the end of who started it reaches it."""
    command = [sys.executable, "-m", "tests.support.shared_stack", str(folder)]
    started = ["/bin/sh", "-c", '"$@" >/dev/null 2>&1 &', "sh", *command]
    subprocess.run(started, stdin=subprocess.DEVNULL, cwd=ROOT, check=True, start_new_session=True)


def guard(folder: Path) -> None:
    """Stops the stack when nobody uses it; returns then."""
    with _users(folder) as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        _stop(folder / "stack")


if __name__ == "__main__":
    guard(Path(sys.argv[1]))
