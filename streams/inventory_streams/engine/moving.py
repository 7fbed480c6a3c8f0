"""Listings that move from one SKU to another of the same partition: the new one's number is the last word on them.

Both write the same key of the same partition. If the old SKU had its zero confirmed and forgot the listing after the
new one has said a number, its tombstone would take that number away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from inventory_domain.catalog import Product
from inventory_domain.identifiers import ListingId, Marketplace, Sku
from inventory_domain.sku_state import SkuState
from inventory_domain.targets import Target
from inventory_domain.values import replace


class GivenUp:
    """Which SKU has given a listing up and is not done with it, as far as it is durable.

    After a takeover it is whole when the first sweep has looked at every SKU.
    """

    def __init__(self) -> None:
        self.by_listing: dict[ListingId, Sku] = {}

    def look_at(self, state: SkuState) -> None:
        """A state that was recovered."""
        for listing_id, target in state.targets.items():
            if target.withdrawn:
                self.by_listing[listing_id] = state.sku

    def note(
        self,
        left: Mapping[ListingId, Sku],
        states: Mapping[Sku, SkuState],
        forgotten: Iterable[tuple[Marketplace, ListingId]],
    ) -> None:
        """Take over what was committed; `left` are listings that were left out of a product."""
        for listing_id, sku in left.items():
            state = states.get(sku)
            target = state.targets.get(listing_id) if state is not None else None
            if target is not None and target.withdrawn:
                self.by_listing[listing_id] = sku
        for _, listing_id in forgotten:
            self.by_listing.pop(listing_id, None)


class Moves:
    """The same within one computation. False while no listing of the partition is given up."""

    def __init__(self, durable: Mapping[ListingId, Sku]) -> None:
        self._durable = durable
        self.left: dict[ListingId, Sku] = {}

    def __bool__(self) -> bool:
        return bool(self.left or self._durable)

    def leaves_out(self, state: SkuState, product: Product | None) -> None:
        """The SKU's product is another one from now on."""
        if state.targets:
            named = _named(product)
            self.left.update({one: state.sku for one in state.targets if one not in named})

    def end_former(
        self,
        state: SkuState,
        targets: Iterable[Target],
        known: Callable[[Sku], SkuState | None],
        states: dict[Sku, SkuState],
        said: list[Target],
        forgotten: list[tuple[Marketplace, ListingId]],
    ) -> None:
        """A SKU says these targets. If one is its first of a listing that another SKU has given up, that one is done
        with it at once: in its state, and in what was `said` and `forgotten` by now.
        """
        for one in [target.listing_id for target in targets if target.listing_id not in state.targets]:
            former = self.left.get(one) or self._durable.get(one)
            before = known(former) if former is not None and former != state.sku else None
            if before is not None and (after := _without(before, one)) is not None:
                states[before.sku] = after
                said[:] = [target for target in said if target.listing_id != one]
                forgotten[:] = [gone for gone in forgotten if gone[1] != one]


def _without(state: SkuState, listing_id: ListingId) -> SkuState | None:
    """The state of a SKU that is done with a listing; None where it names it, or knows nothing of it."""
    if listing_id in _named(state.product) or listing_id not in state.targets:
        return None
    targets = {one: said for one, said in state.targets.items() if one != listing_id}
    exposures = {one: seen for one, seen in state.exposures.items() if one != listing_id}
    return replace(state, targets=targets, exposures=exposures)


def _named(product: Product | None) -> frozenset[ListingId]:
    return frozenset([one.listing_id for one in product.listings]) if product is not None else frozenset()
