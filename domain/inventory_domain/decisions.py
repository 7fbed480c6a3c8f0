"""What the engine says about a SKU after its state has changed: which targets, which tombstones, what it still owes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from inventory_domain.atp import NO_ANSWERS
from inventory_domain.catalog import ProductStatus, opened
from inventory_domain.commands import Override, OverrideKind
from inventory_domain.derivation_causes import NO_CAUSES, Causes
from inventory_domain.identifiers import ListingId, Marketplace, NodeId, SourceId
from inventory_domain.mass_change import guard_kept
from inventory_domain.overrides import capped, in_force, moment, note
from inventory_domain.policies import AllocationPolicy
from inventory_domain.refills import NO_SALES, REFILL_CAUSE, OwnSales, is_refill
from inventory_domain.silence import vouched
from inventory_domain.sku_state import EmittedTarget, SeenExposure, SkuState
from inventory_domain.stock import Stock
from inventory_domain.surges import is_high
from inventory_domain.targets import Proposal, Proposals, Target, next_version, proposals
from inventory_domain.values import made_often, replace
from inventory_domain.velocity import Demand

RISE_WAITS: Final = "no rise until all input is read"
"""The last step of a derivation whose number is bounded by what was said before, since the engine catches up."""


@made_often
@dataclass(frozen=True, slots=True)
class Decision:
    """The state after the decision, with what must be written in the same transaction as that state.

    `uncounted` are the listings left alone because one of their locations was never counted.
    """

    state: SkuState
    targets: tuple[Target, ...]
    forgotten: tuple[tuple[Marketplace, ListingId], ...]
    uncounted: tuple[ListingId, ...]


def decide(
    state: SkuState,
    policy: AllocationPolicy,
    now_ms: int,
    *,
    catching_up: bool,
    cause: str,
    restate: frozenset[ListingId] = frozenset(),
    demand: Demand | None = None,
    silent: frozenset[SourceId] = frozenset(),
    newest_version: int | None = None,
    sold: OwnSales = NO_SALES,
) -> Decision:
    """Compute every listing of the SKU and say what changed.

    While catching up only falls are said, and a first target counts as a rise: what the input still holds may lower it.
    A listing that left the catalog gets a zero, and is forgotten when that zero is confirmed. `demand` is how fast the
    SKU sells, None where nothing is known of it; every rule is safe without it. An operator's override bounds what is
    said while it is in force. `silent` are the sources that cannot be vouched for. `newest_version` was given to any
    listing before: one that was forgotten and comes back gets a newer one, also when the clock was set back. `sold` are
    the channels that have newly reported sales: a number that did not fall with them is said again.
    """
    override = in_force(state.override, now_ms)
    zeroed = override is not None and override.kind is OverrideKind.ZERO
    high = is_high(state.high_velocity, demand, policy.high_velocity)
    stock = vouched(state.stock, silent)
    proposed = _proposals(state, stock, policy, now_ms, demand, zeroed=zeroed, high=high)
    causes = Causes(silent, policy.closed_locations) if silent or policy.closed_locations else NO_CAUSES
    emitted = dict(state.targets)
    targets: list[Target] = []
    owes = False
    for want in proposed.listings:
        listing_id = want.listing.listing_id
        before = emitted.get(listing_id)
        quantity, nodes, waits = want.quantity, want.nodes, False
        if override is not None:
            if before is None and _holds(override):
                continue
            quantity, nodes = _under(override, before, quantity, nodes)
        if catching_up and not zeroed:
            if before is None:
                owes = True
                continue
            bound, bounded_nodes = _no_rise(before, quantity, nodes)
            waits = bound != quantity or bounded_nodes != nodes
            owes = owes or waits
            quantity, nodes = bound, bounded_nodes
        if quantity < want.listing.min_shown:  # what was lowered to less than that
            quantity, nodes = 0, dict.fromkeys(nodes, 0)
        ids = want.listing.marketplace_ids
        same = before is not None and not before.withdrawn and before.says_the_same(quantity, nodes, ids)
        why = "restate" if same else cause
        if before is not None and same and listing_id not in restate:
            if not is_refill(before, want, quantity, sold):
                continue
            if catching_up or _holds(override):
                emitted[listing_id] = replace(before, refill_owed=True)
                owes = owes or catching_up
                continue
            why = REFILL_CAUSE
        version = next_version(before.version if before else newest_version, now_ms)
        derivation = _derivation(state, want, override, causes, now_ms, waits=waits)
        target = _target(state, want, quantity, nodes, before, version, now_ms, why, derivation, demand)
        targets.append(target)
        emitted[listing_id] = _emitted(target)
    named = frozenset([one.listing_id for one in state.product.listings]) if state.product else frozenset()
    if not emitted.keys() <= named:
        targets.extend(_withdrawals(state, policy, emitted, named, restate, now_ms))
    after = replace(state, targets=emitted, owes_rise=owes, high_velocity=high, scarce=proposed.scarce)
    return _without_forgotten(after, named, targets, proposed.uncounted)


def _without_forgotten(
    state: SkuState, named: frozenset[ListingId], targets: list[Target], uncounted: tuple[ListingId, ...]
) -> Decision:
    forgotten, emitted = _forgotten(state), state.targets
    if forgotten:
        gone = {listing_id for _, listing_id in forgotten}
        emitted = {one: said for one, said in emitted.items() if one not in gone}
    exposures = _kept_exposures(state, named, emitted)
    if forgotten or exposures is not state.exposures:
        state = replace(state, targets=emitted, exposures=exposures)
    return Decision(state, tuple(targets), forgotten, uncounted)


def _kept_exposures(
    state: SkuState, named: frozenset[ListingId], emitted: Mapping[ListingId, EmittedTarget]
) -> Mapping[ListingId, SeenExposure]:
    """What was forgotten may come back under another SKU, which then has an exposure of its own."""
    if not state.exposures or state.exposures.keys() <= named:
        return state.exposures
    return {one: seen for one, seen in state.exposures.items() if one in named or one in emitted}


def _proposals(
    state: SkuState,
    stock: Stock,
    policy: AllocationPolicy,
    now_ms: int,
    demand: Demand | None,
    *,
    zeroed: bool,
    high: bool,
) -> Proposals:
    product = state.product
    if product is None:
        return Proposals((), ())
    stocked = [one.location for one in product.locations]
    if zeroed or not product.is_sold(now_ms):  # whatever was counted, and whatever was not
        product = replace(product, status=ProductStatus.DISCONTINUED)
    elif policy.closed_locations:
        product = opened(product, policy.closed_locations)
    told = state.targets
    first = frozenset([one.listing_id for one in product.listings if one.listing_id not in told])
    answers = NO_ANSWERS if state.links is None else state.links.answers
    found = proposals(
        product,
        stock,
        policy,
        first,
        now_ms,
        demand,
        high_velocity=high,
        was_scarce=state.scarce,
        answers=answers,
    )
    if first and product.status is ProductStatus.ACTIVE and not policy.sells_from(stocked):
        return _without_first(found, first)
    return found


def _without_first(found: Proposals, first: frozenset[ListingId]) -> Proposals:
    """Leaves alone what was never told: of a product stocked where no channel sells from nothing is known."""
    left = tuple([one.listing.listing_id for one in found.listings if one.listing.listing_id in first])
    known = tuple([one for one in found.listings if one.listing.listing_id not in first])
    return replace(found, listings=known, uncounted=(*found.uncounted, *left))


def _holds(override: Override | None) -> bool:
    return override is not None and override.kind is OverrideKind.HOLD


def _under(
    override: Override, before: EmittedTarget | None, quantity: int, nodes: Mapping[NodeId, int]
) -> tuple[int, Mapping[NodeId, int]]:
    """The number as the override lets it be; a zeroed SKU was proposed as zero already."""
    if override.kind is OverrideKind.CAP and override.units is not None:
        return capped(quantity, nodes, override.units)
    if _holds(override) and before is not None:
        return _no_rise(before, quantity, nodes)
    return quantity, nodes


def _no_rise(before: EmittedTarget, quantity: int, nodes: Mapping[NodeId, int]) -> tuple[int, Mapping[NodeId, int]]:
    """What may be said where nothing may rise: no part above what was said before."""
    if not nodes:
        return min(before.quantity, quantity), {}
    bounded = {node: min(units, before.nodes.get(node, 0)) for node, units in nodes.items()}
    return sum(bounded.values()), bounded


def _target(
    state: SkuState,
    want: Proposal,
    quantity: int,
    nodes: Mapping[NodeId, int],
    before: EmittedTarget | None,
    version: int,
    now_ms: int,
    cause: str,
    derivation: str,
    demand: Demand | None,
) -> Target:
    listing = want.listing
    return Target(
        listing.listing_id,
        state.sku,
        listing.channel,
        want.channel.marketplace,
        version,
        quantity,
        nodes,
        listing.marketplace_ids,
        want.atp,
        want.allocation,
        want.buffer,
        want.strategy,
        cause,
        derivation,
        state.changed_at_ms,
        now_ms,
        guard=_guard(before, quantity, now_ms),
        sales_milli_per_day=None if demand is None else demand.weight(listing.channel),
    )


def _guard(before: EmittedTarget | None, quantity: int, now_ms: int) -> str | None:
    if before is None or quantity > before.quantity:
        return None
    return guard_kept(before.guard, before.version, now_ms)  # a version begins as the time at which it was given


def _derivation(
    state: SkuState, want: Proposal, override: Override | None, causes: Causes, now_ms: int, *, waits: bool
) -> str:
    if override is not None and override.kind is OverrideKind.ZERO:
        return note(override)
    product, text = state.product, want.derivation()
    stops_ms = None if product is None or product.status is not ProductStatus.ACTIVE else product.sale_stops_at_ms
    if stops_ms is not None and now_ms >= stops_ms:
        text = f"the product is not sold since {moment(stops_ms)}"
    elif product is not None and want.available is not None and causes.concern(product):
        text = "; ".join([text, *causes.steps(state, want.channel.locations)])
    if override is not None:
        text = f"{text}; {note(override)}"
    return f"{text}; {RISE_WAITS}" if waits else text


def _emitted(target: Target) -> EmittedTarget:
    return EmittedTarget(
        target.version,
        target.quantity,
        target.nodes,
        target.channel,
        target.marketplace,
        target.marketplace_ids,
        target.withdrawn,
        target.guard,
    )


def _withdrawals(
    state: SkuState,
    policy: AllocationPolicy,
    emitted: dict[ListingId, EmittedTarget],
    named: frozenset[ListingId],
    restate: frozenset[ListingId],
    now_ms: int,
) -> list[Target]:
    """Zeros for listings that left the catalog, and once more for those of which that is asked."""
    gone: list[Target] = []
    for listing_id, before in list(emitted.items()):
        if listing_id in named or before.channel not in policy.channels:
            continue
        if before.withdrawn and listing_id not in restate:
            continue
        target = Target(
            listing_id=listing_id,
            sku=state.sku,
            channel=before.channel,
            marketplace=before.marketplace,
            version=next_version(before.version, now_ms),
            quantity=0,
            nodes=dict.fromkeys(before.nodes, 0),
            marketplace_ids=before.marketplace_ids,
            atp=0,
            allocation=0,
            buffer=0,
            strategy="none",
            cause="restate" if before.withdrawn else "listing-removed",
            derivation="the listing left the catalog",
            changed_at_ms=state.changed_at_ms,
            computed_at_ms=now_ms,
            withdrawn=True,
            guard=_guard(before, 0, now_ms),
        )
        gone.append(target)
        emitted[listing_id] = _emitted(target)
    return gone


def _forgotten(state: SkuState) -> tuple[tuple[Marketplace, ListingId], ...]:
    """Listings that must not be written any more, so that delivery forgets them.

    Those withdrawn whose zero was confirmed under the version that withdrew them or a later one, and at once those that
    became an auction or marketplace-held: they may not even be set to zero.
    """
    done: list[tuple[Marketplace, ListingId]] = []
    listings = state.product.listings if state.product else ()
    taken = [one.listing_id for one in listings if not one.is_written]
    if not taken and not [target for target in state.targets.values() if target.withdrawn]:
        return ()
    for listing_id, target in state.targets.items():
        if listing_id in taken:
            done.append((target.marketplace, listing_id))
        if listing_id in taken or not target.withdrawn:
            continue
        seen = state.exposures.get(listing_id)
        if seen is None or seen.confirmed_version is None:
            continue
        if seen.units == 0 and seen.confirmed_version >= target.version:
            done.append((target.marketplace, listing_id))
    return tuple(done)
