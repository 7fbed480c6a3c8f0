"""Stock changes as they are read (`inventory_change`), by hand: the kinds that come most, with texts that are short."""

from __future__ import annotations

from sys import intern
from typing import Final

from inventory_domain.changes import (
    InventoryChange,
    OrderShipped,
    SkuChange,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.identifiers import ChannelId, EventId, LocationId, OrderId, ReservationId, Sku, SourceId
from inventory_schemas.wire import (
    NotPlain,
    read_flag,
    read_number,
    read_optional_number,
    read_optional_text,
    read_text,
)

_COUNTED: Final = 0  # the union's branches as they are written: twice their number
_ADJUSTED: Final = 2
_RESERVED: Final = 4
_SHIPPED: Final = 8
_SOLD: Final = 10


def read_change(data: bytes, at: int) -> InventoryChange:
    """The change that begins there and ends where the bytes end, not checked.

    Raises:
        IndexError, UnicodeDecodeError, NotPlain: it is another one, or none.
    """
    event_id, at = read_text(data, at)
    source, at = read_text(data, at)
    sequence, at = read_optional_number(data, at)
    occurred_at_ms, at = read_number(data, at)
    sku, at = read_optional_text(data, at)
    place, at = read_optional_text(data, at)
    kind, at = _kind(data, at)
    if at != len(data):
        raise NotPlain
    location = None if place is None else LocationId(intern(place))
    return InventoryChange(
        EventId(event_id),
        SourceId(intern(source)),
        sequence,
        occurred_at_ms,
        None if sku is None else Sku(sku),
        location,
        kind,
    )


def _kind(data: bytes, at: int) -> tuple[SkuChange, int]:
    branch = data[at]
    at += 1
    if branch == _ADJUSTED:
        units, at = read_number(data, at)
        return StockAdjusted(units), at
    if branch == _COUNTED:
        on_hand, at = read_number(data, at)
        until_ms, at = read_optional_number(data, at)
        excludes, at = read_flag(data, at)
        return StockCounted(on_hand, until_ms, excludes), at
    if branch == _SOLD:
        channel, at = read_text(data, at)
        order, at = read_text(data, at)
        units, at = read_number(data, at)
        return UnitsSold(ChannelId(intern(channel)), OrderId(order), units), at
    return _of_reservation(branch, data, at)


def _of_reservation(branch: int, data: bytes, at: int) -> tuple[SkuChange, int]:
    if branch == _SHIPPED:
        units, at = read_number(data, at)
        ended, at = read_optional_text(data, at)
        shipped, at = read_optional_text(data, at)
        return OrderShipped(
            units, None if ended is None else ReservationId(ended), None if shipped is None else OrderId(shipped)
        ), at
    if branch != _RESERVED:
        raise NotPlain
    reservation, at = read_text(data, at)
    units, at = read_number(data, at)
    order, at = read_optional_text(data, at)
    expires_at_ms, at = read_optional_number(data, at)
    return StockReserved(
        ReservationId(reservation), units, None if order is None else OrderId(order), expires_at_ms
    ), at
