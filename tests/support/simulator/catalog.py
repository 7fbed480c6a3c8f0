"""What becomes of listings in the catalog: they leave and come back, as they were or changed, or under another SKU."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inventory_domain.catalog import Fulfillment, Listing
from inventory_domain.identifiers import ChannelId, ListingId, Sku

if TYPE_CHECKING:
    from tests.support.simulator.world import World

EVERY_S = (4.0, 20.0)
OUT_S = (0.0, 3.0, 20.0)


@dataclass
class Place:
    """Where a listing is in the catalog. `out`: nowhere at the moment; `held`: the marketplace has its stock (FBA).

    `changed_s` is when it was changed otherwise than by its SKU's leaving.
    """

    sku: Sku
    channel: ChannelId
    ids: dict[str, str]
    out: bool = False
    held: bool = False
    changed_s: float = float("-inf")

    def listing(self, listing_id: ListingId) -> Listing:
        """As the catalog has it."""
        fulfillment = Fulfillment.MARKETPLACE if self.held else Fulfillment.SELLER
        return Listing(listing_id, self.channel, dict(self.ids), fulfillment=fulfillment)


@dataclass
class CatalogActs:
    """Somebody works on the catalog, by chances of his own."""

    world: World
    chance: random.Random
    _numbers: int = 0
    _out: dict[ListingId, float] = field(default_factory=dict)

    async def run(self) -> None:
        """One thing after the other, while there is trouble."""
        self.world.traffic.leaves()
        while self.world.troubled:
            await asyncio.sleep(self.chance.uniform(*EVERY_S))
            if self.world.troubled and not self.world.kafka.gone:
                self._act()

    def set_right(self) -> None:
        """All listings are there, and sold from our own stock."""
        for listing_id, place in self.world.traffic.places.items():
            if place.out or place.held:
                self._comes_back(listing_id, held=False)
        self.world.traffic.recount()

    def _act(self) -> None:
        if self.chance.random() < 0.3:
            self.world.promises.fired("product left" if self.world.traffic.leave() else "product came back")
            return
        listing_id = self.chance.choice(list(self.world.traffic.places))
        place = self.world.traffic.places[listing_id]
        if place.out:
            return
        if place.held or self.chance.random() < 0.3:
            self._comes_back(listing_id, held=not place.held and self.chance.random() < 0.5)
            return
        place.out = True
        self._changed(listing_id, "leaves the catalog")
        self.world.loop.outside(self.chance.choice(OUT_S), self._brought_back, listing_id)

    def _brought_back(self, listing_id: ListingId) -> None:
        place = self.world.traffic.places[listing_id]
        if not place.out:
            return
        if self.world.kafka.gone:
            self.world.loop.outside(1.0, self._brought_back, listing_id)
            return
        if self.chance.random() < 0.4:
            place.sku = self.chance.choice(list(self.world.traffic.expected))
            self.world.promises.fired("listing moved")
        self._comes_back(listing_id, held=self.chance.random() < 0.2)

    def _comes_back(self, listing_id: ListingId, *, held: bool) -> None:
        """With other ids now and then."""
        place = self.world.traffic.places[listing_id]
        if place.held and not held:
            self.world.market.edited.add(listing_id)  # what it shows is the marketplace's own number
        place.out, place.held = False, held
        if self.chance.random() < 0.5:
            self._numbers += 1
            place.ids["offer"] = f"{self._numbers}"
        self.world.promises.fired("listing held" if held else "listing changed")
        self._changed(listing_id, f"is {'held' if held else 'listed'} under {place.sku} as {place.ids}")

    def _changed(self, listing_id: ListingId, what: str) -> None:
        place = self.world.traffic.places[listing_id]
        place.changed_s = self.world.loop.time()
        self.world.promises.note(f"{listing_id} {what}")
        self.world.traffic.listed_anew(listing_id)
