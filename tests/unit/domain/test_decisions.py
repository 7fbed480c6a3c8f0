"""What the engine says of a SKU: which targets, when, and under which version."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.catalog import Fulfillment, ListingNode, ListingType, Product, ProductStatus
from inventory_domain.changes import ReservationReleased, StockAdjusted, StockCounted, StockReserved, UnitsSold
from inventory_domain.decisions import Decision, decide
from inventory_domain.identifiers import ChannelId, ListingId, LocationId, NodeId, OrderId, ReservationId
from inventory_domain.mass_change import GUARD_HOLD_MS_MAX
from inventory_domain.policies import AllocationPolicy
from inventory_domain.sku_state import SeenExposure, SkuState
from inventory_domain.stock import Stock
from tests.support.stock import NOW_MS, SKU, a_channel, a_listing, a_policy, a_product, a_stock, after

LISTING = ListingId("market-us/1")


def a_state(product: Product | None = None, stock: Stock | None = None) -> SkuState:
    """A SKU with ten units at Dallas and one listing, of which nothing was said yet."""
    return SkuState(SKU, stock if stock is not None else a_stock(dallas=10), product or a_product())


def said(
    state: SkuState, policy: AllocationPolicy | None = None, *, at_ms: int = NOW_MS, catching_up: bool = False
) -> Decision:
    """What the engine says of this state."""
    return decide(state, policy or a_policy(), at_ms, catching_up=catching_up, cause="test")


def test_a_first_target_shows_what_may_be_sold() -> None:
    decision = said(a_state(), a_policy(a_channel(units=2, percent_withheld=10)))

    assert [(one.listing_id, one.quantity, one.buffer) for one in decision.targets] == [(LISTING, 8, 2)]


def test_nothing_is_said_twice() -> None:
    first = said(a_state())

    second = said(first.state, at_ms=NOW_MS + 1)

    assert second.targets == ()


def test_the_version_grows_with_every_target() -> None:
    first = said(a_state())
    changed = replace(first.state, stock=after(first.state.stock, StockAdjusted(-1)))

    second = said(changed)  # in the same millisecond

    assert second.targets[0].version > first.targets[0].version


def test_a_listing_is_left_alone_until_every_location_was_counted() -> None:
    """Unknown is not zero: a zero here would take a listing off sale that sells today."""
    product = a_product(locations={"dallas": 0, "reno": 0})
    policy = a_policy(a_channel(locations=("dallas", "reno")))

    decision = said(a_state(product), policy)

    assert decision.targets == ()
    assert decision.uncounted == (LISTING,)


@pytest.mark.parametrize("locations", [{"Dallas": 0}, {}])
def test_a_listing_is_left_alone_of_a_product_that_is_nowhere_where_a_channel_sells_from(
    locations: dict[str, int],
) -> None:
    """A misspelled location, in the catalog or the settings, would take a whole shop off sale at its first sync."""
    product = a_product(locations=locations)
    stock = a_stock(**dict.fromkeys(locations, 7))

    decision = said(a_state(product, stock))

    assert decision.targets == ()
    assert decision.uncounted == (LISTING,)


def test_a_product_that_another_channel_sells_shows_nothing_where_it_may_not_be_sold_from() -> None:
    product = a_product(a_listing("east", "1"), a_listing("west", "1"), locations={"reno": 0})
    policy = a_policy(a_channel("east", locations=("dallas",)), a_channel("west", locations=("reno",)))

    decision = said(a_state(product, a_stock(reno=7)), policy)

    assert {one.channel: one.quantity for one in decision.targets} == {"east": 0, "west": 7}


def test_a_product_at_closed_locations_alone_shows_nothing() -> None:
    closed = replace(a_policy(), closed_locations=frozenset([LocationId("dallas")]))

    assert [one.quantity for one in said(a_state(), closed).targets] == [0]


def test_a_product_that_moves_to_where_no_channel_sells_from_goes_to_zero() -> None:
    first = said(a_state())

    decision = said(replace(first.state, product=a_product(locations={"Dallas": 0})))

    assert [one.quantity for one in decision.targets] == [0]


def test_a_location_of_no_interest_to_the_channel_need_not_be_counted() -> None:
    decision = said(a_state(a_product(locations={"dallas": 0, "reno": 0})))

    assert [one.quantity for one in decision.targets] == [10]


def test_an_uncounted_location_added_later_contributes_nothing() -> None:
    policy = a_policy(a_channel(locations=("dallas", "reno")))
    first = said(a_state(), policy)
    wider = replace(first.state, product=a_product(locations={"dallas": 0, "reno": 0}))

    decision = said(replace(wider, stock=after(wider.stock, StockAdjusted(1))), policy)

    assert [one.quantity for one in decision.targets] == [11]


def test_while_catching_up_only_falls_are_said() -> None:
    first = said(a_state())
    risen = replace(first.state, stock=after(first.state.stock, StockCounted(15)))
    fallen = replace(first.state, stock=after(first.state.stock, StockCounted(4)))

    rise, fall = said(risen, catching_up=True), said(fallen, catching_up=True)

    assert rise.targets == () and rise.state.owes_rise
    assert [one.quantity for one in fall.targets] == [4] and not fall.state.owes_rise


def test_a_first_target_counts_as_a_rise() -> None:
    decision = said(a_state(), catching_up=True)

    assert decision.targets == ()
    assert decision.state.owes_rise


def test_a_rise_that_is_owed_is_said_once_caught_up() -> None:
    owing = said(a_state(), catching_up=True)

    decision = said(owing.state)

    assert [one.quantity for one in decision.targets] == [10]
    assert not decision.state.owes_rise


def test_while_catching_up_no_node_rises_even_when_the_sum_falls() -> None:
    nodes = (ListingNode(NodeId("n1"), LocationId("dallas")), ListingNode(NodeId("n2"), LocationId("reno")))
    product = a_product(a_listing(nodes=nodes), locations={"dallas": 0, "reno": 0})
    policy = a_policy(a_channel(locations=("dallas", "reno")))
    first = said(a_state(product, a_stock(dallas=10, reno=2)), policy)
    moved = replace(first.state, stock=a_stock(dallas=3, reno=5))

    decision = said(moved, policy, catching_up=True)

    assert dict(decision.targets[0].nodes) == {"n1": 3, "n2": 2}
    assert decision.state.owes_rise


def test_a_move_between_nodes_is_said_though_the_sum_stays() -> None:
    nodes = (ListingNode(NodeId("n1"), LocationId("dallas")), ListingNode(NodeId("n2"), LocationId("reno")))
    product = a_product(a_listing(nodes=nodes), locations={"dallas": 0, "reno": 0})
    policy = a_policy(a_channel(locations=("dallas", "reno")))
    first = said(a_state(product, a_stock(dallas=6, reno=4)), policy)

    decision = said(replace(first.state, stock=a_stock(dallas=4, reno=6)), policy)

    assert [dict(one.nodes) for one in decision.targets] == [{"n1": 4, "n2": 6}]


def test_a_node_at_a_location_that_its_channel_may_not_sell_from_shows_nothing() -> None:
    nodes = (ListingNode(NodeId("n1"), LocationId("dallas")), ListingNode(NodeId("n2"), LocationId("reno")))
    product = a_product(a_listing(nodes=nodes), locations={"dallas": 0, "reno": 0})

    decision = said(a_state(product, a_stock(dallas=4, reno=6)), a_policy(a_channel(locations=("dallas",))))

    assert [(one.quantity, dict(one.nodes)) for one in decision.targets] == [(4, {"n1": 4, "n2": 0})]


def test_a_listing_under_another_id_of_its_marketplace_is_told_the_same_number() -> None:
    """What it shows there under the new id nobody has written yet."""
    first = said(a_state())

    decision = said(replace(first.state, product=a_product(a_listing(ids={"sku": "new"}))))

    assert [(one.quantity, dict(one.marketplace_ids)) for one in decision.targets] == [(10, {"sku": "new"})]


def test_a_restatement_says_the_same_number_under_a_new_version() -> None:
    first = said(a_state())

    decision = decide(first.state, a_policy(), NOW_MS, catching_up=False, cause="test", restate=frozenset({LISTING}))

    assert [(one.quantity, one.cause) for one in decision.targets] == [(10, "restate")]
    assert decision.targets[0].version > first.targets[0].version


def test_a_listing_that_leaves_the_catalog_gets_a_zero() -> None:
    two = a_product(a_listing(own_id="1"), a_listing(own_id="2"))
    first = said(a_state(two))

    decision = said(replace(first.state, product=a_product(a_listing(own_id="2"))))

    assert [(one.listing_id, one.quantity, one.withdrawn) for one in decision.targets] == [(LISTING, 0, True)]
    assert decision.forgotten == ()


def test_a_zero_for_a_listing_that_left_is_newer_also_when_the_clock_was_set_back() -> None:
    first = said(a_state())

    gone = said(replace(first.state, product=None), at_ms=NOW_MS - 60_000)

    assert gone.targets[0].version > first.targets[0].version


def test_a_withdrawn_listing_is_forgotten_when_its_zero_is_confirmed() -> None:
    first = said(a_state())
    gone = said(replace(first.state, product=None))
    version = gone.targets[0].version
    open_still = replace(gone.state, exposures={LISTING: SeenExposure(10, 10, version - 1)})
    confirmed = replace(gone.state, exposures={LISTING: SeenExposure(0, 0, version)})

    assert said(open_still).forgotten == ()
    assert said(confirmed).forgotten == (("market", LISTING),)
    assert said(confirmed).state.targets == {}


@pytest.mark.parametrize(
    ("units", "behind"), [(0, 1), (3, 0), (None, 0)], ids=["an older zero", "not zero", "not known"]
)
def test_a_withdrawn_listing_is_not_forgotten_sooner(units: int | None, behind: int) -> None:
    """What is forgotten is told to nobody any more, whatever it shows."""
    gone = said(replace(said(a_state()).state, product=None))
    seen = SeenExposure(units, 0, gone.targets[0].version - behind)

    assert said(replace(gone.state, exposures={LISTING: seen})).forgotten == ()


def test_a_listing_that_comes_back_gets_a_newer_version() -> None:
    """A version that fell would never be sent: delivery takes it for an old one."""
    first = said(a_state())
    gone = said(replace(first.state, product=None))

    back = said(replace(gone.state, product=a_product()))

    assert back.targets[0].quantity == 10
    assert back.targets[0].version > gone.targets[0].version


def test_a_listing_that_became_held_by_the_marketplace_is_never_written_again() -> None:
    """Not even its zero: the number there is the marketplace's own."""
    first = said(a_state())
    held = a_product(a_listing(fulfillment=Fulfillment.MARKETPLACE))

    decision = said(replace(first.state, product=held))

    assert decision.targets == ()
    assert decision.forgotten == (("market", LISTING),)


def test_auctions_and_parents_of_variations_are_never_written() -> None:
    product = a_product(
        a_listing(own_id="1", listing_type=ListingType.AUCTION),
        a_listing(own_id="2", listing_type=ListingType.VARIATION_PARENT),
    )

    assert said(a_state(product)).targets == ()


def test_a_discontinued_product_goes_to_zero() -> None:
    first = said(a_state())

    decision = said(replace(first.state, product=a_product(status=ProductStatus.DISCONTINUED)))

    assert [one.quantity for one in decision.targets] == [0]


def test_reservations_and_their_release_move_the_number() -> None:
    stock = after(a_stock(dallas=10), StockReserved(ReservationId("r"), 3))

    reserved = said(a_state(stock=stock))
    released = said(replace(reserved.state, stock=after(stock, ReservationReleased(ReservationId("r")))))

    assert [one.quantity for one in (*reserved.targets, *released.targets)] == [7, 10]


def test_a_reservation_that_expires_gives_its_units_back() -> None:
    stock = after(a_stock(dallas=10), StockReserved(ReservationId("r"), 3, expires_at_ms=NOW_MS + 1000))
    before = said(a_state(stock=stock))

    later = said(before.state, at_ms=NOW_MS + 1001)

    assert [one.quantity for one in (*before.targets, *later.targets)] == [7, 10]


def test_a_sale_on_a_channel_lowers_every_channel_at_once() -> None:
    stock = after(a_stock(dallas=10), UnitsSold(ChannelId("other"), OrderId("o"), 4), location=None)

    assert [one.quantity for one in said(a_state(stock=stock)).targets] == [6]


def test_min_and_max_shown_bound_the_number() -> None:
    capped = a_product(a_listing(max_shown=3))
    too_few = a_product(a_listing(min_shown=11))

    assert [one.quantity for one in said(a_state(capped)).targets] == [3]
    assert [one.quantity for one in said(a_state(too_few)).targets] == [0]


def test_the_least_shown_is_held_against_what_the_nodes_have() -> None:
    """One unit where the marketplace knows it is no more worth an order than one unit in all."""
    product = a_product(
        a_listing(nodes=(ListingNode(NodeId("n1"), LocationId("dallas")),), min_shown=3),
        locations={"dallas": 0, "reno": 0},
    )

    decision = said(a_state(product, a_stock(dallas=2, reno=9)), a_policy(a_channel(locations=("dallas", "reno"))))

    assert [(one.quantity, dict(one.nodes)) for one in decision.targets] == [(0, {"n1": 0})]


def test_the_derivation_tells_where_the_number_comes_from() -> None:
    """It is what an operations person reads who asks why a channel shows it."""
    stock = after(a_stock(dallas=10), UnitsSold(ChannelId("other"), OrderId("o"), 1), location=None)

    text = said(a_state(stock=stock), a_policy(a_channel(units=2, percent_withheld=10))).targets[0].derivation

    assert text == "atp dallas=10 - sold and not reported 1 = 9; shared-pool = 9; buffer 2 units, 10 % = 2"


def test_a_held_fall_that_is_said_once_more_stays_held() -> None:
    """Else a correction would go around the guard that holds the zeros of an empty feed."""
    first = said(a_state(stock=a_stock(dallas=0)))
    stamped = replace(first.state.targets[LISTING], guard="g1")
    state = replace(first.state, targets={LISTING: stamped})

    soon, late = (
        decide(state, a_policy(), at_ms, catching_up=False, cause="test", restate=frozenset({LISTING}))
        for at_ms in (NOW_MS + GUARD_HOLD_MS_MAX - 1, NOW_MS + GUARD_HOLD_MS_MAX)
    )

    assert [one.guard for one in soon.targets] == ["g1"]
    assert soon.state.targets[LISTING].guard == "g1"
    assert [one.guard for one in late.targets] == [None]


def test_a_rise_is_no_part_of_a_mass_change() -> None:
    first = said(a_state(stock=a_stock(dallas=0)))
    stamped = replace(first.state.targets[LISTING], guard="g1")
    state = replace(first.state, targets={LISTING: stamped}, stock=a_stock(dallas=5))

    assert [one.guard for one in said(state).targets] == [None]


def test_at_the_end_of_a_pre_sale_every_listing_shows_nothing() -> None:
    product = a_product(sale_stops_at_ms=NOW_MS + 1_000)
    before = said(a_state(product))

    ended = said(before.state, at_ms=NOW_MS + 1_000)

    assert [one.quantity for one in before.targets] == [10]
    assert [one.quantity for one in ended.targets] == [0]
    assert ended.targets[0].derivation == "the product is not sold since 2027-01-15T08:00:01Z"


def test_a_closed_location_promises_nothing_and_is_not_waited_for() -> None:
    """Opened again it needs no new count."""
    product = a_product(locations={"dallas": 0, "reno": 0, "akron": 0})
    channel = a_channel(locations=("dallas", "reno", "akron"))
    closed = replace(a_policy(channel), closed_locations=frozenset([LocationId("reno"), LocationId("akron")]))
    state = a_state(product, a_stock(dallas=10, reno=5))

    without = said(state, closed)
    again = said(without.state, replace(closed, closed_locations=frozenset([LocationId("akron")])))

    assert [one.quantity for one in without.targets] == [10]
    assert [one.quantity for one in again.targets] == [15]


def test_a_channel_of_our_own_may_promise_the_pools_that_marketplaces_hold() -> None:
    """One available-to-promise over warehouses, FBA and WFS, where the channel names them; others do not see them."""
    product = a_product(
        a_listing("shop", "1"), a_listing("market-us", "2"), locations={"dallas": 0, "amazon-fba": 0, "walmart-wfs": 0}
    )
    policy = a_policy(a_channel("shop", locations=("dallas", "amazon-fba", "walmart-wfs")), a_channel("market-us"))

    decision = said(a_state(product, a_stock(**{"dallas": 10, "amazon-fba": 4, "walmart-wfs": 3})), policy)

    assert [(one.channel, one.quantity) for one in decision.targets] == [("shop", 17), ("market-us", 10)]


def test_a_forgotten_listing_comes_back_under_a_newer_version_though_the_clock_was_set_back() -> None:
    """Delivery would take the target for an old one, and never send it (rule 19)."""
    first = said(a_state())
    state = replace(first.state, targets={})

    again = decide(
        state, a_policy(), NOW_MS - 10_000, catching_up=False, cause="test", newest_version=first.targets[0].version
    )

    assert again.targets[0].version > first.targets[0].version
