"""Topics that every worker reads whole, outside its group: the channels' health and the engine's progress."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Protocol

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from inventory_domain.errors import InvariantBroken
from inventory_streams.delivery.arrivals import Arrival, Arrivals
from inventory_streams.delivery.consumption import FETCH_WAIT_MS
from inventory_streams.kafka.reading import groupless_consumer
from inventory_streams.kafka.settings import KafkaSettings

BATCH_MAX = 500
POLL_S = 0.1

log = logging.getLogger(__name__)

Places = Mapping[tuple[str, int], int]
"""Offsets to go on from, by topic and partition."""


class Follows(Protocol):
    """Who reads on where a takeover has stopped reading."""

    def follow(self, places: Places) -> None:
        """Read these and nothing else from now on. Does not block."""
        ...


class Following:
    """Reads on a thread of its own. A broker that is away is waited for: silence is what others judge.

    A topic that is created anew ends the process: its offsets are lower than those of what is known, so nothing in it,
    not even a stop, would be taken for news.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        arrivals: Arrivals,
        take: Callable[[Sequence[Arrival]], Coroutine[object, object, None]],
        loop: asyncio.AbstractEventLoop,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._kafka = kafka
        self._arrivals = arrivals
        self._take = take
        self._loop = loop
        self._failed = failed
        self._stopping = threading.Event()
        self._asked: Places | None = None
        self._next: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="following", daemon=True)

    def follow(self, places: Places) -> None:
        """As `Follows` says."""
        with self._lock:
            self._asked = dict(places)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End soon. Does not wait."""
        self._stopping.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False when it took too long. Blocks."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._read_until_stopped()
        except BaseException as error:  # noqa: BLE001 - the process ends for it, whatever it is
            self._failed(error)

    def _read_until_stopped(self) -> None:
        consumer = groupless_consumer(self._kafka, {"fetch.wait.max.ms": FETCH_WAIT_MS})
        try:
            assigned = False
            while not self._stopping.is_set():
                with self._lock:
                    asked, self._asked = self._asked, None
                if asked is not None:
                    consumer.assign([TopicPartition(*place, offset) for place, offset in asked.items()])
                    self._next = dict(asked)
                    assigned = bool(asked)
                if not assigned:
                    self._stopping.wait(POLL_S)
                    continue
                self._hand_over(consumer)
        finally:
            consumer.close()

    def _hand_over(self, consumer: Consumer) -> None:
        messages = []
        for message in consumer.consume(BATCH_MAX, POLL_S):
            if (error := message.error()) is None:
                self._goes_on(message)
                messages.append(message)
            elif error.fatal() or not error.retriable():
                raise KafkaException(error)
        if messages:
            asyncio.run_coroutine_threadsafe(self.hand_on(self._arrivals.of(messages)), self._loop).result()

    async def hand_on(self, arrivals: Sequence[Arrival]) -> None:
        """Have records taken that were read, on the loop.

        Where other places were asked for since, these records come again from there, and in their order: a command
        that were taken now would have those before it passed over.
        """
        with self._lock:
            overtaken = self._asked is not None
        if not overtaken:
            await self._take(arrivals)

    def _goes_on(self, message: Message) -> None:
        place, offset = (str(message.topic()), int(message.partition() or 0)), int(message.offset() or 0)
        if offset < self._next.get(place, 0):
            raise InvariantBroken(f"{place[0]}[{place[1]}] went back to offset {offset}: it was created anew")
        self._next[place] = offset + 1
