"""Builders for the ledger's tests: records as they stand on topics, topics of a test, and what the tables then hold."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from confluent_kafka import Producer
from fastavro.types import Schema
from sqlalchemy import Engine, Table, select

from inventory_cli.wiring import ledger_topics
from inventory_domain.catalog import Listing, Product, ProductStatus, StockingLocation
from inventory_domain.changes import InventoryChange, SkuChange, SourceHeartbeat, StockCounted
from inventory_domain.errors import UndecodableRecord
from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.identifiers import ChannelId, EventId, LocationId, Marketplace, Sku, SourceId, listing_id
from inventory_domain.outcomes import AttemptOutcome
from inventory_domain.reconciliation import CyclePhase, Discrepancy, Observation, ObservedBy, ReconciliationCycle
from inventory_domain.sku_state import SkuState
from inventory_domain.stock import Position, Reservation, Stock
from inventory_domain.targets import Target
from inventory_ledger.projection import Projection
from inventory_ledger.rows import Arrival
from inventory_ledger.settings import Feed, LedgerSettings
from inventory_ledger.store import Store
from inventory_schemas.avsc import parse, schema_names, schema_text
from inventory_schemas.codec import RecordKind, Serde
from inventory_streams.kafka.admin import apply
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics

T = TypeVar("T")

AMAZON = Marketplace("amazon")
NOW_MS = 1_795_000_000_000
PARTITIONS = 3
DAY_MS = 86_400_000


class TextRegistry:
    """A registry whose ids follow from the schemas' texts, so that processes agree without asking anyone."""

    def __init__(self) -> None:
        texts = [schema_text(name) for name in schema_names()]
        self._schemas = {self.id_of("", text): parse(text) for text in texts}

    def id_of(self, subject: str, schema_text: str) -> int:
        """The schema's id."""
        return zlib.crc32(schema_text.encode())

    def schema_of(self, schema_id: int) -> Schema:
        """The schema with this id."""
        if schema_id not in self._schemas:
            raise UndecodableRecord("unknown-schema-id", f"no schema has the id {schema_id}")
        return self._schemas[schema_id]


REGISTRY = TextRegistry()


def encoded(kind: RecordKind[T], value: T) -> bytes:
    """The value as it stands on a topic."""
    return Serde(kind, "any-value", REGISTRY).encode(value)


def settings_for(topics: Topics, *, kafka: str = "", url: str = "", group: str = "ledger") -> LedgerSettings:
    """The settings of a ledger of these topics."""
    return LedgerSettings(KafkaSettings(kafka), ledger_topics(topics), group, url, batch_wait_s=0.05)


@dataclass
class Tape:
    """Records of several topics in the order of their time, as the ledger gets them; offsets count up by partition."""

    topics: Topics = field(default_factory=lambda: Topics((AMAZON,)))
    arrivals: list[Arrival] = field(default_factory=list)
    _ends: dict[tuple[str, int], int] = field(default_factory=dict)

    def add(
        self,
        topic: str,
        key: str,
        value: bytes | None,
        *,
        at_ms: int = NOW_MS,
        partition: int = 0,
        headers: Mapping[str, bytes] | None = None,
    ) -> Arrival:
        """One more record at the end of its partition."""
        offset = self._ends.get((topic, partition), 0)
        self._ends[topic, partition] = offset + 1
        marketplaces = {one.name: one.marketplace or "" for one in ledger_topics(self.topics)}
        arrival = Arrival(topic, marketplaces[topic], partition, offset, at_ms, key.encode(), value, headers or {})
        self.arrivals.append(arrival)
        return arrival


def topic_of(topics: Topics, feed: Feed) -> str:
    """The first topic that carries this."""
    return next(one.name for one in ledger_topics(topics) if one.feed is feed)


def a_change(
    kind: SkuChange | SourceHeartbeat | None = None, *, sku: str = "A-1", **changes: object
) -> InventoryChange:
    """A count of ten at main, unless told otherwise."""
    given: dict[str, object] = {
        "event_id": EventId("e1"),
        "source": SourceId("erp"),
        "sequence": 1,
        "occurred_at_ms": NOW_MS,
        "sku": sku,
        "location": LocationId("main"),
        "kind": kind or StockCounted(10),
    }
    return InventoryChange(**{**given, **changes})  # type: ignore[arg-type]


def a_target(*, sku: str = "A-1", channel: str = "amazon-us", **changes: object) -> Target:
    """Seven of ten shown on amazon-us."""
    given: dict[str, object] = {
        "listing_id": listing_id(ChannelId(channel), sku),
        "sku": Sku(sku),
        "channel": ChannelId(channel),
        "marketplace": AMAZON,
        "version": NOW_MS,
        "quantity": 7,
        "nodes": {},
        "marketplace_ids": {"seller_sku": sku},
        "atp": 10,
        "allocation": 10,
        "buffer": 3,
        "strategy": "shared-pool",
        "cause": "StockCounted",
        "derivation": "atp main=10; shared-pool 10; buffer max(3, 5 %) = 3",
        "changed_at_ms": NOW_MS,
        "computed_at_ms": NOW_MS,
    }
    return Target(**{**given, **changes})  # type: ignore[arg-type]


def an_outcome(*, sku: str = "A-1", channel: str = "amazon-us", **changes: object) -> AttemptOutcome:
    """The first attempt, accepted half a second after it was sent."""
    given: dict[str, object] = {
        "listing_id": listing_id(ChannelId(channel), sku),
        "sku": Sku(sku),
        "channel": ChannelId(channel),
        "version": NOW_MS,
        "attempt": 1,
        "quantity": 7,
        "mask": None,
        "outcome": "accepted",
        "reason": "",
        "api": "patchListingsItem",
        "request_id": "req-1",
        "status": 200,
        "error": None,
        "changed_at_ms": NOW_MS,
        "committed_at_ms": NOW_MS + 100,
        "sent_at_ms": NOW_MS + 110,
        "answered_at_ms": NOW_MS + 610,
    }
    return AttemptOutcome(**{**given, **changes})  # type: ignore[arg-type]


def an_exposure(*, sku: str = "A-1", channel: str = "amazon-us", quantity: int = 7, at_ms: int = NOW_MS) -> Exposure:
    """A listing that was read to show so many."""
    name = listing_id(ChannelId(channel), sku)
    return Exposure(name, Sku(sku), Confirmed(quantity, NOW_MS, at_ms, Proof.READ))


def an_observation(*, sku: str = "A-1", channel: str = "amazon-us", **changes: object) -> Observation:
    """Seven seen by a read."""
    given: dict[str, object] = {
        "listing_id": listing_id(ChannelId(channel), sku),
        "sku": Sku(sku),
        "channel": ChannelId(channel),
        "quantity": 7,
        "nodes": {},
        "observed_by": ObservedBy.READ,
        "as_of_ms": NOW_MS + 60_000,
        "observed_at_ms": NOW_MS + 60_500,
        "evidence": "req-2",
    }
    return Observation(**{**given, **changes})  # type: ignore[arg-type]


def a_discrepancy(*, sku: str = "A-1", channel: str = "amazon-us", **changes: object) -> Discrepancy:
    """Five units more shown than there may be."""
    given: dict[str, object] = {
        "listing_id": listing_id(ChannelId(channel), sku),
        "sku": Sku(sku),
        "channel": ChannelId(channel),
        "expected_low": 7,
        "expected_high": 7,
        "observed": 12,
        "delta": 5,
        "cause": "manual-change",
        "action": "restate",
        "observed_at_ms": NOW_MS,
    }
    return Discrepancy(**{**given, **changes})  # type: ignore[arg-type]


def a_cycle(*, channel: str = "amazon-us", **changes: object) -> ReconciliationCycle:
    """A reconciliation of six listings that has just begun."""
    given: dict[str, object] = {
        "channel": ChannelId(channel),
        "phase": CyclePhase.PULLING,
        "started_at_ms": NOW_MS,
        "listings": 6,
        **dict.fromkeys(("found", "judged", "missing", "ghosts", "discrepancies", "corrections"), 0),
        "reason": "schedule",
    }
    given["at_ms"] = changes.get("started_at_ms", NOW_MS)
    return ReconciliationCycle(**{**given, **changes})  # type: ignore[arg-type]


def a_product(*, sku: str = "A-1", channels: Sequence[str] = ("amazon-us",), **changes: object) -> Product:
    """A product at main with one listing on each channel."""
    given: dict[str, object] = {
        "sku": Sku(sku),
        "status": ProductStatus.ACTIVE,
        "category": "shoes",
        "locations": (StockingLocation(LocationId("main"), 1),),
        "listings": tuple(
            Listing(listing_id(ChannelId(one), sku), ChannelId(one), {"seller_sku": sku}) for one in channels
        ),
    }
    return Product(**{**given, **changes})  # type: ignore[arg-type]


def a_state(*, sku: str = "A-1", on_hand: int = 14, reserved: int = 3) -> SkuState:
    """So many at main, some of them reserved."""
    held = {"r1": Reservation(reserved)} if reserved else {}
    stock = Stock(positions={LocationId("main"): Position(on_hand, held)})  # type: ignore[arg-type]
    return SkuState(Sku(sku), stock, a_product(sku=sku), changed_at_ms=NOW_MS)


def contents(engine: Engine, wanted: Iterable[Table]) -> dict[str, list[tuple[object, ...]]]:
    """Every row of these tables, sorted."""
    with engine.connect() as connection:
        return {one.name: sorted((tuple(row) for row in connection.execute(select(one))), key=repr) for one in wanted}


def create_topics(kafka: str, topics: Topics) -> None:
    """The topics of a test, on a real broker."""
    apply(KafkaSettings(kafka), topics.declarations(), PARTITIONS)


class TopicWriter:
    """Writes records to real topics, each on its SKU's partition."""

    def __init__(self, kafka: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": kafka,
                "linger.ms": 5,
                "log_level": 0,
                "queue.buffering.max.messages": 10**6,
            }
        )

    def write(self, topic: str, key: str, value: bytes | None, *, sku: str | None = None) -> None:
        """Send one record; it is there after `flush`. Without a SKU it goes to the only partition."""
        partition = 0 if sku is None else partition_of(sku, PARTITIONS)
        while True:
            try:
                self._producer.produce(topic, key=key, value=value, partition=partition)
            except BufferError:
                self._producer.poll(0.1)
                continue
            return

    def flush(self) -> None:
        """Wait until all is written."""
        assert self._producer.flush(60) == 0


def write_all(store: Store, tape: Tape) -> None:
    """Everything of the tape that is not in the tables yet, as one batch."""
    projection, begins = Projection(settings_for(tape.topics).topics, REGISTRY), store.positions()
    left = [one for one in tape.arrivals if one.offset >= begins.get((one.topic, one.partition), 0)]
    store.write(projection.batch_of(left, begins))
