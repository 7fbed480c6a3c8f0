"""P4: every target that was read is accounted for, each exactly once."""

from __future__ import annotations

from inventory_domain.identifiers import ChannelId
from inventory_streams.delivery.book import TrackedListing
from inventory_streams.delivery.metrics import DeliveryMetrics

UNREADABLE = ChannelId("unknown")  # the channel of a record that cannot be read, as a label


class Accounting:
    """Counts what was read and what became of it: `read` is the sum of all the others and of what is pending.

    The counts of a process begin at zero; a partition's targets are read anew by each owner.
    """

    def __init__(self, metrics: DeliveryMetrics) -> None:
        self._metrics = metrics
        self.read = 0
        self.delivered = 0
        self.already_sent = 0
        self.superseded = 0
        self.dead_lettered = 0
        self.forgotten = 0
        self.shadowed = 0
        self.handed_over = 0

    def took(self, channel: ChannelId) -> None:
        """A target record was read."""
        self.read += 1
        self._metrics.targets_read.labels(channel).inc()

    def stale(self, channel: ChannelId) -> None:
        """A target was older than the newest known when it was read."""
        self.superseded += 1
        self._metrics.targets_superseded.labels(channel).inc()

    def unusable(self, channel: ChannelId, reason: str) -> None:
        """A target that cannot be pushed at all went to the dead letters."""
        self.dead_lettered += 1
        self._metrics.targets_dead_lettered.labels(channel, reason).inc()

    def deliver(self, tracked: TrackedListing) -> None:
        """The marketplace took the listing's newest target."""
        if channel := _settle(tracked):
            self.delivered += 1
            self._metrics.targets_delivered.labels(channel).inc()

    def find_sent(self, tracked: TrackedListing) -> None:
        """The listing's newest target had been sent before it was read here."""
        if channel := _settle(tracked):
            self.already_sent += 1
            self._metrics.targets_already_sent.labels(channel).inc()

    def supersede(self, tracked: TrackedListing) -> None:
        """The listing's newest target is about to be replaced."""
        if channel := _settle(tracked):
            self.stale(channel)

    def give_up(self, tracked: TrackedListing, reason: str) -> None:
        """The listing's newest target went to the dead letters."""
        if channel := _settle(tracked):
            self.unusable(channel, reason)

    def forget(self, tracked: TrackedListing) -> None:
        """The engine withdrew the listing."""
        if channel := _settle(tracked):
            self.forgotten += 1
            self._metrics.targets_forgotten.labels(channel).inc()

    def shadow(self, tracked: TrackedListing) -> None:
        """The listing's newest target is not written, because of its channel's mode."""
        if channel := _settle(tracked):
            self.shadowed += 1
            self._metrics.targets_shadowed.labels(channel).inc()

    def hand_over(self, tracked: TrackedListing) -> None:
        """The listing's partition goes to another owner."""
        if channel := _settle(tracked):
            self.handed_over += 1
            self._metrics.targets_handed_over.labels(channel).inc()

    def pending(self) -> int:
        """What must be pending by these counts."""
        ended = self.delivered + self.already_sent + self.superseded + self.dead_lettered
        return self.read - ended - self.shadowed - self.forgotten - self.handed_over


def _settle(tracked: TrackedListing) -> ChannelId | None:
    if tracked.settled or tracked.target is None:
        return None
    tracked.settled = True
    return tracked.target.channel
