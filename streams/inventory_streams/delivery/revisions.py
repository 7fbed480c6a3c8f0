"""How often a marketplace lets what shares an id be written in a day: rises stop first, then falls, zeros last.

Beyond the limit the marketplace takes no more writes until the next day, zeros neither. So what may wait waits while
some are left: a rise that waits sells less, a fall that waits may sell what is gone.

What was written often goes into the reports, so that a restart goes on from there: what a listing had less than
`TOLD_FROM` times, and what was written after the last report, is forgotten. The reserve for zeros is larger than that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from inventory_domain.clock import Clock
from inventory_domain.due import Urgency
from inventory_domain.ports import RevisionLimit

HOUR_MS: Final = 3_600_000
WINDOW_HOURS: Final = 24  # whatever the marketplace's day is, no day holds more than any 24 hours do
TOLD_FROM: Final = 5  # most listings are written less often, and their ids need not be in a report every few seconds
TOLD_MAX: Final = 500  # ids in one report; those beyond go into the next
INHERITED_MAX: Final = 50_000  # ids taken over; beyond that the ones that were written least are forgotten
SWEEP_AT: Final = 10_000  # ids with counts; then those without any in the window are forgotten


class Revisions:
    """Counts by the hour, for one account of one worker. A worker's part of the listings' limit is its part of the
    partitions, since the variations of one listing may be other workers'."""

    def __init__(self, limit: RevisionLimit | None, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._part = 1.0
        self._counts: dict[str, dict[int, int]] = {}
        self._untold: dict[str, int] = {}
        self._others: dict[str, dict[int, int]] = {}
        self._before: dict[str, int] = {}
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
        counts, others = self._within(own_id, hour), _since(self._others.get(own_id, {}), hour)
        own = sum(counts.values())
        before = min(own, self._before.get(own_id, 0))
        room = self._limit.allowed(urgency) - sum(others.values()) - before
        over = own + 1 - before - (max(1, int(room * self._part)) if room > 0 else 0)
        if over <= 0:
            return 0.0
        for then, count in others.items():
            counts[then] = counts.get(then, 0) + count
        for then in sorted(counts):
            over -= counts[then]
            if over <= 0:
                return ((then + WINDOW_HOURS + 1) * HOUR_MS - self._clock.now_ms()) / 1_000
        return HOUR_MS / 1_000

    def room(self, marketplace_ids: Mapping[str, str]) -> Urgency | None:
        """The least urgent write that may go now; None: none."""
        return next((one for one in reversed(Urgency) if self.wait_s(marketplace_ids, one) == 0), None)

    def take(self, marketplace_ids: Mapping[str, str]) -> None:
        """One write goes now."""
        own_id = self._id(marketplace_ids)
        if own_id is None:
            return
        hour = self._hour()
        counts = self._within(own_id, hour)
        counts[hour] = counts.get(hour, 0) + 1
        self._counts[own_id] = counts
        if (total := sum(counts.values())) >= TOLD_FROM:
            self._untold[own_id] = self._untold.get(own_id, 0) + (total if total == TOLD_FROM else 1)
        if len(self._counts) >= self._sweep_at:
            self._counts = {one: kept for one in self._counts if (kept := self._within(one, hour))}
            self._sweep_at = max(SWEEP_AT, 2 * len(self._counts))

    def tell(self) -> dict[str, int]:
        """Writes by id that were not told before, of what is written often; each is told once."""
        told = dict(list(self._untold.items())[:TOLD_MAX])
        for own_id in told:
            del self._untold[own_id]
        return told

    def inherit(self, told: Iterable[tuple[int, Mapping[str, int]]]) -> None:
        """What all other workers told, each with when (ms); it takes the place of what was known of them before."""
        hour = self._hour()
        others: dict[str, dict[int, int]] = {}
        for at_ms, by_id in told:
            then = at_ms // HOUR_MS
            if then >= hour - WINDOW_HOURS:
                for own_id, count in by_id.items():
                    counts = others.setdefault(own_id, {})
                    counts[then] = counts.get(then, 0) + count
        if len(others) > INHERITED_MAX:
            most = sorted(others, key=lambda own_id: sum(others[own_id].values()), reverse=True)
            others = {own_id: others[own_id] for own_id in most[:INHERITED_MAX]}
        self._others = others
        # What this worker wrote before is not to be given to it again, as a part of what is left.
        self._before = {own_id: sum(self._within(own_id, hour).values()) for own_id in others}

    def _id(self, marketplace_ids: Mapping[str, str]) -> str | None:
        return None if self._limit is None else marketplace_ids.get(self._limit.id_name)

    def _hour(self) -> int:
        return self._clock.now_ms() // HOUR_MS

    def _within(self, own_id: str, hour: int) -> dict[int, int]:
        """The counts of the window, the running hour and the 24 before it."""
        return _since(self._counts.get(own_id, {}), hour)


def _since(counts: Mapping[int, int], hour: int) -> dict[int, int]:
    return {then: count for then, count in counts.items() if then >= hour - WINDOW_HOURS}
