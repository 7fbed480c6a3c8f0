"""Records as the engine reads them, before anything is decoded (rule 15)."""

from __future__ import annotations

from dataclasses import dataclass

from inventory_domain.errors import InvalidRecord, UndecodableRecord
from inventory_domain.identifiers import Sku
from inventory_domain.sku_state import HeldRecord
from inventory_domain.values import made_often

Headers = tuple[tuple[str, bytes], ...]


@made_often
@dataclass(frozen=True, slots=True)
class InputRecord:
    """One record of an input, raw. A value of None is a tombstone; the timestamp is the broker's append time."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @staticmethod
    def of_held(held: HeldRecord) -> InputRecord:
        """A record that was kept, as it was read then (its headers are not kept)."""
        return InputRecord(held.topic, held.partition, held.offset, held.timestamp_ms, held.key, held.value)


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """A stretch of one input partition: fetch positions [start, end) and the records in it.

    The positions count transaction markers and aborted records too, which have no record here: so batches that
    follow each other have positions that meet, and a gap between them is a loss (rule 4). A stretch may have no
    records at all. `generation` is the group's when it was fetched.
    """

    topic: str
    partition: int
    start: int
    end: int
    records: tuple[InputRecord, ...]
    generation: int = 0


def value_of(record: InputRecord) -> bytes:
    """The value. Raises BadRecord for a tombstone."""
    if record.value is None:
        raise UndecodableRecord("no-value", f"a record of {record.topic} has no value")
    return record.value


def key_of(record: InputRecord) -> str:
    """The key as text. Raises BadRecord when there is none or it is not UTF-8."""
    if record.key is None:
        raise InvalidRecord("no-key", f"a record of {record.topic} has no key")
    try:
        return record.key.decode()
    except UnicodeDecodeError as error:
        raise UndecodableRecord("undecodable-key", f"the key is not UTF-8: {error}") from error


def same_as_key(record: InputRecord, said: str, what: str) -> Sku:
    """The key as a SKU, when the value says the same. Raises BadRecord otherwise."""
    key = key_of(record)
    if key != said:
        raise InvalidRecord("key-mismatch", f"the key is {key!r} and the {what} in the value is {said!r}")
    return Sku(said)
