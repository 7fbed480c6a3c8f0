"""Up to where a partition is finished, so that no offset is committed ahead of work that is still open."""

from __future__ import annotations

import heapq


class OffsetTracker:
    """The offsets of one partition that were read and are not finished. It is bounded by what is read and waits.

    Offsets start and finish in any order.
    """

    def __init__(self, position: int) -> None:
        self._position = position
        self._open: set[int] = set()
        self._heap: list[int] = []

    def start(self, offset: int) -> None:
        """A record was read and is now somebody's work."""
        self._position = max(self._position, offset + 1)
        self._open.add(offset)
        heapq.heappush(self._heap, offset)

    def finish(self, offset: int) -> None:
        """Its work is durable, or there was none. Finishing twice changes nothing."""
        self._open.discard(offset)

    def passed(self, position: int) -> None:
        """Everything before this position was read."""
        self._position = max(self._position, position)

    @property
    def unfinished(self) -> int:
        """How many records wait."""
        return len(self._open)

    def committable(self) -> int:
        """The lowest unfinished offset, or the position after all that was read."""
        while self._heap and self._heap[0] not in self._open:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else self._position
