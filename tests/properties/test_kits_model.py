"""Kits, components and overrides over all partitions, against the books that the demo's verdict keeps apart from us.

The rules send records, let single partitions go on, lose computed batches before their commit and repeat what was
applied, so that what kits and components say to each other arrives in every order that Kafka may give it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set
from dataclasses import replace
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from inventory_cli.demo.journal import ProductFacts, Said
from inventory_cli.demo.verdict_kits import Books
from inventory_cli.demo.verdict_stock import Stock
from inventory_domain.changes import (
    OrderShipped,
    SaleCancelled,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.commands import Override, OverrideKind, SilentSource
from inventory_domain.identifiers import ChannelId, LocationId, OrderId, ReservationId, Sku, SourceId
from inventory_streams.engine.records import InputRecord
from inventory_streams.engine.values import Surroundings
from inventory_streams.kafka.partitioner import partition_of
from tests.support.engine_work import PARTITIONS
from tests.support.kit_world import World, a_sku, skus
from tests.support.stock import a_channel, a_policy

A, B, C, KIT, OUTER = ALL = skus(5)
PLACES: Final = ("dallas", "reno")
NEEDS: Final[dict[Sku, dict[Sku, int]]] = {KIT: {A: 2, B: 1}, OUTER: {KIT: 1, C: 2}}
ERP: Final = SourceId("erp")
CHANNEL: Final = ChannelId("market-us")
UNITS = st.integers(1, 4)
PARTS = st.sampled_from((A, B, C))
ANY = st.sampled_from(ALL)
PLACE = st.sampled_from(PLACES)
ORDER = st.sampled_from([OrderId(f"order-{name}") for name in "abcd"])


class SilentBooks(Books):
    """Books of a time in which nobody vouches for the stock of some SKUs: nothing of it is there."""

    def __init__(self, said: dict[str, list[Said]], products: dict[str, ProductFacts], silent: Set[Sku]) -> None:
        super().__init__(said, products)
        self._silent = silent

    def stock(self, sku: str) -> Stock:
        found = super().stock(sku)
        return replace(found, free=dict.fromkeys(found.free, 0)) if sku in self._silent else found

    def bounding(self, kit: Sku, place: str) -> str:
        """The part of which there is least, by the kits that it is enough for."""
        parts = self._products[kit].components
        return min((self._kits_of(part, units).get(place, 0), part) for part, units in parts.items())[1]


class KitsAgainstBooks(RuleBasedStateMachine):
    """The engine's own computation in six partitions, and a bookkeeper who adds everything up anew each time."""

    @initialize(first=st.tuples(*[st.integers(0, 30)] * 6))
    def begin(self, first: tuple[int, ...]) -> None:
        self.world = World(a_policy(a_channel(locations=PLACES)))
        self.said: dict[str, list[Said]] = defaultdict(list)
        self.sequences: dict[tuple[Sku, str], int] = defaultdict(int)
        self.left: dict[tuple[Sku, OrderId], int] = defaultdict(int)
        self.zeroed: set[Sku] = set()
        self.silent: set[Sku] = set()
        self.bound: int | None = None
        self.gone: set[Sku] = set()
        self.applied: list[list[InputRecord]] = [[] for _ in range(PARTITIONS)]
        self.reservations = 0
        for sku in ALL:
            self.offer(sku)
        for number, units in enumerate(first):
            self.count((A, B, C)[number % 3], PLACES[number // 3], units)

    def offer(self, sku: Sku, **other: int) -> None:
        self.world.product(a_sku(sku, dict.fromkeys(PLACES, 0), **{**NEEDS.get(sku, {}), **other}))

    def note(self, kind: str, sku: Sku, place: str | None, units: int, order: OrderId | None, held: str | None) -> int:
        sequence = None
        if place is not None:
            self.sequences[sku, place] += 1
            sequence = self.sequences[sku, place]
        number = sum(map(len, self.said.values()))
        self.said[sku].append(Said(kind, f"e{number}", sku, "erp", place, sequence, units, held, order))
        return sequence or 0

    @rule(sku=PARTS, place=PLACE, units=st.integers(0, 30))
    def count(self, sku: Sku, place: str, units: int) -> None:
        sequence = self.note("count", sku, place, units, None, None)
        self.world.change(sku, StockCounted(units), place, sequence=sequence)

    @rule(sku=PARTS, place=PLACE, units=st.integers(-6, 9))
    def adjust(self, sku: Sku, place: str, units: int) -> None:
        sequence = self.note("adjust", sku, place, units, None, None)
        self.world.change(sku, StockAdjusted(units), place, sequence=sequence)

    @rule(sku=PARTS, place=PLACE, units=UNITS, order=ORDER)
    def reserve(self, sku: Sku, place: str, units: int, order: OrderId) -> None:
        self.reservations += 1
        held = f"r{self.reservations}"
        sequence = self.note("reserve", sku, place, units, order, held)
        self.world.change(sku, StockReserved(ReservationId(held), units, order), place, sequence=sequence)

    @rule(sku=PARTS, place=PLACE, units=UNITS, order=ORDER)
    def ship(self, sku: Sku, place: str, units: int, order: OrderId) -> None:
        sequence = self.note("ship", sku, place, units, order, "none")
        self.world.change(sku, OrderShipped(units, ReservationId("none"), order), place, sequence=sequence)

    @rule(kit=st.sampled_from((KIT, OUTER)), place=PLACE, order=ORDER)
    def report(self, kit: Sku, place: str, order: OrderId) -> None:
        """The source has packed one of the kits: it tells of the order wherever a component stands."""
        for part, units in {KIT: {A: 2, B: 1}, OUTER: {A: 2, B: 1, C: 2}}[kit].items():
            self.reserve(part, place, units, order)

    @rule(sku=ANY, units=UNITS, order=ORDER)
    def sell(self, sku: Sku, units: int, order: OrderId) -> None:
        self.left[sku, order] += units
        self.note("sold", sku, None, units, order, None)
        self.world.change(sku, UnitsSold(CHANNEL, order, units), None)

    @rule(sku=ANY, units=UNITS, order=ORDER)
    def cancel(self, sku: Sku, units: int, order: OrderId) -> None:
        taken = min(units, self.left[sku, order])
        if not taken:
            return
        self.left[sku, order] -= taken
        self.note("cancelled", sku, None, taken, order, None)
        self.world.change(sku, SaleCancelled(CHANNEL, order, taken, "buyer"), None)

    @rule(sku=ANY)
    def recall(self, sku: Sku) -> None:
        self.zeroed.add(sku)
        if sku == OUTER:
            self.bound = None
        self.world.command(sku, Override(OverrideKind.ZERO, None, None, "ann", "recall"))

    @rule(units=st.integers(0, 9))
    def cap(self, units: int) -> None:
        self.zeroed.discard(OUTER)
        self.bound = units
        self.world.command(OUTER, Override(OverrideKind.CAP, units, None, "ann", "last ones"))

    @rule(sku=ANY)
    def release(self, sku: Sku) -> None:
        self.zeroed.discard(sku)
        if sku == OUTER:
            self.bound = None
        self.world.command(sku, Override(OverrideKind.RELEASE, None, None, "ann", "is over"))

    @rule(sku=PARTS)
    def fall_silent_or_speak(self, sku: Sku) -> None:
        """On the partition of that part alone: each judges its sources by itself."""
        self.silent ^= {sku}
        heard = Surroundings(silent=frozenset({ERP} if sku in self.silent else ()))
        self.world.memory(sku).beside = heard
        self.world.wake(sku, "source-silent")

    @rule(kit=st.sampled_from((KIT, OUTER)), units=UNITS, order=ORDER)
    def leave_or_come_back(self, kit: Sku, units: int, order: OrderId) -> None:
        """What was sold of it is owed all the same."""
        self.sell(kit, units, order)
        self.go(kit)

    def go(self, kit: Sku) -> None:
        self.drain(kit)
        if kit in self.gone:
            self.offer(kit)
        else:
            self.world.product(None, kit)
        self.gone ^= {kit}
        self.drain(kit)

    @precondition(lambda self: KIT not in self.gone)
    @rule(units=st.sampled_from((1, 3)), place=PLACE, order=ORDER)
    def need_other_units_for_a_while(self, units: int, place: str, order: OrderId) -> None:
        """The parts' word on an order crosses the kit's word on its units. Nothing is sold meanwhile."""
        self.sell(KIT, 1, order)
        self.run()
        self.offer(KIT, **{A: units})
        self.report(KIT, place, order)
        for part in (A, B, C):
            self.drain(part)
        self.run()
        self.offer(KIT)
        self.run()

    @precondition(lambda self: any(self.world.queues))
    @rule(number=st.integers(0, PARTITIONS - 1), most=st.integers(1, 6))
    def go_on(self, number: int, most: int) -> None:
        """One partition goes on, the others do not."""
        self.world.batch_max = most
        self.step(number)

    @precondition(lambda self: any(self.world.queues))
    @rule(number=st.integers(0, PARTITIONS - 1))
    def crash(self, number: int) -> None:
        """A batch is computed and its transaction fails: nothing of it may be left, nor be said to anybody."""
        work = self.world.memories[number].work()
        for record in self.world.queues[number]:
            work.record(record)
        work.finish()

    @rule(number=st.integers(0, PARTITIONS - 1), share=st.floats(0, 1))
    def replay(self, number: int, share: float) -> None:
        """A crash between transaction and offset: what was applied comes again, and nobody is told twice."""
        applied = self.applied[number]
        said = self.world.commit(number, applied[int(len(applied) * share) :])
        assert not said.commands
        assert not said.targets

    def step(self, number: int) -> None:
        self.applied[number] += self.world.queues[number][: self.world.batch_max]
        self.world.step(number)

    def drain(self, sku: Sku) -> None:
        """Its partition reads all that waits for it."""
        self.world.batch_max = 1_000
        self.step(partition_of(sku, PARTITIONS))

    def run(self) -> None:
        self.world.batch_max = 1_000
        for _ in range(30):
            for number in range(PARTITIONS):
                self.step(number)
        assert not any(self.world.queues), "they go on talking"

    @rule()
    def settle(self) -> None:
        """Everything has arrived: every listing shows what the books say."""
        for kit in sorted(self.gone):
            self.go(kit)
        self.run()
        assert not self.world.dead
        books = self.books()
        assert self.world.shown == self.expected(books)
        for kit, parts in NEEDS.items():
            links = self.world.state(kit).links
            assert links is not None
            assert {part: links.answers[part].silent for part in parts} == {
                part: self.blamed(books, part) for part in parts
            }

    def blamed(self, books: SilentBooks, part: Sku) -> tuple[SilentSource, ...]:
        """The silent sources that a component must name to its kit: of a kit, those of the part that bounds it."""
        if part in self.zeroed:
            return ()
        if part in self.silent:
            return (SilentSource(ERP, part, tuple(map(LocationId, PLACES))),)
        found: dict[Sku, list[LocationId]] = defaultdict(list)
        for place in PLACES if part == KIT else ():
            inner = Sku(books.bounding(KIT, place))
            if inner in self.silent - self.zeroed:
                found[inner].append(LocationId(place))
        return tuple(SilentSource(ERP, inner, tuple(places)) for inner, places in sorted(found.items()))

    def books(self) -> SilentBooks:
        stocked = dict.fromkeys(PLACES, 0)
        products = {
            sku: ProductFacts(sku, sku not in self.zeroed, "toys", stocked, (), dict(NEEDS.get(sku, {}))) for sku in ALL
        }
        return SilentBooks(dict(self.said), {str(sku): facts for sku, facts in products.items()}, self.silent)

    def expected(self, books: Books) -> dict[Sku, int]:
        found: dict[Sku, int] = {}
        for sku in ALL:
            stock = books.stock(sku)
            units = max(0, sum(max(0, free) for free in stock.free.values()) - stock.unreserved)
            found[sku] = 0 if sku in self.zeroed else units
        if self.bound is not None:
            found[OUTER] = min(found[OUTER], self.bound)
        return found

    def teardown(self) -> None:
        """However a run ends, it ends settled."""
        if hasattr(self, "world"):
            self.settle()


KitsAgainstBooks.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestKitsAgainstBooks = KitsAgainstBooks.TestCase
