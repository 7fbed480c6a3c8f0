"""Requests that ended long after their attempts were committed: whoever owns the listings by now is asked to read them.

A process that was frozen between the commit and the call may wake when a successor has waited for its request, read
the listings back and sent newer numbers. No fence reaches inside a marketplace: what such a request did is seen by a
read once it has settled (rule 25).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final, Protocol

from confluent_kafka import KafkaError, Producer

from inventory_domain.clock import Clock
from inventory_domain.errors import InventorySyncError
from inventory_domain.identifiers import ChannelId, ListingId, Sku
from inventory_domain.reconciliation import Observation, ObservedBy
from inventory_schemas.codec import Serde
from inventory_schemas.values import NO_NODES
from inventory_streams.delivery.attempts import Begun
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.hints import DELIVERY_HINT
from inventory_streams.kafka.settings import KafkaSettings

ASK_S_MAX: Final = 10.0
TOLD_MAX: Final = 20  # listings that the log names

log = logging.getLogger(__name__)


class ReadsNotAsked(InventorySyncError):
    """Kafka did not take what asks for reads: only a reconciliation finds what a late request did."""


@dataclass(frozen=True, slots=True)
class Hint:
    """Asks the owner of the partition to read the listing, once a number that was taken just now must be live."""

    partition: int
    observation: Observation


class AsksForReads(Protocol):
    """Has listings read by whoever owns them."""

    def ask(self, hints: Sequence[Hint]) -> None:
        """Ask for each of them. Blocks; may be repeated.

        Raises:
            ReadsNotAsked: Kafka did not take it.
        """
        ...


class HintsByTopic:
    """Asks on `listing.observations`, as signals do; outside any transaction, since the partition may be another's."""

    def __init__(self, kafka: KafkaSettings, topic: str, codec: Serde[Observation]) -> None:
        self._kafka = kafka
        self._topic = topic
        self._codec = codec

    def ask(self, hints: Sequence[Hint]) -> None:
        """As `AsksForReads` says; waits ten seconds at most."""
        producer = Producer({**self._kafka.producer(), "acks": "all", "delivery.timeout.ms": int(ASK_S_MAX * 1000)})
        refused: list[str] = []

        def delivered(error: KafkaError | None, _: object) -> None:
            if error is not None:
                refused.append(error.str())

        for hint in hints:
            key, value = hint.observation.listing_id.encode(), self._codec.encode(hint.observation)
            producer.produce(self._topic, value, key, partition=hint.partition, on_delivery=delivered)
        if producer.flush(ASK_S_MAX + 1) or refused:
            raise ReadsNotAsked(f"{self._topic}: {refused[0] if refused else 'not written in time'}")


@dataclass(frozen=True, slots=True)
class _Sent:
    """A listing of a request that is under way."""

    partition: int
    listing_id: ListingId
    sku: Sku
    channel: ChannelId


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request under way: what it is of, when its oldest attempt was committed, how long what it sets may settle."""

    listings: tuple[_Sent, ...]
    committed_s: float
    settling_s: float


class LateRequests:
    """Keeps the requests under way. Belongs to the loop, but for `tell_now`."""

    def __init__(
        self,
        settings: DeliverySettings,
        clock: Clock,
        metrics: DeliveryMetrics,
        threads: Executor,
        asks: AsksForReads | None,
    ) -> None:
        self._limit_s = settings.handover_wait_s  # no successor has sent anything before that
        self._clock = clock
        self._metrics = metrics
        self._threads = threads
        self._asks = asks
        self._under_way: dict[int, SentRequest] = {}

    def sent(self, begun: Iterable[Begun], committed_s: float, settling_s: float) -> SentRequest:
        """A request is about to leave, whose attempts were committed at that time at the earliest."""
        listings = tuple(
            _Sent(one.tracked.partition, one.target.listing_id, one.target.sku, one.target.channel) for one in begun
        )
        request = SentRequest(listings, committed_s, settling_s)
        self._under_way[id(request)] = request
        return request

    async def ended(self, request: SentRequest) -> None:
        """It was answered, or given up. Returns when reads are asked for, if it was late."""
        self._under_way.pop(id(request), None)
        if self._is_late(request):
            await asyncio.get_running_loop().run_in_executor(self._threads, self._tell, [request])

    def tell_now(self) -> None:
        """The process ends at once: ask for what is late and has no answer yet. Blocks; from whichever thread."""
        late = [one for one in list(self._under_way.values()) if self._is_late(one)]
        if late:
            self._tell(late)

    def _is_late(self, request: SentRequest) -> bool:
        return self._clock.monotonic_s() - request.committed_s > self._limit_s

    def _tell(self, late: Sequence[SentRequest]) -> None:
        now_ms = self._clock.now_ms()
        hints = []
        for request in late:
            as_of_ms = now_ms + int(request.settling_s * 1000)
            late_s = self._clock.monotonic_s() - request.committed_s
            why = f"{DELIVERY_HINT}request ended {late_s:.0f} s after its commit"
            for one in request.listings:
                self._metrics.requests_late.labels(one.channel).inc()
                seen = (None, NO_NODES, ObservedBy.SIGNAL, as_of_ms, now_ms, why)
                hints.append(Hint(one.partition, Observation(one.listing_id, one.sku, one.channel, *seen)))
        first = [one.observation.listing_id for one in hints[:TOLD_MAX]]
        log.warning("request ended long after its commit", extra={"listings": len(hints), "first": first})
        if self._asks is None:
            return
        try:
            self._asks.ask(hints)
        except ReadsNotAsked as error:
            log.error("listings of a late request are not read", extra={"listings": len(hints), "error": str(error)})
