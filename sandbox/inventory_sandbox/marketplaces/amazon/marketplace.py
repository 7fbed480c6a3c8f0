"""Amazon as one application: all its APIs behind one set of rules."""

from __future__ import annotations

from collections.abc import Sequence

from inventory_sandbox.marketplaces.amazon.listings import Listings
from inventory_sandbox.marketplaces.amazon.rules import AmazonRules, error_answer
from inventory_sandbox.marketplaces.assortment import ListingSeed
from inventory_sandbox.marketplaces.http import Answer, Call, Operation
from inventory_sandbox.marketplaces.world import World


class Amazon(AmazonRules):
    """The stand-in for Amazon: one seller account with its marketplaces."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.listings = Listings(world)

    def operations(self) -> Sequence[Operation]:
        """Every operation that is served."""
        return (self.token_operation(), *self.listings.operations())

    def add(self, seed: ListingSeed) -> None:
        """Takes a listing."""
        self.listings.add(seed)

    def not_found(self, call: Call) -> Answer:
        """The answer to a path that no operation has."""
        return error_answer(404, "NotFound", f"No operation at {call.method} {call.path}.")
