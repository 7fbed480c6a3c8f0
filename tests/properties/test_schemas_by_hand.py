"""What is written and read by hand for speed is, byte by byte and value by value, what the general codec makes."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_domain.errors import BadRecord
from inventory_schemas.avsc import schema_text
from inventory_schemas.codec import NOT_READ, RecordKind, Serde
from inventory_schemas.registry import LocalRegistry
from tests.support.wire import KINDS, a_serde

WRITTEN: Final = pytest.mark.parametrize("name", sorted(name for name, (kind, _) in KINDS.items() if kind.write))
READ: Final = pytest.mark.parametrize("name", sorted(name for name, (kind, _) in KINDS.items() if kind.read))
HEADER_BYTES: Final = 5
often = settings(max_examples=300)


REGISTRY: Final = LocalRegistry()


def both_ways(kind: RecordKind[Any]) -> tuple[Serde[Any], Serde[Any]]:
    """The serde, and one without any quicker way."""
    return a_serde(kind, REGISTRY), a_serde(replace(kind, write=None, read=None), REGISTRY)


def what_it_says(serde: Serde[Any], data: bytes) -> object:
    try:
        return serde.decode(data)
    except BadRecord as bad:
        return bad.reason, str(bad)


@WRITTEN
@given(data=st.data())
@often
def test_what_is_written_by_hand_is_what_the_general_codec_writes(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    by_hand, general = both_ways(kind)
    value = data.draw(values)

    assert by_hand.encode(value) == general.encode(value)


@WRITTEN
def test_what_is_common_is_written_by_hand(name: str) -> None:
    """Or the test above would compare the general codec with itself."""
    kind, values = KINDS[name]
    by_hand = []

    @given(value=values)
    @settings(max_examples=100, database=None, derandomize=True)
    def write(value: object) -> None:
        assert kind.write is not None
        by_hand.append(kind.write(value) is not None)

    write()

    assert any(by_hand)


@READ
@given(data=st.data())
@often
def test_what_is_read_by_hand_is_what_the_general_codec_reads(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    by_hand, general = both_ways(kind)
    written = by_hand.encode(data.draw(values))

    assert by_hand.decode(written) == general.decode(written)


@READ
@given(data=st.data())
@often
def test_damaged_bytes_are_read_alike_or_refused_alike(name: str, data: st.DataObject) -> None:
    """A shorter way that took what the general one refuses would apply what is not there."""
    kind, values = KINDS[name]
    by_hand, general = both_ways(kind)
    damaged = bytearray(by_hand.encode(data.draw(values)))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(HEADER_BYTES, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(HEADER_BYTES, len(damaged)))

    for one in (bytes(damaged), bytes(damaged[:cut]), bytes(damaged) + b"\x00"):
        assert what_it_says(by_hand, one) == what_it_says(general, one)


@READ
@given(body=st.binary(max_size=60))
@often
def test_any_bytes_are_read_alike_or_refused_alike(name: str, body: bytes) -> None:
    kind, _ = KINDS[name]
    by_hand, general = both_ways(kind)
    data = struct.pack(">bI", 0, REGISTRY.id_of("any", schema_text(name))) + body

    assert what_it_says(by_hand, data) == what_it_says(general, data)


@READ
def test_what_is_common_is_read_by_hand(name: str) -> None:
    """Or the tests above would compare the general codec with itself."""
    kind, values = KINDS[name]
    by_hand = []

    @given(value=values)
    @settings(max_examples=100, database=None, derandomize=True)
    def read(value: object) -> None:
        assert kind.read is not None
        written = a_serde(kind).encode(value)
        try:
            by_hand.append(kind.read(written, HEADER_BYTES) == value)
        except NOT_READ:
            by_hand.append(False)

    read()

    assert any(by_hand)
