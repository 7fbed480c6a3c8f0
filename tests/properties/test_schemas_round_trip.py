"""Whatever may be said arrives as it was said, and whatever arrives is a value or a bad record."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_domain.errors import BadRecord
from inventory_schemas.avsc import schema_text
from inventory_schemas.registry import LocalRegistry
from tests.support.wire import KINDS, a_serde

EVERY_KIND = pytest.mark.parametrize("name", sorted(KINDS))


@EVERY_KIND
@given(data=st.data())
@settings(max_examples=60)
def test_every_value_arrives_as_it_was_sent(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    value = data.draw(values)
    serde = a_serde(kind)

    assert serde.decode(serde.encode(value)) == value


@EVERY_KIND
@given(body=st.binary(max_size=60))
@settings(max_examples=150)
def test_bytes_that_nobody_encoded_are_a_bad_record_and_never_another_error(name: str, body: bytes) -> None:
    """Anything else would leave the reader as a bug and end the process, once for each restart."""
    kind, _ = KINDS[name]
    registry = LocalRegistry()
    schema_id = registry.id_of("any", schema_text(name))
    serde = a_serde(kind, registry)

    try:
        serde.decode(struct.pack(">bI", 0, schema_id) + body)
    except BadRecord as error:
        assert error.reason


@EVERY_KIND
@given(data=st.data())
@settings(max_examples=20)
def test_a_record_cut_short_or_with_something_behind_it_is_a_bad_record(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    serde = a_serde(kind)
    whole = serde.encode(data.draw(values))
    cut = data.draw(st.integers(0, len(whole) - 1))

    for wrong in (whole[:cut], whole + b"\x00"):
        with pytest.raises(BadRecord):
            serde.decode(wrong)


@EVERY_KIND
@given(data=st.data())
@settings(max_examples=60)
def test_a_record_with_one_byte_changed_is_another_value_or_a_bad_record(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    serde = a_serde(kind)
    damaged = bytearray(serde.encode(data.draw(values)))
    place = data.draw(st.integers(5, len(damaged) - 1))
    damaged[place] ^= data.draw(st.integers(1, 255))

    try:
        serde.decode(bytes(damaged))
    except BadRecord as error:
        assert error.reason
