"""When falls to zero are more than is believed."""

from __future__ import annotations

import pytest

from inventory_domain.mass_change import MassChangePolicy, Zeros, is_by_input
from tests.support.stock import NOW_MS

POLICY = MassChangePolicy(share_percent=20, window_ms=60_000, listings_min=10)


def test_more_than_the_share_within_the_window_is_a_mass_change() -> None:
    at_share = Zeros().after(20, 80, NOW_MS, POLICY)
    above = Zeros().after(21, 79, NOW_MS, POLICY)

    assert at_share.guarded_since_ms is None
    assert above.guarded_since_ms == NOW_MS


def test_what_adds_up_within_the_window_counts_together() -> None:
    """A feed that empties one page after another."""
    zeros = Zeros()
    for step in range(1, 4):
        zeros = zeros.after(8, 100 - 8 * step, NOW_MS + step * 5_000, POLICY)

    assert zeros.guarded_since_ms == NOW_MS + 15_000


def test_what_is_spread_over_hours_is_no_mass_change() -> None:
    zeros = Zeros()
    for step in range(1, 9):
        zeros = zeros.after(8, 100 - 8 * step, NOW_MS + step * 60_000, POLICY)

    assert zeros.guarded_since_ms is None


def test_a_few_listings_are_no_mass() -> None:
    assert Zeros().after(9, 0, NOW_MS, POLICY).guarded_since_ms is None


def test_a_mass_change_lasts_until_a_whole_window_is_quiet() -> None:
    """One guard for one incident, also while its falls trickle."""
    begun = Zeros().after(50, 50, NOW_MS, POLICY)
    going_on = begun.after(1, 49, NOW_MS + 59_000, POLICY)
    still = going_on.after(0, 49, NOW_MS + 110_000, POLICY)
    over = still.after(0, 49, NOW_MS + 119_001, POLICY)

    assert going_on.guarded_since_ms == still.guarded_since_ms == NOW_MS
    assert over == Zeros()


def test_what_is_remembered_is_bounded() -> None:
    zeros = Zeros()
    for step in range(5_000):
        zeros = zeros.after(1, 10**6, NOW_MS + step * 10, POLICY)

    assert len(zeros.recent) <= 61
    assert sum(count for _, count in zeros.recent) == 5_000


@pytest.mark.parametrize(
    ("cause", "counts"),
    [("source-silent", True), ("component-source-silent", True), ("units-sold", False), ("override-zero", False)],
)
def test_a_source_that_fell_silent_zeroes_by_a_fault_and_a_sale_or_a_recall_does_not(cause: str, counts: bool) -> None:
    """One source may hold all the stock: when its heartbeat fails, somebody looks before every listing is empty."""
    assert is_by_input(cause) is counts
