"""What each listing of a product is given by the strategy that holds for it, and by which weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

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
from inventory_domain.buffers import BufferPolicy, Widening
from inventory_domain.catalog import Listing, Product
from inventory_domain.identifiers import ChannelId, ListingId, LocationId, channel_of
from inventory_domain.policies import AllocationPolicy, ChannelPolicy, Strategy
from inventory_domain.values import made_often
from inventory_domain.velocity import Demand

POOL: Final = Strategy.SHARED_POOL.value


@made_often
@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one product on one channel: its locations and what may be promised there, and what is withheld."""

    channel: ChannelPolicy
    locations: frozenset[LocationId]
    atp: int
    buffer: BufferPolicy
    widening: Widening
    risk_units: int | None


AllTerms = Mapping[ChannelId, Terms]


@made_often
@dataclass(frozen=True, slots=True)
class Given:
    """What the strategy of this name gave each channel, and in words by what.

    `limits` are the largest shares that bounded it, in percent. `parts` is what listings were given of their channel's
    units where these were divided, None where every listing was given all of them. `scarce`: margin-first was asked
    for and is needed.
    """

    strategy: str
    text: str
    by_channel: Mapping[ChannelId, int]
    limits: Mapping[ChannelId, int]
    parts: Mapping[ListingId, int] | None = None
    scarce: bool = False

    def units(self, listing: Listing) -> int:
        """What the listing was given."""
        return self.by_channel[listing.channel] if self.parts is None else self.parts[listing.listing_id]

    def words(self, listing: Listing) -> str:
        """How that came about, in the words of a derivation."""
        limit = self.limits[listing.channel]
        bounded = f", share at most {limit} %" if limit != 100 else ""
        told = f"{self.text}{bounded} = {self.by_channel[listing.channel]}"
        if self.parts is None:
            return told
        own = sum([channel_of(listing_id) == listing.channel for listing_id in self.parts])
        return told if own == 1 else f"{told}, over {own} listings = {self.parts[listing.listing_id]}"


def share_out(
    product: Product,
    written: Sequence[Listing],
    terms: AllTerms,
    available: Availability,
    policy: AllocationPolicy,
    demand: Demand | None,
    was_scarce: bool,
) -> Given:
    """What each of these listings is given. Every channel counts that has one of them, whether it is stopped or not."""
    asked = strategy = policy.strategy_for(product.sku, product.category)
    scarce = False
    if asked is Strategy.MARGIN_FIRST:
        claims = _claims(terms, written, policy, asked, demand)
        expected = demand.expected_milli_per_day if demand is not None else None
        scarce = is_scarce(was_scarce, available, claims, expected, policy.margin_horizon_days)
        if not scarce:
            strategy = policy.otherwise
    if strategy is Strategy.SHARED_POOL:
        return _pool(terms, policy, asked)
    shares = _claims(terms, written, policy, strategy, demand)
    if strategy is Strategy.FIXED_PERCENTAGE:
        given = fixed_percentage(available, shares)
    elif strategy is Strategy.VELOCITY_WEIGHTED:
        given = velocity_weighted(available, shares, policy.smallest_percent)
    else:
        given = margin_first(available, shares, policy.margin_horizon_days)
    limits = {channel: share.largest_percent for channel, share in shares.items()}
    text = _prefix(asked, strategy) + _weights(strategy, shares, policy)
    return Given(strategy.value, text, given, limits, _parts(written, given), scarce)


def _pool(terms: AllTerms, policy: AllocationPolicy, asked: Strategy) -> Given:
    """Every listing is given what its channel may be given; nothing is divided between those of one channel."""
    limits: dict[ChannelId, int] = {}
    given: dict[ChannelId, int] = {}
    for name, one in terms.items():
        limit = limits[name] = policy.largest(one.channel, Strategy.SHARED_POOL)
        given[name] = one.atp if limit == 100 else shared_pool(one.atp, limit)
    text = POOL if asked is Strategy.SHARED_POOL else _prefix(asked, Strategy.SHARED_POOL) + POOL
    return Given(POOL, text, given, limits)


def _claims(
    terms: AllTerms, written: Sequence[Listing], policy: AllocationPolicy, strategy: Strategy, demand: Demand | None
) -> dict[ChannelId, Share]:
    """What each channel goes by. One with several listings of the product earns what the best of them does."""
    margins: dict[ChannelId, int] = {}
    for listing in written:
        if listing.margin_minor is not None:
            margins[listing.channel] = max(listing.margin_minor, margins.get(listing.channel, listing.margin_minor))
    return {
        name: Share(
            one.locations,
            one.channel.percent,
            policy.largest(one.channel, strategy),
            demand.weight(name) if demand is not None else 0,
            margins.get(name),
        )
        for name, one in terms.items()
    }


def _parts(written: Sequence[Listing], given: Mapping[ChannelId, int]) -> dict[ListingId, int]:
    """Listings of one channel divide evenly what it is given."""
    parts: dict[ListingId, int] = {}
    for channel, whole in given.items():
        own = sorted([listing.listing_id for listing in written if listing.channel == channel])
        parts.update(zip(own, whole_units(whole, [1] * len(own)), strict=True))
    return parts


def _prefix(asked: Strategy, strategy: Strategy) -> str:
    return f"{asked.value} not needed, " if asked is not strategy else ""


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
