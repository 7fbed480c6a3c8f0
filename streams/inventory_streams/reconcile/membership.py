"""Which marketplaces are this process's: one partition each, shared out by the consumer group, one owner at a time."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Protocol

from confluent_kafka import Consumer, KafkaException, TopicPartition

from inventory_domain.identifiers import Marketplace
from inventory_streams.reconcile.settings import ReconcileSettings

POLL_S = 0.2
MAX_POLL_INTERVAL_MS = 300_000

log = logging.getLogger(__name__)

Question = Callable[[Sequence[Marketplace]], Coroutine[object, object, None]]


class Owner(Protocol):
    """Who reconciles. Both calls are made on the loop and waited for."""

    async def gained(self, marketplaces: Sequence[Marketplace]) -> None:
        """These are ours from now on; returns soon, and goes on by itself."""
        ...

    async def parted(self, marketplaces: Sequence[Marketplace]) -> None:
        """These are no longer ours; returns when nothing is done for them any more."""
        ...


class Membership:
    """A member of the group until it is stopped. What goes wrong is told to `failed`, and ends the process."""

    def __init__(
        self,
        settings: ReconcileSettings,
        marketplaces: Sequence[Marketplace],
        owner: Owner,
        loop: asyncio.AbstractEventLoop,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._of_topic: Mapping[str, Marketplace] = {settings.topics.reconciliations(one): one for one in marketplaces}
        self._owner = owner
        self._loop = loop
        self._failed = failed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="membership", daemon=True)

    def start(self) -> None:
        """Join the group."""
        self._thread.start()

    def stop(self) -> None:
        """Leave it, which parts with everything first. Does not wait."""
        self._stopping.set()

    def join(self, timeout_s: float) -> bool:
        """Wait until the group is left; False when it took too long. Blocks."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._belong()
        except BaseException as error:  # noqa: BLE001 - the process ends for it, whatever it is
            self._failed(error)

    def _belong(self) -> None:
        consumer = Consumer(
            {
                **self._settings.kafka.consumer(),
                "group.id": self._settings.group,
                # Who stays a member keeps what it has: taking a marketplace over means reading all of it.
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": round(self._settings.session_timeout_s * 1_000),
                "heartbeat.interval.ms": max(100, round(self._settings.session_timeout_s * 1_000 / 4)),
                "max.poll.interval.ms": MAX_POLL_INTERVAL_MS,
                "enable.auto.commit": False,
                "auto.offset.reset": "latest",
            }
        )
        consumer.subscribe(
            list(self._of_topic), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )
        while not self._stopping.is_set():
            message = consumer.poll(POLL_S)  # what is in the topic is read elsewhere; here it stands for ownership
            error = message.error() if message is not None else None
            if error is not None and (error.fatal() or not error.retriable()):
                raise KafkaException(error)
        consumer.close()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._ask(self._owner.gained, partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._ask(self._owner.parted, partitions)

    def _ask(
        self,
        question: Callable[[Sequence[Marketplace]], Coroutine[object, object, None]],
        partitions: list[TopicPartition],
    ) -> None:
        marketplaces = [self._of_topic[one.topic] for one in partitions if one.topic in self._of_topic]
        if marketplaces:
            asked = question(marketplaces)
            asyncio.run_coroutine_threadsafe(asked, self._loop).result()
