"""How available-to-promise is shared between channels, and a channel's number between its nodes."""

from __future__ import annotations

from inventory_domain.allocation import Share, fixed_percentage, shared_pool, split_over_nodes, whole_units
from inventory_domain.catalog import ListingNode
from inventory_domain.identifiers import ChannelId, LocationId, NodeId
from tests.support.stock import available


def shares(**claims: tuple[str, int]) -> dict[ChannelId, Share]:
    """Claims by channel: the locations, separated by spaces, and the percentage."""
    return {
        ChannelId(name): Share(frozenset(LocationId(one) for one in locations.split()), percent)
        for name, (locations, percent) in claims.items()
    }


def test_whole_units_add_up_and_go_to_the_largest_remainder() -> None:
    """7 units at 50, 30 and 20: 3.5, 2.1 and 1.4 units, so the one left over goes to the first."""
    parts = whole_units(7, [50, 30, 20])

    assert parts == [4, 2, 1]


def test_equal_remainders_go_to_the_earlier_claim() -> None:
    """Two runs of the same input must give the same numbers."""
    assert whole_units(1, [1, 1]) == [1, 0]


def test_the_shared_pool_gives_every_channel_all_that_its_locations_have() -> None:
    stock = available({"dallas": 10, "reno": 5})

    assert shared_pool(stock.atp(["dallas", "reno"]), 100) == 15
    assert shared_pool(stock.atp(["reno"]), 100) == 5


def test_units_sold_and_not_reported_are_netted_from_every_channel() -> None:
    """A sale on one channel has taken the unit from all of them."""
    assert shared_pool(available({"dallas": 10}, {"b": 3}).atp(["dallas"]), 100) == 7


def test_small_stocks_at_several_locations_are_one_pool() -> None:
    """Rounded location by location, three single units at 30 % each would show nothing anywhere."""
    given = fixed_percentage(
        available({"dallas": 1, "reno": 1, "york": 1}),
        shares(a=("dallas reno york", 40), b=("dallas reno york", 40)),
    )

    assert sum(given.values()) == 2


def test_percentages_are_of_the_locations_that_a_channel_may_sell_from() -> None:
    given = fixed_percentage(available({"dallas": 100, "reno": 50}), shares(a=("dallas reno", 50), b=("dallas", 50)))

    assert given == {"a": 75, "b": 50}


def test_a_sale_is_never_netted_from_a_pool_that_its_channel_cannot_sell_from() -> None:
    """Seen: a marketplace-held pool whose name came first swallowed the sale, and the sold units stayed on show."""
    given = fixed_percentage(
        available({"aa-held-by-a-marketplace": 50, "dallas": 10}, {"a": 4}), shares(a=("dallas", 100))
    )

    assert given == {"a": 6}


def test_a_sale_on_a_channel_that_lists_the_sku_no_longer_is_netted_everywhere() -> None:
    given = fixed_percentage(available({"dallas": 10}, {"gone": 4}), shares(a=("dallas", 100)))

    assert given == {"a": 6}


def node(name: str, location: str, *, two_day: bool = False) -> ListingNode:
    """A node of a marketplace that stands for a location."""
    return ListingNode(NodeId(name), LocationId(location), two_day)


def test_no_node_shows_more_than_its_own_location_has() -> None:
    parts = split_over_nodes(
        8, [node("n1", "dallas"), node("n2", "reno")], {LocationId("dallas"): 2, LocationId("reno"): 6}, False
    )

    assert parts == {"n1": 2, "n2": 6}


def test_the_parts_add_up_to_the_number() -> None:
    parts = split_over_nodes(
        5, [node("n1", "dallas"), node("n2", "reno")], {LocationId("dallas"): 4, LocationId("reno"): 4}, False
    )

    assert sum(parts.values()) == 5


def test_a_two_day_listing_is_served_from_nodes_that_make_it_first() -> None:
    nodes = [node("slow", "dallas"), node("fast", "reno", two_day=True)]

    parts = split_over_nodes(5, nodes, {LocationId("dallas"): 10, LocationId("reno"): 4}, True)

    assert parts == {"fast": 4, "slow": 1}


def test_a_location_whose_two_day_node_shows_all_its_units_has_none_for_another_node() -> None:
    """15 units are asked for, and 10 of them lie where one node is fast and one is slow."""
    nodes = [node("fast", "dallas", two_day=True), node("slow", "dallas"), node("far", "reno")]

    parts = split_over_nodes(15, nodes, {LocationId("dallas"): 10, LocationId("reno"): 5}, True)

    assert parts == {"fast": 10, "slow": 0, "far": 5}


def test_two_nodes_of_one_location_share_its_units() -> None:
    """Shown at both, the same unit could be sold twice."""
    parts = split_over_nodes(9, [node("n1", "dallas"), node("n2", "dallas")], {LocationId("dallas"): 5}, False)

    assert sum(parts.values()) == 5
