"""Every strategy, on any stock, any claims and any sales: never more than there is, and never all to one channel."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_domain.allocation import (
    Share,
    capped_units,
    fixed_percentage,
    margin_first,
    shared_pool,
    velocity_weighted,
    whole_units,
)
from inventory_domain.atp import Availability
from inventory_domain.catalog import Product
from inventory_domain.identifiers import ChannelId, ListingId, LocationId
from inventory_domain.policies import AllocationPolicy, ChannelPolicy, Strategy
from inventory_domain.stock import Stock
from inventory_domain.surges import HighVelocity
from inventory_domain.targets import Proposal, proposals
from inventory_domain.velocity import ChannelDemand, Demand
from tests.support.stock import NOW_MS, a_channel, a_listing, a_product, a_stock, available

PLACES = "abcd"
NAMES = ("c1", "c2", "c3", "c4")
UNITS = st.integers(0, 500)
STOCKS = st.dictionaries(st.sampled_from(PLACES), UNITS)
SOLD = st.dictionaries(st.sampled_from([*NAMES, "gone"]), st.integers(0, 60))
DIVIDING = (Strategy.FIXED_PERCENTAGE, Strategy.VELOCITY_WEIGHTED, Strategy.MARGIN_FIRST)


@st.composite
def claims(draw: st.DrawFn) -> dict[ChannelId, Share]:
    """Channels with places of their own or shared ones; percentages together at most 100."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return {
        ChannelId(name): Share(
            frozenset(LocationId(place) for place in draw(st.sets(st.sampled_from(PLACES)))),
            percent=draw(st.integers(0, 25)),
            largest_percent=draw(st.integers(1, 100)),
            milli_per_day=draw(st.just(0) | st.integers(0, 300_000)),
            margin_minor=draw(st.none() | st.integers(-500, 5_000)),
        )
        for name in names
    }


def given_by(
    strategy: Strategy, stock: Availability, shares: Mapping[ChannelId, Share], days: int = 7
) -> dict[ChannelId, int]:
    """What this strategy alone gives."""
    if strategy is Strategy.FIXED_PERCENTAGE:
        return fixed_percentage(stock, shares)
    if strategy is Strategy.VELOCITY_WEIGHTED:
        return velocity_weighted(stock, shares, 5)
    return margin_first(stock, shares, days)


@settings(max_examples=150)
@given(strategy=st.sampled_from(DIVIDING), by_location=STOCKS, shares=claims(), sold=SOLD)
def test_all_channels_together_are_given_at_most_what_may_be_promised(
    strategy: Strategy, by_location: dict[str, int], shares: dict[ChannelId, Share], sold: dict[str, int]
) -> None:
    stock = available(by_location, sold)

    shared = given_by(strategy, stock, shares)

    union = {place for share in shares.values() for place in share.locations}
    assert sum(shared.values()) <= stock.atp(union)
    for channel, units in shared.items():
        assert 0 <= units <= stock.atp(shares[channel].locations)


@settings(max_examples=150)
@given(strategy=st.sampled_from(DIVIDING), by_location=STOCKS, shares=claims())
def test_no_channel_is_given_more_than_its_largest_share(
    strategy: Strategy, by_location: dict[str, int], shares: dict[ChannelId, Share]
) -> None:
    stock = available(by_location)

    for channel, units in given_by(strategy, stock, shares).items():
        share = shares[channel]
        assert units <= stock.atp(share.locations) * share.largest_percent // 100


@given(atp=UNITS, largest=st.integers(1, 100))
def test_the_shared_pool_gives_a_channel_at_most_its_largest_share(atp: int, largest: int) -> None:
    assert shared_pool(atp, largest) * 100 <= atp * largest < (shared_pool(atp, largest) + 1) * 100


@pytest.mark.parametrize("strategy", [Strategy.VELOCITY_WEIGHTED, Strategy.MARGIN_FIRST])
@given(units=UNITS, names=st.lists(st.sampled_from(NAMES), min_size=1, unique=True), rates=st.lists(UNITS, min_size=4))
def test_without_a_largest_share_everything_is_given_to_somebody(
    strategy: Strategy, units: int, names: list[str], rates: list[int]
) -> None:
    """Nothing is lost to rounding."""
    shares = {
        ChannelId(name): Share(frozenset({LocationId("a")}), milli_per_day=rate)
        for name, rate in zip(names, rates, strict=False)
    }

    assert sum(given_by(strategy, available({"a": units}), shares).values()) == units


@settings(max_examples=150)
@given(strategy=st.sampled_from(DIVIDING), by_location=STOCKS, shares=claims(), sold=SOLD)
def test_the_order_in_which_channels_are_named_does_not_matter(
    strategy: Strategy, by_location: dict[str, int], shares: dict[ChannelId, Share], sold: dict[str, int]
) -> None:
    """Two workers, or two runs, must say the same."""
    backwards = dict(reversed(shares.items()))
    stock_backwards = available(dict(reversed(by_location.items())), dict(reversed(sold.items())))

    assert given_by(strategy, available(by_location, sold), shares) == given_by(strategy, stock_backwards, backwards)


CLAIMS_OF_ALL = st.lists(
    st.builds(
        Share,
        st.just(frozenset({LocationId("a")})),
        st.just(0),
        st.integers(20, 100),
        st.integers(1_000, 300_000),
        st.none() | st.integers(-3, 3),
    ),
    min_size=2,
    max_size=4,
)


@given(on_hand=st.integers(1, 200), all_shares=CLAIMS_OF_ALL, days=st.integers(1, 7))
def test_who_earns_more_waits_for_nobody(on_hand: int, all_shares: list[Share], days: int) -> None:
    """A channel gets nothing while one that earns more has not what it will sell, or may be given."""
    shares = {ChannelId(name): share for name, share in zip(NAMES, all_shares, strict=False)}

    shared = margin_first(available({"a": on_hand}), shares, days)

    for name, share in shares.items():
        wants = min(on_hand * share.largest_percent // 100, -(-share.milli_per_day * days // 1000))
        if shared[name] < wants:
            assert all(shared[other] == 0 for other, its in shares.items() if earns(its) < earns(share))


def earns(share: Share) -> float:
    """What a unit earns; less than anything where nobody said."""
    return float("-inf") if share.margin_minor is None else share.margin_minor


@given(
    total=st.integers(0, 10_000),
    claimed=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 3_000)), min_size=1, max_size=8),
)
def test_capped_parts_take_all_that_fits(total: int, claimed: list[tuple[int, int]]) -> None:
    weights, most = [weight for weight, _ in claimed], [units for _, units in claimed]

    parts = capped_units(total, weights, most)

    assert all(0 <= part <= limit for part, limit in zip(parts, most, strict=True))
    assert sum(parts) == min(total, sum(limit for weight, limit in claimed if weight))
    if all(limit >= total for limit in most):
        assert parts == whole_units(total, weights)


@given(total=st.integers(0, 10_000), weights=st.lists(st.integers(0, 1_000), min_size=1, max_size=8))
def test_whole_units_are_never_a_unit_or_more_from_the_exact_part(total: int, weights: list[int]) -> None:
    for part, weight in zip(whole_units(total, weights), weights, strict=True):
        assert abs(part * sum(weights) - total * weight) < sum(weights) or not sum(weights)


# --- the whole computation of a product


@st.composite
def situations(draw: st.DrawFn) -> tuple[Product, Stock, AllocationPolicy, Demand | None]:
    """A product with its stock, a policy that nobody would refuse, and what is known of its sales."""
    stocked = draw(st.dictionaries(st.sampled_from(PLACES), st.integers(0, 5), min_size=1))
    stock = a_stock(**{place: draw(UNITS) for place in stocked})
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    channels: list[ChannelPolicy] = [
        a_channel(
            name,
            locations=tuple(draw(st.sets(st.sampled_from(PLACES), min_size=1))),
            units=draw(st.integers(1, 5)),
            percent_withheld=draw(st.integers(0, 30)),
            percent=draw(st.integers(0, 25)),
            allow_full=False,
        )
        for name in names
    ]
    listings = [
        a_listing(name, str(number), min_shown=draw(st.integers(0, 3)), max_shown=draw(st.none() | UNITS))
        for name in names
        for number in range(draw(st.integers(1, 2)))
    ]
    product = a_product(*listings, locations=stocked)
    rates = st.integers(0, 300_000)
    demand = draw(
        st.none()
        | st.builds(
            Demand,
            st.dictionaries(st.sampled_from(NAMES).map(ChannelId), st.builds(ChannelDemand, rates, st.none() | rates)),
        )
    )
    policy = AllocationPolicy(
        {one.channel: one for one in channels}, draw(st.sampled_from(Strategy)), high_velocity=HighVelocity()
    )
    return product, stock, policy, demand


def proposed(
    product: Product, stock: Stock, policy: AllocationPolicy, demand: Demand | None, *, high: bool = False
) -> dict[ListingId, Proposal]:
    """What is proposed, by listing."""
    found = proposals(product, stock, policy, frozenset(), NOW_MS, demand, high_velocity=high).listings
    return {one.listing.listing_id: one for one in found}


@settings(max_examples=60)
@given(situation=situations())
def test_what_is_shown_of_a_product_never_exceeds_what_there_is(
    situation: tuple[Product, Stock, AllocationPolicy, Demand | None],
) -> None:
    """The shared pool aside, all listings together; and no channel ever shows all that its locations have."""
    found = proposed(*situation)

    for one in found.values():
        assert one.quantity <= one.allocation - one.buffer
        assert one.quantity < one.atp or one.quantity == 0
    by_strategy = {one.strategy for one in found.values()}
    if by_strategy and by_strategy != {Strategy.SHARED_POOL.value}:
        assert sum(one.quantity for one in found.values()) <= everything(situation[0], found)


def everything(product: Product, found: Mapping[ListingId, Proposal]) -> int:
    """Units that may be promised from all locations that stock the product."""
    one = next(iter(found.values()))
    assert one.available is not None
    return one.available.atp([stocking.location for stocking in product.locations])


@settings(max_examples=60)
@given(situation=situations())
def test_a_period_of_high_velocity_only_lowers_what_is_shown(
    situation: tuple[Product, Stock, AllocationPolicy, Demand | None],
) -> None:
    usual, high = proposed(*situation), proposed(*situation, high=True)

    for listing_id, one in high.items():
        assert one.quantity <= usual[listing_id].quantity


@settings(max_examples=60)
@given(situation=situations())
def test_every_strategy_is_safe_where_nothing_is_known_of_sales(
    situation: tuple[Product, Stock, AllocationPolicy, Demand | None],
) -> None:
    """A window may be lost; the numbers may be less good then, and never too high (rule 8)."""
    product, stock, policy, _ = situation

    found = proposed(product, stock, policy, None)

    if policy.strategy in (Strategy.FIXED_PERCENTAGE, Strategy.VELOCITY_WEIGHTED):
        assert sum(one.quantity for one in found.values()) <= everything(product, found)
    assert all(one.quantity < one.atp or one.quantity == 0 for one in found.values())
