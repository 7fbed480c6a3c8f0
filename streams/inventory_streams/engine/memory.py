"""How often Python looks for cycles among millions of values that have none."""

from __future__ import annotations

import gc

NEW_OBJECTS = 100_000
YOUNGER_RUNS = 50
FULL_RUNS = 1_000


def collect_rarely() -> None:
    """States are immutable and without cycles, so reference counts free them; looking at them all took a third of the
    time (benchmarks/computing.py). For a process that is the engine's own."""
    gc.set_threshold(NEW_OBJECTS, YOUNGER_RUNS, FULL_RUNS)


def leave_out_what_stays() -> None:
    """After a recovery: what is in memory now stays there, and need not be looked at again."""
    gc.freeze()  # without collecting before, which would hold up the loop for as long as there are states
