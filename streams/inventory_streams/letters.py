"""The topics of dead letters as operators use them: read whole, with what was decided on each, and decided on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from inventory_domain.errors import BadRecord, InventorySyncError
from inventory_schemas.codec import Serde
from inventory_streams.kafka.reading import read_to_end
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import RECORD_BYTES_MAX

RESOLVES: Final = "resolves"  # header of a record that says what was decided on the letter at this place
ORIGIN: Final = "origin-topic"
DECISION, BY, WHY = "decision", "by", "why"
SEND_S_MAX: Final = 30.0
T = TypeVar("T")


class LetterNotSent(InventorySyncError):
    """Kafka did not take what was to be written about a dead letter, or out of it."""


class LettersNotRead(InventorySyncError):
    """A topic of dead letters cannot be read."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What an operator decided on a letter."""

    decision: str
    by: str
    why: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: the raw bytes, where they came from, why they were given up, and what was decided since."""

    topic: str
    partition: int
    offset: int
    at_ms: int
    key: bytes
    raw: bytes | None
    reason: str
    error: str
    attempts: int
    origin_topic: str
    origin_partition: int
    origin_offset: int
    resolution: Resolution | None = None

    @property
    def place(self) -> str:
        """Where it is in its topic."""
        return f"{self.partition}/{self.offset}"


def read_letters(kafka: KafkaSettings, topic: str, partitions: int) -> list[Letter]:
    """Every letter of the topic, the oldest first, each with the newest decision on it. Blocks.

    Raises:
        ReadStalled: the topic cannot be read to its end.
    """
    letters: dict[str, Letter] = {}
    decided: dict[str, Resolution] = {}

    def take(messages: Sequence[Message]) -> None:
        for message in messages:
            headers = _headers(message)
            if RESOLVES in headers and ORIGIN not in headers:  # a letter carries what its producer had set
                decided[headers[RESOLVES]] = Resolution(
                    headers.get(DECISION, ""), headers.get(BY, ""), headers.get(WHY, ""), int(message.timestamp()[1])
                )
            else:
                letter = _letter(topic, message, headers)
                letters[letter.place] = letter

    read_to_end(kafka, [(topic, number) for number in range(partitions)], take)
    found = [replace(one, resolution=decided.get(place)) for place, one in letters.items()]
    return sorted(found, key=lambda one: (one.at_ms, one.partition, one.offset))


def partitions_of(kafka: KafkaSettings, topic: str, limit_s: float = SEND_S_MAX) -> int:
    """How many partitions the topic has. Blocks.

    Raises:
        LettersNotRead: there is no such topic, or Kafka does not answer.
    """
    admin = AdminClient({**kafka.admin(), "log_level": 0})  # what goes wrong is raised; librdkafka would print it too
    try:
        found = admin.list_topics(topic, timeout=limit_s).topics[topic]
    except KafkaException as error:
        text = f"Kafka at {kafka.bootstrap_servers} does not answer: {error.args[0].str()}"
        raise LettersNotRead(text) from error
    if found.error is not None:
        raise LettersNotRead(f"there is no topic {topic}; `inventory-sync topics apply` creates it")
    return len(found.partitions)


class LetterDesk:
    """Writes what is decided on letters, and sends input again to where it came from. Each call waits for Kafka."""

    def __init__(self, kafka: KafkaSettings, client: Producer | None = None) -> None:
        """`client` replaces the Kafka client that would be made of the settings."""
        self._producer = client or Producer(
            {
                **kafka.producer(),
                "enable.idempotence": True,
                "acks": "all",
                "message.max.bytes": RECORD_BYTES_MAX,
                "delivery.timeout.ms": int(SEND_S_MAX * 1000),
            }
        )

    def decide(self, letter: Letter, decision: str, by: str, why: str) -> None:
        """Note beside the letter what was decided on it. Raises LetterNotSent when Kafka does not take it."""
        headers = {RESOLVES: letter.place, DECISION: decision, BY: by, WHY: why}
        self._send(letter.topic, letter.partition, letter.key, None, headers)

    def send_again(self, letter: Letter) -> None:
        """The letter's bytes once more, to the place that they came from. Raises LetterNotSent."""
        self._send(letter.origin_topic, letter.origin_partition, letter.key or None, letter.raw)

    def _send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        raw: bytes | None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """One record, durable when this returns. Raises LetterNotSent."""
        refused: list[str] = []

        def done(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                refused.append(error.str())

        encoded: dict[str, str | bytes | None] = {name: value.encode() for name, value in (headers or {}).items()}
        self._producer.produce(
            topic, key=key, value=raw, partition=partition, headers=encoded or None, on_delivery=done
        )
        if self._producer.flush(SEND_S_MAX + 1) or refused:
            raise LetterNotSent(f"{topic}[{partition}]: {refused[0] if refused else 'no answer in time'}")


def read_newest(
    kafka: KafkaSettings, topic: str, partitions: Iterable[int], keys: frozenset[bytes], take: Callable[[Message], None]
) -> None:
    """Hand the records of these keys to `take`, in their order. Blocks."""

    def pick(messages: Sequence[Message]) -> None:
        for message in messages:
            if _key(message) in keys:
                take(message)

    places = [(topic, number) for number in sorted(set(partitions))]
    if places:
        read_to_end(kafka, places, pick)


def read_values(kafka: KafkaSettings, topic: str, partitions: int, codec: Serde[T], prefix: bytes) -> dict[bytes, T]:
    """The newest value of each key that begins so, by key; what cannot be read is left out. Blocks."""
    found: dict[bytes, T] = {}

    def take(messages: Sequence[Message]) -> None:
        for message in messages:
            key, raw = _key(message), message.value()
            if not key.startswith(prefix):
                continue
            found.pop(key, None)
            if raw is not None:
                with suppress(BadRecord):
                    found[key] = codec.decode(raw)

    read_to_end(kafka, [(topic, number) for number in range(partitions)], take)
    return found


def _letter(topic: str, message: Message, headers: dict[str, str]) -> Letter:
    return Letter(
        topic=topic,
        partition=int(message.partition() or 0),
        offset=int(message.offset() or 0),
        at_ms=int(message.timestamp()[1]),
        key=_key(message),
        raw=message.value(),
        reason=headers.get("reason", ""),
        error=headers.get("error", ""),
        attempts=_number(headers.get("attempts")),
        origin_topic=headers.get(ORIGIN, ""),
        origin_partition=_number(headers.get("origin-partition")),
        origin_offset=_number(headers.get("origin-offset")),
    )


def _headers(message: Message) -> dict[str, str]:
    raw = message.headers() or ()
    pairs = raw.items() if isinstance(raw, dict) else raw
    found: dict[str, str] = {}
    for name, value in pairs:
        text = value.decode(errors="replace") if isinstance(value, bytes) else value or ""
        found.setdefault(name, text)  # ours come first; what the producer had set follows
    return found


def _key(message: Message) -> bytes:
    key = message.key()
    return key.encode() if isinstance(key, str) else key or b""


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdigit() else 0
