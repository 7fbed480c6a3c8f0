"""How often a marketplace lets what shares an id be written in a day: rises stop first, then falls, zeros last.

Beyond the limit the marketplace takes no more writes until the next day, zeros neither. So what may wait waits while
some are left: a rise that waits sells less, a fall that waits may sell what is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from inventory_domain.clock import Clock
from inventory_domain.due import Urgency
from inventory_domain.ports import RevisionLimit

HOUR_MS: Final = 3_600_000
WINDOW_HOURS: Final = 24  # whatever the marketplace's day is, no day holds more than any 24 hours do
SWEEP_AT: Final = 10_000  # ids with counts; then those without any in the window are forgotten


class Revisions:
    """Counts by the hour, for one account of one worker. A worker's part of the listings' limit is its part of the
    partitions, since the variations of one listing may be other workers'. A restart begins to count anew."""

    def __init__(self, limit: RevisionLimit | None, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._part = 1.0
        self._counts: dict[str, dict[int, int]] = {}
        self._sweep_at = SWEEP_AT

    def share(self, part: float) -> None:
        """From now on this worker has this part of every listing's writes."""
        self._part = part

    def wait_s(self, marketplace_ids: Mapping[str, str], urgency: Urgency) -> float:
        """Seconds until such a write may go, as far as is known; 0: now."""
        own_id = self._id(marketplace_ids)
        if own_id is None or self._limit is None:
            return 0.0
        hour = self._hour()
        counts = self._within(own_id, hour)
        over = sum(counts.values()) + 1 - max(1, int(self._limit.allowed(urgency) * self._part))
        if over <= 0:
            return 0.0
        for then in sorted(counts):
            over -= counts[then]
            if over <= 0:
                return ((then + WINDOW_HOURS + 1) * HOUR_MS - self._clock.now_ms()) / 1_000
        return HOUR_MS / 1_000

    def take(self, marketplace_ids: Mapping[str, str]) -> None:
        """One write goes now."""
        own_id = self._id(marketplace_ids)
        if own_id is None:
            return
        hour = self._hour()
        counts = self._within(own_id, hour)
        counts[hour] = counts.get(hour, 0) + 1
        self._counts[own_id] = counts
        if len(self._counts) >= self._sweep_at:
            self._counts = {one: kept for one in self._counts if (kept := self._within(one, hour))}
            self._sweep_at = max(SWEEP_AT, 2 * len(self._counts))

    def _id(self, marketplace_ids: Mapping[str, str]) -> str | None:
        return None if self._limit is None else marketplace_ids.get(self._limit.id_name)

    def _hour(self) -> int:
        return self._clock.now_ms() // HOUR_MS

    def _within(self, own_id: str, hour: int) -> dict[int, int]:
        """The counts of the window, the running hour and the 24 before it."""
        return {then: count for then, count in self._counts.get(own_id, {}).items() if then >= hour - WINDOW_HOURS}
