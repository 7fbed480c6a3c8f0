"""The engine's topics on a real broker, as producers and readers see them."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from fastavro.types import Schema

from inventory_domain.catalog import Listing, Product, ProductStatus, StockingLocation
from inventory_domain.changes import InventoryChange, SkuChange, SourceHeartbeat
from inventory_domain.commands import Restate, SkuCommand
from inventory_domain.errors import UndecodableRecord
from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.identifiers import ChannelId, EventId, ListingId, LocationId, Marketplace, Sku, SourceId
from inventory_domain.policies import AllocationPolicy
from inventory_domain.progress import EngineProgress
from inventory_domain.sku_state import PartitionProgress, SkuState
from inventory_domain.targets import Target
from inventory_schemas.avsc import parse, schema_text
from inventory_schemas.codec import Serde
from inventory_schemas.records import (
    ENGINE_PROGRESS,
    INVENTORY_CHANGE,
    LISTING_EXPOSURE,
    LISTING_TARGET,
    PRODUCT,
    SKU_COMMAND,
    SKU_STATE,
)
from inventory_streams.kafka.admin import apply
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.reading import read_to_end
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.producer import SkuCommander
from inventory_streams.topics import Topics
from tests.support.stock import a_channel, a_policy

MARKETPLACE = Marketplace("market")
CHANNEL = ChannelId("market-us")
LOCATIONS = ("dallas", "reno")
PARTITIONS = 3
OURS = ("inventory.", "catalog.", "sku.", "engine.", "listing.targets", "listing.exposure")
_numbers = itertools.count(1)


class FixedRegistry:
    """A registry whose ids follow from the schemas' texts, so that processes agree without asking anyone."""

    def __init__(self) -> None:
        kinds = (
            ENGINE_PROGRESS,
            INVENTORY_CHANGE,
            LISTING_EXPOSURE,
            LISTING_TARGET,
            PRODUCT,
            SKU_COMMAND,
            SKU_STATE,
        )
        texts = [schema_text(kind.name) for kind in kinds]
        self._schemas = {self.id_of("", text): parse(text) for text in texts}

    def id_of(self, subject: str, schema_text: str) -> int:
        return zlib.crc32(schema_text.encode())

    def schema_of(self, schema_id: int) -> Schema:
        if schema_id not in self._schemas:
            raise UndecodableRecord("unknown-schema-id", f"no schema has the id {schema_id}")
        return self._schemas[schema_id]


class SystemClock:
    """The machine's time."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def the_policy(percent_withheld: int = 0) -> AllocationPolicy:
    """One channel that sells from all locations and withholds nothing, unless told otherwise."""
    return a_policy(a_channel(CHANNEL, locations=LOCATIONS, percent_withheld=percent_withheld))


def listing_of(sku: str, channel: str = CHANNEL) -> ListingId:
    """The id under which a test's SKU is listed."""
    return ListingId(f"{channel}/{sku}")


def product_of(sku: str, *, channel: str = CHANNEL, locations: tuple[str, ...] = ("dallas",)) -> Product:
    """A product with one listing."""
    listing = Listing(listing_of(sku, channel), ChannelId(channel), {"sku": sku})
    stocked = tuple(StockingLocation(LocationId(location)) for location in locations)
    return Product(Sku(sku), ProductStatus.ACTIVE, "toys", stocked, (listing,))


def change_of(
    sku: str | None,
    kind: SkuChange | SourceHeartbeat,
    *,
    location: str | None = "dallas",
    sequence: int | None = None,
    source: str = "erp",
    event_id: str | None = None,
) -> InventoryChange:
    """A change now, with a new event id."""
    return InventoryChange(
        EventId(event_id or f"e{next(_numbers)}-{os.getpid()}"),
        SourceId(source),
        sequence,
        time.time_ns() // 1_000_000,
        Sku(sku) if sku is not None else None,
        LocationId(location) if location else None,
        kind,
    )


@dataclass(frozen=True)
class Told:
    """A target as a reader of committed records saw it; None for its tombstone."""

    partition: int
    listing_id: str
    target: Target | None


class EngineBus:
    """The engine's topics on a real broker."""

    def __init__(self, bootstrap_servers: str, prefix: str) -> None:
        self.kafka = KafkaSettings(bootstrap_servers)
        self.topics = Topics((MARKETPLACE,), prefix)
        self._registry = registry = FixedRegistry()
        self._change = Serde(INVENTORY_CHANGE, "changes", registry)
        self._product = Serde(PRODUCT, "products", registry)
        self._command = Serde(SKU_COMMAND, "commands", registry)
        self._exposure = Serde(LISTING_EXPOSURE, "exposure", registry)
        self._target = Serde(LISTING_TARGET, "targets", registry)
        self._state = Serde(SKU_STATE, "state", registry)
        self._progress = Serde(ENGINE_PROGRESS, "progress", registry)
        self._producer = Producer({**self.kafka.producer(), "linger.ms": 2, "queue.buffering.max.messages": 1_000_000})

    def create(self) -> None:
        """Create the topics that the engine reads and writes."""
        wanted = [
            one for one in self.topics.declarations() if one.name.removeprefix(self.topics.prefix).startswith(OURS)
        ]
        apply(self.kafka, wanted, PARTITIONS)

    def changes(self, *changes: InventoryChange) -> None:
        """Send changes, each to its SKU's partition."""
        for change in changes:
            self.raw(self.topics.inventory_changes, change.sku or "", self._change.encode(change))
        self.flush()

    def encoded(self, change: InventoryChange) -> bytes:
        """The change as it is sent, for producers of a test's own."""
        return self._change.encode(change)

    def heartbeat(self, source: str) -> None:
        """A source says to every partition that it is alive."""
        value = self._change.encode(change_of(None, SourceHeartbeat(), location=None, source=source))
        for partition in range(PARTITIONS):
            self._producer.produce(self.topics.inventory_changes, value=value, partition=partition)
        self.flush()

    def products(self, *products: Product) -> None:
        """Send products."""
        for product in products:
            self.raw(self.topics.catalog_products, product.sku, self._product.encode(product))
        self.flush()

    def restate(self, sku: str, version: int) -> None:
        """Ask for the SKU's listing again."""
        kind = Restate(listing_of(sku), version, "drift")
        command = SkuCommand(EventId(f"c{next(_numbers)}"), Sku(sku), time.time_ns() // 1_000_000, "test", kind)
        self.raw(self.topics.sku_commands, sku, self._command.encode(command))
        self.flush()

    def commander(self) -> SkuCommander:
        """What sends operators' commands."""
        return SkuCommander(self.kafka, self.topics, self._registry, now_ms=lambda: time.time_ns() // 1_000_000)

    def confirm(self, sku: str, quantity: int, version: int) -> None:
        """Say, as delivery does, that the listing was seen to show this."""
        now_ms = time.time_ns() // 1_000_000
        listing = listing_of(sku)
        exposure = Exposure(listing, Sku(sku), Confirmed(quantity, version, now_ms, Proof.READ))
        self.raw(self.topics.exposure(MARKETPLACE), sku, self._exposure.encode(exposure), key=listing)
        self.flush()

    def raw(self, topic: str, sku: str, value: bytes | None, key: str | None = None) -> None:
        """Send these bytes to the SKU's partition."""
        while True:
            try:
                self._producer.produce(
                    topic, key=(key or sku).encode(), value=value, partition=partition_of(sku, PARTITIONS)
                )
            except BufferError:
                self._producer.poll(0.1)
                continue
            self._producer.poll(0)
            return

    def flush(self) -> None:
        """Wait until all that was sent is on the broker."""
        assert self._producer.flush(30) == 0, "the broker did not take what was sent"

    def read(self, topic: str) -> list[Message]:
        """All committed records of the topic."""
        found: list[Message] = []
        read_to_end(self.kafka, [(topic, number) for number in range(PARTITIONS)], found.extend)
        return found

    def told(self) -> list[Told]:
        """Every target that was committed, in order within a partition."""
        return [
            Told(
                int(message.partition() or 0),
                (message.key() or b"").decode(),
                None if message.value() is None else self._target.decode(message.value()),
            )
            for message in self.read(self.topics.targets(MARKETPLACE))
        ]

    def newest(self) -> dict[str, Target | None]:
        """The newest target of each listing; None where it was forgotten."""
        return {told.listing_id: told.target for told in self.told()}

    def quantity(self, sku: str) -> int | None:
        """What the SKU's listing should show by its newest target."""
        target = self.newest().get(listing_of(sku))
        return target.quantity if target else None

    def dead_letters(self) -> list[tuple[bytes | None, bytes | None, dict[str, str]]]:
        """Key, value and headers of every dead letter of the input."""
        return [
            (one.key(), one.value(), {name: bytes(value).decode() for name, value in one.headers() or []})
            for one in self.read(self.topics.inventory_dead_letters)
        ]

    def states(self) -> dict[str, SkuState]:
        """The newest state of each SKU in the changelog."""
        found: dict[str, SkuState] = {}
        for message in self.read(self.topics.sku_state):
            key = (message.key() or b"").decode()
            entry = self._state.decode(message.value()) if message.value() is not None else None
            if isinstance(entry, SkuState):
                found[key] = entry
            elif entry is None:
                found.pop(key, None)
        return found

    def applied(self) -> dict[int, PartitionProgress]:
        """The newest progress of each partition in the changelog."""
        found: dict[int, PartitionProgress] = {}
        for message in self.read(self.topics.sku_state):
            entry = self._state.decode(message.value()) if message.value() is not None else None
            if isinstance(entry, PartitionProgress):
                found[int(message.partition() or 0)] = entry
        return found

    def progress(self) -> list[EngineProgress]:
        """Every record of `engine.progress`, in order within a partition."""
        return [self._progress.decode(message.value()) for message in self.read(self.topics.engine_progress)]

    def ends(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """The end offset of each partition of these topics."""
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap_servers, "group.id": "ends"})
        try:
            return {
                (topic, number): consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1]
                for topic in topics
                for number in range(PARTITIONS)
            }
        finally:
            consumer.close()

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """The group's committed offsets of the topic."""
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap_servers, "group.id": group})
        try:
            places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            return {place.partition: int(place.offset) for place in consumer.committed(places, timeout=10)}
        finally:
            consumer.close()
