"""What all projections share: a record with its place, and values as a database takes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Table

from inventory_domain.identifiers import NodeId
from inventory_ledger.batch import Batch, Value


@dataclass(slots=True)
class Arrival:
    """A record as Kafka gave it. `at_ms` is Kafka's time of it."""

    topic: str
    marketplace: str
    partition: int
    offset: int
    at_ms: int
    key: bytes
    value: bytes | None
    headers: Mapping[str, bytes]

    @property
    def place(self) -> tuple[int, int, int]:
        """What `tables._record` has of it."""
        return self.partition, self.offset, self.at_ms

    def key_text(self) -> str:
        """The key as text; what is not text is shown with its replacement character."""
        return clean(self.key.decode(errors="replace"))


Project = Callable[[Arrival, Batch], None]
"""Adds what a record says to a batch. Raises BadRecord for one that cannot be read."""


def clean(text: str) -> str:
    """The text without zero characters, which PostgreSQL cannot keep."""
    return text.replace("\x00", "") if "\x00" in text else text


def clean_or_none(text: str | None) -> str | None:
    """The same for a text that may be missing."""
    return None if text is None else clean(text)


def row_maker(table: Table, **turned: Callable[[Any], Value]) -> Callable[[object], list[Value]]:
    """Makes the row of a value whose fields are called what the table's columns are.

    Where it came from and when is left out, and so is `details`, which is of no one field. `turned` says how a field
    becomes what the column holds; all others are taken as they are.
    """
    names = [column.name for column in table.columns if column.name != "details"]
    # Where a row is one record's, the first columns say which; else the last one says when it was last said.
    when = names.index("appended_at_ms")
    names = names[when + 1 :] if "record_offset" in names else names[:when]
    get = attrgetter(*names)
    places = [(names.index(name), turn) for name, turn in turned.items()]

    def row(value: object) -> list[Value]:
        found = list(get(value))
        for place, turn in places:
            found[place] = turn(found[place])
        return found

    return row


def as_json(value: object) -> str:
    """Any value of the domain as JSON: dataclasses by their fields, enums by their values."""
    return _ENCODE(value).replace("\\u0000", "")


def units_as_json(units: Mapping[NodeId, int]) -> str:
    """Units by name; most listings have one number and no nodes, so that is said quickly."""
    return json.dumps(dict(units), ensure_ascii=False, separators=(",", ":")) if units else "{}"


def _plain(value: object) -> object:
    """What JSON has no form for, one step nearer to what it has; asked for nothing else, so that most is fast."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in _names(type(value))}
    if isinstance(value, Mapping):
        return {str(name): one for name, one in value.items()}
    if isinstance(value, set | frozenset):
        return list(value)
    return str(value)


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind))


_ENCODE: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=True, default=_plain
).encode
