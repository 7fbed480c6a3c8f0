"""When the input zeroes more listings at once than is believed: those falls are held a while, so that someone looks."""

from __future__ import annotations

from typing import Final

GUARD_HOLD_MS_MAX: Final = 600_000
"""A stamped fall is held at most this long from its target's time, unless an operator says otherwise."""


def guard_kept(guard: str | None, stamped_at_ms: int, now_ms: int) -> str | None:
    """The guard of a fall that is said once more: while it may be held, the repetition must not go around the hold."""
    return guard if guard is not None and now_ms - stamped_at_ms < GUARD_HOLD_MS_MAX else None
