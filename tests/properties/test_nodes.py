"""A channel's number over its nodes: none above what its place has, adding up, two-day places first, never stale."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inventory_domain.allocation import split_over_nodes
from inventory_domain.catalog import ListingNode
from inventory_domain.changes import StockCounted
from inventory_domain.decisions import decide
from inventory_domain.identifiers import LocationId, NodeId
from inventory_domain.sku_state import SkuState
from inventory_domain.stock import Stock
from inventory_domain.targets import proposals
from tests.support.stock import NOW_MS, SKU, a_channel, a_listing, a_policy, a_product, a_stock, after

PLACES = "abc"
UNITS = st.integers(0, 200)
STOCKS = st.fixed_dictionaries(dict.fromkeys(PLACES, UNITS))
NODES = st.lists(st.tuples(st.sampled_from(PLACES), st.booleans()), min_size=1, max_size=6).map(
    lambda places: tuple(
        ListingNode(NodeId(f"n{index}"), LocationId(place), fast) for index, (place, fast) in enumerate(places)
    )
)
POLICY = a_policy(a_channel(locations=tuple(PLACES), units=2, percent_withheld=10))


def state_of(stock: Stock, nodes: tuple[ListingNode, ...], *, two_day: bool, most: int | None = None) -> SkuState:
    """One listing with these nodes, on a channel that sells from every place."""
    listing = a_listing(nodes=nodes, two_day=two_day, max_shown=most)
    return SkuState(SKU, stock, a_product(listing, locations=dict.fromkeys(PLACES, 1)))


@given(units=UNITS, nodes=NODES, stock=STOCKS)
def test_slow_nodes_of_a_two_day_listing_wait_until_fast_ones_show_all_they_have(
    units: int, nodes: tuple[ListingNode, ...], stock: dict[str, int]
) -> None:
    by_location = {LocationId(place): held for place, held in stock.items()}

    shown = split_over_nodes(units, nodes, by_location, two_day=True)

    fast = sum(shown[node.node] for node in nodes if node.two_day)
    assert fast == min(units, sum(by_location[place] for place in {node.location for node in nodes if node.two_day}))


@given(nodes=NODES, stock=STOCKS, two_day=st.booleans(), most=st.none() | UNITS)
def test_the_parts_of_a_listing_add_up_to_its_number_and_none_is_above_its_own_atp(
    nodes: tuple[ListingNode, ...], stock: dict[str, int], two_day: bool, most: int | None
) -> None:
    """Its place's on hand less the unit of safety stock there; two nodes of one place share it."""
    state = state_of(a_stock(**stock), nodes, two_day=two_day, most=most)
    assert state.product is not None

    one = proposals(state.product, state.stock, POLICY, frozenset(), NOW_MS).listings[0]

    assert sum(one.nodes.values()) == one.quantity <= one.allocation - one.buffer
    for place in PLACES:
        there = sum(one.nodes[node.node] for node in nodes if node.location == place)
        assert there <= max(0, stock[place] - 1)


@given(nodes=NODES, before=STOCKS, moved=st.integers(0, 50), places=st.permutations(PLACES), two_day=st.booleans())
def test_a_change_between_nodes_is_said_though_the_sum_stays(
    nodes: tuple[ListingNode, ...], before: dict[str, int], moved: int, places: list[str], two_day: bool
) -> None:
    """Units went from one place to another: the node they left would sell what is no longer there."""
    giver, taker = places[:2]
    moved = min(moved, before[giver])
    first = decide(state_of(a_stock(**before), nodes, two_day=two_day), POLICY, NOW_MS, catching_up=False, cause="test")
    stock = after(first.state.stock, StockCounted(before[giver] - moved), location=giver)
    stock = after(stock, StockCounted(before[taker] + moved), location=taker)
    state = SkuState(SKU, stock, first.state.product, first.state.targets)

    then = decide(state, POLICY, NOW_MS + 1, catching_up=False, cause="test")

    assert state.product is not None
    wanted = proposals(state.product, stock, POLICY, frozenset(), NOW_MS).listings[0]
    told = then.targets[0] if then.targets else first.targets[0]
    assert (told.quantity, told.nodes) == (wanted.quantity, wanted.nodes)
    assert bool(then.targets) == (
        (wanted.quantity, wanted.nodes) != (first.targets[0].quantity, first.targets[0].nodes)
    )
