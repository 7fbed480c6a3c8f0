"""The legacy REST calls for inventory that are still in some shops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.faults import WRITE_MODES
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.shopify.shop import Item, Location, Shop, number_of
from inventory_sandbox.marketplaces.stock import Part
from inventory_sandbox.marketplaces.world import World

BASE: Final = "/admin/api/{version}"
MAX_IDS: Final = 50
MAX_PAGE: Final = 250
Json = dict[str, object]
NOT_FOUND: Final[Json] = {"errors": "Not Found"}


class Rest:
    """`inventory_levels` read, set, adjusted and connected, `inventory_items`, `locations` and `shop`."""

    def __init__(self, world: World, shop: Shop) -> None:
        self._world = world
        self._shop = shop

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        levels = f"{BASE}/inventory_levels"
        return (
            Operation("setInventoryLevel", "POST", f"{levels}/set.json", self._set, takes=WRITE_MODES),
            Operation("adjustInventoryLevel", "POST", f"{levels}/adjust.json", self._adjust, takes=WRITE_MODES),
            Operation("connectInventoryLevel", "POST", f"{levels}/connect.json", self._connect),
            Operation("getInventoryLevels", "GET", f"{levels}.json", self._levels),
            Operation("getInventoryItems", "GET", f"{BASE}/inventory_items.json", self._get_items),
            Operation("getInventoryItem", "GET", f"{BASE}/inventory_items/{{number}}.json", self._get_item),
            Operation("getLocations", "GET", f"{BASE}/locations.json", self._locations),
            Operation("getLocation", "GET", f"{BASE}/locations/{{number}}.json", self._location),
            Operation(
                "getLocationLevels", "GET", f"{BASE}/locations/{{number}}/inventory_levels.json", self._at_location
            ),
            Operation("getShop", "GET", f"{BASE}/shop.json", self._get_shop),
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
        wanted = [one.strip() for one in call.query.get("ids", "").split(",") if one.strip()]
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
            "created_at": changed_at,
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
        items = [one for one in call.query.get("inventory_item_ids", "").split(",") if one]
        places = [one for one in call.query.get("location_ids", "").split(",") if one]
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
            kept = "".join(
                f"&{name}={call.query[name]}" for name in ("inventory_item_ids", "location_ids") if name in call.query
            )
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

    def _get_shop(self, call: Call) -> Answer:
        shop = {"id": 1, "name": "Inventory demo", "myshopify_domain": self._shop.domain, "currency": "USD"}
        return json_answer(200, {"shop": shop})


def _place(location: Location) -> Json:
    return {
        "id": int(number_of(location.gid)),
        "name": location.name,
        "active": location.active,
        "legacy": location.fulfillment_service,
        "country_code": "US",
        "admin_graphql_api_id": location.gid,
    }
