"""Stock changes as they are read (`inventory_change`), by hand: the kinds that come most, with texts that are short.

Calls cost more than what they do here, so what every change has is read in one function. What a producer may not say
is left to the general codec, which tells what is wrong with it.
"""

from __future__ import annotations

from struct import Struct
from struct import error as TooShort  # noqa: N812 - it says what happened here
from typing import Final

from inventory_domain.changes import (
    QUANTITY_MAX,
    InventoryChange,
    OrderShipped,
    SkuChange,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.identifiers import ChannelId, EventId, LocationId, OrderId, ReservationId, Sku, SourceId
from inventory_domain.overrides import LATEST_MS
from inventory_schemas.wire import (
    NamesRead,
    NotPlain,
    read_flag,
    read_number,
    read_optional_number,
    read_optional_text,
    read_text,
)

_SOME: Final = 2  # the union's branch that is not null, as it is written: twice its number
_COUNTED: Final = 0  # those of the kinds
_ADJUSTED: Final = 2
_RESERVED: Final = 4
_SHIPPED: Final = 8
_SOLD: Final = 10
_NOT_SHORT: Final = 129  # bits of a length of 64 and more, or of a negative one
_six_bytes = Struct("<HHH").unpack_from


def read_change(data: bytes, at: int) -> InventoryChange:
    """The change that begins there and ends where the bytes end; one that the general codec accepts too.

    Raises:
        IndexError, UnicodeDecodeError, NotPlain: it is another one, or none, or says what cannot be.
    """
    size = data[at]
    if size & _NOT_SHORT:
        raise NotPlain
    at += 1
    end = at + (size >> 1)
    event_id = _identifier(data[at:end].decode())
    size = data[end]
    if size & _NOT_SHORT:
        raise NotPlain
    at = end + 1
    end = at + (size >> 1)
    source = _NAMES[data[at:end]]
    sequence, at = read_optional_number(data, end)
    occurred_at_ms, at = _time(data, at)
    size = data[at + 1]
    if data[at] != _SOME or size & _NOT_SHORT or (sequence is not None and sequence < 0):
        raise NotPlain  # a heartbeat has no SKU
    if not 0 <= occurred_at_ms <= LATEST_MS:
        raise NotPlain
    at += 2
    end = at + (size >> 1)
    sku = _SKUS[data[at:end]]
    branch = data[end]
    at = end + 1
    location = None
    if branch == _SOME:
        size = data[at]
        if size & _NOT_SHORT:
            raise NotPlain
        end = at + 1 + (size >> 1)
        location = LocationId(_NAMES[data[at + 1 : end]])
        at = end
    elif branch or data[at] != _SOLD:
        raise NotPlain  # what moves a position says which
    kind, at = _kind(data, at)
    if at != len(data):
        raise NotPlain
    return InventoryChange(EventId(event_id), SourceId(source), sequence, occurred_at_ms, Sku(sku), location, kind)


def _identifier(text: str) -> str:
    """The text, when it can be an identifier; it is no longer than one may be."""
    if text and text.isprintable() and text[0] != " " and text[-1] != " ":
        return text
    raise NotPlain


_NAMES: Final = NamesRead(lambda raw: _identifier(raw.decode()))
_SKUS: Final = NamesRead(lambda raw: _identifier(raw.decode()))


def _time(data: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends. Times of this century have six bytes, and are read in one step."""
    try:
        first, second, third = _six_bytes(data, at)
    except TooShort:
        return read_number(data, at)
    if first & second & 0x8080 != 0x8080 or third & 0x8080 != 0x80:  # all but the last byte say that more follow
        return read_number(data, at)
    low = first & 127 | (first & 0x7F00) >> 1 | (second & 127) << 14 | (second & 0x7F00) << 13
    whole = low | (third & 127) << 28 | (third & 0x7F00) << 27
    return (whole >> 1) ^ -(whole & 1), at + 6


def _kind(data: bytes, at: int) -> tuple[SkuChange, int]:
    branch = data[at]
    at += 1
    if branch == _ADJUSTED:
        units, at = read_number(data, at)
        if not -QUANTITY_MAX <= units <= QUANTITY_MAX:
            raise NotPlain
        return StockAdjusted(units), at
    if branch == _COUNTED:
        on_hand, at = read_number(data, at)
        until_ms, at = read_optional_number(data, at)
        excludes, at = read_flag(data, at)
        if not 0 <= on_hand <= QUANTITY_MAX or (until_ms is not None and until_ms < 0):
            raise NotPlain
        return StockCounted(on_hand, until_ms, excludes), at
    if branch == _SOLD:
        size = data[at]
        if size & _NOT_SHORT:
            raise NotPlain
        end = at + 1 + (size >> 1)
        channel = ChannelId(_NAMES[data[at + 1 : end]])
        order, at = read_text(data, end)
        units, at = _units(data, at)
        return UnitsSold(channel, OrderId(_identifier(order)), units), at
    return _of_reservation(branch, data, at)


def _of_reservation(branch: int, data: bytes, at: int) -> tuple[SkuChange, int]:
    if branch == _SHIPPED:
        units, at = _units(data, at)
        ended, at = read_optional_text(data, at)
        shipped, at = read_optional_text(data, at)
        reservation_id = None if ended is None else ReservationId(_identifier(ended))
        return OrderShipped(units, reservation_id, None if shipped is None else OrderId(_identifier(shipped))), at
    if branch != _RESERVED:
        raise NotPlain
    reservation, at = read_text(data, at)
    units, at = _units(data, at)
    order, at = read_optional_text(data, at)
    expires_at_ms, at = read_optional_number(data, at)
    if expires_at_ms is not None and expires_at_ms < 0:
        raise NotPlain
    order_id = None if order is None else OrderId(_identifier(order))
    return StockReserved(ReservationId(_identifier(reservation)), units, order_id, expires_at_ms), at


def _units(data: bytes, at: int) -> tuple[int, int]:
    """Units that something can be made of, and where their number ends."""
    units, at = read_number(data, at)
    if not 0 < units <= QUANTITY_MAX:
        raise NotPlain
    return units, at
