"""GraphQL calls: cost taken from the bucket, the document executed on the schema of the version asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLResolveInfo,
    OperationType,
    execute_sync,
    get_operation_ast,
)

from inventory_sandbox.marketplaces.faults import WRITE_MODES
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.shopify.bulk import BulkOperations
from inventory_sandbox.marketplaces.shopify.cost import MAX_POINTS, actual_cost, requested_cost
from inventory_sandbox.marketplaces.shopify.mutations import Context, Mutations
from inventory_sandbox.marketplaces.shopify.rules import GRAPHQL, SCOPES, ShopifyRules
from inventory_sandbox.marketplaces.shopify.schemas import Schemas, VersionSchema
from inventory_sandbox.marketplaces.shopify.shop import Item, Location, Shop, matching
from inventory_sandbox.marketplaces.shopify.values import Values, connection
from inventory_sandbox.marketplaces.shopify.webhooks import Webhooks
from inventory_sandbox.marketplaces.world import World

PATHS: Final = ("/admin/api/{version}/graphql.json", "/admin/api/graphql.json")
"""A path without a version means the oldest that is served."""
MAX_NODES: Final = 250
_NOT_SERVED: Final = (
    "bulkOperationRunMutation",
    "inventoryBulkToggleActivation",
    "inventoryMoveQuantities",
    "productVariantByIdentifier",
    "stagedUploadsCreate",
)
Json = dict[str, object]


class GraphQL:
    """The GraphQL endpoint of the shop."""

    def __init__(self, world: World, rules: ShopifyRules, shop: Shop, webhooks: Webhooks) -> None:
        self._world = world
        self._rules = rules
        self._shop = shop
        self._schemas = Schemas(world.settings.shopify_versions)
        self._values = Values(shop)
        self._webhooks = webhooks
        self._bulk = BulkOperations(world, shop, self._values, self._webhooks.bulk_finished)
        self._root: dict[str, Callable[..., object]] = {
            **dict.fromkeys(_NOT_SERVED, _not_served),
            **self._queries(),
            **Mutations(shop, self._values).root(),
            **self._webhooks.root(),
            **self._bulk.root(),
        }

    def topics(self) -> Collection[str]:
        """The topics that a webhook subscription can have, as the oldest schema names them."""
        oldest = self._schemas.get("")
        kind = oldest.schema.get_type("WebhookSubscriptionTopic") if oldest is not None else None
        assert isinstance(kind, GraphQLEnumType)  # it is in each published schema
        return frozenset(str(one) for one in kind.values)

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        graphql = (Operation("graphql", "POST", path, self._handle, limit=GRAPHQL, takes=WRITE_MODES) for path in PATHS)
        return (*graphql, *self._bulk.operations())

    def _handle(self, call: Call) -> Answer:
        version = self._schemas.get(call.parameters.get("version", ""))
        if version is None:
            return json_answer(404, {"errors": "Not Found"})
        request = _request(call)
        if isinstance(request, Answer):
            return request
        text, variables, name = request
        document = version.document(text)
        if document.node is None:
            return json_answer(200, {"errors": [_error_json(one) for one in document.errors]})
        requested = requested_cost(document.node, variables, name)
        if requested > MAX_POINTS:
            return _too_costly(requested)
        if not self._rules.points.take(call.at, requested):
            return self._rules.throttled(requested, call.at)
        body = self._execute(version, text, variables, name, call)
        data = body.get("data")
        actual = requested
        if not _is_mutation(document.node, name) and isinstance(data, dict):
            actual = min(requested, max(actual_cost(data) - 1, 1))
            self._rules.points.give(requested - actual)
        body["extensions"] = {"cost": self._rules.cost_json(requested, actual, call.at)}
        return json_answer(200, body)

    def _execute(
        self, version: VersionSchema, text: str, variables: Mapping[str, object], name: str | None, call: Call
    ) -> Json:
        self._world.stock.settle()
        node = version.document(text).node
        assert node is not None  # checked by the caller
        result = execute_sync(
            version.schema,
            node,
            root_value=self._root,
            context_value=Context(call, version),
            variable_values=dict(variables),
            operation_name=name or None,
        )
        body: Json = {}
        if result.errors:
            body["errors"] = [_error_json(one) for one in result.errors]
        if result.data is not None or not result.errors or any(one.path for one in result.errors):
            body["data"] = result.data  # null where an error reached the top; not there where nothing was executed
        return body

    def _queries(self) -> dict[str, Callable[..., object]]:
        shop, values = self._shop, self._values
        return {
            "inventoryItem": lambda _, id: self._node(id, "InventoryItem"),
            "inventoryItems": lambda _, query=None, **arguments: connection(
                matching(shop.order, query or ""), values.item, arguments
            ),
            "inventoryLevel": lambda _, id: self._node(id, "InventoryLevel"),
            "location": lambda _, id=None: self._node(id or next(iter(shop.locations)), "Location"),
            "locations": self._locations,
            "productVariant": lambda _, id: self._node(id, "ProductVariant"),
            "productVariants": lambda _, query=None, **arguments: connection(
                matching(shop.order, query or ""), values.variant, arguments
            ),
            "product": lambda _, id: self._node(id, "Product"),
            "products": self._products,
            "node": lambda _, id: self._node(id, ""),
            "nodes": self._nodes,
            "shop": lambda _: {
                "id": "gid://shopify/Shop/1",
                "name": "Inventory demo",
                "email": "demo@example.com",
                "myshopifyDomain": shop.domain,
                "currencyCode": "USD",
                "ianaTimezone": "America/New_York",
            },
            "currentAppInstallation": lambda _: {
                "id": "gid://shopify/AppInstallation/1",
                "accessScopes": [{"handle": one, "description": one.replace("_", " ").capitalize()} for one in SCOPES],
            },
            "inventoryProperties": lambda _: {"quantityNames": _quantity_names()},
        }

    def _locations(self, _: object, **arguments: object) -> Json:
        found: list[Location] = list(self._shop.locations.values())
        if not arguments.get("includeInactive"):
            found = [one for one in found if one.active]
        if not arguments.get("includeLegacy"):
            found = [one for one in found if not one.fulfillment_service]
        return connection(found, self._values.location, dict(arguments))

    def _products(self, _: object, query: str | None = None, reverse: bool = False, **arguments: object) -> Json:
        """The products of which a variant fits, in the order in which they came."""
        fitting = {one.listing.seed.product_id for one in matching(self._shop.order, query or "")}
        found = [gid for gid in self._shop.by_product if gid in fitting]
        return connection(found[::-1] if reverse else found, self._values.product, dict(arguments))

    def _nodes(self, _: object, ids: Sequence[str]) -> list[Json | None]:
        if len(ids) > MAX_NODES:
            text = f"The input array size of {len(ids)} is greater than the maximum allowed of {MAX_NODES}."
            raise GraphQLError(text, extensions={"code": "MAX_INPUT_SIZE_EXCEEDED"})
        return [self._node(one, "") for one in ids]

    def _node(self, gid: str, kind: str) -> Json | None:
        shop, values = self._shop, self._values
        found = gid.removeprefix("gid://shopify/").partition("/")[0]
        if kind not in ("", found):
            return None
        if found == "InventoryItem":
            return values.item(shop.items[gid]) if gid in shop.items else None
        if found == "InventoryLevel":
            location, _, number = gid.rpartition("/")[2].partition("?inventory_item_id=")
            item: Item | None = shop.items.get(f"gid://shopify/InventoryItem/{number}")
            return values.level_at(item, f"gid://shopify/Location/{location}") if item is not None else None
        if found == "Location":
            return values.location(shop.locations[gid]) if gid in shop.locations else None
        if found == "ProductVariant":
            return values.variant(shop.by_variant[gid]) if gid in shop.by_variant else None
        if found == "Product":
            return values.product(gid) if gid in shop.by_product else None
        if found == "WebhookSubscription":
            return self._webhooks.get(gid)
        return self._bulk.get(gid) if found == "BulkOperation" else None


def _not_served(info: GraphQLResolveInfo[Context], **_: object) -> None:
    raise GraphQLError(f"The sandbox does not serve {info.field_name}.", extensions={"code": "NOT_SERVED"})


def _request(call: Call) -> tuple[str, dict[str, object], str | None] | Answer:
    if "application/graphql" in call.headers.get("content-type", ""):
        return call.body.decode("utf-8", errors="replace"), {}, None
    body = call.json_object()
    if body is None or not isinstance(body.get("query"), str):
        return json_answer(400, {"errors": {"query": "Required parameter missing or invalid"}})
    variables = body.get("variables") or {}
    if not isinstance(variables, dict):
        return json_answer(400, {"errors": {"variables": "must be an object"}})
    name = body.get("operationName")
    return str(body["query"]), variables, str(name) if name else None


def _is_mutation(document: DocumentNode, name: str | None) -> bool:
    """Whether a mutation is executed: comments and fragments may stand before it, other operations beside it."""
    operation = get_operation_ast(document, name)
    return operation is not None and operation.operation is OperationType.MUTATION


def _error_json(error: GraphQLError) -> Json:
    formatted: Json = {"message": error.message}
    if error.locations:
        formatted["locations"] = [{"line": one.line, "column": one.column} for one in error.locations]
    if error.path:
        formatted["path"] = list(error.path)
    # A resolver says what is wrong with a call; an error without that is the server's own.
    unsaid = "INTERNAL_SERVER_ERROR" if error.path else "GRAPHQL_VALIDATION_FAILED"
    formatted["extensions"] = dict(error.extensions or {"code": unsaid})
    return formatted


def _too_costly(requested: int) -> Answer:
    text = f"Query cost is {requested}, which exceeds the single query max cost limit ({MAX_POINTS})."
    extensions = {"code": "MAX_COST_EXCEEDED", "cost": requested, "maxCost": MAX_POINTS}
    return json_answer(200, {"errors": [{"message": text, "extensions": extensions}]})


def _quantity_names() -> list[Json]:
    parts = {"on_hand": ["available", "committed", "reserved", "damaged", "safety_stock", "quality_control"]}
    names = ("available", "on_hand", "committed", "incoming", "reserved", "damaged", "safety_stock", "quality_control")
    return [
        {
            "name": name,
            "displayName": name.replace("_", " ").capitalize(),
            "isInUse": name in ("available", "on_hand", "committed"),
            "belongsTo": ["on_hand"] if name in parts["on_hand"] else [],
            "comprises": parts.get(name, []),
        }
        for name in names
    ]
