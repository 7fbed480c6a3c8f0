"""The consumer of the group, polled on a thread of its own; every decision is the loop's, asked and waited for."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from inventory_streams.delivery.arrivals import Arrival, Arrivals
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.kafka.refusals import raise_refusal

BATCH_MAX = 500
POLL_S = 0.1
MAX_POLL_INTERVAL_MS = 600_000  # a takeover reads whole partitions within one poll
BROKER_CALL_S = 30.0
# A broker with nothing to say answers after so long, and at once when something comes. At 20 ms a delivery without work
# kept a small broker busy with some 7 % of a core, and records came no sooner.
FETCH_WAIT_MS = 250

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Assignment:
    """Partitions that the group gave us, of how many, and up to where their targets are committed (None: nowhere)."""

    partitions: tuple[int, ...]
    partition_count: int
    committed: Mapping[int, int | None]
    owns_reports: bool


@dataclass(frozen=True, slots=True)
class Positions:
    """Where to go on reading: targets by partition, and the reports where we own them."""

    targets: Mapping[int, int]
    reports: int | None


@dataclass(frozen=True, slots=True)
class Committable:
    """Offsets below which everything is finished."""

    targets: Mapping[int, int]
    retries: Mapping[int, int]
    reports: int | None
    observations: Mapping[int, int] = field(default_factory=dict)


class Owner(Protocol):
    """Who decides. Every call is made on the loop, one after the other, and is waited for."""

    async def assigned(self, assignment: Assignment) -> Positions | None:
        """Take the partitions over and read what they hold; None when the process is ending."""
        ...

    async def revoked(self) -> Committable:
        """Give all partitions up: finish what is under way within a limit, and say what is finished."""
        ...

    async def lost(self) -> None:
        """All partitions are somebody else's already: write and send nothing more for them."""
        ...

    async def take(self, arrivals: Sequence[Arrival]) -> None:
        """Records that were read."""
        ...

    async def committable(self) -> Committable:
        """What is finished now."""
        ...


class Poller:
    """Polls until it is told to stop. What goes wrong here is told to `failed`, and ends the process."""

    def __init__(
        self,
        settings: DeliverySettings,
        arrivals: Arrivals,
        owner: Owner,
        loop: asyncio.AbstractEventLoop,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._arrivals = arrivals
        self._owner = owner
        self._loop = loop
        self._failed = failed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consumer", daemon=True)
        self._last_committed: dict[tuple[str, int], int] = {}
        self._generation = 0

    def start(self) -> None:
        """Join the group."""
        self._thread.start()

    def stop(self) -> None:
        """Leave the group, which revokes all partitions first. Does not wait."""
        self._stopping.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the group to be left; False when it took too long. Blocks."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _ask(self, question: Coroutine[object, object, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(question, self._loop).result()

    def _run(self) -> None:
        try:
            self._poll_until_stopped()
        except BaseException as error:  # noqa: BLE001 - the process ends for it, whatever it is
            self._failed(error)

    def _poll_until_stopped(self) -> None:
        consumer = Consumer(self._config())
        consumer.subscribe(
            list(self._arrivals.topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        every_s = self._settings.offset_commit_interval_s
        next_commit_s = self._loop.time() + every_s
        while not self._stopping.is_set():
            messages = self._batch(consumer)
            if messages:
                self._ask(self._owner.take(self._arrivals.of(messages)))
            if self._loop.time() >= next_commit_s:
                self._commit(consumer, self._ask(self._owner.committable()))
                next_commit_s = self._loop.time() + every_s
        consumer.close()

    def _batch(self, consumer: Consumer) -> list[Message]:
        """What is there already, at most a bound; waits a little for the first.

        One by one, because a rebalance in between makes what was read before it void.
        """
        messages: list[Message] = []
        generation = self._generation
        wait_s = POLL_S
        while len(messages) < BATCH_MAX and not self._stopping.is_set():
            message = consumer.poll(wait_s)
            wait_s = 0.0
            if generation != self._generation:
                messages.clear()
                generation = self._generation
            if message is None:
                break
            if (error := message.error()) is None:
                messages.append(message)
            elif error.fatal() or not error.retriable():
                raise KafkaException(error)
        return messages

    def _config(self) -> dict[str, object]:
        return {
            **self._settings.kafka.consumer(),
            "group.id": self._settings.group,
            "group.protocol": "classic",
            "partition.assignment.strategy": "range",  # partition i of targets and of retries has one owner
            "session.timeout.ms": int(self._settings.session_timeout_s * 1000),
            "heartbeat.interval.ms": int(self._settings.session_timeout_s * 1000 / 4),
            "max.poll.interval.ms": MAX_POLL_INTERVAL_MS,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": FETCH_WAIT_MS,
            "queued.max.messages.kbytes": 16_384,
            "error_cb": self._on_error,
        }

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._failed(KafkaException(error))
        else:
            raise_refusal(error)

    def _on_assign(self, consumer: Consumer, given: list[TopicPartition]) -> None:
        self._generation += 1
        topics = self._arrivals
        places = [TopicPartition(one.topic, one.partition) for one in given]
        committed = {
            (one.topic, one.partition): one.offset if one.offset >= 0 else None
            for one in (consumer.committed(places, timeout=BROKER_CALL_S) if places else [])
        }
        # By a client of its own: asked by the consumer, the poll that has called us would be forgotten, and statistics
        # or an error that became due meanwhile would abort the process when that poll tells of them.
        admin = AdminClient(self._settings.kafka.admin())
        metadata = admin.list_topics(topics.targets, timeout=BROKER_CALL_S).topics[topics.targets]
        numbers = tuple(sorted(one.partition for one in given if one.topic == topics.targets))
        assignment = Assignment(
            partitions=numbers,
            partition_count=len(metadata.partitions),
            committed={number: committed.get((topics.targets, number)) for number in numbers},
            owns_reports=any(one.topic == topics.reports for one in given),
        )
        positions = self._ask(self._owner.assigned(assignment))
        if positions is None:
            consumer.assign([])
            return
        for place in places:
            if place.topic == topics.targets:
                place.offset = positions.targets[place.partition]
            elif place.topic == topics.reports and positions.reports is not None:
                place.offset = positions.reports
            else:
                found = committed.get((place.topic, place.partition))
                # Signals of the past ask for reads that reconciliation makes anyway.
                none = OFFSET_END if place.topic == topics.observations else OFFSET_BEGINNING
                place.offset = none if found is None else found
        consumer.assign(places)

    def _on_revoke(self, consumer: Consumer, taken: list[TopicPartition]) -> None:
        self._generation += 1
        self._commit(consumer, self._ask(self._owner.revoked()))
        self._last_committed.clear()
        consumer.unassign()

    def _on_lost(self, consumer: Consumer, taken: list[TopicPartition]) -> None:
        self._generation += 1
        self._ask(self._owner.lost())
        self._last_committed.clear()
        consumer.unassign()

    def _commit(self, consumer: Consumer, finished: Committable) -> None:
        """Commit what has moved. A refusal costs some reading later and nothing else, so it is only told."""
        topics = self._arrivals
        wanted = {(topics.targets, number): offset for number, offset in finished.targets.items()}
        wanted |= {(topics.retries, number): offset for number, offset in finished.retries.items()}
        wanted |= {(topics.observations, number): offset for number, offset in finished.observations.items()}
        if finished.reports is not None:
            wanted[topics.reports, 0] = finished.reports
        moved = {place: offset for place, offset in wanted.items() if self._last_committed.get(place) != offset}
        if not moved:
            return
        offsets = [TopicPartition(topic, number, offset) for (topic, number), offset in moved.items()]
        try:
            consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            log.warning("offsets not committed", extra={"error": error.args[0].str()})
            return
        self._last_committed |= moved
