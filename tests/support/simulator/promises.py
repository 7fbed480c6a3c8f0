"""What must hold at every moment of a run, looked at with everything that the marketplace is told and shows."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from inventory_domain.identifiers import ChannelId, ListingId, Sku
from inventory_domain.listing_holds import QUOTA_SPENT
from inventory_domain.ports import Push
from inventory_streams.kafka.partitioner import partition_of
from tests.support.engine_work import TOPICS
from tests.support.simulator.books import WITHHELD_UNITS
from tests.support.simulator.catalog import Place
from tests.support.simulator.delivery import ENGINE_SILENT_S
from tests.support.simulator.kafka import ModeledKafka
from tests.support.simulator.marketplace import ModeledMarketplace, Sent
from tests.support.simulator.sharing import MARKETPLACE, codecs
from tests.support.simulator.traffic import PARTITIONS
from tests.support.simulator.virtual_time import VirtualLoop

STEPS_MAX = 5_000
UNDER_WAY_S = 25.0  # what was committed before a stop was known may arrive so much later
REPAIRED_WITHIN_S = 60.0  # a request that a frozen process sent is seen and set right by then
CORRECTED_WITHIN_S = 60.0  # a process that reads, and acts upon it, may have stood still in between
CHANGED_S_MAX = 120.0  # a listing that is moved is still given up by the SKU that it left
EXPOSURE = TOPICS.exposure(MARKETPLACE)


@dataclass
class _Stock:
    """What a SKU was worth at a moment: what its listings had to show, and what could truly be promised."""

    at_s: float
    shown: int
    free: int


@dataclass
class Promises:
    """Notes what is broken. `calm_from_s`: since when nothing goes wrong, so that delays are as declared (P3).

    `gone_s`: since when Kafka answers nobody, None while it is there.
    """

    loop: VirtualLoop
    kafka: ModeledKafka
    delay_s: float
    channels: Sequence[ChannelId]
    found: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    steps: deque[str] = field(default_factory=lambda: deque(maxlen=STEPS_MAX))
    calm_from_s: float = float("inf")
    market: ModeledMarketplace = field(init=False)
    gone_s: float | None = None
    clocks_wrong_until_s: float = float("-inf")
    places: Mapping[ListingId, Place] = field(default_factory=dict)
    _versions: dict[ListingId, int] = field(default_factory=dict)
    _late: dict[ListingId, float] = field(default_factory=dict)
    _stopped_s: dict[ChannelId, float] = field(default_factory=dict)
    _epochs: dict[ChannelId, int] = field(default_factory=dict)
    _stock: dict[Sku, list[_Stock]] = field(default_factory=dict)

    def note(self, step: str) -> None:
        """Something has happened that a reader of a failure wants to know."""
        self.steps.append(f"{self.loop.time():8.2f} {step}")

    def fired(self, what: str) -> None:
        """As `Witness` says."""
        self.counts[what] += 1

    def wrong(self, what: str) -> None:
        """As `Witness` says."""
        self.found.append(f"{self.loop.time():.2f} s: {what}")
        self.note(f"WRONG {what}")

    def clocks_are(self, *, right: bool) -> None:
        """Some process has the wrong time from now on, or may have had it until now."""
        self.clocks_wrong_until_s = self.loop.time() if right else float("inf")

    @property
    def clocks_were_wrong(self) -> bool:
        """Whether any was in this run: what was settled too early by one stays so until the next write."""
        return self.clocks_wrong_until_s > float("-inf")

    def worth(self, sku: Sku, shown: int, free: int) -> None:
        """The SKU's stock has changed: what must be shown from now on, and what may truly be promised."""
        self._stock.setdefault(sku, []).append(_Stock(self.loop.time(), shown, free))

    def pushed(self, push: Push, sent: Sent) -> None:
        """P2, and nothing but zero under a stop that was known in time (P5, P6)."""
        listing_id, now_s = push.listing_id, self.loop.time()
        self.note(
            f"{sent.by} sends {listing_id} = {push.quantity} v{push.version % 10_000_000}{' LATE' if sent.late else ''}"
        )
        if self.gone_s is not None and now_s - self.gone_s > UNDER_WAY_S:
            self.fired("zero without an attempt")
            if push.quantity:
                self.wrong(f"P5: {listing_id} was sent {push.quantity}, and Kafka is gone since {self.gone_s:.1f}")
        if sent.late:
            self.fired("sent late")
            self._late[listing_id] = now_s
            return
        if self.market.cut_off and not push.quantity:
            return  # zeros with Kafka gone are sent by all who may be its owner, each by what it knows (rule 25)
        if push.version < self._versions.get(listing_id, 0) and not self._changed_lately(listing_id):
            self.wrong(f"P2: {listing_id} was sent version {push.version} after {self._versions[listing_id]}")
        self._versions[listing_id] = push.version
        if push.quantity:
            self._check_masks(push, sent.since_s)
        elif self._mask(listing_id) == QUOTA_SPENT:
            self.fired("zero for want of quota")

    def _check_masks(self, push: Push, since_s: float) -> None:
        now_s = self.loop.time()
        self._look_at_health()
        stopped_s = self._stopped_s.get(push.channel)
        if stopped_s is not None and now_s - stopped_s > UNDER_WAY_S:
            self.wrong(f"P5: {push.listing_id} was sent {push.quantity}, stopped since {stopped_s:.1f}")
        sku = self._sku(push.listing_id)
        until_s = self._engine_until_s(str(partition_of(sku, PARTITIONS)).encode())
        if now_s - max(until_s, since_s) > ENGINE_SILENT_S + UNDER_WAY_S:
            self.wrong(f"P5: {push.listing_id} was sent {push.quantity}, the engine is silent since {until_s:.1f}")

    def _engine_until_s(self, partition: bytes) -> float:
        """Up to when the engine has said what it knows, by what it says, or where clocks are wrong by when it spoke."""
        key = (TOPICS.engine_progress, partition)
        told = self.kafka.newest.get(key)
        if told is None:
            return 0.0
        until_ms = (
            self.kafka.newest_ms[key] if self.clocks_were_wrong else codecs().progress.decode(told).complete_until_ms
        )
        return self.loop.time() - (self.kafka.now_ms - until_ms) / 1000

    @property
    def shown(self) -> dict[ListingId, int]:
        """What buyers see."""
        return self.market.shown

    def corrected(self, listing_id: ListingId, why: str) -> None:
        """Rule 29: reconciliation has a listing sent again, and only one of which something is wrong may be.

        What it has read it may act upon a while later, so what was wrong then may be mended by now.
        """
        self.note(f"reconcile corrects {listing_id}: {why}")
        self.fired("corrected")
        clocks_right_s = self.loop.time() - self.clocks_wrong_until_s
        if self._changed_lately(listing_id) or clocks_right_s < CORRECTED_WITHIN_S:
            return
        drift = self.market.drift[listing_id]
        if not drift.there and self.loop.time() - drift.ended_s > CORRECTED_WITHIN_S:
            self.wrong(f"29: {listing_id} was corrected ({why}), and showed what was written less what was sold")

    def shows(self, listing_id: ListingId) -> None:
        """As `Witness` says."""
        self.note(f"shows {listing_id} = {self.shown[listing_id]}")
        self._check_exposure(listing_id)

    def look(self) -> None:
        """What must hold also while nothing happens."""
        for listing_id in self.shown:
            self._check_exposure(listing_id)
            self._check_delay(listing_id)
        self._look_at_health()

    def _look_at_health(self) -> None:
        for channel in self.channels:
            value = self.kafka.newest.get((TOPICS.channel_health, channel.encode()))
            if value is None:
                continue
            health = codecs().health.decode(value).health
            if health.epoch < self._epochs.get(channel, 0):
                self.wrong(f"33: the epoch of {channel} went from {self._epochs[channel]} to {health.epoch}")
            self._epochs[channel] = health.epoch
            if health.stop is None:
                self._stopped_s.pop(channel, None)
            elif channel not in self._stopped_s:
                self.fired("stop-sale")
                self._stopped_s[channel] = self.loop.time()

    def is_stopped(self, channel: ChannelId) -> bool:
        """Whether the channel's health says so now."""
        self._look_at_health()
        return channel in self._stopped_s

    def may_show(self, listing_id: ListingId) -> int | None:
        """The most that it may show as far as is durable; None: without bound."""
        places = [(EXPOSURE, number, listing_id.encode()) for number in range(PARTITIONS)]
        # One that moved to another SKU may have two.
        told = [self.kafka.newest_on[place] for place in places if place in self.kafka.newest_on]
        if not told:
            return -1
        units = [0 if one is None else codecs().exposure.decode(one).units() for one in told]
        known = [one for one in units if one is not None]
        return max(known) if len(known) == len(units) else None

    def _mask(self, listing_id: ListingId) -> str | None:
        """Why the newest attempt on the listing is a zero, as far as is durable."""
        value = self.kafka.newest.get((EXPOSURE, listing_id.encode()))
        last = codecs().exposure.decode(value).last if value is not None else None
        return last.mask if last is not None else None

    def _check_exposure(self, listing_id: ListingId) -> None:
        """What is shown is never above what is durably said to be possible: the attempt was there before (rule 23)."""
        units, shown = self.may_show(listing_id), self.shown[listing_id]
        if units is None or shown <= max(units, 0) or listing_id in self.market.edited:
            return
        if self.places[listing_id].held or self.clocks_were_wrong:
            return
        if self.loop.time() - self._late.get(listing_id, float("-inf")) > REPAIRED_WITHIN_S:
            self.wrong(f"P1: {listing_id} shows {shown}, and at most {units} is accounted for")

    def _check_delay(self, listing_id: ListingId) -> None:
        """P3: with delays as declared, what is shown was right within the delay."""
        now_s = self.loop.time()
        if now_s < self.calm_from_s or self._changed_lately(listing_id):
            return
        lately = self._lately(self._sku(listing_id))
        right = max(one.shown for one in lately)
        if lately[-1].shown and any(one.shown == 0 < one.free - WITHHELD_UNITS for one in lately):
            right = max(right, *(one.free - WITHHELD_UNITS for one in lately))  # listed anew, by the stock before
        if self.shown[listing_id] > right:
            self.wrong(f"P3: {listing_id} shows {self.shown[listing_id]}; at most {right} in the last {self.delay_s} s")

    def _sku(self, listing_id: ListingId) -> Sku:
        return self.places[listing_id].sku

    def _changed_lately(self, listing_id: ListingId) -> bool:
        """Whether its place in the catalog was changed, so that two may still write it, each by versions of its own."""
        return self.loop.time() - self.places[listing_id].changed_s < CHANGED_S_MAX

    def _lately(self, sku: Sku) -> list[_Stock]:
        known = self._stock[sku]
        begin_s = self.loop.time() - self.delay_s
        inside = [one for one in known if one.at_s >= begin_s]
        before = [one for one in known if one.at_s < begin_s]
        return [*before[-1:], *inside]

    def sold(self, listing_id: ListingId, free: int) -> None:
        """P3: a unit that was not there was sold only where more went in the delay than the buffer withholds."""
        if free >= 0:
            return
        self.fired("oversold")
        if self.loop.time() >= self.calm_from_s and not self._changed_lately(listing_id):
            gone = max(one.free for one in self._lately(self._sku(listing_id))) - free
            if gone <= WITHHELD_UNITS:
                self.wrong(f"P3: {listing_id} oversold, and only {gone} units went in the last {self.delay_s} s")
