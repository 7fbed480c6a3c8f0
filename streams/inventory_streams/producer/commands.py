"""Commands to one SKU, as operators and reconciliation send them: on `sku.commands`, under the SKU, durable."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from inventory_domain.commands import OperatorKind, SkuCommand
from inventory_domain.identifiers import EventId, Sku
from inventory_schemas.codec import Serde
from inventory_schemas.records import SKU_COMMAND
from inventory_schemas.records_commands import check_command
from inventory_schemas.registry import Registry
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.producer.client import NotDelivered, Undelivered
from inventory_streams.topics import Topics

log = logging.getLogger(__name__)

DELIVERY_LIMIT_S: Final = 30.0  # an operator waits for the answer


class SkuCommander:
    """Sends commands one by one; each call returns when all in-sync replicas have it."""

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Topics,
        registry: Registry,
        *,
        now_ms: Callable[[], int],
        client: Producer | None = None,
    ) -> None:
        """`client` replaces the Kafka client that would be made of the settings."""
        self._topic = topics.sku_commands
        self._serde = Serde(SKU_COMMAND, f"{topics.sku_commands}-value", registry)
        self._now_ms = now_ms
        self._producer = client or Producer(
            {
                **settings.producer(),
                "logger": log,
                "enable.idempotence": True,
                "acks": "all",
                "delivery.timeout.ms": int(DELIVERY_LIMIT_S * 1000),
            }
        )

    def send(self, sku: Sku, kind: OperatorKind, by: str) -> SkuCommand:
        """Blocks until Kafka has it. Sending the same again is harmless.

        Raises:
            InvalidRecord: a field has a value that cannot be; the message names it.
            NotDelivered: Kafka did not take it within the limit.
        """
        command = SkuCommand(EventId(str(uuid.uuid4())), sku, self._now_ms(), by, kind)
        check_command(command)
        refused: list[str] = []

        def done(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                refused.append(error.str())

        self._producer.produce(self._topic, self._serde.encode(command), sku.encode(), on_delivery=done)
        left = self._producer.flush(DELIVERY_LIMIT_S + 1)
        if refused or left:
            raise NotDelivered([Undelivered(f"command to {sku}", refused[0] if refused else "no answer in time")])
        return command
