"""The seller's inventory locations: where stock ships from. Kept and shown; quantities are not spread over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.ebay.rules import INVENTORY, error_answer
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer

BASE: Final = "/sell/inventory/v1/location"
MAX_PAGE: Final = 100
MAX_KEY_LENGTH: Final = 36
MAX_LOCATIONS: Final = 1_000
_KEPT: Final = ("name", "phone", "locationTypes", "locationWebUrl", "locationAdditionalInformation")
Json = dict[str, object]


class Locations:
    """`location` made, read one by one and by page, turned on and off, deleted."""

    def __init__(self) -> None:
        self._locations: dict[str, Json] = {}

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        one = f"{BASE}/{{key}}"
        served = (
            ("getInventoryLocations", "GET", BASE, self._list),
            ("createInventoryLocation", "POST", one, self._create),
            ("getInventoryLocation", "GET", one, self._get),
            ("deleteInventoryLocation", "DELETE", one, self._delete),
            ("enableInventoryLocation", "POST", f"{one}/enable", self._enable),
            ("disableInventoryLocation", "POST", f"{one}/disable", self._disable),
        )
        return tuple(Operation(name, method, path, handle, limit=INVENTORY) for name, method, path, handle in served)

    def _create(self, call: Call) -> Answer:
        key, body = call.parameters["key"], call.json_object() or {}
        place = body.get("location")
        if not isinstance(place, dict) or not isinstance(place.get("address"), dict):
            return error_answer(400, 25801, "Missing field location.address.")
        if len(key) > MAX_KEY_LENGTH:
            return error_answer(400, 25800, "Invalid merchantLocationKey.")
        if key in self._locations:
            return error_answer(409, 25803, "merchantLocationKey already exists.")
        if len(self._locations) >= MAX_LOCATIONS:
            return error_answer(400, 25802, "Input error. There are too many locations.")
        self._locations[key] = {
            "merchantLocationKey": key,
            "merchantLocationStatus": str(body.get("merchantLocationStatus", "ENABLED")),
            "location": {"locationId": f"L{len(self._locations) + 1:08}", "address": place["address"]},
            **{name: body[name] for name in _KEPT if name in body},
        }
        self._locations[key].setdefault("locationTypes", ["WAREHOUSE"])
        return Answer(204)

    def _list(self, call: Call) -> Answer:
        limit, offset = call.whole("limit", MAX_PAGE), call.whole("offset", 0)
        if limit is None or offset is None or not 1 <= limit <= MAX_PAGE or offset < 0:
            return error_answer(400, 25804, f"Input error. limit is 1 to {MAX_PAGE}.")
        found = list(self._locations.values())
        answer = {"href": f"{BASE}?limit={limit}&offset={offset}", "limit": limit, "offset": offset}
        return json_answer(200, {**answer, "total": len(found), "locations": found[offset : offset + limit]})

    def _get(self, call: Call) -> Answer:
        found = self._locations.get(call.parameters["key"])
        return json_answer(200, found) if found is not None else _missing()

    def _delete(self, call: Call) -> Answer:
        return Answer(204) if self._locations.pop(call.parameters["key"], None) is not None else _missing()

    def _enable(self, call: Call) -> Answer:
        return self._set_status(call, "ENABLED")

    def _disable(self, call: Call) -> Answer:
        return self._set_status(call, "DISABLED")

    def _set_status(self, call: Call, status: str) -> Answer:
        found = self._locations.get(call.parameters["key"])
        if found is None:
            return _missing()
        found["merchantLocationStatus"] = status
        return json_answer(200, {})


def _missing() -> Answer:
    return error_answer(404, 25805, "merchantLocationKey Not Found.")
