"""What all projections share: a record with its place, and values as a database takes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum

from inventory_domain.identifiers import NodeId
from inventory_ledger.batch import Batch


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


def as_json(value: object) -> str:
    """Any value of the domain as JSON: dataclasses by their fields, enums by their values."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True).replace("\\u0000", "")


def units_as_json(units: Mapping[NodeId, int]) -> str:
    """Units by name; most listings have one number and no nodes, so that is said quickly."""
    return json.dumps(dict(units), ensure_ascii=False, separators=(",", ":")) if units else "{}"


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return str(value)
