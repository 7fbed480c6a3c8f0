"""One transaction at a time for the owner of a partition; who takes its id over refuses the former owner (rule 13)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

from inventory_domain.errors import InventorySyncError, OwnershipLost
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import RECORD_BYTES_MAX

TRANSACTION_TIMEOUT_S = 30  # a hanging transaction blocks read_committed readers that long (rule 12)
DELIVERY_TIMEOUT_S = 120  # a broker that is away for a minute is waited for
COMMIT_CALL_S = 30.0
BUFFER_WAIT_S = 60.0
SETTLING_S = 0.003  # see `begin`; shorter is mostly too short, longer gains nothing (docs/speed.md)

log = logging.getLogger(__name__)


class TransactionFailed(InventorySyncError):
    """A transaction could not be committed and was given up. The process ends before its input offset moves."""


class Write(NamedTuple):
    """One record of a transaction. A value of None is a tombstone."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class TransactionalWriter:
    """A producer that owns one `transactional.id`. All calls block and belong to one thread at a time.

    After any exception the writer is of no more use: discard it (a producer used again after an abort once ended
    in OUT_OF_ORDER_SEQUENCE_NUMBER).
    """

    def __init__(
        self, settings: KafkaSettings, transactional_id: str, *, timeout_s: int = TRANSACTION_TIMEOUT_S
    ) -> None:
        self.transactional_id = transactional_id
        self._settled_s = float("-inf")
        self._producer = Producer(
            {
                **settings.producer(),
                "transactional.id": transactional_id,
                "transaction.timeout.ms": timeout_s * 1000,
                "delivery.timeout.ms": timeout_s * 1000,  # librdkafka wants it within the transaction's timeout
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 1,
                "compression.type": "lz4",
                "message.max.bytes": RECORD_BYTES_MAX,
                "queue.buffering.max.messages": 2_000_000,
                "queue.buffering.max.kbytes": 1 << 20,
            }
        )

    def take_over(self, timeout_s: float = 60.0) -> None:
        """Own the id from now on. Aborts what the former owner left open and refuses him from here on.

        Raises:
            TransactionFailed: the broker did not answer in time, or refuses us the id.
            NotAuthenticated: it does not let us in.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._producer.init_transactions(timeout_s)
            except KafkaException as error:
                cause = error.args[0]
                if cause.retriable() and time.monotonic() < deadline:
                    log.info("take-over repeated", extra={"id": self.transactional_id, "error": cause.str()})
                    self._producer.poll(0)  # only here does the client say that it is refused
                    continue
                raise self._failure("take over", cause) from error
            return

    def begin(self) -> None:
        """Open a transaction, at the earliest 3 ms after the last one was committed.

        The broker says that one is committed before it has written its markers, refuses the next one meanwhile
        (CONCURRENT_TRANSACTIONS), and the client then waits for 20 ms, which is not configurable.
        """
        time.sleep(max(0.0, self._settled_s - time.monotonic()))
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            raise self._failure("begin", error.args[0]) from error

    def produce(self, write: Write) -> None:
        """Add a record to the open transaction; waits while the local buffer is full, at most a minute."""
        deadline = time.monotonic() + BUFFER_WAIT_S
        while True:
            try:
                self._producer.produce(
                    write.topic,
                    key=write.key,
                    value=write.value,
                    partition=write.partition,
                    headers=list(write.headers) or None,
                )
            except BufferError:
                if time.monotonic() > deadline:
                    raise TransactionFailed(f"{self.transactional_id}: the local buffer stayed full") from None
                self._producer.poll(0.1)
                continue
            except KafkaException as error:
                raise self._failure(f"produce to {write.topic}", error.args[0]) from error
            return

    def commit(self, deadline_s: float = DELIVERY_TIMEOUT_S) -> None:
        """Make the open transaction readable. When this returns it is durable; when it raises, nothing of it is seen.

        Raises:
            OwnershipLost: another process took the id over.
            TransactionFailed: it had to be given up.
            NotAuthenticated: the broker does not let us in any more.
        """
        end = time.monotonic() + deadline_s
        while True:
            try:
                self._producer.commit_transaction(COMMIT_CALL_S)
            except KafkaException as error:
                cause = error.args[0]
                if cause.retriable() and time.monotonic() < end:
                    log.warning("commit repeated", extra={"id": self.transactional_id, "error": cause.str()})
                    self._producer.poll(0)  # as above
                    continue
                raise self._failure("commit", cause) from error
            self._settled_s = time.monotonic() + SETTLING_S
            self._producer.poll(0)  # what the client says of itself would otherwise pile up unread
            return

    def commit_all(self, writes: list[Write], also: Callable[[], None] | None = None) -> None:
        """One whole transaction of these records. `also` runs before the commit, for a test that wants to interfere."""
        self.begin()
        produce = self._producer.produce
        for write in writes:
            topic, partition, key, value, headers = write
            if headers:
                self.produce(write)
                continue
            try:
                produce(topic, value, key, partition)
            except (BufferError, KafkaException):
                self.produce(write)  # which waits, or says what is wrong
        if also is not None:
            also()
        self.commit()

    def _failure(self, act: str, cause: KafkaError) -> InventorySyncError:
        text = f"{self.transactional_id}: could not {act}: {cause.str()} ({cause.name()})"
        fenced = (
            KafkaError._FENCED,
            KafkaError.INVALID_PRODUCER_EPOCH,
            KafkaError.PRODUCER_FENCED,
            KafkaError.INVALID_PRODUCER_ID_MAPPING,
        )
        if cause.code() in fenced:
            return OwnershipLost(text)
        return TransactionFailed(text)
