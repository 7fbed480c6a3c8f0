"""What the long runs have in common."""

from __future__ import annotations

import sys
import time

_BEGAN_S = time.monotonic()


def say(text: str) -> None:
    """Progress, for whoever waits, with the time since all began."""
    sys.stderr.write(f"\n{time.monotonic() - _BEGAN_S:6.0f} s  {text}")
    sys.stderr.flush()
