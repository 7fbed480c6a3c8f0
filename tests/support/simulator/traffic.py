"""Input for a few SKUs, sometimes late, sometimes twice, with the books that say what must come of it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from inventory_domain.catalog import Component, Product, ProductStatus, StockingLocation
from inventory_domain.changes import (
    InventoryChange,
    OrderShipped,
    ReservationReleased,
    SkuChange,
    SourceHeartbeat,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.commands import Override, OverrideKind, Restate, SkuCommand
from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.identifiers import (
    ChannelId,
    EventId,
    ListingId,
    LocationId,
    Marketplace,
    OrderId,
    ReservationId,
    Sku,
    SourceId,
)
from inventory_domain.targets import Target
from inventory_streams.kafka.partitioner import partition_of
from tests.support.engine_work import TOPICS, Wire
from tests.support.simulator.books import Expected, ExpectedKit
from tests.support.simulator.catalog import Place
from tests.support.simulator.kafka import ModeledKafka

PARTITIONS = 2
CHANNEL = ChannelId("market-us")
KIT = Sku("KIT")
RESENT_WITHIN = 3  # a producer that was not answered sends again soon
EVENT_IDS_KEPT = 5  # the engine's bound in a simulation: more than what may come between, less than a replay


class Traffic:
    """Sends records, sometimes late, sometimes twice, and keeps what they add up to."""

    def __init__(
        self,
        kafka: ModeledKafka,
        wire: Wire,
        chance: random.Random,
        skus: int,
        *,
        channels: Sequence[ChannelId] = (CHANNEL,),
        buyers: bool = False,
        catalog: bool = False,
        noted: Callable[[Sku, Expected], None] = lambda sku, expected: None,
    ) -> None:
        """`buyers`: somebody else reports what is sold. `noted` is told of every SKU of which something was sent.

        `catalog`: there is a kit of the first two SKUs, the last one leaves the catalog and comes back, the source of
        Dallas sends heartbeats.
        """
        self._channels = channels
        self._buyers = buyers
        self._noted = noted
        self._kafka = kafka
        self._wire = wire
        self._chance = chance
        self.expected = {Sku(f"S{number}"): Expected() for number in range(skus)}
        self._sent: dict[Sku, deque[InventoryChange]] = {sku: deque(maxlen=RESENT_WITHIN) for sku in self.expected}
        self._late: list[InventoryChange] = []
        self._numbers = 0
        self._named: dict[ListingId, Sku] = {}
        self._sequence = 0
        self.fired: set[str] = set()
        skus_known = list(self.expected)
        self._parts = skus_known[:2] if catalog else []
        self._leaving = skus_known[-1] if catalog else None
        self.kits = {KIT: ExpectedKit(dict.fromkeys(self._parts, 1), self.expected)} if catalog else {}
        self.places = {
            ListingId(f"{one}/{sku}"): Place(sku, one, {"sku": sku})
            for sku in (*self.expected, *self.kits)
            for one in channels
        }
        self._was_gone = self.erp_quiet = self._beats = False
        for sku in self.expected:
            self._product(sku)
            self._change(sku, StockCounted(chance.randrange(20)), "dallas")
            self._change(sku, StockCounted(chance.randrange(20)), "reno")
        for kit in self.kits:
            self._product(kit)

    def act(self) -> None:
        """One thing happens to one SKU."""
        sku = self._chance.choice(list(self.expected))
        acts = [self._dallas, self._dallas, self._reno, self._reno, self._again, self._order, self._list, self._poison]
        if self.kits:
            acts += [self._beat, self._compose]
        self._chance.choice(acts)(sku)

    def deliver(self, units: int) -> None:
        """Goods arrive, so many of each SKU."""
        for sku in self.expected:
            self._change(sku, StockAdjusted(units), "reno")

    def flush(self) -> None:
        """What was held back arrives."""
        for change in self._late:
            self._send(change)
        self._late.clear()

    def recount(self) -> None:
        """A SKU that came back to the catalog is counted once more, as the producers' contract wants it."""
        if self._was_gone and self._leaving is not None and self.expected[self._leaving].listed:
            self._count(self._leaving)

    def leaves(self) -> None:
        """From now on the last SKU leaves the catalog now and then, with all that is known of it."""
        self._leaving = list(self.expected)[-1]

    def leave(self) -> bool:
        """It leaves the catalog, or comes back: whether it left."""
        assert self._leaving is not None
        self._leave(self._leaving)
        return not self.expected[self._leaving].listed

    def listed_anew(self, listing_id: ListingId) -> None:
        """A listing has another place in the catalog than the records of its products say."""
        before = self._named.get(listing_id)
        for sku in dict.fromkeys((before, self.places[listing_id].sku)):
            if sku is not None and (sku != self._leaving or self.expected[sku].listed):
                self._product(sku)
                self._noted(sku, self.expected[sku])

    def wants(self, listing_id: ListingId) -> int | None:
        """What the listing must show now; None: nobody of us says."""
        place = self.places[listing_id]
        if place.held:
            return None
        return 0 if place.out else self.expected[place.sku].shown(self._kafka.now_ms)

    def reconfigured(self, withheld: int) -> None:
        """Another buffer holds from now on."""
        self.fired.add("reconfigured")
        for one in (*self.expected.values(), *self.kits.values()):
            one.withheld = withheld

    def falls_silent(self) -> bool:
        """The last word of the source of Dallas was spoken, unless it never beat or speaks again now."""
        if not self._beats or self._chance.random() < 0.5:
            if self._beats:
                self._beat(None)
            return False
        self.fired.add("silent")
        for one in self.expected.values():
            one.silent = True
        return True

    def sold(self, sku: Sku, channel: ChannelId, units: int) -> InventoryChange:
        """What a channel will report of this sale; `report` sends it."""
        return self._made(sku, UnitsSold(channel, OrderId(self._number()), units), None)

    def report(self, change: InventoryChange) -> None:
        """A change that was made before is sent now."""
        self._send(change)

    def judged(self, target: Target) -> None:
        """Reconciliation asks for a listing again."""
        self.fired.add("restated")
        self.restate(target.sku, target.listing_id, target.version, "drift")

    def restate(self, sku: Sku, listing_id: ListingId, version: int, why: str) -> None:
        """Somebody asks for a listing again."""
        self._commanded(sku, Restate(listing_id, version, why))

    def lay_hand_on(self, sku: Sku, override: Override) -> None:
        """An operator's order for a SKU."""
        self.expected[sku].hand = None if override.kind is OverrideKind.RELEASE else override
        self._commanded(sku, override)
        self._noted(sku, self.expected[sku])

    def confirmed(self, target: Target) -> None:
        """Delivery saw a target's number; it writes in transactions."""
        self.fired.add("confirmed")
        exposure = Exposure(target.listing_id, target.sku, Confirmed(target.quantity, target.version, 0, Proof.READ))
        topic = TOPICS.exposure(Marketplace("market"))
        self._append(topic, target.sku, target.listing_id, self._wire.exposure(exposure).value)
        self._kafka.mark(topic, partition_of(target.sku, PARTITIONS))

    def _commanded(self, sku: Sku, kind: Restate | Override) -> None:
        command = SkuCommand(EventId(self._number()), sku, 0, "somebody", kind)
        self._append(TOPICS.sku_commands, sku, sku, self._wire.command(command, key=sku).value)

    def _beat(self, _: Sku | None) -> None:
        self.fired.add("heartbeat")
        self._beats = True
        for number in range(PARTITIONS):
            beat = InventoryChange(
                EventId(self._number()), SourceId("erp"), None, self._kafka.now_ms, None, None, SourceHeartbeat()
            )
            value = self._wire.change(beat, key=None).value
            self._kafka.append(TOPICS.inventory_changes, number, None, value)

    def _compose(self, _: Sku) -> None:
        """The kit needs other parts, or is not sold for a while."""
        self.fired.add("kit changed")
        kit = self.kits[KIT]
        if self._chance.random() < 0.3:
            kit.listed = not kit.listed
        else:
            parts = self._parts if self._chance.random() < 0.7 else self._parts[:1]
            kit.parts = {part: self._chance.randrange(1, 4) for part in parts}
        self._product(KIT)

    def _leave(self, sku: Sku) -> None:
        """A SKU leaves the catalog with all that was known of it, and comes back to be counted anew."""
        self.fired.add("tombstone")
        self._was_gone = True
        expected = self.expected[sku]
        expected.listed = not expected.listed
        self._sent[sku].clear()
        if not expected.listed:
            self._append(TOPICS.catalog_products, sku, sku, None)
            self._noted(sku, expected)
            return
        self._product(sku)
        self._count(sku)

    def _count(self, sku: Sku) -> None:
        expected = self.expected[sku]
        expected.moves.clear()
        self._change(sku, StockCounted(self._chance.randrange(20)), "dallas")
        self._change(sku, StockCounted(self._chance.randrange(20)), "reno")

    def _dallas(self, sku: Sku) -> None:
        if self.erp_quiet:
            return
        counted = self._chance.random() < 0.2
        units = self._chance.randrange(20) if counted else self._chance.choice((-3, -2, -1, 1, 2))
        change = self._made(sku, StockCounted(units) if counted else StockAdjusted(units), "dallas")
        if self._chance.random() < 0.15:
            self.fired.add("late")
            self._late.append(change)
        else:
            self._send(change)
        if self._late and self._chance.random() < 0.5:
            self._send(self._late.pop(0))

    def _reno(self, sku: Sku) -> None:
        units = self._chance.choice((-2, -1, 1, 2, 3))
        self._change(sku, StockAdjusted(units) if self._chance.random() < 0.9 else StockCounted(units + 5), "reno")

    def _order(self, sku: Sku) -> None:
        if sku == self._leaving:
            return
        expected = self.expected[sku]
        name = self._number()
        if expected.reserved and self._chance.random() < 0.5:
            self._change(sku, ReservationReleased(ReservationId(self._chance.choice(list(expected.reserved)))), "reno")
        elif expected.sold and self._chance.random() < 0.5:
            order = self._chance.choice(list(expected.sold))
            self._change(sku, OrderShipped(expected.sold[order], None, OrderId(order)), "reno")
        elif self._buyers or sku in self._parts or self._chance.random() < 0.5:
            self._change(sku, StockReserved(ReservationId(name), self._chance.randrange(1, 3)), "reno")
        else:
            self._change(sku, UnitsSold(CHANNEL, OrderId(name), self._chance.randrange(1, 3)), None)

    def _again(self, sku: Sku) -> None:
        if self._sent[sku]:
            self.fired.add("resent")
            self._append_change(self._chance.choice(list(self._sent[sku])))

    def _list(self, sku: Sku) -> None:
        if sku == self._leaving:
            self._leave(sku)
        elif self._chance.random() < 0.4:
            self.fired.add("delisted")
            self.expected[sku].listed = not self.expected[sku].listed
            self._product(sku)
            self._noted(sku, self.expected[sku])

    def _poison(self, sku: Sku) -> None:
        self.fired.add("poisoned")
        self._append(TOPICS.inventory_changes, sku, sku, b"not avro")

    def _product(self, sku: Sku) -> None:
        own = {one: place for one, place in self.places.items() if place.sku == sku and not place.out}
        listings = tuple([place.listing(one) for one, place in own.items()])
        stocked = tuple(StockingLocation(LocationId(place)) for place in ("dallas", "reno"))
        kit = self.kits.get(sku)
        listed = self.expected[sku].listed if kit is None else kit.listed
        parts = () if kit is None else tuple(Component(part, units) for part, units in kit.parts.items())
        self._named.update(dict.fromkeys(own, sku))
        product = Product(sku, ProductStatus.ACTIVE, "toys", stocked, listings if listed else (), parts)
        self._append(TOPICS.catalog_products, sku, sku, self._wire.product(product, key=sku).value)

    def _change(self, sku: Sku, kind: SkuChange, place: str | None) -> None:
        self._send(self._made(sku, kind, place))

    def _made(self, sku: Sku, kind: SkuChange, place: str | None) -> InventoryChange:
        sequence = None
        if place == "dallas":
            self._sequence += 1
            sequence = self._sequence
        source = SourceId("erp" if place == "dallas" else "floor")
        location = LocationId(place) if place else None
        return InventoryChange(EventId(self._number()), source, sequence, self._kafka.now_ms, sku, location, kind)

    def _send(self, change: InventoryChange) -> None:
        assert change.sku is not None
        self._append_change(change)
        self._sent[change.sku].append(change)

    def _append_change(self, change: InventoryChange) -> None:
        sku = change.sku
        assert sku is not None
        self.expected[sku].note(change)
        self._noted(sku, self.expected[sku])
        sent = replace(change, occurred_at_ms=self._kafka.now_ms)
        self._append(TOPICS.inventory_changes, sku, sku, self._wire.change(sent, key=sku).value)

    def _append(self, topic: str, sku: str, key: str, value: bytes | None) -> None:
        self._kafka.append(topic, partition_of(sku, PARTITIONS), key.encode(), value)

    def _number(self) -> str:
        self._numbers += 1
        return f"n{self._numbers}"
