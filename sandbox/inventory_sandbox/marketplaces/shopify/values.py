"""What the read side of the GraphQL schema shows, as mappings that graphql-core walks; nested fields are called."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import TypeVar

from graphql import GraphQLError

from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.shopify.shop import Item, Location, Shop, level_gid, number_of, variant_gid
from inventory_sandbox.marketplaces.stock import Part

Json = dict[str, object]
_One = TypeVar("_One")
_QUANTITY_NAMES = ("available", "on_hand", "committed", "incoming", "reserved", "damaged", "safety_stock")
_EPOCH = "2025-01-01T00:00:00Z"
MAX_PAGE = 250


def connection(items: Sequence[_One], show: Callable[[_One], Json], arguments: Json) -> Json:
    """A page of a connection, `first`/`after` or `last`/`before`; raises GraphQLError for a page that cannot be."""
    if arguments.get("everything"):  # a bulk operation goes over all of it
        return {"nodes": [show(one) for one in items]}
    first, last = arguments.get("first"), arguments.get("last")
    count = first if first is not None else last
    if count is None:
        raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
    if not isinstance(count, int) or not 0 <= count <= MAX_PAGE:
        text = f"first and last must be from 0 to {MAX_PAGE}"
        raise GraphQLError(text, extensions={"code": "ARGUMENT_LITERALS_INCOMPATIBLE"})
    low, high = 0, len(items)
    if arguments.get("after") is not None:
        low = _position(str(arguments["after"])) + 1
    if arguments.get("before") is not None:
        high = min(high, _position(str(arguments["before"])))
    start, end = (low, min(high, low + count)) if first is not None else (max(low, high - count), high)
    nodes = [show(one) for one in items[start:end]]
    return {
        "nodes": nodes,
        "edges": [{"cursor": _cursor(start + index), "node": node} for index, node in enumerate(nodes)],
        "pageInfo": {
            "hasNextPage": end < len(items),
            "hasPreviousPage": start > 0,
            "startCursor": _cursor(start) if nodes else None,
            "endCursor": _cursor(end - 1) if nodes else None,
        },
    }


def _cursor(position: int) -> str:
    return base64.b64encode(f'{{"at":{position}}}'.encode()).decode()


def _position(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor).decode().removeprefix('{"at":').removesuffix("}"))
    except ValueError as error:
        text = "Invalid cursor for current pagination sort."
        raise GraphQLError(text, extensions={"code": "BAD_REQUEST"}) from error


class Values:
    """The shop's objects as GraphQL values."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def item(self, item: Item) -> Json:
        """An InventoryItem."""
        seed = item.listing.seed
        return {
            "__typename": "InventoryItem",
            "id": item.gid,
            "legacyResourceId": number_of(item.gid),
            "sku": item.sku,
            "tracked": item.tracked,
            "trackedEditable": {"locked": False, "reason": None},
            "requiresShipping": True,
            "duplicateSkuCount": lambda _: sum(one.sku == item.sku for one in self._shop.order) - 1,
            "createdAt": _EPOCH,
            "updatedAt": lambda _: iso_time(max(item.updated_at.values(), default=0.0)),
            "locationsCount": lambda _, **__: {"count": len(item.listing.parts), "precision": "EXACT"},
            "inventoryLevel": lambda _, locationId, **__: self.level_at(item, locationId),  # noqa: N803
            "inventoryLevels": lambda _, **arguments: self.levels(item, arguments),
            "variant": lambda _: self.variant(item),
            "variants": lambda _, **arguments: connection([item], self.variant, arguments),
            "measurement": {"id": f"gid://shopify/InventoryItemMeasurement/{number_of(item.gid)}", "weight": None},
            "unitCost": None,
            "title": seed.title,
        }

    def levels(self, item: Item, arguments: Json) -> Json:
        """The InventoryLevels of an item."""
        parts = list(item.listing.parts.values())
        return connection(parts, lambda part: self.level(item, part), arguments)

    def level_at(self, item: Item, location: str) -> Json | None:
        """The InventoryLevel of an item at one location."""
        part = item.listing.parts.get(location)
        return self.level(item, part) if part is not None else None

    def level(self, item: Item, part: Part) -> Json:
        """An InventoryLevel."""
        updated_at = iso_time(item.updated_at.get(part.name, 0.0))
        return {
            "__typename": "InventoryLevel",
            "id": level_gid(item, part.name),
            "isActive": True,
            "canDeactivate": True,
            "deactivationAlert": None,
            "createdAt": _EPOCH,
            "updatedAt": updated_at,
            "item": lambda _: self.item(item),
            "location": lambda _: self.location(self._shop.locations[part.name]),
            "quantities": lambda _, names: [self._quantity(item, part, name, updated_at) for name in names],
            "scheduledChanges": lambda _, **arguments: connection([], dict, arguments),
        }

    def _quantity(self, item: Item, part: Part, name: str, updated_at: str) -> Json:
        if name not in _QUANTITY_NAMES:
            raise GraphQLError(f"{name} is not the name of a quantity.", extensions={"code": "BAD_REQUEST"})
        return {
            "id": f"gid://shopify/InventoryQuantity/{number_of(part.name)}-{number_of(item.gid)}-{name}",
            "name": name,
            "quantity": self._shop.quantity(part, name),
            "updatedAt": updated_at if name == "available" else None,
        }

    def location(self, location: Location) -> Json:
        """A Location."""
        return {
            "__typename": "Location",
            "id": location.gid,
            "legacyResourceId": number_of(location.gid),
            "name": location.name,
            "isActive": location.active,
            "isFulfillmentService": location.fulfillment_service,
            "fulfillsOnlineOrders": location.active,
            "shipsInventory": location.active,
            "hasActiveInventory": lambda _: any(location.gid in one.listing.parts for one in self._shop.order),
            "activatable": not location.active,
            "deactivatable": location.active,
            "createdAt": _EPOCH,
            "updatedAt": _EPOCH,
            "address": {"formatted": [location.name], "country": "United States", "countryCode": "US"},
            "inventoryLevel": lambda _, inventoryItemId, **__: self._level_of(inventoryItemId, location),  # noqa: N803
            "inventoryLevels": lambda _, **arguments: self._levels_at(location, arguments),
        }

    def _level_of(self, item_gid: str, location: Location) -> Json | None:
        item = self._shop.items.get(item_gid)
        return self.level_at(item, location.gid) if item is not None else None

    def _levels_at(self, location: Location, arguments: Json) -> Json:
        here = [one for one in self._shop.order if location.gid in one.listing.parts]
        return connection(here, lambda one: self.level(one, one.listing.parts[location.gid]), arguments)

    def variant(self, item: Item) -> Json:
        """The ProductVariant of an item."""
        seed = item.listing.seed
        return {
            "__typename": "ProductVariant",
            "id": variant_gid(item),
            "legacyResourceId": number_of(variant_gid(item)),
            "sku": item.sku,
            "title": "Default Title",
            "displayName": seed.title,
            "barcode": None,
            "price": "19.99",
            "inventoryPolicy": "DENY",
            "inventoryQuantity": lambda _: sum(part.submitted for part in item.listing.parts.values()),
            "createdAt": _EPOCH,
            "updatedAt": _EPOCH,
            "inventoryItem": lambda _: self.item(item),
            "product": lambda _: self.product(seed.product_id),
        }

    def product(self, gid: str) -> Json:
        """A Product."""
        items = self._shop.by_product.get(gid, [])
        return {
            "__typename": "Product",
            "id": gid,
            "legacyResourceId": number_of(gid),
            "title": items[0].listing.seed.title if items else "",
            "handle": f"product-{number_of(gid)}",
            "status": "ACTIVE",
            "vendor": "Demo",
            "tracksInventory": any(one.tracked for one in items),
            "totalInventory": lambda _: sum(one.listing.submitted for one in items),
            "createdAt": _EPOCH,
            "updatedAt": _EPOCH,
            "variants": lambda _, **arguments: connection(items, self.variant, arguments),
        }
