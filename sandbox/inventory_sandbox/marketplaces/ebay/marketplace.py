"""eBay as one application: all its APIs behind one set of rules."""

from __future__ import annotations

from collections.abc import Sequence

from inventory_sandbox.marketplaces.assortment import ListingSeed
from inventory_sandbox.marketplaces.ebay.bulk import Bulk
from inventory_sandbox.marketplaces.ebay.items import Items
from inventory_sandbox.marketplaces.ebay.rules import EbayRules, error_answer
from inventory_sandbox.marketplaces.ebay.stock import EbayStock
from inventory_sandbox.marketplaces.http import Answer, Call, Operation
from inventory_sandbox.marketplaces.world import World


class Ebay(EbayRules):
    """The stand-in for eBay: one seller's items, offers and listings."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.stock = EbayStock(world)
        self.items = Items(world, self.stock)
        self.bulk = Bulk(world, self.stock, self.items)

    def operations(self) -> Sequence[Operation]:
        """Every operation that is served."""
        return (self.token_operation(), *self.bulk.operations(), *self.items.operations())

    def add(self, seed: ListingSeed) -> None:
        """Takes a listing."""
        self.stock.add(seed)

    def not_found(self, call: Call) -> Answer:
        """The answer to a path that no operation has."""
        return error_answer(404, 2002, f"Resource not found: {call.path}", "ACCESS")
