"""States in memory: bytes, and the few in use decoded."""

from __future__ import annotations

import pytest

from inventory_domain.errors import InvariantBroken, UndecodableRecord
from inventory_domain.identifiers import Sku
from inventory_domain.sku_state import SkuState
from inventory_streams.engine.states import SkuStates

A, B = Sku("A"), Sku("B")


class Decoder:
    """Decodes `A:7` to the state of A changed at 7, and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, data: bytes) -> SkuState:
        self.calls += 1
        name, _, at = data.decode().partition(":")
        if not at:
            raise UndecodableRecord("bad-avro", "no number")
        return SkuState(Sku(name), changed_at_ms=int(at))


def test_a_state_is_decoded_when_it_is_first_used_and_then_kept() -> None:
    decoder = Decoder()
    states = SkuStates(decoder, 10)
    states.load(A, b"A:7")
    assert decoder.calls == 0

    found = [states.get(A), states.get(A)]

    assert [state.changed_at_ms for state in found if state] == [7, 7]
    assert decoder.calls == 1


def test_the_newest_record_of_the_changelog_holds_and_a_tombstone_forgets() -> None:
    states = SkuStates(Decoder(), 10)
    states.load(A, b"A:1")
    states.load(B, b"B:1")
    states.load(A, b"A:2")
    states.load(B, None)

    assert states.skus() == [A]
    assert states.get(B) is None
    state = states.get(A)
    assert state is not None
    assert state.changed_at_ms == 2


def test_packed_states_are_the_same_under_names_of_their_own() -> None:
    """The former names lie among values that have gone, and would keep their memory (docs/speed.md)."""
    states, named = SkuStates(Decoder(), 10), [Sku(f"SKU-{number}") for number in range(3)]
    for sku in named:
        states.load(sku, f"{sku}:1".encode())

    states.pack()

    assert states.skus() == named
    assert not any(one is other for one in states.skus() for other in named)
    assert [states.get(sku) for sku in named] == [SkuState(sku, changed_at_ms=1) for sku in named]


def test_only_so_many_stay_decoded() -> None:
    """All of them decoded would take ten times the memory."""
    decoder = Decoder()
    states = SkuStates(decoder, 1)
    states.load(A, b"A:1")
    states.load(B, b"B:1")

    for sku in (A, B, A):
        states.get(sku)

    assert decoder.calls == 3


def test_what_was_committed_replaces_what_was_decoded() -> None:
    states = SkuStates(Decoder(), 10)
    states.load(A, b"A:1")
    states.get(A)

    states.put(A, SkuState(A, changed_at_ms=9), b"A:9")

    state = states.get(A)
    assert state is not None
    assert state.changed_at_ms == 9


def test_a_committed_tombstone_forgets_the_state() -> None:
    states = SkuStates(Decoder(), 10)
    states.put(A, SkuState(A), b"A:1")

    states.put(A, SkuState(A), None)

    assert states.get(A) is None
    assert len(states) == 0


def test_a_look_at_a_state_does_not_keep_it_decoded() -> None:
    decoder = Decoder()
    states = SkuStates(decoder, 10)
    states.load(A, b"A:1")

    states.peek(A)
    states.peek(A)

    assert decoder.calls == 2


def test_a_state_that_cannot_be_read_is_never_blamed_on_the_input() -> None:
    states = SkuStates(Decoder(), 10)
    states.load(A, b"garbage")

    with pytest.raises(InvariantBroken, match="SKU A"):
        states.get(A)
