"""Plays the ERP: says what happens to stock through the producers' client, and notes the same in the journal."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from inventory_cli.demo.catalog import AUCTION_SKU, DemoCatalog
from inventory_cli.demo.journal import Journal, ListedAs, ProductFacts, Said
from inventory_domain.catalog import Product, ProductStatus, StockingLocation
from inventory_domain.changes import InventoryChange, StockCounted
from inventory_domain.identifiers import ChannelId, EventId, LocationId, OrderId, ReservationId, Sku, SourceId
from inventory_streams.producer import InventoryProducer

SOURCE: Final = SourceId("erp")
OPENING_LEAST, OPENING_MOST = 20, 160
CLOSING_LEAST, CLOSING_MOST = 40, 60
OWN_ORDER: Final = "telephone"
CHANNEL_ORDER: Final = "channel"
OWN_POOLS: Final = frozenset({"amazon-fba", "walmart-wfs"})


@dataclass(slots=True)
class Shelf:
    """One SKU at one location as the ERP itself sees it."""

    on_hand: int
    safety_stock: int
    sequence: int = 0
    held: dict[str, int] = field(default_factory=dict)

    @property
    def free(self) -> int:
        """Units that may be promised to an order."""
        return self.on_hand - sum(self.held.values()) - self.safety_stock


@dataclass(frozen=True, slots=True, order=True)
class Later:
    """Something that the ERP does with an order at a time."""

    at_s: float
    number: int
    act: Callable[[], None] = field(compare=False)


class Erp:
    """One ERP with all its shelves. Belongs to one thread."""

    def __init__(
        self,
        producer: InventoryProducer,
        journal: Journal,
        catalog: DemoCatalog,
        chance: random.Random,
        now_ms: Callable[[], int],
    ) -> None:
        self._producer = producer
        self._journal = journal
        self._catalog = catalog
        self._chance = chance
        self._now_ms = now_ms
        self._products: dict[str, Product] = dict(catalog.products)
        self._facts: dict[str, ProductFacts] = dict(catalog.facts)
        self._numbers = 0
        self._later: list[Later] = []
        self._shelves: dict[tuple[str, str], Shelf] = {
            (sku, stocked.location): Shelf(0, stocked.safety_stock)
            for sku, product in catalog.products.items()
            for stocked in product.locations
            if stocked.location not in OWN_POOLS and not product.components
        }
        self._parts = {part.sku for product in catalog.products.values() for part in product.components}
        self._places = list(self._shelves)

    def list_products(self) -> None:
        """Send the whole catalog."""
        for sku, product in self._products.items():
            self._producer.product(product)
            self._journal.list_product(self._facts[sku])

    def count_everything(self) -> None:
        """The opening count of every location, and of the pools that marketplaces hold."""
        for sku, location in self._places:
            self._shelves[sku, location].on_hand = self._chance.randint(OPENING_LEAST, OPENING_MOST)
            if sku == AUCTION_SKU:
                self._shelves[sku, location].on_hand += OPENING_MOST
            self.count(sku, location)
        for sku, product in self._products.items():
            for stocked in product.locations:
                if stocked.location in OWN_POOLS:
                    self._count_pool(sku, stocked.location)

    def heartbeat(self) -> None:
        """All that is known was sent."""
        self._producer.heartbeat()

    def do_something(self) -> None:
        """One thing that happens in warehouses: weighted as in a busy hour."""
        act = self._chance.choices(
            (
                self._own_order,
                self._receipt,
                self._loss,
                self._recount,
                self._release,
                self._sent_again,
                self._count_before_its_receipt,
            ),
            (30, 15, 6, 8, 8, 2, 2),
        )[0]
        sku, location = self._chance.choice(self._places)
        act(sku, location)

    def do_what_is_due(self, now_s: float) -> None:
        """Whatever was put off until now: reserving and shipping what was sold."""
        while self._later and self._later[0].at_s <= now_s:
            heapq.heappop(self._later).act()

    def finish_orders(self) -> None:
        """Whatever was put off happens now."""
        self.do_what_is_due(float("inf"))

    def channel_sold(self, listing: ListedAs, sku: str, units: int, now_s: float, shipped: Callable[[], None]) -> None:
        """A marketplace has sold units: told at once, reserved a moment later, shipped after that.

        `shipped` is called when the units leave. Some buyers change their minds; of some orders the ERP never hears.
        """
        self._numbers += 1
        order = f"order-{self._numbers}"
        event_id = self._producer.sold(Sku(sku), ChannelId(listing.channel), OrderId(order), units)
        self._tell("sold", event_id, sku, units=units, order_id=order, channel=listing.channel)
        with self._journal.lock:
            self._journal.sold_units += units
        fate = self._chance.random()
        if fate < 0.02 and sku not in self._parts:
            return
        if fate < 0.10:
            after = now_s + self._chance.uniform(0.2, 2.0)
            self._put_off(after, lambda: self._cancel(listing, sku, order, units, "buyer"))
            return
        after = now_s + self._chance.uniform(0.2, 2.0)
        self._put_off(after, lambda: self._fulfil(listing, sku, order, units, now_s, shipped))

    def change_catalog(self) -> None:
        """A product is given up, a listing is taken down, and a safety stock is raised."""
        ordinary = [sku for sku in self._products if sku != AUCTION_SKU and self._facts[sku].listings]
        given_up, taken_down, safer = self._chance.sample(ordinary, 3)
        product = replace(self._products[given_up], status=ProductStatus.DISCONTINUED)
        self._relist(product, replace(self._facts[given_up], sold=False))
        product, facts = self._products[taken_down], self._facts[taken_down]
        self._relist(replace(product, listings=product.listings[1:]), replace(facts, listings=facts.listings[1:]))
        self._raise_safety_stock(safer)

    def close_the_day(self) -> None:
        """A delivery arrives at every shelf, so that every number that a sale has lowered is told anew.

        A sale lowers a listing at once by itself; where rounding of its buffer leaves the target as it was, nothing is
        written, and the listing shows a unit less until the next change. So the last word is a change for all.
        """
        for sku, location in self._places:
            self.adjust(sku, location, self._chance.randint(CLOSING_LEAST, CLOSING_MOST))

    def count(self, sku: str, location: str) -> None:
        """What is on the shelf, reserved units included."""
        shelf = self._shelves[sku, location]
        shelf.sequence += 1
        event_id = self._producer.count(Sku(sku), LocationId(location), shelf.on_hand, sequence=shelf.sequence)
        self._tell("count", event_id, sku, location=location, sequence=shelf.sequence, units=shelf.on_hand)

    def adjust(self, sku: str, location: str, units: int) -> None:
        """Units that came or went."""
        shelf = self._shelves[sku, location]
        shelf.sequence += 1
        shelf.on_hand += units
        event_id = self._producer.adjust(Sku(sku), LocationId(location), units, sequence=shelf.sequence)
        self._tell("adjust", event_id, sku, location=location, sequence=shelf.sequence, units=units)

    def _count_pool(self, sku: str, location: str) -> None:
        units = self._chance.randint(5, 80)
        own_id, source = EventId(f"{location}-{sku}"), SourceId(location)
        kind = StockCounted(units)
        change = InventoryChange(own_id, source, 1, self._now_ms(), Sku(sku), LocationId(location), kind)
        self._producer.change(change)
        self._tell("count", change.event_id, sku, location=location, sequence=1, units=units, source=location)

    def _own_order(self, sku: str, location: str) -> None:
        """Somebody orders by telephone: reserved now, shipped or given back later."""
        if self._shelves[sku, location].free < 1:
            return
        units = self._chance.randint(1, min(3, self._shelves[sku, location].free))
        self._reserve(sku, location, units, None)

    def _reserve(self, sku: str, location: str, units: int, order: str | None) -> str:
        self._numbers += 1
        reservation = f"{CHANNEL_ORDER if order else OWN_ORDER}-{self._numbers}"
        shelf = self._shelves[sku, location]
        shelf.sequence += 1
        shelf.held[reservation] = units
        event_id = self._producer.reserve(
            Sku(sku),
            LocationId(location),
            ReservationId(reservation),
            units,
            order_id=OrderId(order) if order else None,
            sequence=shelf.sequence,
        )
        self._tell(
            "reserve",
            event_id,
            sku,
            location=location,
            sequence=shelf.sequence,
            units=units,
            reservation_id=reservation,
            order_id=order,
        )
        return reservation

    def _ship(self, sku: str, location: str, reservation: str, order: str | None) -> None:
        shelf = self._shelves[sku, location]
        units = shelf.held.pop(reservation)
        shelf.on_hand -= units
        shelf.sequence += 1
        event_id = self._producer.ship(
            Sku(sku),
            LocationId(location),
            units,
            reservation_id=ReservationId(reservation),
            order_id=OrderId(order) if order else None,
            sequence=shelf.sequence,
        )
        self._tell(
            "ship",
            event_id,
            sku,
            location=location,
            sequence=shelf.sequence,
            units=units,
            reservation_id=reservation,
            order_id=order,
        )

    def _release(self, sku: str, location: str) -> None:
        """An order by telephone is given back, or it is shipped."""
        shelf = self._shelves[sku, location]
        reservation = next((one for one in shelf.held if one.startswith(OWN_ORDER)), None)
        if reservation is None:
            return
        if self._chance.random() < 0.6:
            self._ship(sku, location, reservation, None)
            return
        shelf.held.pop(reservation)
        shelf.sequence += 1
        event_id = self._producer.release(
            Sku(sku), LocationId(location), ReservationId(reservation), sequence=shelf.sequence
        )
        self._tell("release", event_id, sku, location=location, sequence=shelf.sequence, reservation_id=reservation)

    def _receipt(self, sku: str, location: str) -> None:
        self.adjust(sku, location, self._chance.randint(1, 30))

    def _loss(self, sku: str, location: str) -> None:
        free = self._shelves[sku, location].free
        if free > 0:
            self.adjust(sku, location, -self._chance.randint(1, min(5, free)))

    def _recount(self, sku: str, location: str) -> None:
        """Somebody counts, and finds a few more or fewer than the books say."""
        shelf = self._shelves[sku, location]
        held = shelf.on_hand - shelf.free
        shelf.on_hand = max(held, shelf.on_hand + self._chance.choice((-3, -1, 0, 0, 1, 2)))
        self.count(sku, location)

    def _sent_again(self, sku: str, location: str) -> None:
        """A producer that is not sure sends the same change again, under the same id."""
        shelf = self._shelves[sku, location]
        shelf.sequence += 1
        shelf.on_hand += 2
        event_id: EventId | None = None
        for _ in range(2):
            event_id = self._producer.adjust(
                Sku(sku), LocationId(location), 2, sequence=shelf.sequence, event_id=event_id
            )
            self._tell("adjust", event_id, sku, location=location, sequence=shelf.sequence, units=2)

    def _count_before_its_receipt(self, sku: str, location: str) -> None:
        """A receipt and the count after it change places on the way: the count has the receipt already."""
        shelf = self._shelves[sku, location]
        shelf.on_hand += 5
        receipt, shelf.sequence = shelf.sequence + 1, shelf.sequence + 2
        counted = self._producer.count(Sku(sku), LocationId(location), shelf.on_hand, sequence=shelf.sequence)
        self._tell("count", counted, sku, location=location, sequence=shelf.sequence, units=shelf.on_hand)
        late = self._producer.adjust(Sku(sku), LocationId(location), 5, sequence=receipt)
        self._tell("adjust", late, sku, location=location, sequence=receipt, units=5)

    def _fulfil(
        self, listing: ListedAs, sku: str, order: str, units: int, sold_at_s: float, shipped: Callable[[], None]
    ) -> None:
        needs = self._leaves(sku, units)
        location = next((place for place in self._locations(needs) if self._has(place, needs)), None)
        if location is None:
            with self._journal.lock:
                self._journal.oversold_units += units
            self._cancel(listing, sku, order, units, "no-stock")
            return
        reservations = {part: self._reserve(part, location, number, order) for part, number in needs.items()}

        def leave() -> None:
            for part, reservation in reservations.items():
                self._ship(part, location, reservation, order)
            shipped()

        self._put_off(sold_at_s + self._chance.uniform(3.0, 8.0), leave)

    def _leaves(self, sku: str, units: int) -> dict[str, int]:
        """What stands on shelves for so many units of the SKU: itself, or a kit's components down to the last."""
        components = self._facts[sku].components
        if not components:
            return {sku: units}
        found: dict[str, int] = {}
        for part, needed in components.items():
            for leaf, number in self._leaves(part, units * needed).items():
                found[leaf] = found.get(leaf, 0) + number
        return found

    def _has(self, location: str, needs: Mapping[str, int]) -> bool:
        """Whether all of it can be taken from that location."""
        shelves = {part: self._shelves.get((part, location)) for part in needs}
        return all((shelf := shelves[part]) is not None and shelf.free >= units for part, units in needs.items())

    def _locations(self, needs: Mapping[str, int]) -> list[str]:
        """Where the first of it is kept, the fullest shelf first."""
        first = next(iter(needs))
        own = [location for known, location in self._places if known == first]
        return sorted(own, key=lambda location: -self._shelves[first, location].free)

    def _cancel(self, listing: ListedAs, sku: str, order: str, units: int, reason: str) -> None:
        event_id = self._producer.cancelled(Sku(sku), ChannelId(listing.channel), OrderId(order), units, reason)
        self._tell("cancelled", event_id, sku, units=units, order_id=order, channel=listing.channel)

    def _put_off(self, at_s: float, act: Callable[[], None]) -> None:
        self._numbers += 1
        heapq.heappush(self._later, Later(at_s, self._numbers, act))

    def _raise_safety_stock(self, sku: str) -> None:
        product = self._products[sku]
        raised = tuple(
            one if one.location in OWN_POOLS else StockingLocation(one.location, one.safety_stock + 4)
            for one in product.locations
        )
        safety: dict[str, int] = {one.location: one.safety_stock for one in raised}
        for location, units in safety.items():
            if (sku, location) in self._shelves:
                self._shelves[sku, location].safety_stock = units
        self._relist(replace(product, locations=raised), replace(self._facts[sku], safety_stock=safety))

    def _relist(self, product: Product, facts: ProductFacts) -> None:
        self._products[product.sku], self._facts[product.sku] = product, facts
        self._producer.product(product)
        self._journal.list_product(facts)

    def _tell(
        self,
        kind: str,
        event_id: EventId,
        sku: str,
        *,
        location: str | None = None,
        sequence: int | None = None,
        units: int = 0,
        reservation_id: str | None = None,
        order_id: str | None = None,
        channel: str | None = None,
        source: str = SOURCE,
    ) -> None:
        self._journal.tell(
            Said(kind, event_id, sku, source, location, sequence, units, reservation_id, order_id, channel)
        )
