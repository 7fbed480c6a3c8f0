"""Walmart as one application: all its APIs behind one set of rules."""

from __future__ import annotations

from collections.abc import Sequence

from inventory_sandbox.marketplaces.assortment import ListingSeed
from inventory_sandbox.marketplaces.http import Answer, Call, Operation
from inventory_sandbox.marketplaces.walmart.catalog import Catalog
from inventory_sandbox.marketplaces.walmart.feeds import Feeds
from inventory_sandbox.marketplaces.walmart.inventory import Inventory
from inventory_sandbox.marketplaces.walmart.rules import WalmartRules, gateway_error
from inventory_sandbox.marketplaces.walmart.webhooks import Webhooks
from inventory_sandbox.marketplaces.world import World


class Walmart(WalmartRules):
    """The stand-in for Walmart: one seller account."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._inventory = Inventory(world)
        self._apis = (
            self._inventory,
            Feeds(world, self, self._inventory),
            Catalog(world, self, self._inventory),
            Webhooks(world),
        )

    def operations(self) -> Sequence[Operation]:
        """Every operation that is served."""
        return (*self.token_operations(), *(one for api in self._apis for one in api.operations()))

    def add(self, seed: ListingSeed) -> None:
        """Takes a listing."""
        self._inventory.add(seed)

    def not_found(self, call: Call) -> Answer:
        """The answer to a path that no operation has."""
        return gateway_error(404, "CONTENT_NOT_FOUND.GMP_GATEWAY_API", f"No such resource: {call.path}")
