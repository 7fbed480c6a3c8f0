"""What marketplaces may be showing beyond what there is: the exposure of a SKU's listings against its stock."""

from __future__ import annotations

from dataclasses import dataclass

from inventory_domain.atp import NO_ANSWERS, availability
from inventory_domain.catalog import opened
from inventory_domain.identifiers import LocationId, SourceId
from inventory_domain.policies import AllocationPolicy, Strategy
from inventory_domain.silence import vouched
from inventory_domain.sku_state import SkuState


@dataclass(frozen=True, slots=True)
class Overshown:
    """A SKU's units at risk.

    `listing_units`: what single listings may show beyond all that their channel could promise; each is an oversell as
    soon as it sells. `sku_units`: what all listings together may show beyond what there is in all. Under the shared
    pool that is meant to be above 0, and buffers answer for it; under a strategy that divides it is not.
    """

    listing_units: int = 0
    sku_units: int = 0


NOTHING_OVERSHOWN = Overshown()


def overshown(
    state: SkuState, policy: AllocationPolicy, now_ms: int, silent: frozenset[SourceId] = frozenset()
) -> Overshown:
    """Hold what is known of the listings' exposure against the stock. Unknown exposure is counted elsewhere."""
    if not state.exposures:
        return NOTHING_OVERSHOWN
    product = None if state.product is None else opened(state.product, policy.closed_locations)
    answers = NO_ANSWERS if state.links is None else state.links.answers
    stocked = frozenset([one.location for one in product.locations]) if product else frozenset()
    available = availability(product, vouched(state.stock, silent), now_ms, answers) if product else None
    listings = {one.listing_id: one for one in product.listings} if product else {}
    beyond, together = 0, 0
    sold_from: frozenset[LocationId] = frozenset()
    for listing_id, seen in state.exposures.items():
        listing = listings.get(listing_id)
        channel = policy.channels.get(listing.channel) if listing else None
        locations = stocked & channel.locations if channel else frozenset()
        sold_from |= locations
        units = seen.units or 0
        together += units
        beyond += max(0, units - (available.atp(locations) if available else 0))
    return Overshown(beyond, max(0, together - (available.atp(sold_from) if available else 0)))


def promise_of(state: SkuState, policy: AllocationPolicy) -> str:
    """Which promise holds for the SKU: `shared-pool` (buffers answer for the sum), or `divided` (the sum is kept)."""
    category = state.product.category if state.product else ""
    return "shared-pool" if policy.strategy_for(state.sku, category) is Strategy.SHARED_POOL else "divided"
