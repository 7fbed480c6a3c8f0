"""A typed producer of changes and products: keys, partitioner, durability, ids and sequences are its own matter."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from inventory_domain.catalog import Product
from inventory_domain.changes import (
    InventoryChange,
    OrderShipped,
    ReservationReleased,
    SaleCancelled,
    SkuChange,
    SourceHeartbeat,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.errors import InvalidRecord, InventorySyncError
from inventory_domain.identifiers import ChannelId, EventId, LocationId, OrderId, ReservationId, Sku, SourceId
from inventory_schemas.codec import Serde
from inventory_schemas.records import INVENTORY_CHANGE, PRODUCT
from inventory_schemas.records_catalog import check_product
from inventory_schemas.records_changes import check_change
from inventory_schemas.registry import Registry
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.tracing import SpanKind
from inventory_streams.producer.sequences import ClockSequences, SequenceStore
from inventory_streams.topics import Topics

log = logging.getLogger(__name__)

DELIVERY_TIMEOUT_S: Final = 120.0
BUFFER_WAIT_S: Final = 60.0
METADATA_WAIT_S: Final = 30.0
UNDELIVERED_KEPT_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A record that Kafka did not take: its event id (a product's SKU), and Kafka's own words."""

    what: str
    error: str


class NotDelivered(InventorySyncError):
    """Kafka did not take everything. Send what `records` names again, under the same event ids: that is harmless.

    `more` are those that are not named.
    """

    def __init__(self, records: Sequence[Undelivered], more: int = 0) -> None:
        self.records = tuple(records)
        self.more = more
        first = f"{records[0].what}: {records[0].error}" if records else "the time limit is over"
        super().__init__(f"{len(records) + more} records were not delivered; {first}")


class InventoryProducer:
    """Sends one source's changes and the catalog. Safe for several threads; changes go out in the order of the calls.

    Every method that sends returns the event id at once; `flush` waits until Kafka has everything, on all in-sync
    replicas. To repeat what may not have arrived, call again with the same `event_id` and `sequence`.
    Without a `sequence` the next one of `sequences` is used; the source never has to count. `client` replaces the
    Kafka client that would be made of the settings. Where the settings have `traces`, every record has a span from the
    call to Kafka's word on it, and carries its context.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Topics,
        registry: Registry,
        source: SourceId,
        *,
        now_ms: Callable[[], int],
        sequences: SequenceStore | None = None,
        client: Producer | None = None,
    ) -> None:
        self._topics = topics
        self._source = source
        self._now_ms = now_ms
        self._sequences: SequenceStore = sequences or ClockSequences(now_ms)
        self._changes = Serde(INVENTORY_CHANGE, f"{topics.inventory_changes}-value", registry)
        self._products = Serde(PRODUCT, f"{topics.catalog_products}-value", registry)
        self._lock = threading.Lock()  # a sequence is given and sent in one step, or two threads would swap them
        self._undelivered: list[Undelivered] = []
        self._undelivered_more = 0
        self._producer = client or _client(settings)
        self._traces = settings.traces

    def count(
        self,
        sku: Sku,
        location: LocationId,
        on_hand: int,
        *,
        includes_orders_until_ms: int | None = None,
        excludes_reserved: bool = False,
        event_id: EventId | None = None,
        sequence: int | None = None,
        occurred_at_ms: int | None = None,
    ) -> EventId:
        """Units physically at the location, reserved ones included unless the count is of what is free."""
        kind = StockCounted(on_hand, includes_orders_until_ms, excludes_reserved)
        return self._at(sku, location, kind, event_id, sequence, occurred_at_ms)

    def adjust(
        self,
        sku: Sku,
        location: LocationId,
        units: int,
        *,
        event_id: EventId | None = None,
        sequence: int | None = None,
        occurred_at_ms: int | None = None,
    ) -> EventId:
        """Signed units that came or went: a receipt, a loss, a return to the shelf."""
        return self._at(sku, location, StockAdjusted(units), event_id, sequence, occurred_at_ms)

    def reserve(
        self,
        sku: Sku,
        location: LocationId,
        reservation_id: ReservationId,
        units: int,
        *,
        order_id: OrderId | None = None,
        expires_at_ms: int | None = None,
        event_id: EventId | None = None,
        sequence: int | None = None,
        occurred_at_ms: int | None = None,
    ) -> EventId:
        """Units promised to an order. Name the channel's order, or its sale is subtracted a second time."""
        kind = StockReserved(reservation_id, units, order_id, expires_at_ms)
        return self._at(sku, location, kind, event_id, sequence, occurred_at_ms)

    def release(
        self,
        sku: Sku,
        location: LocationId,
        reservation_id: ReservationId,
        *,
        event_id: EventId | None = None,
        sequence: int | None = None,
        occurred_at_ms: int | None = None,
    ) -> EventId:
        """The reservation ends and its units may be sold again."""
        return self._at(sku, location, ReservationReleased(reservation_id), event_id, sequence, occurred_at_ms)

    def ship(
        self,
        sku: Sku,
        location: LocationId,
        units: int,
        *,
        reservation_id: ReservationId | None = None,
        order_id: OrderId | None = None,
        event_id: EventId | None = None,
        sequence: int | None = None,
        occurred_at_ms: int | None = None,
    ) -> EventId:
        """Units left the location; the reservation, named by itself or by its order, ends by as many."""
        kind = OrderShipped(units, reservation_id, order_id)
        return self._at(sku, location, kind, event_id, sequence, occurred_at_ms)

    def sold(
        self,
        sku: Sku,
        channel: ChannelId,
        order_id: OrderId,
        units: int,
        *,
        event_id: EventId | None = None,
        occurred_at_ms: int | None = None,
    ) -> EventId:
        """A channel sold units that this source may not have reserved yet."""
        return self._sale(sku, UnitsSold(channel, order_id, units), event_id, occurred_at_ms)

    def cancelled(
        self,
        sku: Sku,
        channel: ChannelId,
        order_id: OrderId,
        units: int,
        reason: str,
        *,
        event_id: EventId | None = None,
        occurred_at_ms: int | None = None,
    ) -> EventId:
        """A channel took a sale back; the reason `no-stock` is a real oversell."""
        return self._sale(sku, SaleCancelled(channel, order_id, units, reason), event_id, occurred_at_ms)

    def heartbeat(self, source: SourceId | None = None) -> EventId:
        """The source (this one, when none is named) is alive and has sent all that it knows; goes to every partition.

        May block for metadata.

        Raises:
            NotDelivered: Kafka did not say within 30 s how many partitions there are.
        """
        topic = self._topics.inventory_changes
        event_id = _new_id()
        change = InventoryChange(event_id, source or self._source, None, self._now_ms(), None, None, SourceHeartbeat())
        value = self._changes.encode(change)
        for partition in self._partitions(topic):
            self._send(topic, None, value, event_id, partition)
        return event_id

    def change(self, change: InventoryChange) -> EventId:
        """A change made elsewhere, as it is.

        Raises:
            InvalidRecord: a field has a value that cannot be; the message names both.
        """
        check_change(change)
        if change.sku is None:
            raise InvalidRecord("no-sku", "sku is missing; heartbeats are sent by heartbeat()")
        with self._lock:
            self._send(
                self._topics.inventory_changes, change.sku.encode(), self._changes.encode(change), change.event_id
            )
        return change.event_id

    def product(self, product: Product) -> None:
        """The product with all its listings, in place of what was said of it before."""
        check_product(product)
        with self._lock:
            value = self._products.encode(product)
            self._send(self._topics.catalog_products, product.sku.encode(), value, f"product {product.sku}")

    def remove_product(self, sku: Sku) -> None:
        """The product is gone: its listings go to zero and its positions are forgotten."""
        with self._lock:
            self._send(self._topics.catalog_products, sku.encode(), None, f"product {sku}")

    def flush(self, timeout_s: float = DELIVERY_TIMEOUT_S) -> None:
        """Wait until Kafka has everything that was sent.

        Raises:
            NotDelivered: it has not, within the limit or for good; the records are named, and forgotten here.
        """
        waiting = self._producer.flush(timeout_s)
        undelivered, more = self._undelivered, self._undelivered_more + waiting
        self._undelivered, self._undelivered_more = [], 0
        if undelivered or more:
            raise NotDelivered(undelivered, more)

    def __enter__(self) -> InventoryProducer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Flush on the way out; an error that is already under way is not hidden by a second one.

        Raises:
            NotDelivered: Kafka did not take everything; what one that is under way names is among it.
        """
        if kind is None:
            self.flush()
            return
        more = self._producer.flush(METADATA_WAIT_S) + self._undelivered_more
        if isinstance(error, NotDelivered) and (self._undelivered or more):
            raise NotDelivered([*error.records, *self._undelivered], error.more + more) from error

    def _at(
        self,
        sku: Sku,
        location: LocationId,
        kind: SkuChange,
        event_id: EventId | None,
        sequence: int | None,
        occurred_at_ms: int | None,
    ) -> EventId:
        now = self._now_ms() if occurred_at_ms is None else occurred_at_ms
        with self._lock:
            number = self._sequences.next(sku, location) if sequence is None else sequence
            change = InventoryChange(event_id or _new_id(), self._source, number, now, sku, location, kind)
            self._send_change(sku, change)
        return change.event_id

    def _sale(
        self, sku: Sku, kind: UnitsSold | SaleCancelled, event_id: EventId | None, occurred_at_ms: int | None
    ) -> EventId:
        now = self._now_ms() if occurred_at_ms is None else occurred_at_ms
        change = InventoryChange(event_id or _new_id(), self._source, None, now, sku, None, kind)
        with self._lock:
            self._send_change(sku, change)
        return change.event_id

    def _send_change(self, sku: Sku, change: InventoryChange) -> None:
        check_change(change)
        self._send(self._topics.inventory_changes, sku.encode(), self._changes.encode(change), change.event_id)

    def _send(self, topic: str, key: bytes | None, value: bytes | None, what: str, partition: int = -1) -> None:
        """Hand the record to librdkafka; wait, bounded, when it holds as many as it may."""
        span = None
        if self._traces is not None:
            span = self._traces.start(f"send {topic}", SpanKind.PRODUCER, _facts(topic, key, what))

        def done(error: KafkaError | None, message: Message | None) -> None:
            if error is not None:
                self._note(Undelivered(what, error.str()))
            if span is not None:
                span.end(failed=None if error is None else error.str())

        waited = 0.0
        while True:
            try:
                headers: dict[str, str | bytes | None] | None = dict(span.context.headers()) if span else None
                self._producer.produce(topic, value, key, partition, on_delivery=done, headers=headers)
                self._producer.poll(0)
                return
            except BufferError as error:
                if waited >= BUFFER_WAIT_S:
                    raise NotDelivered([Undelivered(what, "Kafka takes nothing for a minute")]) from error
                self._producer.poll(0.5)
                waited += 0.5
            except KafkaException as error:  # such as a record that is larger than may be sent; others go on
                done(error.args[0], None)
                return

    def _note(self, undelivered: Undelivered) -> None:
        if len(self._undelivered) < UNDELIVERED_KEPT_MAX:
            self._undelivered.append(undelivered)
        else:
            self._undelivered_more += 1

    def _partitions(self, topic: str) -> list[int]:
        try:
            found = self._producer.list_topics(topic, timeout=METADATA_WAIT_S).topics[topic]
        except KafkaException as error:
            raise NotDelivered([Undelivered("heartbeat", error.args[0].str())]) from error
        if found.error is not None:
            raise NotDelivered([Undelivered("heartbeat", found.error.str())])
        return sorted(found.partitions)


def _client(settings: KafkaSettings) -> Producer:
    return Producer(
        {
            **settings.producer(),
            "logger": log,  # librdkafka writes to standard error otherwise
            "enable.idempotence": True,
            "acks": "all",
            "delivery.timeout.ms": int(DELIVERY_TIMEOUT_S * 1000),
            "linger.ms": 5,
            "compression.type": "lz4",
        }
    )


def _facts(topic: str, key: bytes | None, what: str) -> dict[str, str | int]:
    facts: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.operation.type": "send",
        "messaging.destination.name": topic,
        "messaging.message.id": what,
    }
    if key is not None:
        facts["inventory.sku"] = key.decode(errors="replace")
    return facts


def _new_id() -> EventId:
    return EventId(str(uuid.uuid4()))
