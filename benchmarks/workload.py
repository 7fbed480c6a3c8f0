"""The input that every system gets, byte for byte: a catalog, first counts, then rounds of changes over Zipf SKUs."""

from __future__ import annotations

import bisect
import io
import itertools
import json
import random
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import fastavro
from fastavro.types import Schema

from inventory_streams.kafka.partitioner import partition_of

SCHEMA_FOLDER: Final = Path(__file__).parents[1] / "schemas" / "inventory_schemas" / "avro"
PARTITIONS: Final = 6
LOCATIONS: Final = {"east": 2, "south": 3, "west": 1}
"""Safety stock by location; every SKU is stocked at each of them."""
MIX: Final = {"adjusted": 55, "counted": 15, "sold": 15, "shipped": 15}
"""Kinds of changes in percent. A shipment is of the SKU's oldest order; where it has none, an adjustment stands in."""
UNITS_COUNTED_MAX: Final = 400
MARKER_LOCATION: Final = "east"
START_MS: Final = 1_760_000_000_000

Payload: TypeAlias = tuple[bytes, bytes]
"""Key and value of one record."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that sells from all locations, and the larger of units and percentage that it withholds."""

    name: str
    marketplace: str
    units: int
    percent: int


CHANNELS: Final = (
    Channel("amazon-us", "amazon", 5, 15),
    Channel("ebay-us", "ebay", 3, 10),
    Channel("shopify-main", "shopify", 0, 5),
    Channel("walmart-us", "walmart", 5, 12),
)


class Change(NamedTuple):
    """One change. `location` is empty for a sale; `channel` and `order` are empty where there is no order."""

    number: int
    sku: str
    kind: str
    location: str
    units: int
    channel: str = ""
    order: str = ""


def schema(name: str) -> dict[str, object]:
    """One of the project's own schemas as it is registered."""
    loaded: dict[str, object] = json.loads((SCHEMA_FOLDER / f"{name}.avsc").read_text())
    return loaded


class Encoder:
    """Changes and products in the Confluent wire format, with the ids under which the schemas are registered."""

    def __init__(self, change_schema_id: int, product_schema_id: int) -> None:
        self._change = fastavro.parse_schema(schema("inventory_change"))
        self._product = fastavro.parse_schema(schema("product"))
        self._change_head = struct.pack(">bI", 0, change_schema_id)
        self._product_head = struct.pack(">bI", 0, product_schema_id)

    def change(self, change: Change) -> Payload:
        """One record of `inventory.changes`. The change's number is its sequence too, so it grows for every SKU."""
        record: dict[str, object] = {
            "event_id": f"e{change.number:09d}",
            "source": change.channel if change.kind == "sold" else "erp",
            "sequence": None if change.kind == "sold" else change.number,
            "occurred_at_ms": START_MS + change.number,
            "sku": change.sku,
            "location": change.location or None,
            "kind": _kind(change),
        }
        return change.sku.encode(), _encoded(self._change_head, self._change, record)

    def product(self, sku: str) -> Payload:
        """One record of `catalog.products`: the SKU with one listing on each channel."""
        record = {
            "sku": sku,
            "status": "ACTIVE",
            "category": "",
            "locations": [{"location": name, "safety_stock": units} for name, units in LOCATIONS.items()],
            "listings": [
                {
                    "listing_id": f"{channel.name}/{sku}",
                    "channel": channel.name,
                    "marketplace_ids": {"seller_sku": sku},
                }
                for channel in CHANNELS
            ],
            "components": [],
        }
        return sku.encode(), _encoded(self._product_head, self._product, record)


def _encoded(head: bytes, parsed: Schema, record: Mapping[str, object]) -> bytes:
    stream = io.BytesIO()
    stream.write(head)
    fastavro.schemaless_writer(stream, parsed, record)
    return stream.getvalue()


def _kind(change: Change) -> tuple[str, dict[str, object]]:
    if change.kind == "counted":
        return "inventory_sync.StockCounted", {"on_hand": change.units}
    if change.kind == "adjusted":
        return "inventory_sync.StockAdjusted", {"units": change.units}
    if change.kind == "sold":
        return "inventory_sync.UnitsSold", {
            "channel": change.channel,
            "order_id": change.order,
            "units": change.units,
        }
    return "inventory_sync.OrderShipped", {"units": change.units, "order_id": change.order}


@dataclass(slots=True)
class Workload:
    """Deterministic input: `skus` SKUs, and as many changes as are asked for, in order. One object, read once.

    With `only_skus_of` the catalog and the first counts hold just the SKUs that so many changes will touch: for
    systems that would need an hour for the counts alone.
    """

    skus: int
    seed: int = 7
    only_skus_of: int | None = None
    _number: itertools.count[int] = field(default_factory=itertools.count, init=False)
    _random: random.Random = field(init=False)
    _rank_random: random.Random = field(init=False)
    _weights: list[float] = field(init=False)
    _orders: dict[str, list[Change]] = field(default_factory=dict, init=False)
    _markers: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._rank_random = random.Random(self.seed + 2)
        self._weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(self.skus)))
        self._markers = marker_skus(PARTITIONS)

    def names(self) -> Sequence[str]:
        """The SKUs of the catalog, with the marker of each partition last."""
        if self.only_skus_of is None:
            ranks: Sequence[int] = range(self.skus)
        else:
            twin = Workload(self.skus, self.seed)  # its ranks come in the same order, from a chance of their own
            ranks = sorted({twin._rank() for _ in range(self.only_skus_of)})
        return (*(sku_name(rank) for rank in ranks), *self._markers)

    def first_counts(self) -> Iterator[Change]:
        """Each location of each SKU is counted once, the markers of the partitions last."""
        chance = random.Random(self.seed + 1)
        for sku in self.names():
            for location in LOCATIONS:
                yield Change(next(self._number), sku, "counted", location, chance.randrange(UNITS_COUNTED_MAX))

    def changes(self, count: int) -> Iterator[Change]:
        """The next round: that many changes, the last ones being a count of each partition's marker."""
        ranks = [self._rank() for _ in range(count - len(self._markers))]
        kinds, percents = tuple(MIX), tuple(MIX.values())
        for rank, kind in zip(ranks, self._random.choices(kinds, percents, k=len(ranks)), strict=True):
            yield self._of(sku_name(rank), kind)
        yield from self._end_markers()

    def _rank(self) -> int:
        return bisect.bisect_left(self._weights, self._rank_random.random() * self._weights[-1])

    def _of(self, sku: str, kind: str) -> Change:
        chance, number = self._random, next(self._number)
        location = chance.choice(tuple(LOCATIONS))
        if kind == "counted":
            return Change(number, sku, kind, location, chance.randrange(UNITS_COUNTED_MAX))
        if kind == "sold":
            channel = chance.choice(CHANNELS).name
            sold = Change(number, sku, kind, "", chance.randint(1, 3), channel, f"o{number}")
            self._orders.setdefault(sku, []).append(sold)
            return sold
        if kind == "shipped" and self._orders.get(sku):
            sold = self._orders[sku].pop(0)
            return Change(number, sku, kind, location, sold.units, order=sold.order)
        return Change(number, sku, "adjusted", location, chance.choice((-5, -3, -2, -1, 1, 2, 3, 5)))

    def _end_markers(self) -> Iterator[Change]:
        """The number of each marker grows by so much that all of its channels must show another one."""
        for sku in self._markers:
            number = next(self._number)
            yield Change(number, sku, "counted", MARKER_LOCATION, 1_000 + number)


def sku_name(rank: int) -> str:
    """The SKU of that rank; rank 0 sells most."""
    return f"SKU-{rank:07d}"


def marker_skus(partitions: int) -> tuple[str, ...]:
    """One SKU in each partition. It comes last in its partition, so that its target tells when all is done."""
    found: dict[int, str] = {}
    for number in itertools.count():
        name = f"END-{number}"
        found.setdefault(partition_of(name, partitions), name)
        if len(found) == partitions:
            return tuple(found[partition] for partition in range(partitions))
    raise AssertionError("unreachable: the count has no end")
