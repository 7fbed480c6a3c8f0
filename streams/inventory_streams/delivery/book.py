"""Everything a worker knows of the listings of its partitions. It belongs to the loop; nobody else touches it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from inventory_domain.clock import Clock, ClockWatch
from inventory_domain.exposure import Exposure, Result
from inventory_domain.exposure_times import by_this_clock, moved
from inventory_domain.identifiers import ChannelId, ListingId
from inventory_domain.targets import Target
from inventory_streams.delivery.assignment import LoadedPartition
from inventory_streams.delivery.offsets import OffsetTracker
from inventory_streams.delivery.queue import WorkKey
from inventory_streams.delivery.writer import PartitionWriter
from inventory_streams.kafka.tracing import LINKS_MAX, TraceContext

log = logging.getLogger(__name__)


@dataclass(slots=True)
class TrackedListing:
    """One listing: its newest target as it was read, what it may be showing, and what it waits for.

    `settled`: the target is accounted for (taken, found sent, or given up). `in_flight`: an attempt is being committed,
    sent or concluded. `held_until_s`: a former owner's request may be under way until then. `not_before_ms`: a retry
    told to wait until then. `retry_offsets`: records of the retry topic that stand for this wait. `must_read`: it had
    open attempts at a takeover. `claims`: marketplace ids that no other listing may be sent with meanwhile.
    `late_rise`: a sampled rise of it was not seen live in time. `late_fall`: a fall was not; `fall_mask`: for so long
    that zero is sent, and why. `unsent_since_ms`: since when a fall of it waits for the next day's quota. `hinted`: it
    is to be looked at from `look_from_s` on, though nothing of it is open; `hint_offset`: the observation that asks for
    that. `forgotten`: the engine withdrew it while an attempt was under way; `leaves_s`: it stays known until
    then, since a feed may still set a number of it. `alone`: its last call was refused with others in it, any of which
    may be the reason. `traces`: what its next push stands for, the newest last: the traces of its target, of those that
    were replaced unsent, and of attempts that failed.
    """

    partition: int
    listing_id: ListingId
    target: Target | None = None
    raw: bytes = b""
    offset: int = -1
    exposure: Exposure | None = None
    settled: bool = True
    in_flight: bool = False
    held_until_s: float | None = None
    not_before_ms: int = 0
    retry_offsets: list[int] = field(default_factory=list)
    must_read: bool = False
    read_failures: int = 0
    reading: bool = False
    claims: frozenset[tuple[str, str]] = frozenset()
    forgotten: bool = False
    leaves_s: float | None = None
    alone: bool = False
    late_fall: bool = False
    late_rise: bool = False
    fall_mask: str | None = None
    unsent_since_ms: int | None = None
    hinted: bool = False
    hint_offset: int | None = None
    look_from_s: float = 0.0
    traces: tuple[TraceContext, ...] = ()

    @property
    def key(self) -> WorkKey:
        """How queues know it."""
        return (self.partition, self.listing_id)

    def taken_over(self, exposure: Exposure, held_until_s: float) -> None:
        """What a former owner knew of it, and until when a request of that owner may be under way, if one may."""
        self.exposure = exposure
        self.must_read = bool(exposure.open)
        row, last = exposure.feed_row(), exposure.last
        if last is not None and last.result is Result.OPEN:
            # A single call that overtook a feed is waited for, whatever is known of the feed.
            handed_in = row is not None and row.feed_id is not None and row.number == last.number
            self.held_until_s = None if handed_in else held_until_s

    def trace(self, newest: TraceContext | None) -> None:
        """A target with this trace takes the place of the one before, and stands for that too if it was not sent."""
        kept = () if self.settled else self.traces
        self.traces = kept if newest is None else (*kept, newest)[-1 - LINKS_MAX :]

    def trace_failure(self, attempt: TraceContext) -> None:
        """The next push is another try of what this attempt was."""
        self.traces = (attempt, *self.traces)[-1 - LINKS_MAX :]


class OwnedPartition:
    """One partition from its assignment to its end. `stopping`: nothing more is begun. `closed`: nothing is written."""

    def __init__(self, number: int, writer: PartitionWriter, targets_from: int = 0) -> None:
        self.number = number
        self.writer = writer
        self.targets = OffsetTracker(targets_from)
        self.retries = OffsetTracker(0)
        self.observations = OffsetTracker(0)
        self.listings: dict[ListingId, TrackedListing] = {}
        self.stopping = False
        self.closed = False

    def observed(self) -> int | None:
        """Below which position no observation asks for a read any more; None: none was read yet."""
        position = self.observations.committable()
        return position if position > 0 or self.observations.unfinished else None

    def answered(self, hint_offset: int | None) -> None:
        """What this observation asked for was read, or nobody wants to know any more."""
        if hint_offset is not None:
            self.observations.finish(hint_offset)

    def tracked(self, listing_id: ListingId) -> TrackedListing:
        """The listing, known from now on."""
        found = self.listings.get(listing_id)
        if found is None:
            found = self.listings[listing_id] = TrackedListing(self.number, listing_id)
        return found

    def in_flight(self) -> int:
        """Listings with an attempt or a read that is not over."""
        return sum(1 for one in self.listings.values() if one.in_flight or one.reading)


class Book:
    """The owned partitions. `taking_over`: what they hold is not known yet, or not all of it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._watch = ClockWatch(clock)
        self.partitions: dict[int, OwnedPartition] = {}
        self.taking_over = False
        self.in_flight: set[ListingId] = set()

    @property
    def is_whole(self) -> bool:
        """Whether a count of its listings says anything of the channels."""
        return bool(self.partitions) and not self.taking_over

    @contextmanager
    def takeover(self) -> Iterator[None]:
        """Partitions are added one by one meanwhile."""
        self.taking_over = True
        yield
        self.taking_over = False

    def now_ms(self) -> int:
        """The time of day. If the clock was set, all that is known of exposures is as long ago by it as it was before:
        what settles would settle at once where it was set ahead, and hours later where it was set back."""
        if by_ms := self._watch.set_by_ms():
            log.warning("clock was set", extra={"by_s": by_ms / 1000})
            for tracked in self:
                if tracked.exposure is not None:
                    tracked.exposure = moved(tracked.exposure, by_ms)
                if tracked.not_before_ms:
                    tracked.not_before_ms += by_ms
        return self.clock.now_ms()

    def add(self, part: LoadedPartition, writer: PartitionWriter) -> OwnedPartition:
        """The partition is owned from now on; what it held is taken as by this clock."""
        now_ms = self.now_ms()
        part.exposures = {one: by_this_clock(known, now_ms) for one, known in part.exposures.items()}
        owned = self.partitions[part.partition] = OwnedPartition(part.partition, writer, part.position)
        return owned

    def partition(self, number: int) -> OwnedPartition | None:
        """The partition, while it is owned."""
        return self.partitions.get(number)

    def listing(self, key: WorkKey) -> TrackedListing | None:
        """The listing, while its partition is owned."""
        owned = self.partitions.get(key[0])
        return owned.listings.get(key[1]) if owned else None

    def writable(self, tracked: TrackedListing) -> OwnedPartition | None:
        """The partition of this very record of a listing, unless it was given away (and perhaps taken again)."""
        owned = self.partitions.get(tracked.partition)
        if owned is None or owned.closed or owned.listings.get(tracked.listing_id) is not tracked:
            return None
        return owned

    def __iter__(self) -> Iterator[TrackedListing]:
        for owned in self.partitions.values():
            yield from owned.listings.values()

    def pending(self, channel: ChannelId) -> int:
        """Targets of the channel that are not accounted for."""
        return sum(1 for one in self if not one.settled and one.target is not None and one.target.channel == channel)
