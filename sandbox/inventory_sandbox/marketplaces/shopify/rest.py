"""The legacy REST calls for inventory that are still in some shops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.faults import WRITE_MODES
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.shopify.rules import SCOPES
from inventory_sandbox.marketplaces.shopify.shop import Item, Location, Shop, number_of
from inventory_sandbox.marketplaces.stock import Part
from inventory_sandbox.marketplaces.world import World

BASES: Final = ("/admin/api/{version}", "/admin")
"""A path without a version means the oldest that is served."""
MAX_IDS: Final = 50
MAX_PAGE: Final = 250
Json = dict[str, object]
NOT_FOUND: Final[Json] = {"errors": "Not Found"}


class Rest:
    """`inventory_levels` read, set, adjusted and connected, `inventory_items`, `locations`, `shop`, access scopes."""

    def __init__(self, world: World, shop: Shop) -> None:
        self._world = world
        self._shop = shop

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        served = (
            ("setInventoryLevel", "POST", "inventory_levels/set.json", self._set),
            ("adjustInventoryLevel", "POST", "inventory_levels/adjust.json", self._adjust),
            ("connectInventoryLevel", "POST", "inventory_levels/connect.json", self._connect),
            ("getInventoryLevels", "GET", "inventory_levels.json", self._levels),
            ("getInventoryItems", "GET", "inventory_items.json", self._get_items),
            ("getInventoryItem", "GET", "inventory_items/{number}.json", self._get_item),
            ("getLocations", "GET", "locations.json", self._locations),
            ("countLocations", "GET", "locations/count.json", self._count_locations),
            ("getLocation", "GET", "locations/{number}.json", self._location),
            ("getLocationLevels", "GET", "locations/{number}/inventory_levels.json", self._at_location),
            ("getShop", "GET", "shop.json", self._get_shop),
        )
        writes = ("setInventoryLevel", "adjustInventoryLevel")
        scopes = Operation("getAccessScopes", "GET", "/admin/oauth/access_scopes.json", self._scopes)
        return scopes, *(
            Operation(name, method, f"{base}/{path}", handle, takes=WRITE_MODES if name in writes else frozenset())
            for base in BASES
            for name, method, path, handle in served
        )

    def _set(self, call: Call) -> Answer:
        return self._write(call, "available", "setInventoryLevel")

    def _adjust(self, call: Call) -> Answer:
        return self._write(call, "available_adjustment", "adjustInventoryLevel")

    def _connect(self, call: Call) -> Answer:
        found = self._addressed(call, ())
        if isinstance(found, Answer):
            return found
        item, location = found
        part = self._shop.stock_at(item, location.gid, call)
        return json_answer(201, {"inventory_level": self._level(item, part)})

    def _write(self, call: Call, name: str, operation: str) -> Answer:
        found = self._addressed(call, (name,))
        if isinstance(found, Answer):
            return found
        item, location = found
        if call.row_fails(0, 1, number_of(item.gid)):
            return json_answer(404, NOT_FOUND)
        units = int(str((call.json_object() or {})[name]))
        if location.fulfillment_service:
            self._shop.violated(item, units, call, operation)
            return json_answer(422, {"errors": ["Inventory levels of this location cannot be set"]})
        part = self._shop.stock_at(item, location.gid, call)
        before = part.submitted if name != "available" else 0
        self._shop.set(item, part, before + units, call, operation)
        return json_answer(200, {"inventory_level": self._level(item, part)})

    def _addressed(self, call: Call, more: Sequence[str]) -> tuple[Item, Location] | Answer:
        body = call.json_object() or {}
        for name in ("inventory_item_id", "location_id", *more):
            if isinstance(body.get(name), bool) or not isinstance(body.get(name), int):
                return json_answer(400, {"errors": {name: "Required parameter missing or invalid"}})
        item = self._shop.items.get(f"gid://shopify/InventoryItem/{body['inventory_item_id']}")
        location = self._shop.locations.get(f"gid://shopify/Location/{body['location_id']}")
        return (item, location) if item is not None and location is not None else json_answer(404, NOT_FOUND)

    def _get_items(self, call: Call) -> Answer:
        wanted = _ids(call, "ids")
        if not wanted:
            return json_answer(422, {"errors": {"ids": "Required parameter missing or invalid"}})
        found = [self._item(one) for one in self._shop.order if number_of(one.gid) in wanted]
        return json_answer(200, {"inventory_items": found})

    def _get_item(self, call: Call) -> Answer:
        item = self._shop.items.get(f"gid://shopify/InventoryItem/{call.parameters['number']}")
        return json_answer(200, {"inventory_item": self._item(item)}) if item else json_answer(404, NOT_FOUND)

    def _item(self, item: Item) -> Json:
        changed_at = iso_time(max(item.updated_at.values(), default=0.0))
        return {
            "id": int(number_of(item.gid)),
            "sku": item.sku,
            "created_at": iso_time(self._world.started_at),
            "updated_at": changed_at,
            "requires_shipping": True,
            "tracked": item.tracked,
            "admin_graphql_api_id": item.gid,
        }

    def _location(self, call: Call) -> Answer:
        found = self._shop.locations.get(f"gid://shopify/Location/{call.parameters['number']}")
        return json_answer(200, {"location": _place(found)}) if found else json_answer(404, NOT_FOUND)

    def _at_location(self, call: Call) -> Answer:
        if f"gid://shopify/Location/{call.parameters['number']}" not in self._shop.locations:
            return json_answer(404, NOT_FOUND)
        call.query["location_ids"] = call.parameters["number"]
        return self._levels(call)

    def _levels(self, call: Call) -> Answer:
        items, places = _ids(call, "inventory_item_ids"), _ids(call, "location_ids")
        limit, since = call.whole("limit", 50), call.whole("page_info", 0)
        if not items and not places:
            text = "inventory_item_ids or location_ids is required"
            return json_answer(422, {"errors": [text]})
        if (
            len(items) > MAX_IDS
            or len(places) > MAX_IDS
            or limit is None
            or not 1 <= limit <= MAX_PAGE
            or since is None
        ):
            return json_answer(400, {"errors": "At most 50 ids, and a limit from 1 to 250, can be given"})
        found = [
            self._level(item, part)
            for item in self._shop.order
            if not items or number_of(item.gid) in items
            for part in item.listing.parts.values()
            if not places or number_of(part.name) in places
        ]
        answer = json_answer(200, {"inventory_levels": found[since : since + limit]})
        if since + limit < len(found):
            where = f"{call.base_url}{call.path}?limit={limit}&page_info={since + limit}"
            asked = (("inventory_item_ids", items), ("location_ids", places))
            kept = "".join(f"&{name}={','.join(ids)}" for name, ids in asked if ids)
            answer.headers["Link"] = f'<{where}{kept}>; rel="next"'
        return answer

    def _level(self, item: Item, part: Part) -> Json:
        place, number = number_of(part.name), number_of(item.gid)
        return {
            "inventory_item_id": int(number),
            "location_id": int(place),
            "available": part.submitted if item.tracked else None,
            "updated_at": iso_time(item.updated_at.get(part.name, 0.0)),
            "admin_graphql_api_id": f"gid://shopify/InventoryLevel/{place}?inventory_item_id={number}",
        }

    def _locations(self, call: Call) -> Answer:
        return json_answer(200, {"locations": [_place(one) for one in self._shop.locations.values()]})

    def _count_locations(self, call: Call) -> Answer:
        return json_answer(200, {"count": len(self._shop.locations)})

    def _scopes(self, call: Call) -> Answer:
        return json_answer(200, {"access_scopes": [{"handle": one} for one in SCOPES]})

    def _get_shop(self, call: Call) -> Answer:
        shop = {
            "id": 1,
            "name": "Inventory demo",
            "email": "demo@example.com",
            "domain": self._shop.domain,
            "myshopify_domain": self._shop.domain,
            "country_code": "US",
            "currency": "USD",
            "iana_timezone": "America/New_York",
            "primary_location_id": int(number_of(next(iter(self._shop.locations)))),
        }
        return json_answer(200, {"shop": shop})


def _ids(call: Call, name: str) -> list[str]:
    """Ids as the API documents them, by commas, or as Shopify's own client sends them: `name[]` for each."""
    text = f"{call.query.get(name, '')},{call.query.get(f'{name}[]', '')}"
    return [one.strip() for one in text.split(",") if one.strip()]


def _place(location: Location) -> Json:
    return {
        "id": int(number_of(location.gid)),
        "name": location.name,
        "active": location.active,
        "legacy": location.fulfillment_service,
        "country_code": "US",
        "admin_graphql_api_id": location.gid,
    }
