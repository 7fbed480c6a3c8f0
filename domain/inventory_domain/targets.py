"""What each listing should show, and when that must be said anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inventory_domain.allocation import Share, fixed_percentage, shared_pool, split_over_nodes, whole_units
from inventory_domain.atp import Availability, availability
from inventory_domain.buffers import buffer_units
from inventory_domain.catalog import Listing, Product, ProductStatus
from inventory_domain.identifiers import ChannelId, ListingId, LocationId, Marketplace, NodeId, Sku
from inventory_domain.policies import AllocationPolicy, ChannelPolicy, Strategy
from inventory_domain.positions import Stock


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a listing should show by the rules, before it has a version."""

    listing: Listing
    marketplace: Marketplace
    quantity: int
    nodes: Mapping[NodeId, int]
    atp: int
    allocation: int
    buffer: int
    strategy: Strategy | None
    derivation: str


@dataclass(frozen=True, slots=True)
class Target:
    """What a listing should show, as it is told to delivery.

    `version` only grows for a listing. `nodes` is empty where the marketplace has one number. `changed_at_ms` is when
    the change behind it occurred, `computed_at_ms` when we computed it. `withdrawn`: the listing left the catalog, and
    is forgotten once its zero is confirmed.
    """

    listing_id: ListingId
    sku: Sku
    channel: ChannelId
    marketplace: Marketplace
    version: int
    quantity: int
    nodes: Mapping[NodeId, int]
    marketplace_ids: Mapping[str, str]
    atp: int
    allocation: int
    buffer: int
    strategy: str
    cause: str
    derivation: str
    changed_at_ms: int
    computed_at_ms: int
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Proposals:
    """What is proposed for each of a product's listings, and those left alone because a location is uncounted."""

    listings: tuple[Proposal, ...]
    uncounted: tuple[ListingId, ...]


def next_version(last: int | None, batch_ms: int) -> int:
    """A version that grows even for a listing that was forgotten and came back (rule 19)."""
    return batch_ms if last is None else max(last + 1, batch_ms)


def proposals(
    product: Product, stock: Stock, policy: AllocationPolicy, first: frozenset[ListingId], now_ms: int
) -> Proposals:
    """What every written listing of the product should show now.

    `first` names the listings that have no target yet: they are left alone until each location that stocks the product
    for their channel was counted. Later an uncounted location contributes nothing.
    """
    written = [listing for listing in product.listings if listing.is_written and listing.channel in policy.channels]
    if product.status is ProductStatus.DISCONTINUED:
        return Proposals(tuple(_zero(one, policy.channels[one.channel], "product discontinued") for one in written), ())
    available = availability(product, stock, now_ms)
    strategy = policy.strategy_for(product.sku, product.category)
    shares = {
        channel: Share(_sold_from(product, policy.channels[channel]), policy.channels[channel].percent)
        for channel in {listing.channel for listing in written}
    }
    known: list[Listing] = []
    uncounted: list[Listing] = []
    for listing in written:
        waits = shares[listing.channel].locations & available.uncounted
        (uncounted if listing.listing_id in first and waits else known).append(listing)
    given = _allocations(strategy, available, shares, written)
    proposed = tuple(
        _proposal(one, policy.channels[one.channel], given[one.listing_id], available, shares, strategy)
        for one in known
    )
    return Proposals(proposed, tuple(one.listing_id for one in uncounted))


def _sold_from(product: Product, channel: ChannelPolicy) -> frozenset[LocationId]:
    return frozenset(stocking.location for stocking in product.locations) & channel.locations


def _allocations(
    strategy: Strategy, available: Availability, shares: Mapping[ChannelId, Share], listings: list[Listing]
) -> dict[ListingId, int]:
    """Units given to each listing; listings of one channel divide what a strategy other than the pool gives it."""
    if strategy is Strategy.SHARED_POOL:
        pool = shared_pool(available, shares)
        return {listing.listing_id: pool[listing.channel] for listing in listings}
    given = fixed_percentage(available, shares)
    result: dict[ListingId, int] = {}
    for channel, units in given.items():
        own = sorted(listing.listing_id for listing in listings if listing.channel == channel)
        result.update(zip(own, whole_units(units, [1] * len(own)), strict=True))
    return result


def _proposal(
    listing: Listing,
    channel: ChannelPolicy,
    allocation: int,
    available: Availability,
    shares: Mapping[ChannelId, Share],
    strategy: Strategy,
) -> Proposal:
    locations = shares[listing.channel].locations
    buffer = buffer_units(allocation, channel.buffer)
    shown = allocation - buffer
    if listing.max_shown is not None:
        shown = min(shown, listing.max_shown)
    shown, nodes = _over_nodes(listing, shown, available, locations)
    if shown < listing.min_shown:
        shown, nodes = 0, dict.fromkeys(nodes, 0)
    return Proposal(
        listing=listing,
        marketplace=channel.marketplace,
        quantity=shown,
        nodes=nodes,
        atp=available.atp(locations),
        allocation=allocation,
        buffer=buffer,
        strategy=strategy,
        derivation=_derivation(listing, channel, allocation, buffer, available, locations, strategy),
    )


def _over_nodes(
    listing: Listing, shown: int, available: Availability, locations: frozenset[LocationId]
) -> tuple[int, dict[NodeId, int]]:
    if not listing.nodes:
        return shown, {}
    sold_from = {location: units for location, units in available.by_location.items() if location in locations}
    nodes = split_over_nodes(shown, listing.nodes, sold_from, listing.two_day)
    return sum(nodes.values()), nodes


def _derivation(
    listing: Listing,
    channel: ChannelPolicy,
    allocation: int,
    buffer: int,
    available: Availability,
    locations: frozenset[LocationId],
    strategy: Strategy,
) -> str:
    """How the number came about, compactly, for whoever asks why a channel shows it."""
    parts = [
        f"{location}={available.by_location[location]}" for location in sorted(locations & set(available.by_location))
    ]
    parts += [f"{location}=uncounted" for location in sorted(locations & available.uncounted)]
    text = f"atp {' + '.join(parts) or 'no location'}"
    if available.netted:
        text += f" - sold and not reported {available.netted}"
    text += f"; {strategy.value} {allocation}"
    text += f"; buffer max({channel.buffer.units}, {channel.buffer.percent} %) = {buffer}"
    if listing.max_shown is not None:
        text += f"; at most {listing.max_shown}"
    if listing.min_shown:
        text += f"; none below {listing.min_shown}"
    return text


def _zero(listing: Listing, channel: ChannelPolicy, why: str) -> Proposal:
    return Proposal(
        listing=listing,
        marketplace=channel.marketplace,
        quantity=0,
        nodes={node.node: 0 for node in listing.nodes},
        atp=0,
        allocation=0,
        buffer=0,
        strategy=None,
        derivation=why,
    )
