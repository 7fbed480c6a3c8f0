"""Input for a few SKUs, and plain sums of it that share nothing with the engine."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field, replace

from inventory_domain.catalog import Listing, Product, ProductStatus, StockingLocation
from inventory_domain.changes import (
    InventoryChange,
    OrderShipped,
    ReservationReleased,
    SkuChange,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.commands import Restate, SkuCommand
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
from tests.support.simulator.kafka import ModeledKafka

PARTITIONS = 2
WITHHELD_UNITS = 1
CHANNEL = ChannelId("market-us")
RESENT_WITHIN = 3  # a producer that was not answered sends again soon
EVENT_IDS_KEPT = 5  # the engine's bound in a simulation: more than what may come between, less than a replay


@dataclass
class Expected:
    """One SKU as a bookkeeper would keep it: Dallas by the sequence of its source, Reno by the order of arrival."""

    counts: dict[int, int] = field(default_factory=dict)
    moves: dict[int, int] = field(default_factory=dict)
    reno: int = 0
    reserved: dict[str, int] = field(default_factory=dict)
    sold: dict[str, int] = field(default_factory=dict)
    listed: bool = True
    seen: set[str] = field(default_factory=set)

    def shown(self) -> int:
        """What the listing must show in the end."""
        newest = max(self.counts)
        dallas = self.counts[newest] + sum(units for sequence, units in self.moves.items() if sequence > newest)
        free = max(0, dallas) + max(0, self.reno - sum(self.reserved.values())) - sum(self.sold.values())
        return max(0, free - WITHHELD_UNITS)

    def note(self, change: InventoryChange) -> None:
        """A change has reached the topic; once more, if it was sent again."""
        kind = change.kind
        if change.event_id in self.seen:
            return
        self.seen.add(change.event_id)
        if change.sequence is not None:
            if isinstance(kind, StockCounted):
                self.counts[change.sequence] = kind.on_hand
            elif isinstance(kind, StockAdjusted):
                self.moves[change.sequence] = kind.units
        elif isinstance(kind, StockCounted):
            self.reno = kind.on_hand
        elif isinstance(kind, StockAdjusted):
            self.reno += kind.units
        elif isinstance(kind, StockReserved):
            self.reserved[kind.reservation_id] = kind.units
        elif isinstance(kind, ReservationReleased):
            self.reserved.pop(kind.reservation_id, None)
        elif isinstance(kind, UnitsSold):
            self.sold[kind.order_id] = kind.units
        elif isinstance(kind, OrderShipped):
            self.reno -= kind.units
            self.sold.pop(str(kind.order_id), None)


class Traffic:
    """Sends records, sometimes late, sometimes twice, and keeps what they add up to."""

    def __init__(self, kafka: ModeledKafka, wire: Wire, chance: random.Random, skus: int) -> None:
        self._kafka = kafka
        self._wire = wire
        self._chance = chance
        self.expected = {Sku(f"S{number}"): Expected() for number in range(skus)}
        self._sent: dict[Sku, deque[InventoryChange]] = {sku: deque(maxlen=RESENT_WITHIN) for sku in self.expected}
        self._late: list[InventoryChange] = []
        self._numbers = 0
        self._sequence = 0
        self.fired: set[str] = set()
        for sku in self.expected:
            self._product(sku)
            self._change(sku, StockCounted(chance.randrange(20)), "dallas")
            self._change(sku, StockCounted(chance.randrange(20)), "reno")

    def act(self) -> None:
        """One thing happens to one SKU."""
        sku = self._chance.choice(list(self.expected))
        acts = (self._dallas, self._dallas, self._reno, self._reno, self._again, self._order, self._list, self._poison)
        self._chance.choice(acts)(sku)

    def flush(self) -> None:
        """What was held back arrives."""
        for change in self._late:
            self._send(change)
        self._late.clear()

    def judged(self, target: Target) -> None:
        """Reconciliation asks for a listing again."""
        self.fired.add("restated")
        command = SkuCommand(
            EventId(self._number()), target.sku, 0, "reconcile", Restate(target.listing_id, target.version, "drift")
        )
        self._append(TOPICS.sku_commands, target.sku, target.sku, self._wire.command(command, key=target.sku).value)

    def confirmed(self, target: Target) -> None:
        """Delivery saw a target's number; it writes in transactions."""
        self.fired.add("confirmed")
        exposure = Exposure(target.listing_id, target.sku, Confirmed(target.quantity, target.version, 0, Proof.READ))
        topic = TOPICS.exposure(Marketplace("market"))
        self._append(topic, target.sku, target.listing_id, self._wire.exposure(exposure).value)
        self._kafka.mark(topic, partition_of(target.sku, PARTITIONS))

    def _dallas(self, sku: Sku) -> None:
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
        expected = self.expected[sku]
        name = self._number()
        if expected.reserved and self._chance.random() < 0.5:
            self._change(sku, ReservationReleased(ReservationId(self._chance.choice(list(expected.reserved)))), "reno")
        elif expected.sold and self._chance.random() < 0.5:
            order = self._chance.choice(list(expected.sold))
            self._change(sku, OrderShipped(expected.sold[order], None, OrderId(order)), "reno")
        elif self._chance.random() < 0.5:
            self._change(sku, StockReserved(ReservationId(name), self._chance.randrange(1, 3)), "reno")
        else:
            self._change(sku, UnitsSold(CHANNEL, OrderId(name), self._chance.randrange(1, 3)), None)

    def _again(self, sku: Sku) -> None:
        if self._sent[sku]:
            self.fired.add("resent")
            self._append_change(self._chance.choice(list(self._sent[sku])))

    def _list(self, sku: Sku) -> None:
        if self._chance.random() < 0.4:
            self.fired.add("delisted")
            self.expected[sku].listed = not self.expected[sku].listed
            self._product(sku)

    def _poison(self, sku: Sku) -> None:
        self.fired.add("poisoned")
        self._append(TOPICS.inventory_changes, sku, sku, b"not avro")

    def _product(self, sku: Sku) -> None:
        listing = Listing(ListingId(f"{CHANNEL}/{sku}"), CHANNEL, {"sku": sku})
        stocked = tuple(StockingLocation(LocationId(place)) for place in ("dallas", "reno"))
        product = Product(sku, ProductStatus.ACTIVE, "toys", stocked, (listing,) if self.expected[sku].listed else ())
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
        sent = replace(change, occurred_at_ms=self._kafka.now_ms)
        self._append(TOPICS.inventory_changes, sku, sku, self._wire.change(sent, key=sku).value)

    def _append(self, topic: str, sku: str, key: str, value: bytes | None) -> None:
        self._kafka.append(topic, partition_of(sku, PARTITIONS), key.encode(), value)

    def _number(self) -> str:
        self._numbers += 1
        return f"n{self._numbers}"
