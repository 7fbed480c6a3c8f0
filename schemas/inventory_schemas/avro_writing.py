"""Avro written by hand for the records of which there are most: as many bytes as fastavro writes, in half the time.

The order of the parts is the order of the fields in the schema file. A test compares every byte with fastavro's, so a
change of the schema that is not made here as well does not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=str)

TRUE, FALSE = b"\x01", b"\x00"
NULL = END = b"\x00"  # the first branch of a union with null; the end of a map or a list
PRESENT = b"\x02"  # its second branch

_WORDS_MAX = 1 << 16  # texts kept with their bytes: channels, locations, ids that come again and again
_NUMBERS_MAX = 1 << 16


def long(value: int) -> bytes:
    """A whole number: zigzag, seven bits a byte, the lowest first."""
    rest = value << 1 if value >= 0 else (~value << 1) | 1
    if rest < 0x80:
        return _ONE_BYTE[rest]
    return _further(rest)


_ONE_BYTE = tuple(bytes((value,)) for value in range(0x80))


@lru_cache(_NUMBERS_MAX)
def _further(rest: int) -> bytes:
    if rest >> 64:
        raise OverflowError("a whole number beyond 64 bits")
    out = bytearray()
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def text(value: str) -> bytes:
    """Text that hardly comes twice."""
    data = value.encode()
    return long(len(data)) + data


@lru_cache(_WORDS_MAX)
def word(value: str) -> bytes:
    """Text that comes again and again, such as a channel or an id that is written with every state."""
    data = value.encode()
    return long(len(data)) + data


def data(value: bytes) -> bytes:
    """Bytes as they are."""
    return long(len(value)) + value


def flag(value: bool) -> bytes:
    """True or false."""
    return TRUE if value else FALSE


def long_or_null(value: int | None) -> bytes:
    """A whole number, in a union with null before it."""
    return NULL if value is None else PRESENT + long(value)


def word_or_null(value: str | None) -> bytes:
    """Text that comes again and again, in a union with null before it."""
    return NULL if value is None else PRESENT + word(value)


def items(values: Collection[T], part: Callable[[T], bytes]) -> bytes:
    """A list in one block."""
    if not values:
        return END
    return b"".join([long(len(values)), *map(part, values), END])


def entries(values: Mapping[K, T], part: Callable[[T], bytes]) -> bytes:
    """A map in one block, in its own order."""
    if not values:
        return END
    return b"".join([long(len(values)), *[word(name) + part(value) for name, value in values.items()], END])
