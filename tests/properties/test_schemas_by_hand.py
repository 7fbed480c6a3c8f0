"""What is read and written by hand, for speed, is to the byte what fastavro reads and writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory_domain.errors import BadRecord
from inventory_schemas.avro_writing import long
from inventory_schemas.codec import RecordKind
from inventory_schemas.registry import LocalRegistry
from tests.support.wire import KINDS, a_serde

WRITTEN = sorted(name for name, (kind, _) in KINDS.items() if kind.write is not None)
READ = sorted(name for name, (kind, _) in KINDS.items() if kind.read is not None)


def by_fastavro(kind: RecordKind[Any]) -> RecordKind[Any]:
    """The same kind without its shortcuts."""
    return replace(kind, write=None, read=None)


def test_the_kinds_of_which_there_are_most_have_shortcuts() -> None:
    assert READ == ["inventory_change"]
    assert WRITTEN == ["listing_target", "product", "sku_state"]


@pytest.mark.parametrize("name", WRITTEN)
@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_by_hand_is_what_fastavro_writes(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    value = data.draw(values)
    registry = LocalRegistry()

    assert a_serde(kind, registry).encode(value) == a_serde(by_fastavro(kind), registry).encode(value)


@pytest.mark.parametrize("name", READ)
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_what_is_read_by_hand_is_what_fastavro_reads(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    registry = LocalRegistry()
    written = a_serde(kind, registry).encode(data.draw(values))

    assert a_serde(kind, registry).decode(written) == a_serde(by_fastavro(kind), registry).decode(written)


@pytest.mark.parametrize("name", READ)
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_damage_is_judged_as_fastavro_judges_it(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    registry = LocalRegistry()
    whole = a_serde(kind, registry).encode(data.draw(values))
    damaged = bytearray(whole[: data.draw(st.integers(6, len(whole)))])
    damaged[data.draw(st.integers(5, len(damaged) - 1))] ^= data.draw(st.integers(0, 255))

    assert outcome(a_serde(kind, registry), bytes(damaged)) == outcome(
        a_serde(by_fastavro(kind), registry), bytes(damaged)
    )


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_a_number_that_no_reader_could_hold_is_not_written(value: int) -> None:
    with pytest.raises(OverflowError):
        long(value)


def outcome(serde: Any, data: bytes) -> object:
    """The value, or the reason why there is none."""
    try:
        return serde.decode(data)
    except BadRecord as error:
        return error.reason
