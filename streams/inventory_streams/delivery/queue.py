"""What waits to be sent by one account: one entry per listing, the costliest delay first, and nothing starves."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Collection, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from inventory_domain.due import Urgency
from inventory_domain.identifiers import ChannelId, ListingId

NONE: frozenset[ChannelId] = frozenset()
AGED_TURN = 4  # every so many takes the longest waiting goes first, if it waits longer than the limit

Rank = tuple[Urgency, float]
WorkKey = tuple[int, ListingId]
"""A listing by the partition that it came through, so that one that moves to another SKU is never mixed up."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A listing that waits: how urgent it is, and since when (monotonic seconds)."""

    key: WorkKey
    channel: ChannelId
    rank: Rank
    since_s: float


class _ChannelQueue:
    """One channel's entries in two orders. Entries that were replaced stay in the heaps until they come up."""

    def __init__(self) -> None:
        self.entries: dict[WorkKey, Entry] = {}
        self._by_rank: list[tuple[Rank, float, int, Entry]] = []
        self._by_age: list[tuple[float, int, Entry]] = []
        self._numbers: Iterator[int] = itertools.count()
        self.served = 0

    def put(self, entry: Entry) -> None:
        self.entries[entry.key] = entry
        number = next(self._numbers)
        heapq.heappush(self._by_rank, (entry.rank, entry.since_s, number, entry))
        heapq.heappush(self._by_age, (entry.since_s, number, entry))
        if len(self._by_rank) > 2 * len(self.entries) + 64:
            self._by_rank = [item for item in self._by_rank if self._waits(item[-1])]
            heapq.heapify(self._by_rank)
        if len(self._by_age) > 2 * len(self.entries) + 64:
            self._by_age = [item for item in self._by_age if self._waits(item[-1])]
            heapq.heapify(self._by_age)

    def _waits(self, entry: Entry) -> bool:
        return self.entries.get(entry.key) is entry

    def first(self) -> Entry | None:
        while self._by_rank and not self._waits(self._by_rank[0][-1]):
            heapq.heappop(self._by_rank)
        return self._by_rank[0][-1] if self._by_rank else None

    def oldest(self) -> Entry | None:
        while self._by_age and not self._waits(self._by_age[0][-1]):
            heapq.heappop(self._by_age)
        return self._by_age[0][-1] if self._by_age else None


class WorkQueue:
    """All channels of one account. Channels whose first entries are equally urgent are served in turn."""

    def __init__(self, aged_after_s: float) -> None:
        self._aged_after_s = aged_after_s
        self._channels: dict[ChannelId, _ChannelQueue] = {}
        self._channel_of: dict[WorkKey, ChannelId] = {}
        self._takes = 0

    def __len__(self) -> int:
        return len(self._channel_of)

    def __contains__(self, key: object) -> bool:
        return key in self._channel_of

    def put(self, key: WorkKey, channel: ChannelId, rank: Rank, now_s: float) -> None:
        """Let the listing wait with this rank. One that waits already keeps its age."""
        before = self._entry(key)
        since_s = before.since_s if before else now_s
        if before is not None and (before.rank, before.channel) == (rank, channel):
            return
        self.discard(key)
        self._channels.setdefault(channel, _ChannelQueue()).put(Entry(key, channel, rank, since_s))
        self._channel_of[key] = channel

    def least_urgent(self, channel: ChannelId, count: int, urgencies: Collection[Urgency]) -> list[WorkKey]:
        """At most so many of the channel's listings of these urgencies, the least urgent first. They stay in here."""
        queue = self._channels.get(channel)
        entries = [one for one in queue.entries.values() if one.rank[0] in urgencies] if queue else []
        return [one.key for one in heapq.nlargest(count, entries, key=lambda one: (one.rank, one.since_s))]

    def discard(self, key: WorkKey) -> None:
        """The listing waits no more."""
        channel = self._channel_of.pop(key, None)
        if channel is not None:
            del self._channels[channel].entries[key]

    def _entry(self, key: WorkKey) -> Entry | None:
        channel = self._channel_of.get(key)
        return None if channel is None else self._channels[channel].entries[key]

    def first(self, without: AbstractSet[ChannelId] = NONE) -> Entry | None:
        """The most urgent entry, where it is, of all channels but these."""
        heads = [(entry.rank, queue.served, entry) for queue, entry in self._heads(without)]
        return min(heads, key=lambda head: (head[0][0], head[1]))[2] if heads else None

    def _heads(self, without: AbstractSet[ChannelId]) -> list[tuple[_ChannelQueue, Entry]]:
        queues = [queue for channel, queue in self._channels.items() if channel not in without]
        return [(queue, entry) for queue in queues if (entry := queue.first()) is not None]

    def take(
        self,
        count_max: int,
        now_s: float,
        without: AbstractSet[ChannelId] = NONE,
        *,
        aged: bool = True,
        alone: Callable[[WorkKey], bool] = lambda _: False,
    ) -> list[Entry]:
        """Take at most so many entries of one channel for one call, the most urgent (or, in its turn, oldest) first.

        `without`: channels that must wait. `aged`: whether what waits long has a turn of its own. `alone`: what goes by
        a call of its own.
        """
        self._takes += 1
        first = self._aged(now_s, without) if aged and self._takes % AGED_TURN == 0 else None
        if (first := first or self.first(without)) is None:
            return []
        queue = self._channels[first.channel]
        queue.served = self._takes
        taken: list[Entry] = []
        following: Entry | None = first
        while following is not None and len(taken) < count_max:
            if taken and (alone(first.key) or alone(following.key)):
                break
            self.discard(following.key)
            taken.append(following)
            following = queue.first()
        return taken

    def _aged(self, now_s: float, without: AbstractSet[ChannelId]) -> Entry | None:
        queues = [queue for channel, queue in self._channels.items() if channel not in without]
        oldest = [entry for queue in queues if (entry := queue.oldest()) is not None]
        aged = min(oldest, key=lambda entry: entry.since_s, default=None)
        return aged if aged is not None and now_s - aged.since_s > self._aged_after_s else None

    def depth(self, channel: ChannelId) -> dict[Urgency, int]:
        """How many of the channel's listings wait, by urgency."""
        depth = dict.fromkeys(Urgency, 0)
        queue = self._channels.get(channel)
        for entry in queue.entries.values() if queue else ():
            depth[entry.rank[0]] += 1
        return depth

    @property
    def channels(self) -> tuple[ChannelId, ...]:
        """The channels of which listings wait."""
        return tuple([channel for channel, queue in self._channels.items() if queue.entries])

    def backlog(self, channel: ChannelId) -> int:
        """How many of the channel's listings wait."""
        queue = self._channels.get(channel)
        return len(queue.entries) if queue else 0

    def ages_s(self, channel: ChannelId, now_s: float) -> dict[Urgency, float]:
        """How long the channel's longest waiting listing waits, by urgency; 0 when none does."""
        ages = dict.fromkeys(Urgency, 0.0)
        queue = self._channels.get(channel)
        for entry in queue.entries.values() if queue else ():
            ages[entry.rank[0]] = max(ages[entry.rank[0]], now_s - entry.since_s)
        return ages
