"""Avro by hand, for the three kinds of records that the engine reads and writes by the hundred thousand a second.

What is written is text in which every character stands for one byte (Latin-1): Python puts text together faster than
bytes, and most of a record is text already. `docs/speed.md` says what that is worth. The general codec stays the
measure: tests hold every byte against it, and whatever is rare here is left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from sys import intern
from typing import Any, Final, TypeVar

Name = TypeVar("Name", bound=str)

_CHUNK: Final = 1 << 14
_CHUNK_MASK: Final = _CHUNK - 1
_SHORT: Final = 64  # texts below this length have their length in one byte
_NUMBERS_KEPT_MAX: Final = 50_000
_NAMES_KEPT_MAX: Final = 5_000
_NAMES_READ_MAX: Final = 20_000
_BITS_MAX: Final = 56

NULL: Final = "\x00"
"""The first branch of a union with null, and an empty array or map."""
SOME: Final = "\x02"
"""The second branch of a union with null."""
FALSE: Final = "\x00"
TRUE: Final = "\x01"
_LENGTHS: Final = tuple([chr(2 * length) for length in range(_SHORT)])
_MORE: Final = tuple([chr(low & 127 | 128) + chr(low >> 7 | 128) for low in range(_CHUNK)])
"""Fourteen bits of a number as two bytes that others follow."""
_LAST: Final = tuple([chr(low) if low < 128 else chr(low & 127 | 128) + chr(low >> 7) for low in range(_CHUNK)])
"""Up to fourteen bits as the last bytes of a number."""


class Numbers(dict[int, str]):
    """Numbers as they are written; those that come again, such as times and versions, are kept a while."""

    def __missing__(self, number: int) -> str:
        if len(self) >= _NUMBERS_KEPT_MAX:
            self.clear()
        written = self[number] = _number(number)
        return written


def _number(number: int) -> str:
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    parts = ""
    while rest >= _CHUNK:
        parts += _MORE[rest & _CHUNK_MASK]
        rest >>= 14
    return parts + _LAST[rest]


NUMBERS: Final = Numbers()
"""Any number by itself. Threads may share it: at worst one is written twice."""


def optional_number(number: int | None) -> str:
    """A union of null and long."""
    return NULL if number is None else SOME + NUMBERS[number]


def text(of: str) -> str:
    """A string with its length before it."""
    if not of.isascii():
        of = of.encode().decode("latin-1")
    size = len(of)
    return (_LENGTHS[size] if size < _SHORT else NUMBERS[size]) + of


class Names(dict[str, str]):
    """Strings as they are written that come in most records, such as channels and sources."""

    def __missing__(self, name: str) -> str:
        if len(self) >= _NAMES_KEPT_MAX:
            self.clear()
        written = self[name] = text(name)
        return written


NAMES: Final = Names()
"""Any string by itself. Threads may share it, as `NUMBERS`."""


def optional_text(of: str | None) -> str:
    """A union of null and string."""
    return NULL if of is None else SOME + text(of)


def texts(of: Sequence[str]) -> str:
    """An array of strings."""
    if not of:
        return NULL
    size = len(of[0])
    if size < _SHORT and len(set(map(len, of))) == 1:  # as ids of one source mostly are: in a third of the time
        length = _LENGTHS[size]
        joined = length.join(of)
        if joined.isascii():
            return f"{NUMBERS[len(of)]}{length}{joined}\x00"
    return f"{NUMBERS[len(of)]}{''.join([text(one) for one in of])}\x00"


def pairs(of: Mapping[str, str]) -> str:
    """A map of strings."""
    if not of:
        return NULL
    if len(of) == 1:
        [(name, value)] = of.items()
        return f"\x02{NAMES[name]}{text(value)}\x00"
    return f"{NUMBERS[len(of)]}{''.join([NAMES[name] + text(value) for name, value in of.items()])}\x00"


def numbers(of: Mapping[Name, int]) -> str:
    """A map of longs."""
    if not of:
        return NULL
    return f"{NUMBERS[len(of)]}{''.join([text(name) + NUMBERS[value] for name, value in of.items()])}\x00"


def several(count: int, parts: Iterable[str]) -> str:
    """An array or map of parts that are written already."""
    return f"{NUMBERS[count]}{''.join(parts)}\x00" if count else NULL


class NotPlain(Exception):
    """The record has something in it that is left to the general codec, or is not well formed."""


class NamesRead(dict[bytes, Any]):
    """Identifiers that come again and again, each checked and made once. When there are many they begin anew."""

    def __init__(self, read: Callable[[bytes], str]) -> None:
        """`read` makes one of its bytes, and raises for what is none: nothing is kept then."""
        self._read = read

    def __missing__(self, raw: bytes) -> str:
        name = intern(self._read(raw))
        if len(self) >= _NAMES_READ_MAX:
            self.clear()
        self[raw] = name
        return name


def read_number(data: bytes, at: int) -> tuple[int, int]:
    """A long of up to eight bytes, and where it ends.

    Raises:
        IndexError: the bytes end before.
        NotPlain: it is longer.
    """
    byte = data[at]
    if byte < 128:
        return (byte >> 1) ^ -(byte & 1), at + 1
    whole, shift = byte & 127, 7
    while True:
        at += 1
        byte = data[at]
        whole |= (byte & 127) << shift
        if byte < 128:
            return (whole >> 1) ^ -(whole & 1), at + 1
        shift += 7
        if shift == _BITS_MAX:
            raise NotPlain


def read_text(data: bytes, at: int) -> tuple[str, int]:
    """A short string, and where it ends: behind the end of the bytes where these end before.

    Raises:
        IndexError, UnicodeDecodeError: it cannot be read.
        NotPlain: it has 64 bytes or more.
    """
    length = data[at]
    if length & 129:  # further bytes of the length follow, or it is negative
        raise NotPlain
    begin = at + 1
    end = begin + (length >> 1)
    return data[begin:end].decode(), end


def read_optional_number(data: bytes, at: int) -> tuple[int | None, int]:
    """A union of null and long, likewise."""
    branch = data[at]
    if branch == 2:
        return read_number(data, at + 1)
    if branch:
        raise NotPlain
    return None, at + 1


def read_optional_text(data: bytes, at: int) -> tuple[str | None, int]:
    """A union of null and string, likewise."""
    branch = data[at]
    if branch == 2:
        return read_text(data, at + 1)
    if branch:
        raise NotPlain
    return None, at + 1


def read_flag(data: bytes, at: int) -> tuple[bool, int]:
    """A boolean, and where it ends."""
    byte = data[at]
    if byte > 1:
        raise NotPlain
    return byte == 1, at + 1
