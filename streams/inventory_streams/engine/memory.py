"""How often Python looks for cycles among millions of values that have none, and what is given back to the system."""

from __future__ import annotations

import ctypes
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


def give_back_what_is_free() -> None:
    """After a recovery: what its clients took for what they fetched is free, and the C library keeps it all the same.

    Blocks for some 50 ms, without Python's lock. Other C libraries than GNU's have nothing of the kind to be told.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
