"""What stands in a derivation beside the three steps that docs/quantities.md explains with examples."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from inventory_domain.changes import StockCounted
from inventory_domain.commands import Override, OverrideKind
from inventory_domain.decisions import decide
from inventory_domain.sku_state import SkuState
from tests.support.stock import NOW_MS, SKU, a_policy, a_product, a_stock, after

UNTIL = r" by ann until (released|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"


@pytest.mark.parametrize("until_ms", [None, NOW_MS + 60_000])
@pytest.mark.parametrize(
    ("kind", "units", "words"),
    [(OverrideKind.HOLD, None, "hold"), (OverrideKind.CAP, 3, "cap 3"), (OverrideKind.ZERO, None, "zero")],
)
def test_an_override_is_the_last_step_and_a_zero_is_all_there_is(
    kind: OverrideKind, units: int | None, words: str, until_ms: int | None
) -> None:
    """An operator's hand is seen in the number's own story; what a recall sets to zero came from nothing else."""
    state = SkuState(SKU, a_stock(dallas=9), a_product())
    before = decide(state, a_policy(), NOW_MS, catching_up=False, cause="test").state
    stock = after(before.stock, StockCounted(5))
    held = replace(before, stock=stock, override=Override(kind, units, until_ms, "ann", "recall"))

    told = decide(held, a_policy(), NOW_MS + 1, catching_up=False, cause="test").targets[0]

    steps = told.derivation.split("; ")
    assert re.fullmatch(f"override {words}{UNTIL}", steps[-1])
    assert len(steps) == (1 if kind is OverrideKind.ZERO else 4)
