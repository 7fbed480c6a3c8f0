"""What goes through the pipeline's topics, counted as it comes, by channel."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from inventory_cli.connecting import Connection
from inventory_domain.identifiers import ListingId, channel_of
from inventory_domain.outcomes import AttemptOutcome
from inventory_domain.progress import EngineProgress
from inventory_schemas.codec import Serde
from inventory_schemas.records import ENGINE_PROGRESS, LISTING_OUTCOME
from inventory_schemas.registry import Registry
from inventory_streams.topics import Topics

log = logging.getLogger(__name__)

POLL_S: Final = 0.05
BATCH: Final = 2_000
STOP_LIMIT_S: Final = 10.0
TAKEN: Final = frozenset({"applied", "accepted"})
NOT_TAKEN: Final = frozenset({"transient", "outage", "unauthorized"})


@dataclass(slots=True)
class ChannelFlow:
    """One channel so far. `freshness_ms`: for each push that was taken, from the change to the marketplace's answer."""

    targets: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    dead: int = 0
    freshness_ms: list[int] = field(default_factory=list)
    opening_ms: list[int] = field(default_factory=list)

    @property
    def pushed(self) -> int:
        """Pushes that the marketplace took."""
        return sum(self.outcomes[outcome] for outcome in TAKEN)

    @property
    def retried(self) -> int:
        """Pushes that failed and were put back for another try."""
        return sum(self.outcomes[outcome] for outcome in NOT_TAKEN)


@dataclass(frozen=True, slots=True)
class DeadLetterSeen:
    """A record of `inventory.dead-letters`: its original key, and why it is there."""

    key: str
    reason: str


class Watcher:
    """Reads the topics on a thread of its own; whoever asks gets what was read so far."""

    def __init__(self, connection: Connection, registry: Registry, marketplaces: Mapping[str, str]) -> None:
        self._connection = connection
        self._topics: Topics = connection.topics
        self._outcomes = Serde(LISTING_OUTCOME, f"{self._topics.listing_outcomes}-value", registry)
        self._progress = Serde(ENGINE_PROGRESS, f"{self._topics.engine_progress}-value", registry)
        self._marketplaces = marketplaces
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="watcher")
        self._running: Future[None] | None = None
        self.lock = threading.Lock()
        self.channels: dict[str, ChannelFlow] = defaultdict(ChannelFlow)
        self.outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self.dead_letters: list[DeadLetterSeen] = []
        self.progress: dict[int, EngineProgress] = {}
        self.first_taken_ms: int | None = None
        self.opened_at_ms = 0

    def start(self) -> None:
        """Read from the beginning of every topic, from now on."""
        self._running = self._pool.submit(self._read)

    @property
    def error(self) -> BaseException | None:
        """What ended the thread too early, if anything has."""
        return self._running.exception() if self._running is not None and self._running.done() else None

    def stop(self) -> None:
        """Stop reading and wait for the thread."""
        self._stop.set()
        if self._running is not None:
            wait([self._running], STOP_LIMIT_S)
        self._pool.shutdown(wait=False)

    def complete_until_ms(self, partitions: int) -> int:
        """Up to when all input is in the targets, over all partitions; 0 while one has not said so."""
        with self.lock:
            if len(self.progress) < partitions or any(one.catching_up for one in self.progress.values()):
                return 0
            return min(one.complete_until_ms for one in self.progress.values())

    def _read(self) -> None:
        consumer = Consumer(
            {
                **self._connection.kafka.consumer(),
                "logger": log,
                "group.id": "inventory-sync-demo",  # wanted by librdkafka; no group is joined and nothing is committed
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
            }
        )
        handlers = self._handlers()
        try:
            consumer.assign(self._assignment(handlers))
            while not self._stop.is_set():
                messages = consumer.consume(BATCH, POLL_S)
                with self.lock:
                    for message in messages:
                        self._take(handlers, message)
                if not messages:
                    time.sleep(POLL_S)
        finally:
            consumer.close()

    def _handlers(self) -> dict[str, Callable[[Message], None]]:
        names = sorted(set(self._marketplaces.values()))
        topics = {one.name: one for one in self._topics.declarations()}
        handlers: dict[str, Callable[[Message], None]] = {
            self._topics.listing_outcomes: self._outcome,
            self._topics.engine_progress: self._progressed,
            self._topics.inventory_dead_letters: self._dead_letter,
        }
        for marketplace in self._topics.marketplaces:
            if marketplace in names:
                handlers[self._topics.targets(marketplace)] = self._target
                handlers[self._topics.dead_letters(marketplace)] = self._dead_target
        assert handlers.keys() <= topics.keys()
        return handlers

    def _assignment(self, topics: Sequence[str] | Mapping[str, object]) -> list[TopicPartition]:
        count = self._connection.partitions  # every topic that is read here is keyed by SKU or partition
        return [TopicPartition(topic, number, OFFSET_BEGINNING) for topic in topics for number in range(count)]

    def _take(self, handlers: Mapping[str, Callable[[Message], None]], message: Message) -> None:
        error = message.error()
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF and error.fatal():
                raise RuntimeError(f"Kafka: {error}")
            return
        topic = message.topic()
        assert topic is not None
        handlers[topic](message)

    def _target(self, message: Message) -> None:
        key = message.key()
        if key is not None and message.value() is not None:
            self.channels[channel_of(ListingId(key.decode()))].targets += 1

    def _dead_target(self, message: Message) -> None:
        key = message.key()
        if key is not None:
            self.channels[channel_of(ListingId(key.decode()))].dead += 1

    def _outcome(self, message: Message) -> None:
        outcome: AttemptOutcome = self._outcomes.decode(message.value())
        flow = self.channels[outcome.channel]
        flow.outcomes[outcome.outcome] += 1
        self.outcomes[self._marketplaces.get(outcome.channel, "unknown")][outcome.outcome] += 1
        if outcome.outcome not in TAKEN:
            return
        age = max(0, outcome.answered_at_ms - outcome.changed_at_ms)
        steady = self.opened_at_ms and outcome.changed_at_ms >= self.opened_at_ms
        (flow.freshness_ms if steady else flow.opening_ms).append(age)
        if self.first_taken_ms is None or outcome.answered_at_ms < self.first_taken_ms:
            self.first_taken_ms = outcome.answered_at_ms

    def _progressed(self, message: Message) -> None:
        progress = self._progress.decode(message.value())
        self.progress[progress.partition] = progress

    def _dead_letter(self, message: Message) -> None:
        reason = dict(message.headers() or []).get("reason") or b""
        text = reason if isinstance(reason, str) else reason.decode(errors="replace")
        self.dead_letters.append(DeadLetterSeen((message.key() or b"").decode(errors="replace"), text))


def percentile(values: Sequence[int], percent: int) -> int | None:
    """The smallest value that so many percent of the values do not exceed; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
