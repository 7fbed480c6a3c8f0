"""The sandbox's time: the machine's, or one that a test moves."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Final, Protocol

TEST_START_S: Final = 1_790_000_000.0
"""Where a movable clock begins: 2026-09-21 14:13:20 UTC."""


class Clock(Protocol):
    """Time for the marketplaces; never blocks the event loop."""

    def now(self) -> float:
        """Seconds since 1970 in UTC; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits that long by this clock, or not at all where the clock is moved by hand."""
        ...


class SystemClock:
    """The machine's time, immune to it being set back while the sandbox runs."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since 1970 in UTC."""
        return self._offset + time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits for real."""
        await asyncio.sleep(seconds)


class MovableClock:
    """A clock that stands still until it is moved; a sleep lets others run once and returns."""

    def __init__(self, start: float = TEST_START_S) -> None:
        self._now = start

    def now(self) -> float:
        """Seconds since 1970 in UTC, as moved so far."""
        return self._now

    def move(self, seconds: float) -> None:
        """Puts the clock forward; raises ValueError for a step back."""
        if seconds < 0:
            raise ValueError(f"a clock moves forward only: {seconds}")
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        """Returns after giving other tasks one turn; the time does not move."""
        await asyncio.sleep(0)


def iso_time(at: float) -> str:
    """A time as the marketplaces write it, in UTC with milliseconds: `2026-09-21T14:13:20.000Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
