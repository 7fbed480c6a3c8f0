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


class ClockWatch:
    """Tells whoever asks from time to time that a clock was set."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_ms = at_ms(clock, 0.0)

    def set_by_ms(self) -> int:
        """By how much the clock was set ahead since this was asked last (back where below 0); 0 where it was not."""
        began_ms = at_ms(self._clock, 0.0)
        by_ms = began_ms - self._began_ms
        if abs(by_ms) <= STEP_MS:
            return 0
        self._began_ms = began_ms
        return by_ms
