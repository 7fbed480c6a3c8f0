"""Batches for the engine's computation without a broker: records are values themselves, decoded by looking them up."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TypeVar

import faust

from inventory_domain.catalog import Product
from inventory_domain.changes import (
    QUANTITY_MAX,
    InventoryChange,
    OrderShipped,
    StockAdjusted,
    StockCounted,
    UnitsSold,
)
from inventory_domain.commands import Restate, SkuCommand
from inventory_domain.errors import UndecodableRecord
from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.identifiers import EventId, ListingId, Marketplace, Sku
from inventory_domain.plain_change import PlainChange, Told
from inventory_domain.policies import AllocationPolicy
from inventory_domain.positions import EVENT_IDS_MAX
from inventory_domain.sku_state import SkuState
from inventory_schemas.plain_changes import SOLD_AT_ONCE_MAX, written
from inventory_streams.engine.computing import Work
from inventory_streams.engine.moving import GivenUp
from inventory_streams.engine.records import InputRecord
from inventory_streams.engine.values import ALONE, Computed, Decoders, Rules
from inventory_streams.engine.velocity import SalesVelocity
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.topics import Topics
from tests.support.stock import NOW_MS, SKU, a_change, a_policy, a_product

TOPICS = Topics((Marketplace("market"),))
PARTITIONS = 6
PARTITION = partition_of(SKU, PARTITIONS)
GRACE_MS = 60_000
LISTING = ListingId("market-us/1")
WIRED = b"value-"  # how the bytes of a record of `Wire` begin

T = TypeVar("T")
Value = InventoryChange | Product | SkuCommand | Exposure


def plain_of(change: InventoryChange) -> PlainChange | None:
    """What is read of a change that is plain: `inventory_schemas.plain_changes` reads its like from bytes."""
    kind, sku = change.kind, None if change.sku is None else written(change.sku.encode())
    if sku is None or (change.sequence or 0) < 0:
        return None
    if isinstance(kind, UnitsSold):
        if change.location is not None or not 0 < kind.units <= SOLD_AT_ONCE_MAX:
            return None
        told: Told = (UnitsSold, kind.units, kind.order_id, None, kind.channel)
    elif change.location is None:
        return None
    elif isinstance(kind, StockAdjusted) and abs(kind.units) <= QUANTITY_MAX:
        told = (StockAdjusted, kind.units, None, None, None)
    elif isinstance(kind, StockCounted) and 0 <= kind.on_hand <= QUANTITY_MAX and kind == StockCounted(kind.on_hand):
        told = (StockCounted, kind.on_hand, None, None, None)
    elif isinstance(kind, OrderShipped) and 0 < kind.units <= SOLD_AT_ONCE_MAX and kind.reservation_id != "":
        told = (OrderShipped, kind.units, kind.order_id, kind.reservation_id, None)
    else:
        return None
    return change.event_id, change.source, change.sequence, change.occurred_at_ms, sku, change.location, told


@dataclass
class Wire:
    """Turns values into records and back, so that a test need not know Avro. `plainly`: also the quicker way."""

    plainly: bool = True
    _values: dict[bytes, Value] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _offsets: dict[str, int] = field(default_factory=dict)

    def change(self, change: InventoryChange, *, key: str | None = SKU) -> InputRecord:
        """A record of `inventory.changes`."""
        return self.record(TOPICS.inventory_changes, key, change)

    def product(self, product: Product | None, *, key: str | None = SKU) -> InputRecord:
        """A record of `catalog.products`; None is its tombstone."""
        return self.record(TOPICS.catalog_products, key, product)

    def command(self, command: SkuCommand, *, key: str | None = SKU) -> InputRecord:
        """A record of `sku.commands`."""
        return self.record(TOPICS.sku_commands, key, command)

    def exposure(self, exposure: Exposure, *, key: str | None = None) -> InputRecord:
        """A record of `listing.exposure.market`."""
        return self.record(TOPICS.exposure(Marketplace("market")), key or exposure.listing_id, exposure)

    def record(self, topic: str, key: str | None, value: Value | bytes | None) -> InputRecord:
        """The next record of the topic."""
        raw = value if isinstance(value, bytes) or value is None else WIRED + b"%d" % next(self._numbers)
        if raw is not None and not isinstance(value, bytes) and value is not None:
            self._values[raw] = value
        offset = self._offsets.get(topic, 0)
        self._offsets[topic] = offset + 1
        return InputRecord(topic, PARTITION, offset, NOW_MS - 5, key.encode() if key is not None else None, raw)

    def decoders(self) -> Decoders:
        """Decoders of these records."""
        return Decoders(
            change=lambda raw: self._read(raw, InventoryChange),
            plain_changes=lambda values: [self._plain(raw) for raw in values],
            product=lambda raw: self._read(raw, Product),
            command=lambda raw: self._read(raw, SkuCommand),
            exposure=lambda raw: self._read(raw, Exposure),
        )

    def _plain(self, raw: bytes | None) -> PlainChange | None:
        change = None if raw is None else self._values.get(raw)
        return plain_of(change) if self.plainly and isinstance(change, InventoryChange) else None

    def _read(self, raw: bytes, kind: type[T]) -> T:
        value = self._values.get(raw)
        if not isinstance(value, kind):
            raise UndecodableRecord("bad-avro", f"{raw!r} is no {kind.__name__}")
        return value


class Memory:
    """The states of a partition between batches."""

    def __init__(self, policy: AllocationPolicy | None = None, partition: int = PARTITION) -> None:
        self.partition = partition
        self.wire = Wire()
        self.states: dict[Sku, SkuState] = {}
        self.applied: dict[str, int] = {}
        self.now_ms = NOW_MS
        self.policy = policy or a_policy()
        self.beside = ALONE
        self.given_up = GivenUp()
        self.event_ids_max = EVENT_IDS_MAX

    def get(self, sku: Sku) -> SkuState | None:
        return self.states.get(sku)

    def partition_of(self, sku: Sku) -> int:
        """Where the SKU lives."""
        return partition_of(sku, PARTITIONS)

    def work(self, *, catching_up: bool = False) -> Work:
        """A computation on what is durable now."""
        rules = Rules(self.policy, TOPICS, self.wire.decoders(), PARTITIONS, GRACE_MS, self.event_ids_max)
        return Work(
            rules,
            self,
            self.partition,
            self.applied,
            now_ms=self.now_ms,
            catching_up=catching_up,
            beside=replace(self.beside, given_up=self.given_up.by_listing),
        )

    def batch(
        self, *records: InputRecord, catching_up: bool = False, wake: Mapping[Sku, str] | None = None
    ) -> Computed:
        """One batch, computed and taken over as after its commit."""
        work = self.work(catching_up=catching_up)
        for _, of_one_topic in groupby(records, key=lambda record: record.topic):
            work.records(list(of_one_topic))
        for sku, cause in (wake or {}).items():
            work.wake(sku, cause)
        computed = work.finish()
        for record in records:
            self.applied[record.topic] = max(self.applied.get(record.topic, 0), record.offset + 1)
        self.given_up.note(computed.left, computed.states, computed.forgotten)
        for sku, state in computed.states.items():
            if state.is_empty:
                self.states.pop(sku, None)
            else:
                self.states[sku] = state
        return computed


def told(computed: Computed) -> dict[str, int]:
    """Quantities by listing."""
    return {target.listing_id: target.quantity for target in computed.targets}


def effects(computed: Computed) -> dict[str, int]:
    """How many records had each effect, over all topics."""
    found: dict[str, int] = {}
    for (_, effect), count in computed.effects.items():
        found[effect.value] = found.get(effect.value, 0) + count
    return found


def reasons(computed: Computed) -> list[str]:
    """Of the dead letters."""
    return [letter.reason for letter in computed.dead_letters]


def selling(memory: Memory, units: int = 10) -> Computed:
    """The SKU with its product and a count."""
    wire = memory.wire
    return memory.batch(wire.product(a_product()), wire.change(a_change(StockCounted(units), sequence=1)))


def a_velocity(writes_per_s: int = 1_000) -> SalesVelocity:
    """The windows of sales of a worker that is not connected to anything."""
    return SalesVelocity(faust.App("velocity", broker="kafka://127.0.0.1:1", store="memory://"), writes_per_s)


def a_restatement(version: int, listing: ListingId = LISTING) -> SkuCommand:
    """Asks for the listing again, having judged that version."""
    return SkuCommand(EventId("c1"), SKU, NOW_MS, "reconcile", Restate(listing, version, "drift"))


def an_exposure(units: int, version: int, listing: ListingId = LISTING, sku: Sku = SKU) -> Exposure:
    """Delivery's word that the listing was seen to show so many."""
    return Exposure(listing, sku, Confirmed(units, version, NOW_MS, Proof.READ))
