"""What stands in a derivation beside the three steps that docs/quantities.md explains with examples."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from inventory_domain.catalog import ListingNode
from inventory_domain.changes import StockCounted
from inventory_domain.commands import Override, OverrideKind
from inventory_domain.decisions import decide
from inventory_domain.identifiers import LocationId, NodeId, SourceId
from inventory_domain.policies import AllocationPolicy
from inventory_domain.sku_state import SkuState
from inventory_domain.targets import TWO_DAY_ELSEWHERE
from tests.support.kit_world import World, a_sku, skus
from tests.support.stock import NOW_MS, SKU, a_channel, a_listing, a_policy, a_product, a_stock, after

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


BOTH = {"dallas": 0, "reno": 0}


def told(policy: AllocationPolicy, silent: frozenset[SourceId] = frozenset()) -> str:
    """The derivation of a SKU with 9 units at Dallas and 4 at Reno, all of which the ERP has counted."""
    state = SkuState(SKU, a_stock(dallas=9, reno=4), a_product(locations=BOTH))
    return decide(state, policy, NOW_MS, catching_up=False, cause="test", silent=silent).targets[0].derivation


def test_a_zero_that_comes_from_a_silent_source_names_the_source_and_its_locations() -> None:
    """Somebody asks why Amazon shows 0 though the shelf is full; the sum alone would not say it."""
    everywhere = a_policy(a_channel(locations=("dallas", "reno")))
    only_reno = a_policy(a_channel(locations=("reno",)))
    erp = frozenset({SourceId("erp"), SourceId("other")})

    assert told(everywhere, erp).startswith("atp dallas=0 + reno=0 = 0; ")
    assert told(everywhere, erp).endswith("; source erp silent, so nothing at dallas + reno")
    assert told(only_reno, erp).endswith("; source erp silent, so nothing at reno")
    assert "silent" not in told(everywhere)


@pytest.mark.parametrize(
    ("quick", "reported"), [("reno", True), ("dallas", False)], ids=["only-elsewhere", "where-it-is-offered"]
)
def test_a_two_day_listing_with_units_only_elsewhere_says_so(quick: str, reported: bool) -> None:
    """It is sold with a promise that no place with stock can keep."""
    nodes = tuple(ListingNode(NodeId(one), LocationId(one), two_day=one == quick) for one in BOTH)
    product = a_product(a_listing(), locations=BOTH)
    listings = tuple(replace(one, nodes=nodes, two_day=True) for one in product.listings)
    state = SkuState(SKU, a_stock(dallas=9, reno=0), replace(product, listings=listings))
    policy = a_policy(a_channel(locations=("dallas", "reno")))

    target = decide(state, policy, NOW_MS, catching_up=False, cause="test").targets[0]

    assert (f"; {TWO_DAY_ELSEWHERE}" in target.derivation) is reported
    assert target.nodes["dallas"] == target.quantity > 0  # type: ignore[index]


def test_a_closed_location_is_named_where_the_channel_would_sell_from_it() -> None:
    policy = a_policy(a_channel(locations=("dallas", "reno")))
    closed = replace(policy, closed_locations=frozenset({LocationId("reno"), LocationId("boise")}))

    assert told(closed).endswith("; closed reno")
    assert told(closed).startswith("atp dallas=9 = 9; ")


def test_a_kits_derivation_names_its_scarcest_component_at_each_location() -> None:
    """Ten PART make five kits in Dallas, where eight OTHER would do for eight; in Reno it is the other way round."""
    kit, part, other = skus(3)
    world = World(a_policy(a_channel(locations=("dallas", "reno"))))
    for sku, dallas, reno in ((part, 10, 9), (other, 8, 1)):
        world.product(a_sku(sku, BOTH))
        world.change(sku, StockCounted(dallas), "dallas", sequence=1)
        world.change(sku, StockCounted(reno), "reno", sequence=1)
    world.product(a_sku(kit, BOTH, **{part: 2, other: 1}))
    world.run()

    assert world.shown[kit] == 5 + 1
    assert world.derivations[kit].endswith(f"; scarcest dallas={part} for 5 + reno={other} for 1")

    world.product(a_sku(kit, BOTH, **{part: 2, other: 1, "GONE": 1}))
    world.run()

    assert (world.shown[kit], world.derivations[kit].rpartition("; ")[2]) == (0, "no answer of GONE")
