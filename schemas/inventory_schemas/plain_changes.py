"""Stock changes that say what most of them say, read without making a value of them.

One pattern finds the fields and lets nothing pass that needs a closer look: long texts and such as are not ASCII, times
beyond 2039, counts that tell of orders, and all but the four kinds that come most. The rest is for `Serde.decode`,
which stays the measure: tests hold every field against it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from struct import Struct
from typing import Any, Final, TypeAlias

from inventory_domain.changes import QUANTITY_MAX, InventoryChange, OrderShipped, StockAdjusted, StockCounted, UnitsSold
from inventory_domain.errors import UndecodableRecord
from inventory_domain.plain_change import PlainChange, PlainKind, Told
from inventory_schemas.codec import HEADER, NOT_READ, Serde
from inventory_schemas.wire import NamesRead, NotPlain, read_number

_Split: TypeAlias = Callable[[bytes, int], re.Match[bytes] | None]

SOLD_AT_ONCE_MAX: Final = 63
"""More units of one order than these are not plain: their number has more than a byte."""
_KEPT_MAX: Final = 20_000
_EVENT_ID_AT: Final = HEADER.size + 1
_NOT_SHORT: Final = 129  # bits of a length of 64 and more, or of a negative one
_SHORT_MAX: Final = 63
_FOUR_BYTES: Final = 1 << 32
_EVEN: Final = b"(?=[" + b"".join([b"\\x%02x" % low for low in range(0, 256, 2)]) + b"])"
"""How a number begins that is not negative."""
_FIELDS: Final = rb"""(?sx)
    ([!-~]{%d})                                            # event id; other texts are taken with their length
    (. [ -~]+)                                             # source
    (?: \x00 | \x02 EVEN ([\x80-\xff]{0,7} [\x00-\x7f]) )  # sequence
    EVEN ([\x80-\xff]{5} [\x00-\x7f])                      # occurred at
    \x02 (. [ -~]+)                                        # SKU
    (?: \x02 (. [ -~]+)                                    # location, and then
        (?: ([\x00\x02] .+)                                #   a count or a move
        |   \x08 ([\x80-\xff]{0,4} [\x00-\x7f])            #   a shipment: units
            (?: \x00 | \x02 (. [!-~]+))                    #     reservation
            (?: \x00 | \x02 (. [!-~]+)) \Z                 #     order
        )
    |   \x00 \x0a (.+) )                                   # or a sale, which has no location
    """.replace(b"EVEN", _EVEN)
_ADJUSTED: Final = 2  # the union's branch as it is written: twice its number
_SAYS_NO_MORE: Final = b"\x00\x00"  # a count: nothing of orders, and with what is reserved
_LOW: Final = [two & 0x7F | (two & 0x7F00) >> 1 for two in range(1 << 16)]
"""The fourteen bits of a number that are in two of its bytes."""
_twos = Struct("<HHH").unpack


_TOLD: Final[dict[bytes, Told]] = {}
"""Counts and moves by what is written of them: most say no more than a number that was said before."""


class PlainChanges:
    """Reads what is plain among the changes of one topic. Threads may share it."""

    def __init__(self, serde: Serde[InventoryChange]) -> None:
        """`serde` reads all of them, and knows the schemas that they are written with."""
        self._serde = serde
        self._splits: dict[bytes, _Split] = {}  # by the header and the length of the event id

    def read(self, values: Iterable[bytes | None]) -> list[PlainChange | None]:
        """Of each what `decode` gives too, in plain parts; None where only that can tell, or refuse it.

        Raises:
            RegistryUnavailable: the schema's id is new, and the registry cannot be asked.
        """
        read: list[PlainChange | None] = []
        begin = b""
        split: _Split = _nothing
        for data in values:
            if data is None:
                read.append(None)
                continue
            if data[:_EVENT_ID_AT] != begin:
                begin = data[:_EVENT_ID_AT]
                split = self._splits.get(begin) or self._split(data)
            found = split(data, _EVENT_ID_AT)
            if found is None:
                read.append(None)
                continue
            parts: tuple[Any, ...] = found.groups()  # calls that only give a text its type would cost a tenth
            event_id, source, sequence, time, sku, location, stocked, units, reservation, order, sale = parts
            first, second, third = _twos(time)
            at_ms = (_LOW[first] | _LOW[second] << 14 | _LOW[third] << 28) >> 1
            if sequence is not None:
                bits = int.from_bytes(sequence, "little")
                sequence = (_LOW[bits & 65535] | _LOW[bits >> 16] << 14) >> 1 if bits < _FOUR_BYTES else _long(sequence)
            try:
                if stocked is not None:
                    told = _TOLD.get(stocked) or _counted_or_moved(stocked)
                else:
                    told = _shipped(units, reservation, order) if sale is None else _sold(sale)
                place = None if location is None else _NAMES[location]
                read.append((event_id.decode(), _NAMES[source], sequence, at_ms, sku, place, told))
            except NOT_READ:
                read.append(None)
        return read

    def _split(self, data: bytes) -> _Split:
        try:
            same = self._serde.is_of_our_schema(data)
        except UndecodableRecord:
            return _nothing
        begin = data[:_EVENT_ID_AT]
        size = begin[-1]
        plain = same and len(begin) == _EVENT_ID_AT and size and not size & _NOT_SHORT
        split = self._splits[begin] = re.compile(_FIELDS % (size >> 1)).match if plain else _nothing
        return split


def _nothing(data: bytes, at: int) -> None:
    """Finds no plain change."""


def _long(number: bytes) -> int:
    return read_number(number, 0)[0]


def _short_text(raw: bytes) -> str:
    """The text that has its length before it and ends with the bytes. Raises NOT_READ for what is no such text."""
    size, text = raw[0], raw[1:].decode()
    if size & _NOT_SHORT or size >> 1 != len(raw) - 1 or not text or not text.isprintable():
        raise NotPlain
    return text


def _identifier(raw: bytes) -> str:
    """Such a text that is an identifier. Raises NOT_READ for what is none."""
    text = _short_text(raw)
    if text != text.strip():
        raise NotPlain
    return text


_NAMES: Final = NamesRead(_identifier)


def _counted_or_moved(raw: bytes) -> Told:
    units, end = read_number(raw, 1)
    kind: PlainKind = StockAdjusted if raw[0] == _ADJUSTED else StockCounted
    least, rest = (-QUANTITY_MAX, b"") if kind is StockAdjusted else (0, _SAYS_NO_MORE)
    if raw[end:] != rest or not least <= units <= QUANTITY_MAX:
        raise NotPlain
    if len(_TOLD) >= _KEPT_MAX:
        _TOLD.clear()
    told = _TOLD[raw] = (kind, units, None, None, None)
    return told


def _shipped(number: bytes, reservation: bytes | None, order: bytes | None) -> Told:
    units = number[0] >> 1
    if len(number) > 1 or not units or number[0] & 1:
        raise NotPlain
    reservation_id: Any = None if reservation is None else _plain_id(reservation)
    order_id: Any = None if order is None else _plain_id(order)
    return OrderShipped, units, order_id, reservation_id, None


def _sold(raw: bytes) -> Told:
    end, last = 1 + (raw[0] >> 1), raw[-1]
    if last & _NOT_SHORT or not last:
        raise NotPlain
    order_id: Any = _plain_id(raw[end:-1])
    return UnitsSold, last >> 1, order_id, None, _NAMES[raw[:end]]


def _plain_id(raw: bytes) -> str:
    """Such a text without a space anywhere. Raises NOT_READ for another one."""
    text = _short_text(raw)
    if " " in text:
        raise NotPlain
    return text


def written(name: bytes) -> bytes | None:
    """A name, which is UTF-8, as it is written in a plain change; None where no plain change has it."""
    return None if len(name) > _SHORT_MAX else bytes((2 * len(name),)) + name
