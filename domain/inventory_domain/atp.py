"""Available to promise: on hand minus reserved minus safety stock, over the locations a channel may sell from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from inventory_domain.catalog import Product
from inventory_domain.commands import KitAvailability
from inventory_domain.identifiers import ChannelId, LocationId, Sku
from inventory_domain.stock import Stock
from inventory_domain.values import made_often

OF_COMPONENTS: Final = ChannelId("components")  # no channel: under it stand kits lost to what components sold
NO_ANSWERS: Final[Mapping[Sku, KitAvailability]] = MappingProxyType({})


@made_often
@dataclass(frozen=True, slots=True)
class Availability:
    """What may be promised of one SKU now.

    `by_location` holds counted locations only, each at least 0. `uncounted` are the locations that stock the product
    and were never counted. `sold` has the units per channel that were sold and are not known to the source yet. What is
    said of the same locations is put into words once.
    """

    by_location: Mapping[LocationId, int]
    uncounted: frozenset[LocationId]
    sold: Mapping[ChannelId, int]
    _words: dict[frozenset[LocationId], str] = field(default_factory=dict, init=False, compare=False, repr=False)

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
        text = self._words.get(locations)
        if text is None:
            text = self._words[locations] = self._derived(locations)
        return text

    def _derived(self, locations: frozenset[LocationId]) -> str:
        counted = self.by_location
        parts = [f"{location}={counted[location]}" for location in sorted(locations & counted.keys())]
        if self.uncounted:
            parts += [f"{location}=uncounted" for location in sorted(locations & self.uncounted)]
        text = f"atp {' + '.join(parts) or 'no location'}"
        return f"{text} - sold and not reported {self.netted}" if self.sold else text


def availability(
    product: Product,
    stock: Stock,
    now_ms: int,
    answers: Mapping[Sku, KitAvailability] = NO_ANSWERS,
    besides: Sku | None = None,
) -> Availability:
    """The one computation of availability, for the live path and for every explanation of it.

    A kit has what its components answered. What was sold in the kit `besides` is left out of `sold`: that kit nets its
    own sales.
    """
    if product.components:
        return _of_kit(product, stock, answers, besides)
    by_location: dict[LocationId, int] = {}
    uncounted = set()
    for stocking in product.locations:
        position = stock.positions.get(stocking.location)
        if position is None or position.on_hand is None:
            uncounted.add(stocking.location)
            continue
        reserved = position.reserved(now_ms) if position.reservations else 0
        by_location[stocking.location] = max(0, position.on_hand - reserved - stocking.safety_stock)
    return Availability(by_location, frozenset(uncounted), stock.units_sold_unreported(besides))


def _of_kit(
    product: Product, stock: Stock, answers: Mapping[Sku, KitAvailability], besides: Sku | None
) -> Availability:
    """Per location as many kits as the scarcest component would do for, less the kit's own safety stock there.

    A location is uncounted while a component was not counted there, and every location while one has not answered.
    """
    said = [answers.get(part.sku) for part in product.components]
    known = [answer for answer in said if answer is not None]
    kits = [dict(answer.kits_by_location) for answer in known]
    uncounted = [frozenset(answer.uncounted) for answer in known]
    by_location: dict[LocationId, int] = {}
    unknown: set[LocationId] = set()
    scarcest: dict[LocationId, int] = {}
    for stocking in product.locations:
        place = stocking.location
        if len(known) < len(said) or any(place in places for places in uncounted):
            unknown.add(place)
            continue
        scarcest[place] = min([numbers.get(place, 0) for numbers in kits])
        by_location[place] = max(0, scarcest[place] - stocking.safety_stock)
    sold = stock.units_sold_unreported(besides)
    lost = sum(_lost(answer.unplaced, numbers, scarcest) for answer, numbers in zip(known, kits, strict=True))
    if lost:
        sold[OF_COMPONENTS] = lost
    return Availability(by_location, frozenset(unknown), sold)


def _lost(unplaced: int, kits: Mapping[LocationId, int], scarcest: Mapping[LocationId, int]) -> int:
    """Kits that may be lost to a component's unplaced sales, at most.

    Before any kit is lost at a location, what the component has there beyond the scarcest one must be gone.
    """
    if not unplaced:
        return 0
    spare = [kits[place] - number for place, number in scarcest.items() if number]
    return max(0, unplaced - min(spare, default=0))
