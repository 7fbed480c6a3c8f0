"""Acts in time: what may be done a second beside the input."""

from __future__ import annotations


class Budget:
    """So many acts a second, gathered over at most a second."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._left = float(per_s)
        self._asked_s: float | None = None

    def take(self, wanted: int, now_s: float) -> int:
        """How many of these may be done now."""
        since_s = 0.0 if self._asked_s is None else max(0.0, now_s - self._asked_s)
        self._asked_s = now_s
        self._left = min(float(self._per_s), self._left + since_s * self._per_s)
        given = min(wanted, int(self._left))
        self._left -= given
        return given
