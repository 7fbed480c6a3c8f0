"""What a derivation tells beside its sums: why a location counts as nothing, and which component bounds a kit."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from inventory_domain.catalog import Product
from inventory_domain.identifiers import LocationId, SourceId
from inventory_domain.kits import KitLinks, scarcest, silent_parts
from inventory_domain.silence import unvouched
from inventory_domain.sku_state import SkuState


@dataclass(frozen=True, slots=True)
class Causes:
    """What takes stock out of the sums now: sources that fell silent, and locations that an operator has closed."""

    silent: frozenset[SourceId] = frozenset()
    closed: frozenset[LocationId] = frozenset()

    def concern(self, product: Product) -> bool:
        """Whether `steps` may have anything to say of this product."""
        return bool(self.silent or self.closed or product.components)

    def steps(self, state: SkuState, sold_from: Collection[LocationId]) -> Iterator[str]:
        """The steps that they add to the derivation of a channel that may sell from these locations."""
        product = state.product
        if product is None:
            return
        places = [one.location for one in product.locations if one.location in sold_from]
        if self.closed and (shut := sorted(self.closed.intersection(places))):
            yield f"closed {' + '.join(shut)}"
        if self.silent:
            yield from self._silent(state, places)
        if product.components:
            yield from _of_kit(product, state.links, [place for place in places if place not in self.closed])

    def _silent(self, state: SkuState, places: Collection[LocationId]) -> Iterator[str]:
        for source, told in unvouched(state.stock, self.silent):
            if quiet := sorted(told.intersection(places)):
                yield f"source {source} silent, so nothing at {' + '.join(quiet)}"


NO_CAUSES: Final = Causes()


def _of_kit(product: Product, links: KitLinks | None, places: Collection[LocationId]) -> Iterator[str]:
    answers = links.answers if links is not None else {}
    missing = [part.sku for part in product.components if part.sku not in answers]
    if missing:
        yield f"no answer of {' + '.join(missing)}"
        return
    bounds = scarcest(product, answers, sorted(places))
    if bounds:
        yield f"scarcest {' + '.join([f'{place}={sku} for {number}' for place, (number, sku) in bounds.items()])}"
    for component, one in silent_parts(bounds, answers):
        part = one.sku if one.sku == component else f"{one.sku} in {component}"
        yield f"source {one.source} of {part} silent, so nothing at {' + '.join(one.locations)}"
