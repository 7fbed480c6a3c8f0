"""eBay as one application: all its APIs behind one set of rules."""

from __future__ import annotations

from collections.abc import Sequence

from inventory_sandbox.marketplaces.assortment import ListingSeed
from inventory_sandbox.marketplaces.ebay.analytics import Analytics
from inventory_sandbox.marketplaces.ebay.bulk import Bulk
from inventory_sandbox.marketplaces.ebay.items import Items
from inventory_sandbox.marketplaces.ebay.lifecycle import Lifecycle
from inventory_sandbox.marketplaces.ebay.locations import Locations
from inventory_sandbox.marketplaces.ebay.many_offers import ManyOffers
from inventory_sandbox.marketplaces.ebay.notifications import Notifications
from inventory_sandbox.marketplaces.ebay.rules import EbayRules, error_answer
from inventory_sandbox.marketplaces.ebay.stock import EbayStock
from inventory_sandbox.marketplaces.ebay.trading import Trading
from inventory_sandbox.marketplaces.http import Answer, Call, Operation
from inventory_sandbox.marketplaces.world import World


class Ebay(EbayRules):
    """The stand-in for eBay: one seller's items, offers and listings."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._stock = EbayStock(world)
        items, lifecycle = Items(world, self._stock), Lifecycle(world, self._stock)
        self._apis = (
            Bulk(world, self._stock, items),
            # Before the single offers: their paths read like an offer's id.
            ManyOffers(self._stock, lifecycle),
            items,
            lifecycle,
            Locations(),
            Analytics(self),
            Trading(self, self._stock),
            Notifications(world),
        )

    def operations(self) -> Sequence[Operation]:
        """Every operation that is served."""
        return (self.token_operation(), *(one for api in self._apis for one in api.operations()))

    def add(self, seed: ListingSeed) -> None:
        """Takes a listing."""
        self._stock.add(seed)

    def not_found(self, call: Call) -> Answer:
        """The answer to a path that no operation has."""
        return error_answer(404, 2002, f"Resource not found: {call.path}", "ACCESS")
