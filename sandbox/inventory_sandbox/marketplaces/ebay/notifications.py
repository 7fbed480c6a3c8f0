"""The Notification API: topics, destinations and subscriptions, kept and shown; only test notifications are sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.ebay.rules import error_answer
from inventory_sandbox.marketplaces.ebay.signing import KEY_ID, SigningKey
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.world import World

BASE: Final = "/commerce/notification/v1"
LIMIT: Final = "notification"
TOPICS: Final = ("LISTING", "ORDER_CONFIRMATION", "MARKETPLACE_ACCOUNT_DELETION")
MAX_KEPT: Final = 1_000
PAGE: Final = 20
PAGE_LEAST: Final = 10
PAGE_MOST: Final = 100
Json = dict[str, object]


class Notifications:
    """The application's destinations and the seller's subscriptions. The endpoint challenge is not made."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._destinations: dict[str, Json] = {}
        self._subscriptions: dict[str, Json] = {}
        self._alert_email = ""
        self._key = SigningKey()

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        destination, subscription = f"{BASE}/destination", f"{BASE}/subscription"
        one_destination, one_subscription = f"{destination}/{{id}}", f"{subscription}/{{id}}"
        served = (
            ("getConfig", "GET", f"{BASE}/config", self._get_config),
            ("updateConfig", "PUT", f"{BASE}/config", self._put_config),
            ("getTopics", "GET", f"{BASE}/topic", self._topics),
            ("getTopic", "GET", f"{BASE}/topic/{{id}}", self._topic),
            ("getPublicKey", "GET", f"{BASE}/public_key/{{id}}", self._public_key),
            ("getDestinations", "GET", destination, self._list_destinations),
            ("createDestination", "POST", destination, self._create_destination),
            ("getDestination", "GET", one_destination, self._get_destination),
            ("updateDestination", "PUT", one_destination, self._update_destination),
            ("deleteDestination", "DELETE", one_destination, self._delete_destination),
            ("getSubscriptions", "GET", subscription, self._list),
            ("createSubscription", "POST", subscription, self._create),
            ("enableSubscription", "POST", f"{one_subscription}/enable", self._enable),
            ("disableSubscription", "POST", f"{one_subscription}/disable", self._disable),
            ("testSubscription", "POST", f"{one_subscription}/test", self._test),
            ("getSubscription", "GET", one_subscription, self._get),
            ("updateSubscription", "PUT", one_subscription, self._update),
            ("deleteSubscription", "DELETE", one_subscription, self._delete),
        )
        return tuple(Operation(name, method, path, handle, limit=LIMIT) for name, method, path, handle in served)

    def _get_config(self, call: Call) -> Answer:
        if not self._alert_email:
            return _notification_error(404, 195026, "Configuration Not Found.")
        return json_answer(200, {"alertEmail": self._alert_email})

    def _put_config(self, call: Call) -> Answer:
        email = (call.json_object() or {}).get("alertEmail")
        if not isinstance(email, str) or "@" not in email:
            return _invalid(195025, "alertEmail")
        self._alert_email = email
        return Answer(204)

    def _topics(self, call: Call) -> Answer:
        return _page(call, "topic", "topics", [_topic_json(one) for one in TOPICS])

    def _topic(self, call: Call) -> Answer:
        name = call.parameters["id"]
        return json_answer(200, _topic_json(name)) if name in TOPICS else _missing(195004, "topic")

    def _public_key(self, call: Call) -> Answer:
        if call.parameters["id"] != KEY_ID:
            return _notification_error(404, 195001, "Invalid or missing public_key_id.")
        return json_answer(200, {"key": self._key.public_key(), "algorithm": "ECDSA", "digest": "SHA1"})

    def _create_destination(self, call: Call) -> Answer:
        body = call.json_object() or {}
        config = _delivery_config(body)
        if isinstance(config, Answer):
            return config
        if any(_endpoint(one) == config["endpoint"] for one in self._destinations.values()):
            return _notification_error(409, 195020, "The destination exists already.")
        if len(self._destinations) >= MAX_KEPT:
            return _notification_error(409, 195021, "There are too many destinations.")
        made: Json = {
            "destinationId": self._world.new_id(),
            "name": str(body.get("name", "")),
            "status": str(body.get("status", "ENABLED")),
            "deliveryConfig": config,
        }
        self._destinations[str(made["destinationId"])] = made
        return Answer(201, headers={"Location": f"{call.base_url}{BASE}/destination/{made['destinationId']}"})

    def _list_destinations(self, call: Call) -> Answer:
        return _page(call, "destination", "destinations", list(self._destinations.values()))

    def _get_destination(self, call: Call) -> Answer:
        found = self._destinations.get(call.parameters["id"])
        return json_answer(200, found) if found is not None else _missing(195012, "destination")

    def _update_destination(self, call: Call) -> Answer:
        found, body = self._destinations.get(call.parameters["id"]), call.json_object() or {}
        if found is None:
            return _missing(195012, "destination")
        config = _delivery_config(body)
        if isinstance(config, Answer):
            return config
        found |= {"name": str(body.get("name", "")), "status": str(body.get("status", "ENABLED"))}
        found["deliveryConfig"] = config
        return Answer(204)

    def _delete_destination(self, call: Call) -> Answer:
        destination_id = call.parameters["id"]
        if destination_id not in self._destinations:
            return _missing(195012, "destination")
        if any(one["destinationId"] == destination_id for one in self._subscriptions.values()):
            return _notification_error(409, 195022, "The destination is used by a subscription.")
        del self._destinations[destination_id]
        return Answer(204)

    def _create(self, call: Call) -> Answer:
        body = call.json_object() or {}
        if body.get("topicId") not in TOPICS:
            return _invalid(195004, "topicId")
        if str(body.get("destinationId")) not in self._destinations:
            return _invalid(195011, "destinationId")
        if any(one["topicId"] == body["topicId"] for one in self._subscriptions.values()):
            return _notification_error(409, 195023, "There is a subscription of the topic already.")
        payload = body.get("payload")
        made: Json = {
            "subscriptionId": self._world.new_id(),
            "topicId": body["topicId"],
            "destinationId": body["destinationId"],
            "status": str(body.get("status", "ENABLED")),
            "creationDate": iso_time(call.at),
            "payload": payload if isinstance(payload, dict) else _payload(),
        }
        self._subscriptions[str(made["subscriptionId"])] = made
        return Answer(201, headers={"Location": f"{call.base_url}{BASE}/subscription/{made['subscriptionId']}"})

    def _list(self, call: Call) -> Answer:
        return _page(call, "subscription", "subscriptions", list(self._subscriptions.values()))

    def _get(self, call: Call) -> Answer:
        found = self._subscriptions.get(call.parameters["id"])
        return json_answer(200, found) if found is not None else _missing(195018, "subscription")

    def _update(self, call: Call) -> Answer:
        found, body = self._subscriptions.get(call.parameters["id"]), call.json_object() or {}
        if found is None:
            return _missing(195018, "subscription")
        if str(body.get("destinationId")) not in self._destinations:
            return _invalid(195011, "destinationId")
        found |= {"destinationId": body["destinationId"], "status": str(body.get("status", "ENABLED"))}
        return Answer(204)

    def _test(self, call: Call) -> Answer:
        """Sends a signed notification to the subscription's destination. What its data holds is no document's."""
        found = self._subscriptions.get(call.parameters["id"])
        if found is None:
            return _missing(195018, "subscription")
        said = {
            "metadata": {"topic": found["topicId"], "schemaVersion": "1.0", "deprecated": False},
            "notification": {
                "notificationId": self._world.new_id(),
                "eventDate": iso_time(call.at),
                "publishDate": iso_time(call.at),
                "publishAttemptCount": 1,
                "data": {},
            },
        }
        body = json.dumps(said, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "X-EBAY-SIGNATURE": self._key.signature(body)}
        place = str(_endpoint(self._destinations[str(found["destinationId"])]))
        self._world.outbox.add("ebay", str(found["topicId"]), place, headers, body, call.at)
        return Answer(202)

    def _enable(self, call: Call) -> Answer:
        return self._set_status(call, "ENABLED")

    def _disable(self, call: Call) -> Answer:
        return self._set_status(call, "DISABLED")

    def _set_status(self, call: Call, status: str) -> Answer:
        found = self._subscriptions.get(call.parameters["id"])
        if found is None:
            return _missing(195018, "subscription")
        found["status"] = status
        return Answer(204)

    def _delete(self, call: Call) -> Answer:
        if self._subscriptions.pop(call.parameters["id"], None) is None:
            return _missing(195018, "subscription")
        return Answer(204)


def _delivery_config(body: Json) -> Json | Answer:
    config = body.get("deliveryConfig")
    if not isinstance(config, dict) or not str(config.get("endpoint", "")).startswith("https://"):
        return _invalid(195014, "deliveryConfig.endpoint")
    token = config.get("verificationToken")
    if not isinstance(token, str) or not 32 <= len(token) <= 80:
        return _invalid(195016, "deliveryConfig.verificationToken")
    return {"endpoint": config["endpoint"], "verificationToken": token}


def _page(call: Call, path: str, name: str, rows: Sequence[Json]) -> Answer:
    """A page of rows; the token of the next one is where it begins."""
    limit, start = call.whole("limit", PAGE), call.whole("continuation_token", 0)
    if limit is None or not PAGE_LEAST <= limit <= PAGE_MOST:
        return _invalid(195004, "limit")
    if start is None or start < 0:
        return _invalid(195005, "continuation_token")
    shown = list(rows[start : start + limit])
    answer: Json = {name: shown, "total": len(rows), "limit": limit, "href": f"{BASE}/{path}?limit={limit}"}
    if start + limit < len(rows):
        answer["next"] = f"{BASE}/{path}?limit={limit}&continuation_token={start + limit}"
    return json_answer(200, answer)


def _topic_json(name: str) -> Json:
    supported = {**_payload(), "format": ["JSON"], "deprecated": False}
    return {
        "topicId": name,
        "description": name.replace("_", " ").capitalize(),
        "status": "ENABLED",
        "context": "COMMERCE",
        "scope": "USER",
        "filterable": False,
        "authorizationScopes": ["https://api.ebay.com/oauth/api_scope/sell.inventory"],
        "supportedPayloads": [supported],
    }


def _payload() -> Json:
    return {"format": "JSON", "schemaVersion": "1.0", "deliveryProtocol": "HTTPS"}


def _endpoint(destination: Json) -> object:
    config = destination["deliveryConfig"]
    return config.get("endpoint") if isinstance(config, dict) else None


def _notification_error(status: int, error_id: int, message: str) -> Answer:
    return error_answer(status, error_id, message, "API_NOTIFICATION")


def _invalid(error_id: int, name: str) -> Answer:
    return _notification_error(400, error_id, f"Invalid or missing {name}.")


def _missing(error_id: int, what: str) -> Answer:
    return _notification_error(404, error_id, f"The {what} was not found.")
