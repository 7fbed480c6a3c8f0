from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_domain.identifiers import Sku
from inventory_domain.modes import ChannelMode, Mode, place_of

SKUS = [Sku(f"SKU-{number}") for number in range(4_000)]


def written(percent: float) -> set[Sku]:
    mode = ChannelMode(Mode.CANARY, percent)
    return {sku for sku in SKUS if mode.writes(sku)}


def test_live_writes_everything_and_shadow_nothing() -> None:
    assert all(ChannelMode().writes(sku) for sku in SKUS)
    assert not any(ChannelMode(Mode.SHADOW, 100.0).writes(sku) for sku in SKUS)


@pytest.mark.parametrize("percent", [1.0, 5.0, 50.0, 100.0])
def test_a_canary_writes_about_its_part(percent: float) -> None:
    assert len(written(percent)) / len(SKUS) == pytest.approx(percent / 100, abs=0.02)


def test_a_larger_canary_includes_a_smaller_one() -> None:
    assert written(5.0) < written(20.0)


def test_a_canary_is_the_same_for_every_worker_for_ever() -> None:
    """By the SKU's name alone: another place would take listings out that were written yesterday."""
    assert round(place_of(Sku("SKU-1")), 6) == 0.459895


@given(st.text(min_size=1))
def test_every_sku_has_a_place(sku: str) -> None:
    assert 0 <= place_of(Sku(sku)) < 1
