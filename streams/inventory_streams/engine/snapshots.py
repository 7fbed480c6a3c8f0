"""The engine's state in a file: its changelog's newest records, from which a replay can begin."""

from __future__ import annotations

import base64
import gzip
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Message

from inventory_domain.errors import InventorySyncError
from inventory_streams.engine.inputs import admin_client, topic_ids
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.kafka.reading import read_to_end

FORMAT = 1


class SnapshotNotWritten(InventorySyncError):
    """The file cannot be written where it was asked for."""


class SnapshotUnreadable(InventorySyncError):
    """The file is no snapshot, or one of another system."""


@dataclass(slots=True)
class StateRecords:
    """The newest record of each key of the changelog, by partition; tombstones are left out."""

    taken_at_ms: int
    partitions: dict[int, dict[bytes, bytes]] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many there are."""
        return sum(len(one) for one in self.partitions.values())


def read_state(settings: EngineSettings, now_ms: int) -> StateRecords:
    """The changelog as it is now. Blocks.

    Raises:
        ConfigError: it is not there, or has another number of partitions than the settings say.
        BrokerUnavailable, ReadStalled: it cannot be read.
    """
    topic_ids(admin_client(settings.kafka), [settings.topics.sku_state], settings.partitions)
    found = StateRecords(now_ms, {number: {} for number in range(settings.partitions)})

    def keep(messages: Sequence[Message]) -> None:
        for message in messages:
            key, value = message.key() or b"", message.value()
            partition = found.partitions[int(message.partition() or 0)]
            if value is None:
                partition.pop(key, None)
            else:
                partition[key] = value

    read_to_end(settings.kafka, [(settings.topics.sku_state, number) for number in found.partitions], keep)
    return found


def write_snapshot(path: Path, state: StateRecords, settings: EngineSettings) -> None:
    """Write the file whole or not at all.

    Raises:
        SnapshotNotWritten: it cannot be written there.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")  # two at once must not write into each other's
    head = {
        "format": FORMAT,
        "application": settings.application,
        "topic": settings.topics.sku_state,
        "partitions": settings.partitions,
        "taken_at_ms": state.taken_at_ms,
        "records": state.records,
    }
    try:
        with gzip.open(part, "wt", encoding="ascii") as file:
            file.write(json.dumps(head) + "\n")
            for number, records in state.partitions.items():
                for key, value in records.items():
                    file.write(f"{number} {_text(key)} {_text(value)}\n")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SnapshotNotWritten(f"{path} cannot be written: {error}") from error


def read_snapshot(path: Path, settings: EngineSettings) -> StateRecords:
    """The state in the file.

    Raises:
        SnapshotUnreadable: it is no snapshot, is cut off, or is of another system.
    """
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            head = json.loads(file.readline())
            _check(path, head, settings)
            found = StateRecords(int(head["taken_at_ms"]), {number: {} for number in range(settings.partitions)})
            for number, key, value in _lines(file):
                found.partitions[number][key] = value
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise SnapshotUnreadable(f"{path} is no snapshot that can be read: {error}") from error
    if found.records != head["records"]:
        raise SnapshotUnreadable(f"{path} has {found.records} records and says it has {head['records']}: it is cut off")
    return found


def _check(path: Path, head: dict[str, object], settings: EngineSettings) -> None:
    expected = {
        "format": FORMAT,
        "application": settings.application,
        "topic": settings.topics.sku_state,
        "partitions": settings.partitions,
    }
    for name, value in expected.items():
        if head.get(name) != value:
            raise SnapshotUnreadable(f"{path}: {name} is {head.get(name)!r} in it and {value!r} in the settings")


def _lines(file: Iterator[str]) -> Iterator[tuple[int, bytes, bytes]]:
    for line in file:
        number, key, value = line.split()
        yield int(number), base64.b64decode(key, validate=True), base64.b64decode(value, validate=True)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
