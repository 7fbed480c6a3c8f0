"""Which strategy gives what, by which weights, and how the derivation tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from inventory_domain.allocation import Share, velocity_weighted
from inventory_domain.catalog import Listing
from inventory_domain.changes import StockCounted
from inventory_domain.decisions import decide
from inventory_domain.identifiers import ChannelId, LocationId
from inventory_domain.policies import AllocationPolicy, ChannelPolicy, Strategy, faults
from inventory_domain.sku_state import SkuState
from inventory_domain.targets import Proposal, proposals
from inventory_domain.velocity import ChannelDemand, Demand
from tests.support.stock import NOW_MS, SKU, a_channel, a_listing, a_policy, a_product, a_stock, after, available

AMAZON, EBAY, SHOP = "amazon-us", "ebay-us", "shop"


def selling(**per_day: int) -> Demand:
    """Units a day by channel (underscores for dashes)."""
    return Demand({ChannelId(name.replace("_", "-")): ChannelDemand(rate * 1000) for name, rate in per_day.items()})


def given(
    policy: AllocationPolicy, on_hand: int, demand: Demand | None, *listings: Listing, category: str = "toys"
) -> Mapping[str, Proposal]:
    """Proposals by listing id, for a product at Dallas on every channel of the policy unless told otherwise."""
    product = a_product(*(listings or [a_listing(name) for name in policy.channels]), category=category)
    found = proposals(product, a_stock(dallas=on_hand), policy, frozenset(), NOW_MS, demand).listings
    return {one.listing.listing_id.partition("/1")[0]: one for one in found}


def policy_of(strategy: Strategy, *channels: ChannelPolicy) -> AllocationPolicy:
    return a_policy(*(channels or [a_channel(name) for name in (AMAZON, EBAY, SHOP)]), strategy=strategy)


def units(found: Mapping[str, Proposal]) -> dict[str, int]:
    return {name: one.allocation for name, one in found.items()}


def test_velocity_weighted_divides_by_what_each_channel_sells() -> None:
    found = given(policy_of(Strategy.VELOCITY_WEIGHTED), 100, selling(amazon_us=60, ebay_us=30, shop=10))

    assert units(found) == {AMAZON: 60, EBAY: 30, SHOP: 10}
    assert "; velocity-weighted amazon-us=60 ebay-us=30 shop=10 = 60; " in found[AMAZON].derivation()


def test_a_channel_that_sells_nothing_can_still_begin_to() -> None:
    """It counts with 5 % of the sales of all, or it would stay at zero for ever."""
    found = given(policy_of(Strategy.VELOCITY_WEIGHTED), 100, selling(amazon_us=60, ebay_us=40))

    assert units(found) == {AMAZON: 57, EBAY: 38, SHOP: 5}


def test_a_stopped_channel_keeps_its_share() -> None:
    """It sells nothing now, and counts with what it usually sells: others must not take its stock while it is away."""
    usual = {ChannelId(AMAZON): ChannelDemand(50_000, 50_000), ChannelId(EBAY): ChannelDemand(50_000, 50_000)}
    stopped = {**usual, ChannelId(AMAZON): ChannelDemand(0, 50_000)}
    policy = policy_of(Strategy.VELOCITY_WEIGHTED, a_channel(AMAZON), a_channel(EBAY))

    assert units(given(policy, 100, Demand(stopped))) == units(given(policy, 100, Demand(usual)))


def test_where_nothing_is_known_of_sales_percentages_are_the_weights_or_all_weigh_alike() -> None:
    alike = policy_of(Strategy.VELOCITY_WEIGHTED)
    by_percent = policy_of(Strategy.VELOCITY_WEIGHTED, a_channel(AMAZON, percent=30), a_channel(EBAY, percent=10))

    assert units(given(alike, 10, None)) == {AMAZON: 4, EBAY: 3, SHOP: 3}
    assert units(given(by_percent, 100, None)) == {AMAZON: 75, EBAY: 25}


def test_no_strategy_gives_one_channel_everything_unless_it_is_meant() -> None:
    """80 % by default; the rest is nobody's where no other channel sells the product."""
    full, limited = a_channel(AMAZON), a_channel(AMAZON, units=1, allow_full=False)

    for strategy in (Strategy.VELOCITY_WEIGHTED, Strategy.MARGIN_FIRST):
        demand = selling(amazon_us=500)
        assert units(given(policy_of(strategy, limited), 100, demand)) == {AMAZON: 80}
        assert units(given(policy_of(strategy, full), 100, demand)) == {AMAZON: 100}
        own = replace(limited, largest_percent=40)
        assert units(given(policy_of(strategy, own), 100, demand)) == {AMAZON: 40}


def test_the_shared_pool_has_a_largest_share_too_where_a_channel_names_one() -> None:
    found = given(
        policy_of(Strategy.SHARED_POOL, replace(a_channel(AMAZON), largest_percent=70), a_channel(EBAY)), 9, None
    )

    assert units(found) == {AMAZON: 6, EBAY: 9}
    assert "; shared-pool, share at most 70 % = 6; " in found[AMAZON].derivation()


def earning(**margins: int | None) -> list[Listing]:
    """Listings with what a unit earns on each channel."""
    return [replace(a_listing(name.replace("_", "-")), margin_minor=margin) for name, margin in margins.items()]


def test_margin_first_serves_first_who_earns_most_and_no_more_than_it_will_sell() -> None:
    """7 days: 35 on the shop, 70 on Amazon; 50 are there."""
    found = given(
        policy_of(Strategy.MARGIN_FIRST),
        50,
        selling(amazon_us=10, ebay_us=10, shop=5),
        *earning(amazon_us=300, ebay_us=200, shop=900),
    )

    assert units(found) == {AMAZON: 15, EBAY: 0, SHOP: 35}
    assert "; margin-first amazon-us=300/10 ebay-us=200/10 shop=900/5 = 35; " in found[SHOP].derivation()


def test_margin_first_is_the_default_strategy_while_there_is_enough() -> None:
    """Holding stock back from a channel costs sales where nothing is scarce."""
    policy = replace(policy_of(Strategy.SHARED_POOL), by_category={"toys": Strategy.MARGIN_FIRST})
    demand = selling(amazon_us=10, ebay_us=10, shop=5)

    enough, scarce = given(policy, 175, demand), given(policy, 174, demand)

    assert units(enough) == {AMAZON: 175, EBAY: 175, SHOP: 175}
    assert enough[AMAZON].strategy == "shared-pool"
    assert "; margin-first not needed, shared-pool = 175; " in enough[AMAZON].derivation()
    assert sum(units(scarce).values()) == 174


@pytest.mark.parametrize(("days", "line"), [(3, 75), (14, 350)])
def test_stock_is_scarce_by_the_horizon_of_the_settings(days: int, line: int) -> None:
    """25 a day: whoever waits two weeks for the next delivery must begin to hold back at twice as many units."""
    policy = replace(policy_of(Strategy.MARGIN_FIRST), margin_horizon_days=days)
    sales = selling(amazon_us=10, ebay_us=10, shop=5)

    enough, scarce = given(policy, line, sales), given(policy, line - 1, sales)

    assert enough[SHOP].strategy == "shared-pool"
    assert scarce[SHOP].strategy == "margin-first"


def test_where_nothing_is_scarce_the_default_strategy_holds() -> None:
    channels = (a_channel(AMAZON, percent=40), a_channel(EBAY, percent=20))
    policy = replace(policy_of(Strategy.FIXED_PERCENTAGE, *channels), by_sku={SKU: Strategy.MARGIN_FIRST})

    enough = given(policy, 100, selling(amazon_us=1, ebay_us=1))

    assert units(enough) == {AMAZON: 40, EBAY: 20}
    assert "; margin-first not needed, fixed-percentage amazon-us=40 ebay-us=20 = 40; " in enough[AMAZON].derivation()


def test_sales_of_which_nobody_knows_the_channel_make_stock_scarce_too() -> None:
    """Orders that only the source reported will take units as well."""
    demand = selling(unattributed=25)

    assert given(policy_of(Strategy.MARGIN_FIRST), 174, demand)[AMAZON].strategy == "margin-first"
    assert given(policy_of(Strategy.MARGIN_FIRST), 175, demand)[AMAZON].strategy == "shared-pool"


def test_margin_first_as_the_default_is_the_pool_while_there_is_enough() -> None:
    assert given(policy_of(Strategy.MARGIN_FIRST), 10, None)[AMAZON].strategy == "shared-pool"


def test_channels_that_earn_the_same_share_by_what_they_sell() -> None:
    found = given(
        policy_of(Strategy.MARGIN_FIRST), 30, selling(amazon_us=20, ebay_us=10), *earning(amazon_us=5, ebay_us=5)
    )

    assert units(found) == {AMAZON: 20, EBAY: 10}


def test_a_channel_with_several_listings_earns_what_the_best_of_them_does() -> None:
    """Its cheap listing would put it behind eBay, which sells all that there is."""
    best = [replace(a_listing(AMAZON, one), margin_minor=margin) for one, margin in (("a", 100), ("b", 900))]
    found = given(
        policy_of(Strategy.MARGIN_FIRST, a_channel(AMAZON), a_channel(EBAY)),
        10,
        selling(amazon_us=10, ebay_us=10),
        *best,
        *earning(ebay_us=500),
    )

    assert sum(one.allocation for one in found.values() if one.listing.channel == AMAZON) == 10
    assert found[EBAY].allocation == 0


def test_a_margin_that_nobody_stated_comes_last() -> None:
    found = given(
        policy_of(Strategy.MARGIN_FIRST), 30, selling(amazon_us=20, ebay_us=20), *earning(amazon_us=None, ebay_us=-5)
    )

    assert units(found) == {AMAZON: 0, EBAY: 30}
    assert " amazon-us=unknown/20 ebay-us=-5/20 " in found[EBAY].derivation()


def test_strategies_are_mixed_by_sku_category_and_default() -> None:
    policy = replace(
        policy_of(Strategy.SHARED_POOL, a_channel(AMAZON, percent=40), a_channel(EBAY, percent=20)),
        by_category={"shoes": Strategy.FIXED_PERCENTAGE},
    )
    by_sku = replace(policy, by_sku={"SKU-1": Strategy.VELOCITY_WEIGHTED})

    assert units(given(policy, 100, None)) == {AMAZON: 100, EBAY: 100}
    assert units(given(policy, 100, None, category="shoes")) == {AMAZON: 40, EBAY: 20}
    assert units(given(by_sku, 100, selling(amazon_us=1, ebay_us=3), category="shoes")) == {AMAZON: 25, EBAY: 75}


def test_listings_of_one_channel_divide_what_it_is_given() -> None:
    found = given(
        policy_of(Strategy.FIXED_PERCENTAGE, a_channel(AMAZON, percent=50)),
        10,
        None,
        a_listing(AMAZON, "a"),
        a_listing(AMAZON, "b"),
    )

    assert sorted(units(found).values()) == [2, 3]
    assert "; fixed-percentage amazon-us=50 = 5, over 2 listings = 3; " in found["amazon-us/a"].derivation()


def test_what_a_channel_oversold_is_missing_from_all() -> None:
    """Two units at Reno and five sold there: the other three are somewhere, and nobody may be given them."""
    reno, dallas = frozenset({LocationId("reno")}), frozenset({LocationId("dallas")})
    stock = available({"reno": 2, "dallas": 10}, {AMAZON: 5})

    shared = velocity_weighted(stock, {ChannelId(AMAZON): Share(reno), ChannelId(EBAY): Share(dallas)}, 5)

    assert shared == {AMAZON: 0, EBAY: 5}


@pytest.mark.parametrize(
    ("strategy", "refused"),
    [
        (Strategy.SHARED_POOL, True),
        (Strategy.VELOCITY_WEIGHTED, False),  # gives at most 80 %
        (Strategy.MARGIN_FIRST, True),  # is the pool while there is enough
    ],
)
def test_a_channel_without_a_buffer_is_refused_where_its_strategy_could_give_it_all(
    strategy: Strategy, refused: bool
) -> None:
    found = faults(policy_of(strategy, a_channel(AMAZON, allow_full=False)))

    assert [fault.path for fault in found] == ["channels.amazon-us.buffer"] * refused


@pytest.mark.parametrize(
    ("channel", "path", "words"),
    [
        (a_channel(AMAZON, percent=95, units=1, allow_full=False), "channels.amazon-us.percent", "largest share of 90"),
        (replace(a_channel(AMAZON, percent=5), largest_percent=0), "channels.amazon-us.largest_share", "1 to 100"),
    ],
)
def test_a_share_that_is_too_large_is_refused(channel: ChannelPolicy, path: str, words: str) -> None:
    found = {fault.path: fault.message for fault in faults(policy_of(Strategy.FIXED_PERCENTAGE, channel))}

    assert words in found[path]


def test_stock_that_trembles_about_the_line_of_scarcity_does_not_move_units_between_channels() -> None:
    """25 a day for 7 days are 175: scarce below that, and until there are 125 % of it."""
    policy = policy_of(Strategy.MARGIN_FIRST)
    product = a_product(*[a_listing(name) for name in policy.channels])
    state = SkuState(SKU, a_stock(dallas=175), product)
    sales: Demand | None = selling(amazon_us=10, ebay_us=10, shop=5)
    seen = []

    for on_hand in (175, 174, 175, 218, 174, 218, 219, 175, 174):
        state = replace(state, stock=after(state.stock, StockCounted(on_hand)))
        state = decide(state, policy, NOW_MS, catching_up=False, cause="test", demand=sales).state
        seen.append(state.scarce)

    assert seen == [False, True, True, True, True, True, False, False, True]
    unknown = replace(state, stock=after(state.stock, StockCounted(1_000)))
    assert decide(unknown, policy, NOW_MS, catching_up=False, cause="test").state.scarce, "lost windows end nothing"


def test_a_strategy_that_does_not_go_by_scarcity_remembers_none() -> None:
    pool = policy_of(Strategy.SHARED_POOL)
    state = SkuState(SKU, a_stock(dallas=1), a_product(), scarce=True)

    assert not decide(state, pool, NOW_MS, catching_up=False, cause="test", demand=selling(shop=9)).state.scarce
