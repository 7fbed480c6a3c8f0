"""Time as something that is handed in, so that hours of protocol can be run in milliseconds."""

from __future__ import annotations

from typing import Protocol


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
