"""The clock of real processes."""

from __future__ import annotations

import asyncio
import time

_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", None)  # Linux: also counts while the machine sleeps (rule 25)


class SystemClock:
    """The machine's own time. It implements `inventory_domain.clock.Clock`."""

    def now_ms(self) -> int:
        """Wall time in milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds that never go back, sleep of the machine included where the system can tell."""
        return time.monotonic() if _MONOTONIC is None else time.clock_gettime(_MONOTONIC)

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)
