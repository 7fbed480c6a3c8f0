"""A process of the demo: it loads what it needs, waits for the word to begin, and never outlives the demo."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from importlib import import_module

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """`python -m inventory_cli.demo.child PARENT MODULE[,MODULE] ARGUMENT...`; an empty MODULE list waits for nothing.

    Loading takes a second or two of each process, and happens while Kafka starts. The word is one line on standard
    input; its end without a line means that the demo is gone.
    """
    parent, modules, arguments = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            sys.exit(1)
    for module in filter(None, modules.split(",")):
        import_module(module)
    if modules and not sys.stdin.readline():
        sys.exit(1)
    from inventory_cli.main import main as run

    run(arguments)


main()
