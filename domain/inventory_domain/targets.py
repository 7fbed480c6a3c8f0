"""What each listing should show, and when that must be said anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from inventory_domain.allocation import split_over_nodes
from inventory_domain.atp import NO_ANSWERS, Availability, availability
from inventory_domain.buffers import NOT_WIDENED, BufferPolicy, buffer_units, buffer_words
from inventory_domain.catalog import Listing, Product, ProductStatus
from inventory_domain.commands import KitAvailability
from inventory_domain.identifiers import ChannelId, ListingId, LocationId, Marketplace, NodeId, Sku
from inventory_domain.policies import AllocationPolicy, ChannelPolicy
from inventory_domain.risk import risk_units
from inventory_domain.sharing import Given, Terms, share_out
from inventory_domain.stock import Stock
from inventory_domain.values import made_often
from inventory_domain.velocity import Demand

NO_NODES: Mapping[NodeId, int] = MappingProxyType({})
TWO_DAY_ELSEWHERE = "two-day, and no unit where that is offered"
"""The step of a derivation that says so; the weekly audit looks for it."""


@made_often
@dataclass(frozen=True, slots=True)
class Proposal:
    """What a listing should show by the rules, before it has a version.

    `given` and `available` are what it came from; None for a product that is no longer sold.
    """

    listing: Listing
    terms: Terms
    quantity: int
    nodes: Mapping[NodeId, int]
    allocation: int
    buffer: int
    given: Given | None
    available: Availability | None

    @property
    def channel(self) -> ChannelPolicy:
        """The policy of its channel."""
        return self.terms.channel

    @property
    def atp(self) -> int:
        """What may be promised from its channel's locations."""
        return self.terms.atp

    @property
    def strategy(self) -> str:
        """The strategy that was applied, by its name in the settings; `none` where none was."""
        return self.given.strategy if self.given is not None else "none"

    def derivation(self) -> str:
        """How the number came about, for whoever asks why a channel shows it; docs/quantities.md has the grammar."""
        if self.available is None or self.given is None:
            return "product discontinued"
        terms, listing = self.terms, self.listing
        text = (
            f"{self.available.derivation(terms.locations)} = {terms.atp}; {self.given.words(listing)}; "
            f"{buffer_words(self.buffer, terms.buffer, terms.widening, terms.risk_units)}"
        )
        if listing.max_shown is not None:
            text += f"; at most {listing.max_shown}"
        if listing.nodes:
            text += f"; nodes {' + '.join([f'{node}={units}' for node, units in sorted(self.nodes.items())])}"
            if self._supplied_elsewhere():
                text += f"; {TWO_DAY_ELSEWHERE}"
        if listing.min_shown:
            text += f"; none below {listing.min_shown}"
        return text

    def _supplied_elsewhere(self) -> bool:
        """Whether a two-day listing shows units, and all of them are at nodes that cannot make it."""
        quick = {node.node for node in self.listing.nodes if node.two_day}
        return self.listing.two_day and any(self.nodes.values()) and not any(self.nodes[node] for node in quick)


@made_often
@dataclass(frozen=True, slots=True)
class Target:
    """What a listing should show, as it is told to delivery.

    `version` only grows for a listing. `nodes` is empty where the marketplace has one number. `changed_at_ms` is when
    the change behind it occurred, `computed_at_ms` when we computed it. `withdrawn`: the listing left the catalog, and
    is forgotten once its zero is confirmed. `sales_milli_per_day` is what the channel is expected to sell of the SKU,
    none where nothing is known: delivery orders falls by it. `guard` names the mass change that this fall is part of,
    when the input zeroes more listings at once than is believed: delivery holds it a while, so that somebody can look.
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
    sales_milli_per_day: int | None = None


@made_often
@dataclass(frozen=True, slots=True)
class Proposals:
    """What is proposed for each of a product's listings, and those left alone because a location is uncounted.

    `scarce`: there is so little that the channel that earns most is served first.
    """

    listings: tuple[Proposal, ...]
    uncounted: tuple[ListingId, ...]
    scarce: bool = False


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """What holds for a product on one channel whatever its stock: where it is sold from, and what is withheld."""

    channel: ChannelPolicy
    locations: frozenset[LocationId]
    buffer: BufferPolicy


@made_often
@dataclass(frozen=True, slots=True)
class Plan:
    """What a policy says of a product whatever its stock: the listings that are written, and their channels."""

    policy: AllocationPolicy
    written: tuple[Listing, ...]
    channels: Mapping[ChannelId, ChannelPlan]


_ALIKE_MAX: Final = 1_000
_ALIKE: Final[dict[object, tuple[AllocationPolicy, Mapping[ChannelId, ChannelPlan]]]] = {}
"""What holds alike for thousands of products, which have it in common: found anew for each it took three times as long,
and a kilobyte of memory for four channels. Threads may share it, at worst in vain."""


def plan_of(product: Product, policy: AllocationPolicy) -> Plan:
    """The plan, found once for a product and a policy: it is asked for at every change of the SKU."""
    kept = product.plan
    if isinstance(kept, Plan) and kept.policy is policy:
        return kept
    written = tuple([one for one in product.listings if one.is_written and one.channel in policy.channels])
    if len(written) == len(product.listings):
        written = product.listings  # the same once is enough
    plan = Plan(policy, written, _channel_plans(product, policy, written))
    product.keep_plan(plan)
    return plan


def _channel_plans(
    product: Product, policy: AllocationPolicy, written: tuple[Listing, ...]
) -> Mapping[ChannelId, ChannelPlan]:
    names = tuple(dict.fromkeys([one.channel for one in written]))
    channels = [policy.channels[name] for name in names]
    own = product.sku if any(one.buffer_by_sku and product.sku in one.buffer_by_sku for one in channels) else None
    stocked = tuple([one.location for one in product.locations])
    key = (names, stocked, product.category, own)
    alike = _ALIKE.get(key)
    if alike is not None and alike[0] is policy:
        return alike[1]
    found: dict[ChannelId, ChannelPlan] = {}
    for one in channels:
        locations = one.locations.intersection(stocked)
        found[one.channel] = ChannelPlan(one, locations, one.buffer_for(product.sku, product.category))
    if len(_ALIKE) >= _ALIKE_MAX:
        _ALIKE.clear()
    _ALIKE[key] = (policy, found)
    return found


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
    *,
    high_velocity: bool = False,
    was_scarce: bool = False,
    answers: Mapping[Sku, KitAvailability] = NO_ANSWERS,
) -> Proposals:
    """What every written listing of the product should show now.

    `first` names the listings that have no target yet: they are left alone until each location that stocks the product
    for their channel was counted. Later an uncounted location contributes nothing. `demand` is how fast the SKU sells;
    None: nothing is known of it. `high_velocity`: it sells far faster than usual. `was_scarce`: the proposals before
    these said so. `answers` are what the components of a kit said.
    """
    plan = plan_of(product, policy)
    written = plan.written
    if product.status is ProductStatus.DISCONTINUED:
        return Proposals(tuple([_zero(one, policy.channels[one.channel]) for one in written]), (), was_scarce)
    available = availability(product, stock, now_ms, answers)
    known: Sequence[Listing] = written
    uncounted: tuple[ListingId, ...] = ()
    if available.uncounted:
        left = [
            one
            for one in written
            if one.listing_id in first and policy.channels[one.channel].locations & available.uncounted
        ]
        uncounted = tuple([one.listing_id for one in left])
        known = [one for one in written if one.listing_id not in uncounted]
    widened = policy if high_velocity or policy.peaks else None
    terms: dict[ChannelId, Terms] = {}
    atp: dict[frozenset[LocationId], int] = {}
    for name, planned in plan.channels.items():
        channel, locations, buffer = planned.channel, planned.locations, planned.buffer
        if locations not in atp:
            atp[locations] = available.atp(locations)
        widening = NOT_WIDENED if widened is None else widened.widening(name, high_velocity, now_ms)
        risk = None
        if buffer.risk is not None and demand is not None:
            risk = risk_units(buffer.risk, name, demand, policy.scheduled_percent(name, now_ms))
        terms[name] = Terms(channel, locations, atp[locations], buffer, widening, risk)
    given = share_out(product, written, terms, available, policy, demand, was_scarce)
    proposed = tuple([_proposal(one, terms[one.channel], given, available) for one in known])
    return Proposals(proposed, uncounted, given.scarce)


def _proposal(listing: Listing, terms: Terms, given: Given, available: Availability) -> Proposal:
    allocation = given.units(listing)
    buffer = buffer_units(allocation, terms.buffer, terms.widening, terms.risk_units)
    shown = allocation - buffer
    if listing.max_shown is not None:
        shown = min(shown, listing.max_shown)
    nodes: Mapping[NodeId, int] = NO_NODES
    if listing.nodes:
        shown, nodes = _over_nodes(listing, shown, available, terms.locations)
    if shown < listing.min_shown:
        shown, nodes = 0, dict.fromkeys(nodes, 0)
    return Proposal(listing, terms, shown, nodes, allocation, buffer, given, available)


def _over_nodes(
    listing: Listing, shown: int, available: Availability, locations: frozenset[LocationId]
) -> tuple[int, dict[NodeId, int]]:
    sold_from = {location: units for location, units in available.by_location.items() if location in locations}
    nodes = split_over_nodes(shown, listing.nodes, sold_from, listing.two_day)
    return sum(nodes.values()), nodes


def _zero(listing: Listing, channel: ChannelPolicy) -> Proposal:
    terms = Terms(channel, frozenset(), 0, channel.buffer, NOT_WIDENED, None)
    return Proposal(listing, terms, 0, {node.node: 0 for node in listing.nodes}, 0, 0, None, None)
