"""Amazon as one application: all its APIs behind one set of rules."""

from __future__ import annotations

from collections.abc import Sequence

from inventory_sandbox.marketplaces.amazon.documents import Documents
from inventory_sandbox.marketplaces.amazon.fba import FbaInventory
from inventory_sandbox.marketplaces.amazon.feeds import Feeds
from inventory_sandbox.marketplaces.amazon.listings import Listings
from inventory_sandbox.marketplaces.amazon.notifications import Notifications
from inventory_sandbox.marketplaces.amazon.reports import Reports
from inventory_sandbox.marketplaces.amazon.rules import AmazonRules, error_answer
from inventory_sandbox.marketplaces.amazon.sellers import Sellers
from inventory_sandbox.marketplaces.assortment import ListingSeed
from inventory_sandbox.marketplaces.http import Answer, Call, Operation
from inventory_sandbox.marketplaces.world import World


class Amazon(AmazonRules):
    """The stand-in for Amazon: one seller account with its marketplaces."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._listings = Listings(world)
        documents = Documents(world)
        self._apis = (
            self._listings,
            Feeds(world, self._listings, documents),
            Reports(world, documents),
            documents,
            FbaInventory(world),
            Sellers(world),
            Notifications(world),
        )

    def operations(self) -> Sequence[Operation]:
        """Every operation that is served."""
        return (self.token_operation(), *(one for api in self._apis for one in api.operations()))

    def add(self, seed: ListingSeed) -> None:
        """Takes a listing."""
        self._listings.add(seed)

    def not_found(self, call: Call) -> Answer:
        """The answer to a path that no operation has."""
        return error_answer(404, "NotFound", f"No operation at {call.method} {call.path}.")
