"""Operators' commands to channels, written where everybody reads them: who, what and why, for ever."""

from __future__ import annotations

import threading
from typing import Final, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from inventory_domain.errors import InventorySyncError
from inventory_domain.operations import OperatorCommand
from inventory_schemas.codec import Serde
from inventory_schemas.records import OPERATOR_COMMAND
from inventory_schemas.registry import Registry
from inventory_streams.kafka.settings import KafkaSettings

WRITE_LIMIT_S: Final = 20.0


class CommandNotWritten(InventorySyncError):
    """It is not known that the command was written: Kafka did not acknowledge it. Giving it again is harmless."""


class Commands(Protocol):
    """Where commands go."""

    def write(self, command: OperatorCommand) -> None:
        """Write the command and return once it is durable. May block for seconds; from any thread.

        Raises:
            CommandNotWritten: it is not known to be durable.
        """
        ...


class KafkaCommands:
    """Writes to `operator.commands`. One process-wide producer, acknowledged by all replicas."""

    def __init__(self, kafka: KafkaSettings, topic: str, registry: Registry) -> None:
        self._topic = topic
        self._serde = Serde(OPERATOR_COMMAND, f"{topic}-value", registry)
        self._producer = Producer(
            {
                **kafka.producer(),
                "acks": "all",
                "enable.idempotence": True,
                "delivery.timeout.ms": int(WRITE_LIMIT_S * 1_000),
                "linger.ms": 0,
            }
        )
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Ask the registry now, so that a schema not registered stops the start. Raises as `Serde.prepare` does."""
        self._serde.prepare()

    def write(self, command: OperatorCommand) -> None:
        """As `Commands` says."""
        answers: list[KafkaError | None] = []

        def answered(error: KafkaError | None, _message: Message) -> None:
            answers.append(error)

        with self._lock:
            try:
                value = self._serde.encode(command)
                self._producer.produce(
                    self._topic, key=command.channel.encode(), value=value, partition=0, on_delivery=answered
                )
                self._producer.flush(WRITE_LIMIT_S + 1)
            except (BufferError, KafkaException) as error:
                raise CommandNotWritten(f"{self._topic}: {error}") from error
        if not answers:
            raise CommandNotWritten(f"{self._topic}: Kafka did not acknowledge it within {WRITE_LIMIT_S:.0f} s")
        if answers[0] is not None:
            raise CommandNotWritten(f"{self._topic}: {answers[0].str()}")
