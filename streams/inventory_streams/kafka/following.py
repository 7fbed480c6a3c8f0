"""Follows whole topics from where they were read to, on a thread of its own; what is decoded is applied on the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence

from confluent_kafka import KafkaException, Message, TopicPartition

from inventory_streams.kafka.reading import Place, groupless_consumer
from inventory_streams.kafka.settings import KafkaSettings

BATCH_MAX = 500
POLL_S = 0.2

Apply = Callable[[], None]
"""What a record does to what is known, to be called by whoever owns that."""


class Follower:
    """Reads until it is stopped; joins no group and commits nothing.

    `decode` is called on its own thread, `take` on the loop with what came of a batch, and waited for.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        positions: Mapping[Place, int],
        decode: Callable[[Sequence[Message]], Sequence[Apply]],
        take: Callable[[Sequence[Apply]], None],
        loop: asyncio.AbstractEventLoop,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._kafka = kafka
        self._positions = positions
        self._decode = decode
        self._take = take
        self._loop = loop
        self._failed = failed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="following", daemon=True)

    def start(self) -> None:
        """Follow from now on."""
        self._thread.start()

    async def stop(self) -> None:
        """End it. The loop must be free meanwhile, since a batch may wait for it."""
        self._stopping.set()
        await asyncio.to_thread(self._thread.join, 10.0)

    def _run(self) -> None:
        try:
            self._follow()
        except BaseException as error:  # noqa: BLE001 - the process ends for it, whatever it is
            self._failed(error)

    def _follow(self) -> None:
        consumer = groupless_consumer(self._kafka)
        consumer.assign([TopicPartition(topic, number, at) for (topic, number), at in self._positions.items()])
        try:
            while not self._stopping.is_set():
                messages = []
                for message in consumer.consume(BATCH_MAX, POLL_S):
                    error = message.error()
                    if error is None:
                        messages.append(message)
                    elif error.fatal() or not error.retriable():
                        raise KafkaException(error)
                found = self._decode(messages)
                if found and not self._stopping.is_set():
                    asyncio.run_coroutine_threadsafe(self._applied(found), self._loop).result()
        finally:
            consumer.close()

    async def _applied(self, found: Sequence[Apply]) -> None:
        self._take(found)
