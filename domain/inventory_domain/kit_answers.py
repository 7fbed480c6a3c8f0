"""What a SKU answers to the kits that it is a part of, from all that bounds its own number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from inventory_domain.atp import Availability
from inventory_domain.catalog import Product
from inventory_domain.changes import QUANTITY_MAX
from inventory_domain.commands import KitAvailability, Override, OverrideKind, SilentSource
from inventory_domain.identifiers import LocationId, Sku, SourceId
from inventory_domain.kits import CYCLE, PART_TWICE, TOO_DEEP, KitLinks, Served, scarcest, silent_parts
from inventory_domain.silence import unvouched
from inventory_domain.stock import Stock


def refusal(product: Product | None, links: KitLinks, kit: Sku, served: Served) -> str:
    """Why this SKU cannot be a part of that kit, as a constant; empty when it can."""
    parts = frozenset(part.sku for part in product.components) if product is not None else frozenset()
    if not parts.isdisjoint({kit, *served.above}):
        return CYCLE
    if any(answer.is_kit for answer in links.answers.values()):
        return TOO_DEEP
    if any(kit in other.above for name, other in links.serves.items() if name != kit):
        return PART_TWICE
    if any(kit in answer.shared for answer in links.answers.values()):
        return PART_TWICE
    return ""


def shared_above(links: KitLinks) -> tuple[Sku, ...]:
    """Kits further up that this SKU is in through more than one kit."""
    once: set[Sku] = set()
    twice: set[Sku] = set()
    for served in links.serves.values():
        twice.update(once.intersection(served.above))
        once.update(served.above)
    return tuple(sorted(twice))


def an_answer(sku: Sku, product: Product, links: KitLinks, served: Served, available: Availability) -> KitAvailability:
    """How many kits the SKU would do for; `available` leaves out what was sold in this kit, which nets that itself."""
    kits = {place: min(units // served.units, QUANTITY_MAX) for place, units in available.by_location.items()}
    some = tuple((place, number) for place, number in sorted(kits.items()) if number)
    return KitAvailability(
        component=sku,
        kits_by_location=some,
        units=served.units,
        uncounted=tuple(sorted(available.uncounted)),
        unplaced=kits_lost(available.netted, served.units, len(some)),
        is_kit=bool(product.components),
        shared=shared_above(links),
        heard=served.above,
    )


def silent_sources(
    product: Product, stock: Stock, silent: frozenset[SourceId], links: KitLinks
) -> tuple[SilentSource, ...]:
    """Which sources are to blame for having nothing at which of the product's locations; a kit's own parts tell it."""
    places = sorted(stocking.location for stocking in product.locations)
    if product.components:
        if not all(part.sku in links.answers for part in product.components):
            return ()
        return tuple([one for _, one in silent_parts(scarcest(product, links.answers, places), links.answers)])
    found = [
        SilentSource(source, product.sku, tuple([place for place in places if place in told]))
        for source, told in unvouched(stock, silent)
    ]
    return tuple([one for one in found if one.locations])


def kits_lost(sold: int, units: int, places: int) -> int:
    """How many kits fewer there may be when so many units are taken from nobody knows which of the places.

    At each place the first unit may break a kit, and after that each further kit takes all its units.
    """
    first = min(sold, places)
    return first + (sold - first) // units


def under_override(
    answer: KitAvailability, override: Override, told: KitAvailability | None, places: tuple[LocationId, ...]
) -> KitAvailability:
    """The answer as an operator's hand on the component lets it be.

    A recalled part recalls its kits; a cap is in units of the part; what is held does not rise through a kit either.
    """
    if override.kind is OverrideKind.ZERO:
        return replace(answer, kits_by_location=(), uncounted=(), unplaced=0, silent=())
    if override.kind is OverrideKind.CAP and override.units is not None:
        kits = _at_most(answer.kits_by_location, override.units // answer.units)
        return replace(answer, kits_by_location=kits)
    if override.kind is OverrideKind.HOLD:
        return no_rise(answer, told, places)
    return answer


def _at_most(kits: Iterable[tuple[LocationId, int]], most: int) -> tuple[tuple[LocationId, int], ...]:
    """The kits by location, from the last location on less, so that they add up to no more than that."""
    found: list[tuple[LocationId, int]] = []
    for place, number in kits:
        given = min(number, most)
        most -= given
        if given:
            found.append((place, given))
    return tuple(found)


def no_rise(answer: KitAvailability, told: KitAvailability | None, places: tuple[LocationId, ...]) -> KitAvailability:
    """What may be told where nothing may rise.

    Where nothing was told yet the first word would be a rise, so the places that stock it are told as uncounted.
    """
    if answer.refused:
        return answer
    if told is None:
        return replace(answer, kits_by_location=(), uncounted=places)
    if told.refused:
        return told
    before: Mapping[LocationId, int] = dict(told.kits_by_location)
    kits = tuple(
        (place, lower) for place, number in answer.kits_by_location if (lower := min(number, before.get(place, 0)))
    )
    return replace(
        answer,
        kits_by_location=kits,
        uncounted=tuple(sorted({*answer.uncounted, *told.uncounted})),
        unplaced=max(answer.unplaced, told.unplaced),
    )
