"""Available to promise: on hand minus reserved minus safety stock, over the locations a channel may sell from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from inventory_domain.catalog import Product
from inventory_domain.identifiers import ChannelId, LocationId
from inventory_domain.positions import Stock


@dataclass(frozen=True, slots=True)
class Availability:
    """What may be promised of one SKU now.

    `by_location` holds counted locations only, each at least 0. `uncounted` are the locations that stock the product
    and were never counted. `sold` has the units per channel that were sold and are not known to the source yet.
    """

    by_location: Mapping[LocationId, int]
    uncounted: frozenset[LocationId]
    sold: Mapping[ChannelId, int]

    @property
    def netted(self) -> int:
        """Units sold on all channels together that are in no position yet."""
        return sum(self.sold.values()) if self.sold else 0

    def atp(self, locations: Collection[LocationId]) -> int:
        """Units that may be promised from these locations, what was sold and is not reported yet already taken off."""
        return max(
            0, sum([units for location, units in self.by_location.items() if location in locations]) - self.netted
        )

    def derivation(self, locations: frozenset[LocationId]) -> str:
        """How available-to-promise from these locations adds up, in words."""
        counted = self.by_location
        parts = [f"{location}={counted[location]}" for location in sorted(locations & counted.keys())]
        if self.uncounted:
            parts += [f"{location}=uncounted" for location in sorted(locations & self.uncounted)]
        text = f"atp {' + '.join(parts) or 'no location'}"
        return f"{text} - sold and not reported {self.netted}" if self.sold else text


def availability(product: Product, stock: Stock, now_ms: int) -> Availability:
    """The one computation of availability, for the live path and for every explanation of it."""
    by_location: dict[LocationId, int] = {}
    uncounted = set()
    for stocking in product.locations:
        position = stock.positions.get(stocking.location)
        if position is None or position.on_hand is None:
            uncounted.add(stocking.location)
            continue
        reserved = position.reserved(now_ms) if position.reservations else 0
        by_location[stocking.location] = max(0, position.on_hand - reserved - stocking.safety_stock)
    return Availability(by_location, frozenset(uncounted), stock.units_sold_unreported())
