"""A marketplace that is late, loses answers, throttles, is down, works on feeds in its own time, and sells."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Protocol

from inventory_domain.bulk import CallFailed, FeedOutcomes, FeedPart, FeedRunning, FeedSubmitted
from inventory_domain.identifiers import ChannelId, ListingId
from inventory_domain.outcomes import Accepted, LimitSeen, PushOutcome, Rejected, Throttled, Transient
from inventory_domain.ports import OperationLimit, Push
from tests.support.simulator.catalog import Place
from tests.support.simulator.virtual_time import LoopClock, Stoppable, VirtualLoop

SETTLING_S = 6.0
READ_AGE_S = 2.0
REQUEST_S_MAX = 15.0  # delivery's own: whatever was sent by then is taken within the settling time after it
FEED_S, FEED_S_MAX = 8.0, 40.0
DAY_MS = 432_000  # shorter than one of ours, which is 200 of these: a run may have to wait for the next one
QUOTA_SPENT = 0.75  # what is left then is for falls to zero, or in the part of a worker that is gone
APART_S = 0.001  # timers of one moment come in no order
VERSIONS_APART_S = 120.0  # after a listing's move to another SKU
LIMITS = (
    OperationLimit("write", 3.0, 6.0),
    OperationLimit("read", 20.0, 20.0),
    OperationLimit("feed", 0.2, 2.0),
    OperationLimit("poll", 10.0, 10.0),
    OperationLimit("pull", 4.0, 8.0),
)


@dataclass
class Weather:
    """How often each thing goes wrong, as a share of the calls; `down`: the marketplace takes nothing at all.

    `slow_way`: a request takes long to leave. `lost_answer`: it is applied, nobody hears of it, and a later one may
    overtake it. `dropped`: a fall is accepted and never applied. `lost_row`: of a feed, without a word in its report.
    `feed_cut_off`: a feed is taken and its answer lost. `feed_fatal`: some of it is applied and none of it told.
    `lost_page`: a page of a pull does not come. `rejected`: a write is refused for good.
    """

    lost_answer: float = 0.0
    refused: float = 0.0
    throttled: float = 0.0
    hangs: float = 0.0
    slow_way: float = 0.0
    dropped: float = 0.0
    late_read: float = 0.0
    lost_row: float = 0.0
    feed_refused: float = 0.0
    feed_cut_off: float = 0.0
    feed_fatal: float = 0.0
    feed_stuck: float = 0.0
    lost_page: float = 0.0
    rejected: float = 0.0
    down: bool = False

    @staticmethod
    def any(dice: random.Random) -> Weather:
        """Some of it, and none of the rest: what always happens together hides what happens alone."""
        names = [one.name for one in fields(Weather) if one.name != "down"]
        return Weather(**{name: dice.choice((0.0, 0.0, 0.1, 0.3)) for name in names})


@dataclass(frozen=True, slots=True)
class Sent:
    """How a request was sent. `late`: its process stood still after it had looked for the last time whether it may.

    `began_s`: when it was begun; `since_s`: since when its process lives; `by` is its name.
    """

    late: bool
    began_s: float
    since_s: float
    by: str


@dataclass(frozen=True, slots=True)
class Sending:
    """A request that is begun, in a turn of the loop and at a time."""

    turn: int
    began_s: float
    since_s: float

    def ends(self, process: Stoppable) -> Sent:
        """It leaves its process."""
        return Sent(process.woken_turn >= self.turn, self.began_s, self.since_s, process.name)


class Witness(Protocol):
    """Who looks at everything that the marketplace is told and shows."""

    def pushed(self, push: Push, sent: Sent) -> None:
        """A request has arrived."""
        ...

    def shows(self, listing_id: ListingId) -> None:
        """Buyers see another number from now on."""
        ...

    def fired(self, what: str) -> None:
        """A fault has happened."""
        ...

    def wrong(self, what: str) -> None:
        """A promise is broken."""
        ...


@dataclass
class _Calls:
    """The marketplace's own count of an operation."""

    limit: OperationLimit
    tokens: float
    at_s: float = 0.0
    day: int = 0
    used: int = 0

    def take(self, now_s: float, day: int) -> str | None:
        """Which limit one more call is beyond; None where it is within both."""
        self.tokens = min(self.limit.burst, self.tokens + (now_s - self.at_s) * self.limit.rate_per_s) - 1
        self.at_s = now_s
        if day != self.day:
            self.day, self.used = day, 0
        self.used += 1
        if self.limit.per_day is not None and self.used > self.limit.per_day:
            return "its quota"
        return None if self.tokens > -1e-6 else "its rate"


@dataclass
class _Feed:
    """A feed that was taken. Rows that were `lost` have no effect and no word in the report."""

    rows: Mapping[int, Push]
    ends_s: float
    fatal: bool
    lost: set[int] = field(default_factory=set)


Order = tuple[int, int]
"""A write's place among those of its listing: its version, and when it was taken among those of one version."""


@dataclass
class Drift:
    """Whether a listing shows something else than follows from what was sent for it and what was sold since.

    `applied` is the newest write that had effect, `lost` the newest that never will. `out_of_order`: an older one had
    effect after a newer one, or somebody else has set a number. `ended_s`: when it ended, if it has.
    """

    applied: Order = (0, 0)
    lost: Order = (0, 0)
    out_of_order: bool = False
    ended_s: float = float("-inf")

    @property
    def there(self) -> bool:
        """Whether there is any."""
        return self.out_of_order or self.lost > self.applied

    def has_effect(self, order: Order, now_s: float) -> None:
        """A write has effect now."""
        before = self.there
        self.out_of_order = order < self.applied
        self.applied = max(self.applied, order)
        if before and not self.there:
            self.ended_s = now_s


@dataclass
class ModeledMarketplace:
    """What buyers see, and what becomes of what it is told: accepted writes are applied in the order of their taking.

    Where it is not `absolute`, its adapter would send differences in place of quantities (rule 24 switched off).
    `cut_off`: Kafka is gone, or was a moment ago, so that what is written may be in nobody's books.
    """

    loop: VirtualLoop
    dice: random.Random
    weather: Weather
    witness: Witness
    clock: LoopClock
    limits: tuple[OperationLimit, ...] = LIMITS
    absolute: bool = True
    shown: dict[ListingId, int] = field(default_factory=dict)
    newest: dict[ListingId, Push] = field(default_factory=dict)
    edited: set[ListingId] = field(default_factory=set)
    cut_off: bool = False
    drift: dict[ListingId, Drift] = field(default_factory=lambda: defaultdict(Drift))
    places: Mapping[ListingId, Place] = field(default_factory=dict)
    _taken: int = 0
    _told: dict[ListingId, int] = field(default_factory=dict)
    _history: dict[ListingId, list[tuple[float, int]]] = field(default_factory=dict)
    _last_live_s: dict[ListingId, float] = field(default_factory=dict)
    _feeds: dict[str, _Feed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._calls = {one.operation: _Calls(one, one.burst) for one in self.limits}

    def call(self, operation: str, sent: Sent) -> str | None:
        """One call arrives: why it is refused as a whole, or None."""
        calls = self._calls[operation]
        beyond = calls.take(self.loop.time(), self.clock.now_ms() // DAY_MS)
        if (most := calls.limit.per_day) is not None and calls.used >= QUOTA_SPENT * most:
            self.witness.fired("quota spent")
        if beyond is not None and not sent.late:
            self.witness.wrong(f"a call of {operation} beyond {beyond}")
        if self.weather.down:
            self.witness.fired("down")
            return "down"
        if beyond is not None or self.dice.random() < self.weather.throttled:
            self.witness.fired("throttled")
            return "throttled"
        return None

    def used_today(self, operation: str) -> int:
        """Calls of the operation since midnight, those that were refused too."""
        calls = self._calls[operation]
        return calls.used if calls.day == self.clock.now_ms() // DAY_MS else 0

    def take(self, push: Push, refused: str | None, sent: Sent) -> PushOutcome:
        """A quantity that a call sets. What became of it is known here before anybody is told."""
        self.witness.pushed(push, sent)
        told = {"listing_id": push.listing_id, "api": "write"}
        chance, weather = self.dice.random, self.weather
        if refused == "down":
            return Transient(**told, reason="no-answer")
        if refused == "throttled":
            return Throttled(**told, reason="429", seen=LimitSeen(operation="write", wait_s=self.dice.uniform(0.1, 2)))
        if chance() < weather.refused:
            self.witness.fired("refused")
            return Transient(**told, reason="busy")
        if chance() < weather.rejected:
            self.witness.fired("rejected")
            return Rejected(**told, reason="not-allowed")
        order = self._sent(push)
        if push.quantity < self.shown.get(push.listing_id, 0) and chance() < weather.dropped:
            self.witness.fired("dropped")
            self._loses(push, order)
            return Accepted(**told, reason="ok")
        if chance() < weather.lost_answer:
            self.witness.fired("lost answer")
            latest_s = sent.began_s + REQUEST_S_MAX + SETTLING_S
            self._apply_in(push, order, self.dice.uniform(0.0, max(0.0, latest_s - self.loop.time())))
            return Transient(**told, reason="cut-off", effect_unknown=True)
        earliest_s = max(self._last_live_s.get(push.listing_id, 0.0) + APART_S, self.loop.time())
        live_s = max(earliest_s, self.loop.time() + self.dice.uniform(0.0, SETTLING_S))
        self._last_live_s[push.listing_id] = live_s
        self._apply_in(push, order, live_s - self.loop.time())
        return Accepted(**told, reason="ok")

    def _sent(self, push: Push) -> Order:
        known = self.newest.get(push.listing_id)
        place = self.places.get(push.listing_id)
        moved = place is not None and self.loop.time() - place.changed_s < VERSIONS_APART_S
        if known is None or push.version >= known.version or moved:  # each SKU has versions of its own
            self.newest[push.listing_id] = push
        self._taken += 1
        return push.version, self._taken

    def _loses(self, push: Push, order: Order) -> None:
        drift = self.drift[push.listing_id]
        drift.lost = max(drift.lost, order)

    def _apply_in(self, push: Push, order: Order, seconds: float) -> None:
        self.loop.outside(seconds, self._apply, push, order, self.cut_off)

    def _apply(self, push: Push, order: Order, stray: bool) -> None:
        drift = self.drift[push.listing_id]
        if order < drift.applied:
            self.witness.fired("overtaken")
        drift.has_effect(order, self.loop.time())
        drift.out_of_order = drift.out_of_order or stray
        self.edited.discard(push.listing_id)
        quantity = push.quantity if self.absolute else self._sum(push)
        self._show(push.listing_id, quantity)

    def edit(self, listing_id: ListingId, quantity: int) -> None:
        """Somebody sets another number by hand."""
        self.edited.add(listing_id)
        self.drift[listing_id].out_of_order = True
        self._show(listing_id, quantity)

    def listed(self, channel: ChannelId) -> list[tuple[str, int]]:
        """The channel's listings by their SKU and what a look at them shows, as far as they were ever written."""
        own = sorted(one for one in self.shown if one.startswith(f"{channel}/"))
        return [(one.partition("/")[2], self.seen(one)) for one in own]

    def _sum(self, push: Push) -> int:
        """The quantity as a difference to what this marketplace was told before it."""
        before = self._told.get(push.listing_id, 0)
        self._told[push.listing_id] = push.quantity
        return max(0, self.shown.get(push.listing_id, 0) + push.quantity - before)

    def _show(self, listing_id: ListingId, quantity: int) -> None:
        if self.shown.get(listing_id) == quantity:
            return
        self.shown[listing_id] = quantity
        self._history.setdefault(listing_id, []).append((self.loop.time(), quantity))
        self.witness.shows(listing_id)

    def sell(self, listing_id: ListingId, units: int) -> int:
        """Buyers buy so many, or what there is of it: how many were sold."""
        sold = min(units, self.shown.get(listing_id, 0))
        if sold:
            self._show(listing_id, self.shown[listing_id] - sold)
        return sold

    def seen(self, listing_id: ListingId) -> int:
        """What a read shows, which may be some moments old."""
        if self.dice.random() >= self.weather.late_read:
            return self.shown.get(listing_id, 0)
        self.witness.fired("late read")
        as_of_s = self.loop.time() - self.dice.uniform(0.0, READ_AGE_S)
        past = [quantity for at_s, quantity in self._history.get(listing_id, ()) if at_s <= as_of_s]
        return past[-1] if past else 0

    def take_feed(self, rows: Mapping[int, Push], sent: Sent) -> FeedSubmitted | CallFailed:
        """A feed is handed in: its rows are applied at any time between now and its report, in no order."""
        chance, weather = self.dice.random, self.weather
        if chance() < weather.feed_refused:
            return CallFailed(kind="transient", api="feed", reason="busy")
        self.witness.fired("feed")
        stuck = chance() < weather.feed_stuck
        takes_s = FEED_S_MAX - 5.0 if stuck else self.dice.uniform(1.0, 1.5 * FEED_S)
        feed_id = f"feed-{len(self._feeds) + 1}"
        feed = _Feed(rows, self.loop.time() + (1e9 if stuck else takes_s), chance() < weather.feed_fatal)
        self._feeds[feed_id] = feed
        for number, push in rows.items():
            self.witness.pushed(push, sent)
            order = self._sent(push)
            if chance() < weather.lost_row or (feed.fatal and chance() < 0.5):
                self.witness.fired("lost row")
                self._loses(push, order)
                feed.lost.add(number)
                continue
            self._apply_in(push, order, self.dice.uniform(0.0, takes_s))
        if chance() < weather.feed_cut_off:
            self.witness.fired("feed cut off")
            return CallFailed(kind="transient", api="feed", reason="cut-off", effect_unknown=True)
        return FeedSubmitted(feed_id=feed_id, ask_after_s=1.0, api="feed")

    def report(self, part: FeedPart) -> FeedRunning | FeedOutcomes:
        """What became of these rows of a feed, when it is done."""
        feed = self._feeds[part.feed_id]
        if self.loop.time() < feed.ends_s:
            return FeedRunning(ask_after_s=1.0, api="poll")
        outcomes: list[PushOutcome] = []
        for number, push in part.rows.items():
            told = {"listing_id": push.listing_id, "api": "feed"}
            if feed.fatal:
                outcomes.append(Transient(**told, reason="feed-fatal", effect_unknown=True))
            elif number not in feed.lost:
                outcomes.append(Accepted(**told, reason="ok"))
        return FeedOutcomes(outcomes=tuple(outcomes), next_cursor=None)
