"""What an operator's hand on a SKU does to its numbers, and when it lets go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_domain.catalog import ListingNode
from inventory_domain.changes import StockAdjusted
from inventory_domain.commands import Override, OverrideKind
from inventory_domain.decisions import Decision, decide
from inventory_domain.identifiers import ListingId, LocationId, NodeId
from inventory_domain.overrides import LATEST_MS, capped, in_force, note, overridden
from inventory_domain.sku_state import SkuState
from inventory_domain.stock import Stock
from tests.support.stock import NOW_MS, SKU, a_channel, a_listing, a_policy, a_product, a_stock, after

LISTING = ListingId("market-us/1")
HOUR_MS = 3_600_000


def an_override(kind: OverrideKind, units: int | None = None, until_ms: int | None = None) -> Override:
    """An override by Ann."""
    return Override(kind, units, until_ms, "ann", "recall")


def shown(decision: Decision) -> int | None:
    """What the listing shows after the decision; None while it was never told anything."""
    target = decision.state.targets.get(LISTING)
    return target.quantity if target else None


def under(override: Override | None, stock: Stock, before: SkuState | None = None, now_ms: int = NOW_MS) -> Decision:
    """The decision on this stock, under the override."""
    state = before or SkuState(SKU, stock, a_product())
    state = replace(state, stock=stock, override=override)
    return decide(state, a_policy(), now_ms, catching_up=False, cause="test")


def test_a_hold_lets_falls_through_and_no_rise() -> None:
    """Units that are gone must not stay on sale because somebody holds the number."""
    hold = an_override(OverrideKind.HOLD)
    ten = a_stock(dallas=10)
    before = under(None, ten).state

    risen = under(hold, after(ten, StockAdjusted(5)), before)
    fallen = under(hold, after(ten, StockAdjusted(-4)), before)
    recovered = under(hold, ten, fallen.state)

    assert (shown(risen), shown(fallen), shown(recovered)) == (10, 6, 6)


def test_a_held_listing_without_a_number_gets_none() -> None:
    decision = under(an_override(OverrideKind.HOLD), a_stock(dallas=10))

    assert decision.targets == ()


def test_a_cap_bounds_every_listing() -> None:
    decision = under(an_override(OverrideKind.CAP, 3), a_stock(dallas=10))

    assert shown(decision) == 3
    assert "override cap 3 by ann until released" in decision.targets[0].derivation


def test_a_cap_below_the_least_that_is_shown_shows_nothing() -> None:
    """A unit or two are not worth an order there, whoever lowered the number to them."""
    place = ListingNode(NodeId("D"), LocationId("dallas"))
    product = a_product(a_listing(min_shown=4), a_listing(own_id="2", min_shown=4, nodes=(place,)))
    state = SkuState(SKU, a_stock(dallas=10), product, override=an_override(OverrideKind.CAP, 3))

    targets = decide(state, a_policy(), NOW_MS, catching_up=False, cause="test").targets

    assert [(one.quantity, dict(one.nodes)) for one in targets] == [(0, {}), (0, {"D": 0})]


def test_a_held_listing_of_which_too_little_is_left_shows_nothing() -> None:
    before = under(None, a_stock(dallas=3)).state
    least = replace(before, product=a_product(a_listing(min_shown=4)))

    assert shown(under(an_override(OverrideKind.HOLD), a_stock(dallas=10), least)) == 0


def test_a_cap_above_the_number_changes_nothing() -> None:
    assert shown(under(an_override(OverrideKind.CAP, 30), a_stock(dallas=10))) == 10


def test_a_zero_does_not_wait_for_a_count() -> None:
    """A recall is about units that may be on sale whether we ever counted them or not."""
    decision = under(an_override(OverrideKind.ZERO), Stock())

    assert shown(decision) == 0
    assert decision.targets[0].derivation == "override zero by ann until released"


def test_a_zero_is_said_while_catching_up_also_of_a_listing_without_a_number() -> None:
    state = SkuState(SKU, a_stock(dallas=10), a_product(), override=an_override(OverrideKind.ZERO))

    decision = decide(state, a_policy(), NOW_MS, catching_up=True, cause="test")

    assert shown(decision) == 0
    assert not decision.state.owes_rise


@pytest.mark.parametrize("kind", [OverrideKind.HOLD, OverrideKind.CAP, OverrideKind.ZERO])
def test_an_override_does_nothing_from_its_end_on(kind: OverrideKind) -> None:
    override = an_override(kind, 0, NOW_MS + HOUR_MS)
    before = under(override, a_stock(dallas=10)).state

    assert shown(under(override, a_stock(dallas=10), before, NOW_MS + HOUR_MS - 1)) in (0, None)
    assert shown(under(override, a_stock(dallas=10), before, NOW_MS + HOUR_MS)) == 10


def test_a_cap_is_shared_out_over_the_nodes_it_had() -> None:
    assert capped(12, {NodeId("D"): 9, NodeId("R"): 3}, 4) == (4, {"D": 3, "R": 1})


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.integers(0, 50), max_size=5), st.integers(0, 80))
def test_no_node_grows_under_a_cap_and_the_parts_add_up(parts: dict[str, int], most: int) -> None:
    nodes = {NodeId(node): units for node, units in parts.items()}

    quantity, shared = capped(sum(parts.values()), nodes, most)

    assert quantity == min(most, sum(parts.values()))
    if nodes:
        assert sum(shared.values()) == quantity
    assert all(shared[node] <= units for node, units in nodes.items())


def test_the_newest_command_takes_the_place_of_the_former_and_a_release_ends_it() -> None:
    cap, zero = an_override(OverrideKind.CAP, 3), an_override(OverrideKind.ZERO)

    assert overridden(cap, zero, NOW_MS) == zero
    assert overridden(zero, an_override(OverrideKind.RELEASE), NOW_MS) is None
    assert overridden(zero, zero, NOW_MS) is zero


def test_a_command_that_is_over_before_it_is_read_does_not_end_another() -> None:
    zero, late = an_override(OverrideKind.ZERO), an_override(OverrideKind.HOLD, None, NOW_MS)

    assert overridden(zero, late, NOW_MS) is zero
    assert overridden(None, late, NOW_MS) is None


def test_no_override_is_in_force_where_there_is_none() -> None:
    assert in_force(None, NOW_MS) is None


def test_the_end_is_told_as_a_date_where_there_is_one() -> None:
    assert note(an_override(OverrideKind.HOLD, None, 1_800_000_000_000)).endswith("until 2027-01-15T08:00:00Z")
    assert note(an_override(OverrideKind.HOLD, None, LATEST_MS + 1)).endswith("until released")


def test_every_channel_is_under_the_override() -> None:
    product = a_product(a_listing("market-us", "1"), a_listing("market-ca", "2"))
    policy = a_policy(a_channel("market-us"), a_channel("market-ca"))
    state = SkuState(SKU, a_stock(dallas=10), product, override=an_override(OverrideKind.CAP, 2))

    decision = decide(state, policy, NOW_MS, catching_up=False, cause="test")

    assert [one.quantity for one in decision.targets] == [2, 2]
