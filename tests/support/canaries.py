"""Secrets that tests plant, and the search for them in everything that a system writes (rule 34)."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from confluent_kafka import Message

from inventory_streams.kafka.reading import read_to_end
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Partitioning, Topics

CANARY_LENGTH_MIN = 12  # what is shorter may be there by chance


class Canaries:
    """Secrets by the name of where they are set."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        assert all(len(value) >= CANARY_LENGTH_MIN for value in secrets.values()), "too short to be told apart"
        self._forms = {name: frozenset(_forms(value)) for name, value in secrets.items()}

    def __len__(self) -> int:
        return len(self._forms)

    def found_in(self, outputs: Iterable[tuple[str, bytes]]) -> dict[str, list[str]]:
        """Which secrets stand in which output, plainly, percent-encoded or in base64 behind whatever comes first."""
        found: dict[str, list[str]] = {}
        for place, content in outputs:
            here = [name for name, forms in self._forms.items() if any(form in content for form in forms)]
            if here:
                found[place] = here
        return found


def _forms(secret: str) -> Iterator[bytes]:
    raw = secret.encode()
    yield raw
    yield quote(secret, safe="").encode()
    for offset in range(3):  # behind a user's name, say, it begins anywhere within three bytes
        encoded = base64.b64encode(b"\0" * offset + raw)
        begin, end = (0, 2, 3)[offset], len(encoded) - 4 if (offset + len(raw)) % 3 else len(encoded)
        yield encoded[begin:end]


def files_of(folder: Path, without: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Every file below the folder but those that hold secrets because a test wrote them there."""
    left_out = set(without)
    for file in sorted(folder.rglob("*")):
        path = str(file.relative_to(folder))
        if file.is_file() and path not in left_out and path.partition("/")[0] not in left_out:
            yield path, file.read_bytes()


def records_of(kafka: KafkaSettings, topics: Topics, partitions: int) -> Iterator[tuple[str, bytes]]:
    """Every record of every topic, with its key and its headers, one topic after the other."""
    for topic in topics.declarations():
        count = 1 if topic.partitioning is Partitioning.SINGLE else partitions
        found: list[Message] = []
        read_to_end(kafka, [(topic.name, number) for number in range(count)], found.extend)
        parts = [bytes(part) for one in found for part in (one.key() or b"", one.value() or b"")]
        yield f"topic {topic.name}", b"\n".join([*parts, *[str(one.headers()).encode() for one in found]])
