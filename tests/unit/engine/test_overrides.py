"""Operators' commands in a batch: applied once, kept in the state, and let go by a timer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.changes import StockAdjusted
from inventory_domain.commands import Override, OverrideKind, SkuCommand
from inventory_domain.identifiers import EventId, Sku
from inventory_domain.sku_state import SkuState
from inventory_streams.engine.values import Computed
from inventory_streams.engine.waking import next_wake_ms
from tests.support.engine_work import GRACE_MS, LISTING, Memory, effects, reasons, selling, told
from tests.support.stock import NOW_MS, SKU, a_change, a_product

HOUR_MS = 3_600_000


@pytest.fixture
def memory() -> Memory:
    return Memory()


def ordered(memory: Memory, kind: OverrideKind, units: int | None = None, until_ms: int | None = None) -> Computed:
    """The command comes alone in a batch."""
    override = Override(kind, units, until_ms, "ann", "recall")
    return memory.batch(memory.wire.command(SkuCommand(EventId("c1"), SKU, NOW_MS, "ann", override)))


def test_a_zero_is_said_with_its_cause_and_a_release_brings_the_number_back(memory: Memory) -> None:
    selling(memory)

    zeroed = ordered(memory, OverrideKind.ZERO)
    memory.now_ms += 1
    released = ordered(memory, OverrideKind.RELEASE)

    assert told(zeroed) == {LISTING: 0}
    assert [target.cause for target in zeroed.targets] == ["override-zero"]
    assert told(released) == {LISTING: 10}
    assert [target.cause for target in released.targets] == ["override-release"]


def test_an_override_is_kept_in_the_state_and_bounds_later_changes(memory: Memory) -> None:
    selling(memory)
    ordered(memory, OverrideKind.CAP, 4)

    computed = memory.batch(memory.wire.change(a_change(StockAdjusted(7), sequence=2)))

    assert told(computed) == {}
    assert memory.states[SKU].targets[LISTING].quantity == 4


def test_the_same_command_again_changes_nothing(memory: Memory) -> None:
    selling(memory)
    ordered(memory, OverrideKind.ZERO)

    again = ordered(memory, OverrideKind.ZERO)

    assert effects(again) == {"superseded": 1}
    assert not again.targets


def test_at_its_end_a_timer_wakes_the_sku_and_the_override_is_forgotten(memory: Memory) -> None:
    selling(memory)
    until_ms = NOW_MS + HOUR_MS
    ordered(memory, OverrideKind.ZERO, until_ms=until_ms)
    assert next_wake_ms(memory.states[SKU], memory.now_ms, GRACE_MS) == until_ms
    memory.now_ms = until_ms

    computed = memory.batch(wake={SKU: "reservation-expired"})

    assert told(computed) == {LISTING: 10}
    assert [target.cause for target in computed.targets] == ["override-ended"]
    assert memory.states[SKU].override is None
    assert next_wake_ms(memory.states[SKU], memory.now_ms, GRACE_MS) is None


def test_a_command_for_a_sku_without_a_product_waits_for_it(memory: Memory) -> None:
    ordered(memory, OverrideKind.CAP, 3)

    computed = selling(memory)

    assert told(computed) == {LISTING: 3}


def test_a_release_of_what_is_not_overridden_leaves_no_state_behind(memory: Memory) -> None:
    computed = ordered(memory, OverrideKind.RELEASE)

    assert effects(computed) == {"superseded": 1}
    assert not memory.states


def test_an_override_that_ends_on_a_sku_nobody_knows_leaves_no_state_behind(memory: Memory) -> None:
    ordered(memory, OverrideKind.ZERO, until_ms=NOW_MS + HOUR_MS)
    memory.now_ms += HOUR_MS

    memory.batch(wake={SKU: "reservation-expired"})

    assert not memory.states


def test_a_product_that_is_removed_and_comes_back_is_still_under_its_override(memory: Memory) -> None:
    """A recall does not end because somebody cleaned up the catalog."""
    selling(memory)
    ordered(memory, OverrideKind.ZERO)
    memory.batch(memory.wire.product(None))
    memory.now_ms += 1

    memory.batch(memory.wire.product(a_product()))

    assert memory.states[SKU].targets[LISTING].quantity == 0


def test_a_command_in_the_wrong_partition_is_refused(memory: Memory) -> None:
    sku = next(Sku(f"S{n}") for n in range(100) if memory.partition_of(Sku(f"S{n}")) != memory.partition_of(SKU))
    command = SkuCommand(EventId("c1"), sku, NOW_MS, "ann", Override(OverrideKind.ZERO, None, None, "ann", "recall"))

    computed = memory.batch(memory.wire.command(command, key=sku))

    assert reasons(computed) == ["wrong-partition"]


def test_a_state_under_an_override_is_not_empty() -> None:
    state = SkuState(SKU)

    assert state.is_empty
    assert not replace(state, override=Override(OverrideKind.ZERO, None, None, "ann", "recall")).is_empty
