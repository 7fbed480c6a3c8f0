"""A process of the demo: `inventory-sync ARGUMENTS`, which never outlives the demo that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15


def die_with(parent: int, name: str) -> None:
    """Be killed when the parent dies, however it dies (Linux), and carry a name of one's own in process lists."""
    if sys.platform != "linux":
        return
    system = ctypes.CDLL(None)
    system.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    system.prctl(_PR_SET_NAME, name.encode()[:15])
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def main(arguments: Sequence[str]) -> None:
    """`python -m inventory_cli.demo.child PARENT NAME ARGUMENT...`."""
    die_with(int(arguments[0]), arguments[1])
    from inventory_cli.main import main as run

    run(arguments[2:])


if __name__ == "__main__":
    main(sys.argv[1:])
