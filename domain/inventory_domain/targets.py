"""What each listing should show, and when that must be said anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from inventory_domain.allocation import Share, fixed_percentage, shared_pool, split_over_nodes, whole_units
from inventory_domain.atp import Availability, availability
from inventory_domain.buffers import buffer_units
from inventory_domain.catalog import Listing, Product, ProductStatus
from inventory_domain.identifiers import ChannelId, ListingId, LocationId, Marketplace, NodeId, Sku
from inventory_domain.policies import AllocationPolicy, ChannelPolicy, Strategy
from inventory_domain.positions import Stock
from inventory_domain.velocity import Demand

NO_NODES: Mapping[NodeId, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a listing should show by the rules, before it has a version.

    `available` and `locations` are what it came from; None and empty for a product that is no longer sold.
    """

    listing: Listing
    channel: ChannelPolicy
    quantity: int
    nodes: Mapping[NodeId, int]
    atp: int
    allocation: int
    buffer: int
    strategy: Strategy | None
    available: Availability | None
    locations: frozenset[LocationId]

    def derivation(self) -> str:
        """How the number came about, compactly, for whoever asks why a channel shows it."""
        available, strategy = self.available, self.strategy
        if available is None or strategy is None:
            return "product discontinued"
        text = (
            f"{available.derivation(self.locations)}; {strategy.value} {self.allocation}"
            f"; buffer max({self.channel.buffer.units}, {self.channel.buffer.percent} %) = {self.buffer}"
        )
        if self.listing.max_shown is not None:
            text += f"; at most {self.listing.max_shown}"
        if self.listing.min_shown:
            text += f"; none below {self.listing.min_shown}"
        return text


@dataclass(frozen=True, slots=True)
class Target:
    """What a listing should show, as it is told to delivery.

    `version` only grows for a listing. `nodes` is empty where the marketplace has one number. `changed_at_ms` is when
    the change behind it occurred, `computed_at_ms` when we computed it. `withdrawn`: the listing left the catalog, and
    is forgotten once its zero is confirmed. `guard` names the mass change that this fall is part of, when the input
    zeroes more listings at once than is believed: delivery holds it a while, so that somebody can look.
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
    guard: str | None = None


@dataclass(frozen=True, slots=True)
class Proposals:
    """What is proposed for each of a product's listings, and those left alone because a location is uncounted."""

    listings: tuple[Proposal, ...]
    uncounted: tuple[ListingId, ...]


def next_version(last: int | None, batch_ms: int) -> int:
    """A version that grows even for a listing that was forgotten and came back (rule 19)."""
    return batch_ms if last is None else max(last + 1, batch_ms)


def proposals(
    product: Product,
    stock: Stock,
    policy: AllocationPolicy,
    first: frozenset[ListingId],
    now_ms: int,
    demand: Demand | None = None,
) -> Proposals:
    """What every written listing of the product should show now.

    `first` names the listings that have no target yet: they are left alone until each location that stocks the product
    for their channel was counted. Later an uncounted location contributes nothing.
    """
    written = [listing for listing in product.listings if listing.is_written and listing.channel in policy.channels]
    if product.status is ProductStatus.DISCONTINUED:
        return Proposals(tuple([_zero(one, policy.channels[one.channel]) for one in written]), ())
    available = availability(product, stock, now_ms)
    strategy = policy.strategy_for(product.sku, product.category)
    stocked = frozenset([stocking.location for stocking in product.locations])
    channels = {listing.channel: policy.channels[listing.channel] for listing in written}
    shares = {name: Share(stocked & channel.locations, channel.percent) for name, channel in channels.items()}
    known: list[Listing] = written
    uncounted: tuple[ListingId, ...] = ()
    if available.uncounted:
        waits = {name for name, share in shares.items() if share.locations & available.uncounted}
        left = [one for one in written if one.channel in waits and one.listing_id in first]
        uncounted = tuple([one.listing_id for one in left])
        known = [one for one in written if one.listing_id not in uncounted]
    atp = {locations: available.atp(locations) for locations in {share.locations for share in shares.values()}}
    given = _allocations(strategy, available, shares, written)
    proposed = [
        _proposal(
            one, channels[one.channel], given[one.listing_id], available, shares[one.channel].locations, atp, strategy
        )
        for one in known
    ]
    return Proposals(tuple(proposed), uncounted)


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
    locations: frozenset[LocationId],
    atp: Mapping[frozenset[LocationId], int],
    strategy: Strategy,
) -> Proposal:
    buffer = buffer_units(allocation, channel.buffer)
    shown = allocation - buffer
    if listing.max_shown is not None:
        shown = min(shown, listing.max_shown)
    nodes: Mapping[NodeId, int] = NO_NODES
    if listing.nodes:
        shown, nodes = _over_nodes(listing, shown, available, locations)
    if shown < listing.min_shown:
        shown, nodes = 0, dict.fromkeys(nodes, 0)
    return Proposal(listing, channel, shown, nodes, atp[locations], allocation, buffer, strategy, available, locations)


def _over_nodes(
    listing: Listing, shown: int, available: Availability, locations: frozenset[LocationId]
) -> tuple[int, dict[NodeId, int]]:
    sold_from = {location: units for location, units in available.by_location.items() if location in locations}
    nodes = split_over_nodes(shown, listing.nodes, sold_from, listing.two_day)
    return sum(nodes.values()), nodes


def _zero(listing: Listing, channel: ChannelPolicy) -> Proposal:
    nodes = {node.node: 0 for node in listing.nodes}
    return Proposal(listing, channel, 0, nodes, 0, 0, 0, None, None, frozenset())
