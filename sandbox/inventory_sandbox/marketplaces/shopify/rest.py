"""The legacy REST calls for inventory that are still in some shops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.faults import WRITE_MODES
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.shopify.shop import Item, Shop, number_of
from inventory_sandbox.marketplaces.stock import Part
from inventory_sandbox.marketplaces.world import World

BASE: Final = "/admin/api/{version}"
MAX_IDS: Final = 50
MAX_PAGE: Final = 250
Json = dict[str, object]


class Rest:
    """`inventory_levels` read and set, `locations` and `shop`."""

    def __init__(self, world: World, shop: Shop) -> None:
        self._world = world
        self._shop = shop

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        set_path = f"{BASE}/inventory_levels/set.json"
        return (
            Operation("setInventoryLevel", "POST", set_path, self._set, takes=WRITE_MODES),
            Operation("getInventoryLevels", "GET", f"{BASE}/inventory_levels.json", self._levels),
            Operation("getLocations", "GET", f"{BASE}/locations.json", self._locations),
            Operation("getShop", "GET", f"{BASE}/shop.json", self._get_shop),
        )

    def _set(self, call: Call) -> Answer:
        body = call.json_object() or {}
        for name in ("inventory_item_id", "location_id", "available"):
            if isinstance(body.get(name), bool) or not isinstance(body.get(name), int):
                return json_answer(400, {"errors": {name: "Required parameter missing or invalid"}})
        item = self._shop.items.get(f"gid://shopify/InventoryItem/{body['inventory_item_id']}")
        location = self._shop.locations.get(f"gid://shopify/Location/{body['location_id']}")
        if item is None or location is None or call.row_fails(0, 1, str(body["inventory_item_id"])):
            return json_answer(404, {"errors": "Not Found"})
        available = body["available"]
        assert isinstance(available, int)
        if location.fulfillment_service:
            self._shop.violated(item, available, call, "setInventoryLevel")
            return json_answer(422, {"errors": ["Inventory levels of this location cannot be set"]})
        part = self._shop.stock_at(item, location.gid, call)
        self._shop.set(item, part, available, call, "setInventoryLevel")
        return json_answer(200, {"inventory_level": self._level(item, part)})

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
        rows = [
            {
                "id": int(number_of(one.gid)),
                "name": one.name,
                "active": one.active,
                "legacy": one.fulfillment_service,
                "country_code": "US",
                "admin_graphql_api_id": one.gid,
            }
            for one in self._shop.locations.values()
        ]
        return json_answer(200, {"locations": rows})

    def _get_shop(self, call: Call) -> Answer:
        shop = {"id": 1, "name": "Inventory demo", "myshopify_domain": self._shop.domain, "currency": "USD"}
        return json_answer(200, {"shop": shop})
