"""Stock and targets held against a model that keeps everything and forgets nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from inventory_domain.allocation import Share, fixed_percentage, split_over_nodes, whole_units
from inventory_domain.buffers import BufferPolicy, buffer_units
from inventory_domain.catalog import ListingNode
from inventory_domain.changes import (
    InventoryChange,
    OrderShipped,
    ReservationReleased,
    SkuChange,
    StockAdjusted,
    StockCounted,
    StockReserved,
)
from inventory_domain.decisions import decide
from inventory_domain.identifiers import ChannelId, LocationId, NodeId, ReservationId
from inventory_domain.policies import Strategy
from inventory_domain.positions import apply
from inventory_domain.sku_state import SkuState
from inventory_domain.stock import Stock
from tests.support.stock import NOW_MS, SKU, a_change, a_channel, a_listing, a_policy, a_product, available

DALLAS = LocationId("dallas")
UNITS = st.integers(0, 500)
MOVES = st.lists(
    st.one_of(st.integers(0, 200).map(StockCounted), st.integers(-20, 20).map(StockAdjusted)), min_size=1, max_size=30
)
ACTS = st.lists(st.sampled_from(["reserve", "release", "ship", "part", "receive", "free", "shelf"]), max_size=7)


def all_of(changes: Sequence[InventoryChange]) -> Stock:
    """Stock after all of them."""
    stock = Stock()
    for change in changes:
        stock, _ = apply(stock, change)
    return stock


def model(changes: Sequence[InventoryChange]) -> int | None:
    """The newest count by sequence, and everything that came after it by sequence."""
    kinds = {change.sequence or 0: change.kind for change in changes}
    counts = [sequence for sequence, kind in kinds.items() if isinstance(kind, StockCounted)]
    if not counts:
        return None
    newest = kinds[max(counts)]
    moved = sum(
        kind.units for sequence, kind in kinds.items() if sequence > max(counts) and isinstance(kind, StockAdjusted)
    )
    return (newest.on_hand if isinstance(newest, StockCounted) else 0) + moved


@given(kinds=MOVES, seed=st.integers(0, 2**32))
def test_with_sequences_neither_order_nor_repetition_matters(
    kinds: list[StockCounted | StockAdjusted], seed: int
) -> None:
    """Every shuffle, with any number of records sent again under their ids, ends at what the model says."""
    changes = [a_change(kind, sequence=index + 1, event_id=f"e{index}") for index, kind in enumerate(kinds)]
    chance = random.Random(seed)
    arrived = [*changes, *chance.choices(changes, k=len(changes))]
    chance.shuffle(arrived)

    stock = all_of(arrived)

    assert stock.positions[DALLAS].on_hand == model(changes)


def told_by_a_source(acts: Sequence[str], chance: random.Random) -> tuple[list[SkuChange], int]:
    """What a source says that knows its shelf and its reservations, and what is free there in the end."""
    shelf, held = 12, dict[ReservationId, int]()
    told: list[SkuChange] = [StockCounted(shelf)]
    for number, act in enumerate(acts):
        one = chance.choice(sorted(held)) if held else None
        free = shelf - sum(held.values())
        if act == "reserve" and free:
            held[ReservationId(f"r{number}")] = units = chance.randint(1, free)
            told.append(StockReserved(ReservationId(f"r{number}"), units))
        elif act == "release" and one is not None:
            del held[one]
            told.append(ReservationReleased(one))
        elif act in ("ship", "part") and one is not None:
            units = held[one] if act == "ship" else 1
            held[one] -= units
            held = {name: left for name, left in held.items() if left}
            shelf -= units
            told.append(OrderShipped(units, one))
        elif act == "receive":
            shelf += 2
            told.append(StockAdjusted(2))
        elif act in ("free", "shelf"):
            told.append(StockCounted(free, excludes_reserved=True) if act == "free" else StockCounted(shelf))
    return told, shelf - sum(held.values())


@given(acts=ACTS, seed=st.integers(0, 2**32))
def test_reservations_are_subtracted_once_whatever_counts_come_between(acts: list[str], seed: int) -> None:
    """Exact in the order in which it was said; in any other order never more than is free there."""
    chance = random.Random(seed)
    told, free = told_by_a_source(acts, chance)
    changes = [a_change(kind, sequence=index) for index, kind in enumerate(told)]
    shuffled = chance.sample(changes, k=len(changes))

    in_order, in_any = all_of(changes).positions[DALLAS], all_of(shuffled).positions[DALLAS]

    assert (in_order.on_hand or 0) - in_order.reserved(NOW_MS) == free
    assert (in_any.on_hand or 0) - in_any.reserved(NOW_MS) <= free


@given(
    by_location=st.dictionaries(st.sampled_from("abcd"), UNITS),
    shares=st.dictionaries(
        st.sampled_from(["c1", "c2", "c3", "c4"]), st.tuples(st.sets(st.sampled_from("abcd")), st.integers(0, 25))
    ),
    sold=st.dictionaries(st.sampled_from(["c1", "c2", "gone"]), st.integers(0, 60)),
)
def test_fixed_percentages_never_give_more_than_there_is(
    by_location: dict[str, int], shares: dict[str, tuple[set[str], int]], sold: dict[str, int]
) -> None:
    """Not together, and no channel more than its own locations have after its own sales."""
    stock = available(by_location, sold)
    claims = {
        ChannelId(name): Share(frozenset(LocationId(one) for one in locations), percent)
        for name, (locations, percent) in shares.items()
    }

    given_units = fixed_percentage(stock, claims)

    reachable = {one for share in claims.values() for one in share.locations}
    assert sum(given_units.values()) <= sum(units for place, units in by_location.items() if place in reachable)
    for channel, units in given_units.items():
        own = sum(by_location.get(place, 0) for place in claims[channel].locations)
        assert units <= max(0, own - sold.get(channel, 0))


@given(total=st.integers(0, 10_000), weights=st.lists(st.integers(0, 100), min_size=1, max_size=8))
def test_whole_units_always_add_up(total: int, weights: list[int]) -> None:
    parts = whole_units(total, weights)

    assert sum(parts) == (total if sum(weights) else 0)
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)


@given(
    units=UNITS,
    places=st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=6),
    stock=st.dictionaries(st.sampled_from("abc"), UNITS),
    two_day=st.booleans(),
)
def test_nodes_never_show_more_than_their_locations_have(
    units: int, places: list[tuple[str, bool]], stock: dict[str, int], two_day: bool
) -> None:
    nodes = [ListingNode(NodeId(f"n{index}"), LocationId(place), fast) for index, (place, fast) in enumerate(places)]
    by_location = {LocationId(place): held for place, held in stock.items()}

    parts = split_over_nodes(units, nodes, by_location, two_day)

    reachable = {node.location for node in nodes}
    assert sum(parts.values()) == min(units, sum(by_location.get(place, 0) for place in reachable))
    for place in reachable:
        shown = sum(parts[node.node] for node in nodes if node.location == place)
        assert shown <= by_location.get(place, 0)


@given(allocation=UNITS, units=st.integers(0, 50), percent=st.integers(0, 100))
def test_a_buffer_only_ever_shrinks_what_is_shown(allocation: int, units: int, percent: int) -> None:
    assert 0 <= buffer_units(allocation, BufferPolicy(units, percent)) <= allocation


@given(counts=st.lists(UNITS, min_size=1, max_size=12), catching_up=st.lists(st.booleans(), min_size=12, max_size=12))
def test_versions_grow_and_rises_are_owed_until_caught_up(counts: list[int], catching_up: list[bool]) -> None:
    """Whatever is withheld on the way, the end is what the stock says, under versions that only grew."""
    policy = a_policy(a_channel(units=1, percent_withheld=10), strategy=Strategy.SHARED_POOL)
    state = SkuState(SKU, product=a_product(a_listing()))
    versions, shown = [], None
    for index, count in enumerate(counts):
        stock, _ = apply(state.stock, a_change(StockCounted(count)))
        state = SkuState(SKU, stock, state.product, state.targets, owes_rise=state.owes_rise)
        decision = decide(state, policy, NOW_MS, catching_up=catching_up[index], cause="test")
        for target in decision.targets:
            assert not catching_up[index] or (shown is not None and target.quantity < shown)
            versions.append(target.version)
            shown = target.quantity
        state = decision.state
    last = decide(state, policy, NOW_MS, catching_up=False, cause="test")
    versions += [target.version for target in last.targets]
    shown = last.targets[0].quantity if last.targets else shown

    assert versions == sorted(set(versions))
    assert shown == counts[-1] - buffer_units(counts[-1], BufferPolicy(1, 10))
