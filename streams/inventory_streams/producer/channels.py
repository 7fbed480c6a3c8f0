"""An operator's hand on a channel: commands to the owner of its health, and what it has made of them."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, Message, Producer

from inventory_domain.errors import BadRecord, InvalidRecord
from inventory_domain.identifiers import ChannelId, EventId, checked
from inventory_domain.operations import OperatorAction, OperatorCommand
from inventory_schemas.codec import Serde
from inventory_schemas.records import CHANNEL_HEALTH, OPERATOR_COMMAND, HealthRecord
from inventory_schemas.registry import Registry
from inventory_streams.kafka.reading import read_to_end
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.producer.client import NotDelivered, Undelivered
from inventory_streams.topics import Topics

POLL_S = 0.3
DELIVERY_LIMIT_S = 30.0
WHY_LENGTH_MAX = 500

log = logging.getLogger(__name__)


class ChannelOperator:
    """Sends commands one by one and reads what all owners have written on `channel.health`. All calls block.

    `said_ms`: when the newest record of each channel was written, as it was last read.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Topics,
        registry: Registry,
        *,
        now_ms: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._now_ms = now_ms
        self.said_ms: dict[ChannelId, int] = {}
        self._commands = Serde(OPERATOR_COMMAND, f"{topics.operator_commands}-value", registry)
        self._health = Serde(CHANNEL_HEALTH, f"{topics.channel_health}-value", registry)
        self._producer = Producer(
            {
                **settings.producer(),
                "logger": log,
                "enable.idempotence": True,
                "acks": "all",
                "delivery.timeout.ms": int(DELIVERY_LIMIT_S * 1000),
            }
        )

    def send(
        self,
        channel: ChannelId,
        action: OperatorAction,
        by: str,
        why: str,
        *,
        falls_too: bool = False,
        until_ms: int | None = None,
    ) -> tuple[OperatorCommand, int]:
        """The command as it was sent, and its offset. Sending the same again changes nothing more.

        `falls_too` is a pause's, `until_ms` that of a mass change that is held.

        Raises:
            InvalidRecord: a field has a value that cannot be; the message names it.
            NotDelivered: Kafka did not take it within the limit.
        """
        if not why.strip() or len(why) > WHY_LENGTH_MAX:
            raise InvalidRecord("bad-reason", f"why has {len(why)} characters, 1 to {WHY_LENGTH_MAX}")
        command = OperatorCommand(
            EventId(str(uuid.uuid4())),
            channel,
            action,
            checked(by, "by"),
            why.strip(),
            self._now_ms(),
            falls_too,
            until_ms,
        )
        offsets: list[int] = []
        refused: list[str] = []

        def done(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                refused.append(error.str())
            else:
                offsets.append(int(message.offset() or 0))

        value = self._commands.encode(command)
        self._producer.produce(self._topics.operator_commands, value, channel.encode(), partition=0, on_delivery=done)
        self._producer.flush(DELIVERY_LIMIT_S + 1)
        if not offsets:
            raise NotDelivered([Undelivered(f"command to {channel}", refused[0] if refused else "no answer in time")])
        return command, offsets[0]

    def healths(self) -> dict[ChannelId, HealthRecord]:
        """The newest record of each channel that has an owner, by channel.

        Raises:
            ReadStalled: Kafka cannot be read.
        """
        found: dict[ChannelId, HealthRecord] = {}

        def take(messages: Sequence[Message]) -> None:
            for message in messages:
                if (value := message.value()) is None:
                    continue
                try:
                    record = self._health.decode(value)
                except BadRecord as fault:
                    log.error("channel health cannot be read", extra={"offset": message.offset(), "error": str(fault)})
                    continue
                found[record.health.channel] = record
                self.said_ms[record.health.channel] = int(message.timestamp()[1])

        read_to_end(self._settings, [(self._topics.channel_health, 0)], take)
        return dict(sorted(found.items()))

    def taken(self, channel: ChannelId, offset: int, limit_s: float) -> HealthRecord | None:
        """The channel's health with the command of that offset folded in; None when nobody took it in time."""
        deadline_s = time.monotonic() + limit_s
        while True:
            record = self.healths().get(channel)
            if record is not None and record.folded.get(self._topics.operator_commands, 0) > offset:
                return record
            if time.monotonic() >= deadline_s:
                return None
            time.sleep(POLL_S)
