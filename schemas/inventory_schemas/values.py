"""What the conversions of all kinds need: enum symbols, nullable records, flat values, and checks of single fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import Enum
from operator import attrgetter
from sys import intern
from types import MappingProxyType
from typing import TypeVar

from inventory_domain.changes import QUANTITY_MAX
from inventory_domain.errors import InvalidRecord
from inventory_domain.identifiers import NodeId
from inventory_domain.overrides import LATEST_MS
from inventory_schemas.avsc import NAMESPACE
from inventory_schemas.codec import Record

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

NO_NODES: Mapping[NodeId, int] = MappingProxyType({})
NO_TEXTS: Mapping[str, str] = MappingProxyType({})


def branch(name: str, record: Record) -> tuple[str, Record]:
    """The record as a branch of a union. Named, because fastavro would otherwise try the whole value on each branch."""
    return f"{NAMESPACE}.{name}", record


def flat(kind: type[T]) -> Callable[[T], Record]:
    """To a record, for a value whose fields are the schema's, one to one, each with a type that Avro has."""
    names = tuple(field.name for field in fields(kind))  # type: ignore[arg-type]  # every value is a dataclass
    get = attrgetter(*names)
    if len(names) == 1:
        return lambda value: {names[0]: get(value)}
    return lambda value: dict(zip(names, get(value), strict=True))


def symbol(kind: type[E], name: str, field: str) -> E:
    """The enum's member of that name.

    Raises:
        InvalidRecord: there is none: the writer meant something that this version does not know.
    """
    try:
        return kind[name]
    except KeyError:
        known = ", ".join(kind.__members__)
        raise InvalidRecord("unknown-symbol", f"{field} is {name}; this version knows {known}") from None


def units_of(record: Record) -> Mapping[NodeId, int]:
    """Units by node; one shared value when there are none, since most listings have none."""
    return {NodeId(intern(node)): units for node, units in record.items()} if record else NO_NODES


def texts_of(record: Record) -> Mapping[str, str]:
    """Texts by name. The names are few and are kept once in memory."""
    return {intern(name): text for name, text in record.items()} if record else NO_TEXTS


def check_range(value: int, low: int, high: int, field: str, reason: str = "bad-quantity") -> None:
    """Raise InvalidRecord naming the field and the value unless it is within the bounds, ends included."""
    if not low <= value <= high:
        raise InvalidRecord(reason, f"{field} is {value}, {low} to {high}")


def check_units(units: int, field: str = "units") -> None:
    """Raise InvalidRecord unless these are units that something can be made of: at least 1."""
    check_range(units, 1, QUANTITY_MAX, field)


def check_time(at_ms: int | None, field: str) -> None:
    """Raise InvalidRecord for a time before 1970, which no clock of a source shows."""
    if at_ms is not None and at_ms < 0:
        raise InvalidRecord("bad-time", f"{field} is {at_ms}, at least 0 (milliseconds since 1970 UTC)")


def check_past(at_ms: int, field: str) -> None:
    """Raise InvalidRecord for a time at which nothing can have happened: before 1970, or beyond the calendar."""
    check_time(at_ms, field)
    if at_ms > LATEST_MS:  # microseconds, mostly: an order of such a time would be in no count and never overdue
        raise InvalidRecord("bad-time", f"{field} is {at_ms}, after the year 9999 (milliseconds since 1970 UTC)")
