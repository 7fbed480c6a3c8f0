"""`inventory_change`: stock changes on the wire, and what a producer may say in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from sys import intern
from typing import Final

from inventory_domain.changes import (
    QUANTITY_MAX,
    InventoryChange,
    OrderShipped,
    ReservationReleased,
    SaleCancelled,
    SkuChange,
    SourceHeartbeat,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.errors import InvalidRecord
from inventory_domain.identifiers import LocationId, SourceId, checked
from inventory_schemas.avsc import NAMESPACE
from inventory_schemas.codec import Record, RecordKind
from inventory_schemas.values import check_past, check_range, check_time, check_units, flat
from inventory_schemas.wire_changes import read_change

Kind = SkuChange | SourceHeartbeat

_KINDS: tuple[type[Kind], ...] = (
    StockCounted,
    StockAdjusted,
    StockReserved,
    ReservationReleased,
    OrderShipped,
    UnitsSold,
    SaleCancelled,
)
_TO_RECORD: dict[type[Kind], tuple[str, Callable[[Kind], Record]]] = {
    kind: (f"{NAMESPACE}.{kind.__name__}", flat(kind)) for kind in _KINDS
} | {SourceHeartbeat: (f"{NAMESPACE}.SourceHeartbeat", lambda _: {})}
_FROM_RECORD: dict[str, type[Kind]] = {f"{NAMESPACE}.{kind.__name__}": kind for kind in (*_KINDS, SourceHeartbeat)}


_OF_CHANNELS: Final = (UnitsSold, SaleCancelled)
_OF_RESERVATIONS: Final = (StockReserved, ReservationReleased, OrderShipped)
_FEW: Final = 4_096
_checked_once = lru_cache(maxsize=_FEW)(checked)  # for names of which there are few: sources, locations, channels


def _to_record(change: InventoryChange) -> Record:
    name, kind_to_record = _TO_RECORD[type(change.kind)]
    return {
        "event_id": change.event_id,
        "source": change.source,
        "sequence": change.sequence,
        "occurred_at_ms": change.occurred_at_ms,
        "sku": change.sku,
        "location": change.location,
        "kind": (name, kind_to_record(change.kind)),
    }


def _from_record(record: Record) -> InventoryChange:
    name, kind = record["kind"]
    location = record["location"]
    change = InventoryChange(
        event_id=record["event_id"],
        source=SourceId(intern(record["source"])),
        sequence=record["sequence"],
        occurred_at_ms=record["occurred_at_ms"],
        sku=record["sku"],
        location=None if location is None else LocationId(intern(location)),
        kind=_FROM_RECORD[name](**kind),
    )
    check_change(change)
    return change


def check_change(change: InventoryChange) -> None:
    """Raise InvalidRecord, naming field and value, when no producer can mean this."""
    checked(change.event_id, "event_id")
    _checked_once(change.source, "source")
    check_past(change.occurred_at_ms, "occurred_at_ms")
    if change.sequence is not None and change.sequence < 0:
        raise InvalidRecord("bad-sequence", f"sequence is {change.sequence}, at least 0")
    _check_place(change)
    kind = change.kind
    if isinstance(kind, StockCounted):
        check_range(kind.on_hand, 0, QUANTITY_MAX, "on_hand")
        check_time(kind.includes_orders_until_ms, "includes_orders_until_ms")
    elif isinstance(kind, StockAdjusted):
        check_range(kind.units, -QUANTITY_MAX, QUANTITY_MAX, "units")
    elif isinstance(kind, _OF_CHANNELS):
        _checked_once(kind.channel, "channel")
        checked(kind.order_id, "order_id")
        check_units(kind.units)
    elif isinstance(kind, _OF_RESERVATIONS):
        _check_reservation(kind)


def _check_place(change: InventoryChange) -> None:
    """A heartbeat is about no SKU; everything else is; and what moves a position says which."""
    if isinstance(change.kind, SourceHeartbeat):
        if change.sku is not None:
            name = type(change.kind).__name__
            raise InvalidRecord("unexpected-sku", f"sku is {change.sku!r} in a {name}, which is about none")
        return
    if change.sku is None:
        raise InvalidRecord("no-sku", f"sku is missing in a {type(change.kind).__name__}")
    checked(change.sku, "sku")
    if change.location is not None:
        _checked_once(change.location, "location")
    elif not isinstance(change.kind, _OF_CHANNELS):
        raise InvalidRecord("no-location", f"location is missing in a {type(change.kind).__name__}")


def _check_reservation(kind: StockReserved | ReservationReleased | OrderShipped) -> None:
    if kind.reservation_id is not None:
        checked(kind.reservation_id, "reservation_id")
    if isinstance(kind, ReservationReleased):
        return
    check_units(kind.units)
    if kind.order_id is not None:
        checked(kind.order_id, "order_id")
    if isinstance(kind, StockReserved):
        check_time(kind.expires_at_ms, "expires_at_ms")


INVENTORY_CHANGE: RecordKind[InventoryChange] = RecordKind(
    "inventory_change", _to_record, _from_record, read=read_change
)
