"""Folders that one process at a time may change."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from inventory_sandbox.stack.errors import StackBusy

_POLL_S: Final = 0.05


@contextmanager
def held(lock_file: Path, wait_s: float) -> Iterator[None]:
    """Holds a lock file while the block runs; raises StackBusy when another process keeps it for longer than `wait_s`.

    The system lets go of it when the holder dies, so no lock is ever left behind.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + wait_s
    with lock_file.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise StackBusy(f"{lock_file} is held by another process for more than {wait_s:.0f} s") from None
                time.sleep(_POLL_S)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
