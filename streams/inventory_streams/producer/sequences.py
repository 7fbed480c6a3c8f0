"""Where the sequence of a SKU at a location comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from inventory_domain.identifiers import LocationId, Sku


class SequenceStore(Protocol):
    """Sequences of one source. A number that was given out is never given again, also after a restart."""

    def next(self, sku: Sku, location: LocationId) -> int:
        """A number above every one given out before for this SKU and location. May block to make it durable."""
        ...


class ClockSequences:
    """Sequences that begin at the time in microseconds, so that they go on after a restart without being stored.

    That holds while the clock never goes back by more than the time that the process was down, and while one process
    at a time is this source. Where that cannot be promised, keep sequences in the database that keeps the stock.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._last = 0

    def next(self, sku: Sku, location: LocationId) -> int:
        """The time, or one more than the last number. Does not block."""
        self._last = max(self._last + 1, self._now_ms() * 1000)
        return self._last


class CountedSequences:
    """Sequences 1, 2, 3, ... for each SKU and location, in memory: for tests, and for sources that live once."""

    def __init__(self) -> None:
        self._last: dict[tuple[Sku, LocationId], int] = {}

    def next(self, sku: Sku, location: LocationId) -> int:
        """One more than the last of the same SKU and location. Does not block."""
        number = self._last[sku, location] = self._last.get((sku, location), 0) + 1
        return number
