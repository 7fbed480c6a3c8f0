"""Puts records on Kafka and waits until they are acknowledged: only then is a message answered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from inventory_domain.errors import InventorySyncError
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.tracing import Span, SpanKind
from inventory_streams.signals.settings import SignalsSettings

POLL_S = 0.05


class NotPublished(InventorySyncError):
    """Kafka did not acknowledge in time: the sender is to come again."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record for the partition of its SKU."""

    topic: str
    sku: str
    key: str
    value: bytes


class Publisher:
    """An idempotent producer on a thread of its own. Safe for concurrent calls on one loop."""

    def __init__(self, settings: SignalsSettings) -> None:
        self._partitions = settings.partitions
        self._traces = settings.kafka.traces
        self._limit_s = settings.produce_s_max
        self._producer = Producer(
            {
                **settings.kafka.producer(),
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 2,
                # Later than anybody waits for: what is answered with "come again" may still arrive, and counts once.
                "delivery.timeout.ms": round(settings.produce_s_max * 1_000),
                "request.timeout.ms": max(100, round(settings.produce_s_max * 1_000) - 10),
                "compression.type": "lz4",
            }
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="publishing", daemon=True)

    def start(self) -> None:
        """Deliver from now on."""
        self._thread.start()

    async def publish(self, records: Sequence[Record]) -> None:
        """Returns when all in-sync replicas have every record.

        Raises:
            NotPublished: they do not, or not within the limit. Some may have arrived.
        """
        if not records:
            return
        loop = asyncio.get_running_loop()
        waiting: list[asyncio.Future[None]] = []
        for record in records:
            done: asyncio.Future[None] = loop.create_future()
            waiting.append(done)
            span = self._span(record)
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key.encode(),
                    partition=partition_of(record.sku, self._partitions),
                    on_delivery=_told(loop, done, span),
                    headers=dict(span.context.headers()) if span is not None else None,
                )
            except (BufferError, KafkaException) as error:
                raise NotPublished(f"{record.topic}: {error}") from error
        try:
            async with asyncio.timeout(self._limit_s + 1):
                await asyncio.gather(*waiting)
        except TimeoutError as error:
            raise NotPublished(f"not acknowledged within {self._limit_s:g} s") from error

    async def close(self) -> None:
        """Wait for what is under way, within the limit, and end."""
        await asyncio.to_thread(self._producer.flush, self._limit_s)
        self._stopping.set()
        await asyncio.to_thread(self._thread.join, 5.0)

    def _span(self, record: Record) -> Span | None:
        if self._traces is None:
            return None
        facts = {"messaging.system": "kafka", "messaging.destination.name": record.topic, "inventory.sku": record.sku}
        return self._traces.start(f"send {record.topic}", SpanKind.PRODUCER, facts)

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(POLL_S)


def _told(
    loop: asyncio.AbstractEventLoop, done: asyncio.Future[None], span: Span | None
) -> Callable[[KafkaError | None, KafkaMessage], None]:
    def told(error: KafkaError | None, message: KafkaMessage) -> None:
        if span is not None:
            span.end(failed=None if error is None else error.str())
        loop.call_soon_threadsafe(_conclude, done, error)

    return told


def _conclude(done: asyncio.Future[None], error: KafkaError | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(NotPublished(error.str()))
