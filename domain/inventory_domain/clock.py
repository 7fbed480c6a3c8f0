"""Time as something that is handed in, so that hours of protocol can be run in milliseconds."""

from __future__ import annotations

from typing import Final, Protocol

STEP_MS: Final = 5_000  # by so much a clock does not differ from how long things take, unless it was set


class Clock(Protocol):
    """The two times there are. Neither call blocks."""

    def now_ms(self) -> int:
        """Wall time in milliseconds since 1970 UTC: for what is written down and compared between processes."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back, sleep of the machine included: for durations and deadlines."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long on this clock. Cancelling it is safe."""
        ...


def at_ms(clock: Clock, monotonic_s: float) -> int:
    """A monotonic time as wall time, by the clock as it is now: it is another one after the clock was set."""
    return clock.now_ms() - round((clock.monotonic_s() - monotonic_s) * 1000)
