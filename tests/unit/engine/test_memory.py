"""What a recovery has freed is given back to the system."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

_FREED_BETWEEN: Final = """
from pathlib import Path
from inventory_streams.engine.memory import give_back_what_is_free

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

began = resident()
fetched = [bytes(700) for _ in range(100_000)]
kept = fetched[::1_000] + fetched[-1:]
del fetched
before = resident() - began
give_back_what_is_free()
print(before, resident() - began)
"""


def test_what_is_free_between_what_is_kept_is_given_back() -> None:
    """The C library gives back only what is free at the end by itself: one state behind it, and all of it stays."""
    done = subprocess.run([sys.executable, "-c", _FREED_BETWEEN], capture_output=True, text=True, check=True)

    before, after = [int(one) for one in done.stdout.split()]
    assert after < before / 4
