"""Shopify as one application: GraphQL and the legacy REST calls behind one set of rules."""

from __future__ import annotations

from collections.abc import Sequence

from inventory_sandbox.marketplaces.assortment import ListingSeed
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.shopify.graphql import GraphQL
from inventory_sandbox.marketplaces.shopify.rest import Rest
from inventory_sandbox.marketplaces.shopify.rest_products import RestProducts
from inventory_sandbox.marketplaces.shopify.rest_webhooks import RestWebhooks
from inventory_sandbox.marketplaces.shopify.rules import ShopifyRules
from inventory_sandbox.marketplaces.shopify.shop import Shop
from inventory_sandbox.marketplaces.shopify.webhooks import Webhooks
from inventory_sandbox.marketplaces.world import World


class Shopify(ShopifyRules):
    """The stand-in for Shopify: one shop."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.shop = Shop(world)
        webhooks = Webhooks(world, self.shop)
        graphql = GraphQL(world, self, self.shop, webhooks)
        versions = world.settings.shopify_versions
        self._apis = (
            graphql,
            Rest(world, self.shop),
            RestProducts(world, self.shop),
            RestWebhooks(webhooks, graphql.topics, versions),
        )

    def operations(self) -> Sequence[Operation]:
        """Every operation that is served."""
        return (self.token_operation(), *(one for api in self._apis for one in api.operations()))

    def add(self, seed: ListingSeed) -> None:
        """Takes a listing."""
        self.shop.add(seed)

    def not_found(self, call: Call) -> Answer:
        """The answer to a path that no operation has."""
        return json_answer(404, {"errors": "Not Found"})
