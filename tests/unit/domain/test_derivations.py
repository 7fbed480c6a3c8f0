"""What stands in a derivation beside the three steps that docs/quantities.md explains with examples."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inventory_domain.catalog import ListingNode, ProductStatus
from inventory_domain.changes import StockCounted
from inventory_domain.commands import Override, OverrideKind, Restate
from inventory_domain.decisions import RISE_WAITS, decide
from inventory_domain.identifiers import LocationId, NodeId, Sku, SourceId
from inventory_domain.policies import AllocationPolicy
from inventory_domain.sku_state import SkuState
from inventory_domain.targets import TWO_DAY_ELSEWHERE
from inventory_streams.engine.values import Surroundings
from tests.support.kit_world import World, a_sku, listing_of, skus
from tests.support.stock import NOW_MS, SKU, a_channel, a_listing, a_policy, a_product, a_stock, after

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
UNTIL = rf" by ann until (released|{TIME})"
PAGE = Path(__file__).parents[3] / "docs" / "quantities.md"


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


def a_bundle(channel_sells_from: tuple[str, ...] = ("dallas", "reno")) -> tuple[World, Sku, Sku, Sku]:
    """A kit of two PART and one OTHER: ten and eight of them at Dallas, nine and one at Reno."""
    kit, part, other = skus(3)
    world = World(a_policy(a_channel(locations=channel_sells_from)))
    for sku, dallas, reno in ((part, 10, 9), (other, 8, 1)):
        world.product(a_sku(sku, BOTH))
        world.change(sku, StockCounted(dallas), "dallas", sequence=1)
        world.change(sku, StockCounted(reno), "reno", sequence=1)
    world.product(a_sku(kit, BOTH, **{part: 2, other: 1}))
    world.run()
    return world, kit, part, other


def falls_silent(world: World, sku: Sku, *sources: str) -> None:
    """On the SKU's own partition these sources are silent from now on, and nobody else's partition knows of it."""
    world.memory(sku).beside = Surroundings(silent=frozenset(map(SourceId, sources)))
    world.wake(sku, "source-silent")
    world.run()


def test_a_kit_names_the_silent_source_of_the_component_that_bounds_it() -> None:
    """The component lives in another partition, and only that one knows; who asks about the kit must see it."""
    world, kit, part, _ = a_bundle()
    falls_silent(world, part, "erp", "wms")

    assert world.shown[kit] == 0
    assert world.derivations[kit].endswith(
        f"; scarcest dallas={part} for 0 + reno={part} for 0; source erp of {part} silent, so nothing at dallas + reno"
    )

    only_reno, kit, part, _ = a_bundle(("reno",))
    falls_silent(only_reno, part, "erp")

    assert only_reno.derivations[kit].endswith(f"; source erp of {part} silent, so nothing at reno")


def test_a_silent_source_of_a_component_that_does_not_bound_the_kit_is_not_named() -> None:
    """There would be no kit with it either."""
    world, kit, part, other = a_bundle(("dallas",))
    first, second = sorted((part, other))
    world.change(first, StockCounted(0), "dallas", sequence=2)
    falls_silent(world, second, "erp")
    world.command(kit, Restate(listing_of(kit), world.state(kit).targets[listing_of(kit)].version, "test"))
    world.run()

    assert world.derivations[kit].endswith(f"; scarcest dallas={first} for 0")


def test_a_kit_of_kits_names_the_part_whose_source_is_silent_and_the_kit_that_it_is_in() -> None:
    world, kit, part, _ = a_bundle()
    outer, tape = skus(2, "T")
    world.product(a_sku(tape, BOTH))
    for place in BOTH:
        world.change(tape, StockCounted(50), place, sequence=1)
    world.product(a_sku(outer, BOTH, **{kit: 1, tape: 1}))
    world.run()
    assert world.shown[outer] == 6

    falls_silent(world, part, "erp")

    assert world.derivations[outer].endswith(
        f"; scarcest dallas={kit} for 0 + reno={kit} for 0;"
        f" source erp of {part} in {kit} silent, so nothing at dallas + reno"
    )


def test_a_location_that_was_never_counted_is_not_empty_for_its_sources_silence() -> None:
    stock = a_stock(dallas=9, reno=4)
    uncounted = replace(stock.positions[LocationId("reno")], on_hand=None)
    state = SkuState(
        SKU,
        replace(stock, positions={**stock.positions, LocationId("reno"): uncounted}),
        a_product(locations=BOTH),
    )
    policy = a_policy(a_channel(locations=("dallas", "reno")))
    known = decide(replace(state, stock=stock), policy, NOW_MS, catching_up=False, cause="test").state.targets

    silent = frozenset({SourceId("erp")})
    target = decide(
        replace(state, targets=known), policy, NOW_MS, catching_up=False, cause="test", silent=silent
    ).targets[0]

    assert target.derivation.endswith("; source erp silent, so nothing at dallas")


def test_a_kits_derivation_names_its_scarcest_component_at_each_location() -> None:
    """Ten PART make five kits in Dallas, where eight OTHER would do for eight; in Reno it is the other way round."""
    world, kit, part, other = a_bundle()

    assert world.shown[kit] == 5 + 1
    assert world.derivations[kit].endswith(f"; scarcest dallas={part} for 5 + reno={other} for 1")

    world.product(a_sku(kit, BOTH, **{part: 2, other: 1, "GONE": 1}))
    world.run()

    assert (world.shown[kit], world.derivations[kit].rpartition("; ")[2]) == (0, "no answer of GONE")


def test_a_number_that_may_not_rise_yet_says_what_it_waits_for() -> None:
    """Its own sum says more than it shows; whoever adds it up must not take that for a fault."""
    state = SkuState(SKU, a_stock(dallas=5), a_product())
    before = decide(state, a_policy(), NOW_MS, catching_up=False, cause="test").state
    more = replace(before, stock=after(before.stock, StockCounted(9)))
    again = frozenset(before.targets)

    waits = decide(more, a_policy(), NOW_MS + 1, catching_up=True, cause="test", restate=again).targets[0]
    rises = decide(more, a_policy(), NOW_MS + 1, catching_up=False, cause="test").targets[0]

    assert (waits.quantity, waits.derivation) == (5, f"{rises.derivation}; {RISE_WAITS}")
    assert f'"; {RISE_WAITS}"' in PAGE.read_text()


@pytest.mark.parametrize(
    ("unsold", "words"),
    [
        ({"status": ProductStatus.DISCONTINUED}, "product discontinued"),
        ({"sale_stops_at_ms": NOW_MS}, "the product is not sold since "),
    ],
    ids=["discontinued", "pre-sale-over"],
)
def test_what_is_not_sold_has_that_and_an_operators_hand_for_its_story(unsold: dict[str, Any], words: str) -> None:
    state = SkuState(SKU, a_stock(dallas=5), a_product())
    before = decide(state, a_policy(), NOW_MS - 1, catching_up=False, cause="test").state
    cap = Override(OverrideKind.CAP, 3, None, "ann", "last pallet")

    target = decide(
        replace(before, product=a_product(**unsold), override=cap), a_policy(), NOW_MS, catching_up=False, cause="test"
    ).targets[0]

    assert re.fullmatch(f"{words}({TIME})?; override cap 3 by ann until released", target.derivation)
    assert f'"{words}"' in PAGE.read_text()
