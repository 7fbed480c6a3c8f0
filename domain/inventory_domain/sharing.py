"""What each listing of a product is given by the strategy that holds for it, and by which weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inventory_domain.allocation import (
    Share,
    Shares,
    fixed_percentage,
    is_scarce,
    margin_first,
    shared_pool,
    velocity_weighted,
    velocity_weights,
    whole_units,
)
from inventory_domain.atp import Availability
from inventory_domain.catalog import Listing, Product
from inventory_domain.identifiers import ChannelId, ListingId, LocationId
from inventory_domain.policies import AllocationPolicy, ChannelPolicy, Strategy
from inventory_domain.velocity import Demand


@dataclass(frozen=True, slots=True)
class Given:
    """Units per listing, the strategy that gave them, and how they came about, in the words of a derivation."""

    strategy: Strategy
    units: Mapping[ListingId, int]
    words: Mapping[ListingId, str]


def share_out(
    product: Product,
    written: Sequence[Listing],
    available: Availability,
    policy: AllocationPolicy,
    demand: Demand | None,
) -> Given:
    """What each of these listings is given. Every channel counts that has one of them, whether it is stopped or not."""
    asked = policy.strategy_for(product.sku, product.category)
    stocked = frozenset([stocking.location for stocking in product.locations])
    channels = {listing.channel: policy.channels[listing.channel] for listing in written}
    strategy = asked
    if asked is Strategy.MARGIN_FIRST:
        claims = _claims(channels, written, stocked, policy, asked, demand)
        expected = demand.expected_milli_per_day if demand is not None else 0
        if not is_scarce(available, claims, expected, policy.margin_horizon_days):
            strategy = policy.otherwise
    if strategy is Strategy.SHARED_POOL:
        return _pool(channels, written, stocked, available, policy, asked)
    shares = _claims(channels, written, stocked, policy, strategy, demand)
    if strategy is Strategy.FIXED_PERCENTAGE:
        given = fixed_percentage(available, shares)
    elif strategy is Strategy.VELOCITY_WEIGHTED:
        given = velocity_weighted(available, shares, policy.smallest_percent)
    else:
        given = margin_first(available, shares, policy.margin_horizon_days)
    return _divided(strategy, written, given, _prefix(asked, strategy) + _weights(strategy, shares, policy), shares)


def _pool(
    channels: Mapping[ChannelId, ChannelPolicy],
    written: Sequence[Listing],
    stocked: frozenset[LocationId],
    available: Availability,
    policy: AllocationPolicy,
    asked: Strategy,
) -> Given:
    """Every listing is given what its channel may be given; nothing is divided between those of one channel."""
    largest = {name: policy.largest(channel, Strategy.SHARED_POOL) for name, channel in channels.items()}
    shares = {
        name: Share(stocked & channel.locations, largest_percent=largest[name]) for name, channel in channels.items()
    }
    pool = shared_pool(available, shares)
    text = _prefix(asked, Strategy.SHARED_POOL) + Strategy.SHARED_POOL.value
    units, words = {}, {}
    for listing in written:
        channel = listing.channel
        units[listing.listing_id] = pool[channel]
        words[listing.listing_id] = text + _limit(largest[channel]) + f" = {pool[channel]}"
    return Given(Strategy.SHARED_POOL, units, words)


def _claims(
    channels: Mapping[ChannelId, ChannelPolicy],
    written: Sequence[Listing],
    stocked: frozenset[LocationId],
    policy: AllocationPolicy,
    strategy: Strategy,
    demand: Demand | None,
) -> dict[ChannelId, Share]:
    """What each channel goes by. One with several listings of the product earns what the best of them does."""
    margins: dict[ChannelId, int] = {}
    for listing in written:
        if listing.margin_minor is not None:
            margins[listing.channel] = max(listing.margin_minor, margins.get(listing.channel, listing.margin_minor))
    return {
        name: Share(
            stocked & channel.locations,
            channel.percent,
            policy.largest(channel, strategy),
            demand.weight(name) if demand is not None else 0,
            margins.get(name),
        )
        for name, channel in channels.items()
    }


def _divided(
    strategy: Strategy, written: Sequence[Listing], given: Mapping[ChannelId, int], text: str, shares: Shares
) -> Given:
    """Listings of one channel divide evenly what it is given."""
    units: dict[ListingId, int] = {}
    words: dict[ListingId, str] = {}
    for channel, whole in given.items():
        own = sorted([listing.listing_id for listing in written if listing.channel == channel])
        told = f"{text}{_limit(shares[channel].largest_percent)} = {whole}"
        for listing_id, part in zip(own, whole_units(whole, [1] * len(own)), strict=True):
            units[listing_id] = part
            words[listing_id] = told if len(own) == 1 else f"{told}, over {len(own)} listings = {part}"
    return Given(strategy, units, words)


def _prefix(asked: Strategy, strategy: Strategy) -> str:
    return f"{asked.value} not needed, " if asked is not strategy else ""


def _limit(largest_percent: int) -> str:
    return f", share at most {largest_percent} %" if largest_percent != 100 else ""


def _weights(strategy: Strategy, shares: Shares, policy: AllocationPolicy) -> str:
    """The strategy and what each channel weighs in it, by name."""
    if strategy is Strategy.FIXED_PERCENTAGE:
        weights = {channel: str(share.percent) for channel, share in shares.items()}
    elif strategy is Strategy.VELOCITY_WEIGHTED:
        milli = velocity_weights(shares, policy.smallest_percent)
        sells = any(share.milli_per_day for share in shares.values())
        weights = {channel: per_day(weight) if sells else str(weight) for channel, weight in milli.items()}
    else:
        weights = {
            channel: f"{'unknown' if share.margin_minor is None else share.margin_minor}/{per_day(share.milli_per_day)}"
            for channel, share in shares.items()
        }
    return " ".join([strategy.value, *(f"{channel}={weights[channel]}" for channel in sorted(weights))])


def per_day(milli: int) -> str:
    """Thousandths as a decimal number without needless digits."""
    whole, rest = divmod(milli, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)
