"""Whole batches against a model that keeps every fact in a list and adds it up anew each time.

The rules send records, cut them into batches, lose a computed batch before its commit, and repeat what was applied.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from inventory_domain.changes import (
    OrderShipped,
    ReservationReleased,
    SaleCancelled,
    SkuChange,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.commands import Override, OverrideKind, SkuCommand
from inventory_domain.identifiers import ChannelId, EventId, ListingId, OrderId, ReservationId
from inventory_streams.engine.records import InputRecord
from tests.support.engine_work import Memory
from tests.support.stock import NOW_MS, SKU, a_change, a_channel, a_listing, a_policy, a_product

LISTING = ListingId("market-us/1")
WITHHELD_UNITS = 2
LEAST_SHOWN = 3
PLACES = ("dallas", "reno")
UNITS = st.integers(1, 9)
NAMES = st.sampled_from("abc")


@dataclass
class Ledger:
    """The model: what happened, one line each, in the order of the topic."""

    on_hand: dict[str, int | None] = field(default_factory=lambda: dict.fromkeys(PLACES))
    reserved: dict[tuple[str, str], int] = field(default_factory=dict)
    sold: dict[str, int] = field(default_factory=dict)
    taken_back: dict[str, int] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    cap: int | None = None

    def apply(self, place: str, kind: SkuChange) -> None:
        """One change, as an ERP's bookkeeper would note it."""
        here = self.on_hand[place]
        if isinstance(kind, StockCounted):
            self.on_hand[place] = kind.on_hand
        elif isinstance(kind, StockAdjusted):
            self.on_hand[place] = None if here is None else here + kind.units
        elif isinstance(kind, StockReserved):
            self.reserved[place, kind.reservation_id] = kind.units
        elif isinstance(kind, ReservationReleased):
            self.reserved.pop((place, kind.reservation_id), None)
        elif isinstance(kind, OrderShipped):
            self.on_hand[place] = None if here is None else here - kind.units
            self._shipped(place, kind)
        elif isinstance(kind, UnitsSold):
            self.sold[kind.order_id] = self.sold.get(kind.order_id, 0) + kind.units
        elif isinstance(kind, SaleCancelled):
            self.taken_back[kind.order_id] = self.taken_back.get(kind.order_id, 0) + kind.units

    def _shipped(self, place: str, kind: OrderShipped) -> None:
        if kind.order_id is not None:
            self.told.add(kind.order_id)
        if kind.reservation_id is not None and (place, kind.reservation_id) in self.reserved:
            left = self.reserved.pop((place, kind.reservation_id)) - kind.units
            if left > 0:
                self.reserved[place, kind.reservation_id] = left

    def shown(self) -> int | None:
        """What the listing should show; None while a place was never counted."""
        if None in self.on_hand.values():
            return None
        free = 0
        for place, units in self.on_hand.items():
            promised = sum(held for (where, _), held in self.reserved.items() if where == place)
            free += max(0, (units or 0) - promised)
        for order, units in self.sold.items():
            if order not in self.told:
                free -= max(0, units - self.taken_back.get(order, 0))
        shown = max(0, free - WITHHELD_UNITS)
        if self.cap is not None:
            shown = min(shown, self.cap)
        return shown if shown >= LEAST_SHOWN else 0


class EngineAgainstLedger(RuleBasedStateMachine):
    """The engine's own computation, driven as its loop drives it."""

    @initialize(first=st.tuples(*[st.one_of(st.integers(0, 60), st.none())] * len(PLACES)))
    def begin(self, first: tuple[int | None, ...]) -> None:
        self.ledger = Ledger()
        self.memory = Memory(a_policy(a_channel(locations=PLACES, units=WITHHELD_UNITS)))
        self.waiting: list[InputRecord] = [
            self.memory.wire.product(a_product(a_listing(min_shown=LEAST_SHOWN), locations=dict.fromkeys(PLACES, 0)))
        ]
        self.applied: list[InputRecord] = []
        self.catching_up = True
        self.shown: int | None = None
        self.version = 0
        for place, units in zip(PLACES, first, strict=True):
            if units is not None:
                self.send(place, StockCounted(units))

    def send(self, place: str, kind: SkuChange) -> None:
        """A change reaches the topic, and in one of seven cases the producer sends it twice."""
        change = a_change(kind, location=place)
        self.ledger.apply(place, kind)
        self.waiting.append(self.memory.wire.change(change))
        if len(self.waiting) % 7 == 0:
            self.waiting.append(self.memory.wire.change(change))

    @rule(place=st.sampled_from(PLACES), units=st.integers(0, 60))
    def count(self, place: str, units: int) -> None:
        self.send(place, StockCounted(units))

    @rule(place=st.sampled_from(PLACES), units=st.integers(-9, 9))
    def adjust(self, place: str, units: int) -> None:
        self.send(place, StockAdjusted(units))

    @rule(place=st.sampled_from(PLACES), name=NAMES, units=UNITS)
    def reserve(self, place: str, name: str, units: int) -> None:
        self.send(place, StockReserved(ReservationId(name), units))

    @rule(place=st.sampled_from(PLACES), name=NAMES)
    def release(self, place: str, name: str) -> None:
        self.send(place, ReservationReleased(ReservationId(name)))

    @rule(place=st.sampled_from(PLACES), name=NAMES, units=UNITS, order=NAMES)
    def ship(self, place: str, name: str, units: int, order: str) -> None:
        self.send(place, OrderShipped(units, ReservationId(name), OrderId(f"order-{order}")))

    @rule(order=NAMES, units=UNITS)
    def sell(self, order: str, units: int) -> None:
        self.send(PLACES[0], UnitsSold(ChannelId("market-us"), OrderId(f"order-{order}"), units))

    @rule(order=NAMES, units=UNITS)
    def cancel(self, order: str, units: int) -> None:
        self.send(PLACES[0], SaleCancelled(ChannelId("market-us"), OrderId(f"order-{order}"), units, "no-stock"))

    @rule(units=st.sampled_from((None, 0, 1, 2, 4)))
    def cap(self, units: int | None) -> None:
        """An operator bounds what is shown, or lets go."""
        self.ledger.cap = units
        kind = OverrideKind.RELEASE if units is None else OverrideKind.CAP
        override = Override(kind, units, None, "ann", "last pallet")
        self.waiting.append(self.memory.wire.command(SkuCommand(EventId("by hand"), SKU, NOW_MS, "ann", override)))

    @precondition(lambda self: self.waiting)
    @rule(share=st.floats(0.1, 1))
    def batch(self, share: float) -> None:
        """Part of what waits is applied and committed."""
        count = max(1, round(len(self.waiting) * share))
        self.commit(self.waiting[:count])
        self.applied += self.waiting[:count]
        self.waiting = self.waiting[count:]

    @precondition(lambda self: self.waiting)
    @rule()
    def crash(self) -> None:
        """A batch is computed and its transaction fails: nothing of it may be left."""
        work = self.memory.work(catching_up=self.catching_up)
        for record in self.waiting:
            work.record(record)
        work.finish()

    @precondition(lambda self: self.applied)
    @rule(share=st.floats(0, 1))
    def replay(self, share: float) -> None:
        """A crash between transaction and offset: what was applied comes again, whole."""
        self.commit(self.applied[int(len(self.applied) * share) :])

    @rule()
    def catch_up(self) -> None:
        """All that was there at the start is read; what is owed is paid by a look at the SKU."""
        self.catching_up = False
        self.commit([])

    def commit(self, records: list[InputRecord]) -> None:
        self.memory.now_ms += 1
        wake = {} if self.catching_up else {SKU: "caught-up"}
        computed = self.memory.batch(*records, catching_up=self.catching_up, wake=wake)
        assert not computed.dead_letters
        for target in computed.targets:
            assert target.version > self.version, "versions only grow"
            assert not self.catching_up or (self.shown is not None and target.quantity < self.shown), "only falls"
            self.version, self.shown = target.version, target.quantity

    @rule()
    def settle(self) -> None:
        """Everything is applied: the listing shows what the ledger says."""
        self.commit(self.waiting)
        self.applied += self.waiting
        self.waiting = []
        self.catch_up()
        expected = self.ledger.shown()
        if self.shown is None:
            assert expected is None, "a listing is left alone only while a place was never counted"
        elif expected is not None:
            assert self.shown == expected

    def teardown(self) -> None:
        """However a run ends, it ends settled."""
        if hasattr(self, "ledger"):
            self.settle()


EngineAgainstLedger.TestCase.settings = settings(max_examples=120, stateful_step_count=40)
TestEngineAgainstLedger = EngineAgainstLedger.TestCase
