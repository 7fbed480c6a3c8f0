"""Which mask holds for a listing and what of it may go now: the one place that scheduling and dispatch ask.

Reasons are derived from what is known (the channel's health, the engine's progress, the listing itself) whenever they
are asked for; nothing is remembered that a restart would lose.
"""

from __future__ import annotations

from collections.abc import Iterable

from inventory_domain.clock import Clock
from inventory_domain.identifiers import ChannelId
from inventory_domain.masks import Standing, engine_standing
from inventory_domain.progress import EngineProgress
from inventory_streams.delivery.book import TrackedListing
from inventory_streams.delivery.settings import DeliverySettings

Place = tuple[ChannelId, int]
"""A channel's listings on one partition: they have one standing, listing-level reasons aside."""


class Masks:
    """Belongs to the loop. `refresh` says where something has changed, so that those listings are looked at again."""

    def __init__(self, settings: DeliverySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._watched_from_ms = clock.now_ms()
        self._progress: dict[int, EngineProgress] = {}
        self._told: dict[Place, Standing] = {}

    def follow_progress(self, progress: EngineProgress) -> None:
        """The engine's newest word on a partition."""
        self._progress[progress.partition] = progress

    def standing(self, tracked: TrackedListing) -> Standing:
        """What may be done with the listing now. A listing without a target has nothing to be masked."""
        if tracked.target is None:
            return Standing()
        return self.standing_at((tracked.target.channel, tracked.partition))

    def standing_at(self, place: Place) -> Standing:
        """What holds for all of a channel's listings on the partition."""
        known = self._told.get(place)
        if known is None:
            known = self._told[place] = self._derived(place)
        return known

    def refresh(self, places: Iterable[Place]) -> list[Place]:
        """Derive anew what holds at these places; those where it is another than it was."""
        changed = []
        for place in places:
            before, now = self._told.get(place), self._derived(place)
            if before != now:
                self._told[place] = now
                changed.append(place)
        return changed

    def _derived(self, place: Place) -> Standing:
        _, partition = place
        progress = self._progress.get(partition)
        until_ms = progress.complete_until_ms if progress is not None else None
        now_ms = self._clock.now_ms()
        return engine_standing(until_ms, self._watched_from_ms, now_ms, self._settings.engine_silent_s)
