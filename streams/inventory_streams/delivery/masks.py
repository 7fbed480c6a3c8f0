"""Which mask holds for a listing and what of it may go now: the one place that scheduling and dispatch ask.

Reasons are derived from what is known (the channel's health, the engine's progress, the listing itself) whenever they
are asked for; nothing is remembered that a restart would lose.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from inventory_domain.account_calls import OutOfStockPolicy
from inventory_domain.clock import Clock, at_ms
from inventory_domain.health import ChannelHealth, standing_of
from inventory_domain.identifiers import ChannelId
from inventory_domain.masks import FREE, Standing, engine_standing
from inventory_domain.progress import EngineProgress
from inventory_domain.readiness import Readiness, readiness_standing
from inventory_domain.targets import Target
from inventory_streams.delivery.arrivals import HealthArrival
from inventory_streams.delivery.book import TrackedListing
from inventory_streams.delivery.holds import ListingHolds
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.settings import DeliverySettings

Place = tuple[ChannelId, int]
"""A channel's listings on one partition: they have one standing, listing-level reasons aside."""


class Masks:
    """Belongs to the loop. `refresh` says where something has changed, so that those listings are looked at again."""

    def __init__(self, settings: DeliverySettings, clock: Clock, metrics: DeliveryMetrics) -> None:
        self.holds = ListingHolds(settings, clock, metrics)
        self._settings = settings
        self._clock = clock
        self._watched_from_s = clock.monotonic_s()
        self._health: dict[ChannelId, tuple[int, ChannelHealth | None]] = {}
        self._progress: dict[int, EngineProgress] = {}
        self._heard_by: dict[int, int] = {}
        self._heard_s: dict[int, float] = {}
        self._computed_ms: dict[int, int] = {}
        self._readiness: dict[ChannelId, tuple[Readiness, OutOfStockPolicy]] = {}
        self._told: dict[Place, Standing] = {}

    def follow_health(self, arrival: HealthArrival) -> ChannelHealth | None:
        """A record of `channel.health`; what it replaces. One that is older than what is known changes nothing."""
        if arrival.record is None:
            return None
        health = arrival.record.health
        offset, before = self._health.get(health.channel, (-1, None))
        if arrival.offset > offset:
            self._health[health.channel] = (arrival.offset, health)
        return before

    def health(self, channel: ChannelId) -> ChannelHealth | None:
        """The channel's health as it was last read; None while its owner has not written any."""
        known = self._health.get(channel)
        return None if known is None else known[1]

    def follow_readiness(self, channel: ChannelId, readiness: Readiness, policy: OutOfStockPolicy) -> None:
        """Whether the channel's account is set as our writes need it; never called where there is nothing to set."""
        self._readiness[channel] = (readiness, policy)

    def readiness(self, channel: ChannelId) -> Readiness | None:
        """What is known of the channel's account; None where there is nothing to set."""
        known = self._readiness.get(channel)
        return None if known is None else known[0]

    def went_live(self, channel: ChannelId) -> bool:
        """Whether the channel's account was ready once, so that numbers of ours may be shown."""
        health = self.health(channel)
        return health is not None and health.went_live_ms is not None

    def readiness_of(self, channel: ChannelId) -> Standing:
        """What the readiness of the channel's account means for its listings."""
        known = self._readiness.get(channel)
        return FREE if known is None else readiness_standing(*known, went_live=self.went_live(channel))

    def follow_progress(self, progress: EngineProgress) -> None:
        """The engine's newest word on a partition."""
        known = self._progress.get(progress.partition)
        if known is None or known.complete_until_ms != progress.complete_until_ms:
            self._heard_by[progress.partition] = at_ms(self._clock, 0.0)
            self._heard_s[progress.partition] = self._clock.monotonic_s()
        self._progress[progress.partition] = progress

    def follow_target(self, partition: int, target: Target) -> None:
        """A target of the partition. Where the engine's word on it is not known, it shows when the engine was there."""
        known_ms = self._computed_ms.get(partition)
        if known_ms is None or target.computed_at_ms > known_ms:
            self._computed_ms[partition] = target.computed_at_ms
            if partition not in self._progress:
                self.forget(partition)

    def standing(self, tracked: TrackedListing) -> Standing:
        """What may be done with the listing now. A listing without a target has nothing to be masked."""
        if tracked.target is None:
            return Standing()
        place = self.standing_at((tracked.target.channel, tracked.partition))
        if place.mask is not None:
            return place  # a stop of the whole channel is exempt from what holds single listings
        return place.joined(self.holds.standing(tracked))

    def writes(self, tracked: TrackedListing) -> bool:
        """Whether this listing is one that we write at all, by its channel's mode."""
        target = tracked.target
        return target is not None and self._settings.mode(target.channel).writes(target.sku)

    def standing_at(self, place: Place) -> Standing:
        """What holds for all of a channel's listings on the partition."""
        known = self._told.get(place)
        if known is None:
            known = self._told[place] = self._derived(place)
        return known

    def forget(self, partition: int) -> None:
        """What held on the partition when it was ours before says nothing of now: derive it anew."""
        for place in [one for one in self._told if one[1] == partition]:
            del self._told[place]

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
        channel, partition = place
        engine, health, ready = self._engine(partition), self.health(channel), self.readiness_of(channel)
        if health is None:
            return engine.joined(ready)
        return standing_of(health, self._settings.health, self._until_ms(partition)).joined(engine).joined(ready)

    def probing(self, place: Place) -> Standing:
        """What would hold at this place if the way to the marketplace were open: what a probe may do."""
        channel, partition = place
        health = self.health(channel)
        if health is None:
            return self.standing_at(place)
        opened = replace(health, known_outage=False, half_open=True)
        way = standing_of(opened, self._settings.health, self._until_ms(partition))
        return way.joined(self._engine(partition)).joined(self.readiness_of(channel))

    def is_silent(self, partition: int) -> bool:
        """Whether the engine's word on the partition is older than the limit."""
        return self._engine(partition).mask is not None

    def _until_ms(self, partition: int) -> int | None:
        progress = self._progress.get(partition)
        return progress.complete_until_ms if progress is not None else None

    def _spoke_ms(self, partition: int) -> int | None:
        """When the engine said its last word on the partition; earlier by as much as the clock was set back since. By
        an engine's clock that is ahead it would be in the future: it was said at the latest when it was heard."""
        until_ms = self._until_ms(partition)
        if until_ms is None:
            return None
        spoke_ms = until_ms - max(0, self._heard_by[partition] - at_ms(self._clock, 0.0))
        return min(spoke_ms, at_ms(self._clock, self._heard_s[partition]))

    def _engine(self, partition: int) -> Standing:
        until_ms, computed_ms = self._spoke_ms(partition), self._computed_ms.get(partition)
        watched_from_ms, limit_s = at_ms(self._clock, self._watched_from_s), self._settings.engine_silent_s
        return engine_standing(until_ms, computed_ms, watched_from_ms, self._clock.now_ms(), limit_s)

    def word_age_s(self, partitions: Iterable[int]) -> float:
        """The age of the engine's oldest word on these partitions, counted at the earliest from when we looked."""
        now_ms, watched_from_ms = self._clock.now_ms(), at_ms(self._clock, self._watched_from_s)
        words = [self._computed_ms.get(one) if (said := self._spoke_ms(one)) is None else said for one in partitions]
        ages = [now_ms - max(watched_from_ms, one) for one in words if one is not None]
        return max(0, max(ages, default=0)) / 1000
