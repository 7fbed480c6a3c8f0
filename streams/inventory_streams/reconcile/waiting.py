"""Single reads until they are judged: each waits for the exposure that was written with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from inventory_domain.reconciliation import Observation

LOOKS_MAX = 10  # then a read is judged by what is known: one that somebody asked for by hand changes no exposure


class WaitingReadings:
    """Kept in their order. `is_ahead` says of one whether what belongs to it has not come yet."""

    def __init__(self, is_ahead: Callable[[Observation], bool], readings: Iterable[Observation] = ()) -> None:
        self._is_ahead = is_ahead
        self._waiting = [(one, 0) for one in readings]

    def add(self, readings: Iterable[Observation]) -> None:
        """These are to be judged from the next look on."""
        self._waiting.extend((one, 0) for one in readings)

    def take(self, readings_max: int) -> list[Observation]:
        """Look once: at most so many that can be judged now, the oldest first."""
        taken: list[Observation] = []
        left: list[tuple[Observation, int]] = []
        for one, looks in self._waiting:
            if len(taken) == readings_max:
                left.append((one, looks))
            elif looks < LOOKS_MAX and self._is_ahead(one):
                left.append((one, looks + 1))
            else:
                taken.append(one)
        self._waiting = left
        return taken
