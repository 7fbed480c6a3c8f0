"""Walmart's webhook subscriptions, kept and shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.assortment import WALMART_PARTNER_ID
from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.walmart.rules import gateway_error
from inventory_sandbox.marketplaces.world import World

BASE: Final = "/v3/webhooks"
EVENTS: Final = {
    "INVENTORY_OOS": ("INVENTORY", "Notification for inventory out of stock"),
    "OFFER_PUBLISHED": ("ITEM", "Notification for published offers"),
    "OFFER_UNPUBLISHED": ("ITEM", "Notification for unpublished offers"),
    "PO_CREATED": ("ORDER", "Notification for new purchase orders"),
    "PO_LINE_AUTOCANCELLED": ("ORDER", "Notification for purchase order lines cancelled by Walmart"),
}
_NAMING: Final = ("eventType", "eventVersion", "resourceName", "eventUrl")
_REQUIRED: Final = (*_NAMING, "status")
_SECRET: Final = frozenset({"password", "clientSecret"})
MAX_SUBSCRIPTIONS: Final = 1_000
Json = dict[str, object]


class Webhooks:
    """The seller's subscriptions. Secrets that were given are not shown again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._subscriptions: dict[str, Json] = {}

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        all_of_them, one = f"{BASE}/subscriptions", f"{BASE}/subscriptions/{{subscriptionId}}"
        return (
            Operation("getEventTypes", "GET", f"{BASE}/eventTypes", self._types, limit="webhooks"),
            Operation("testNotification", "POST", f"{BASE}/test", self._test, limit="webhooks"),
            Operation("getAllSubscriptions", "GET", all_of_them, self._list, limit="webhooks"),
            Operation("createSubscription", "POST", all_of_them, self._create, limit="webhooks"),
            Operation("updateSubscription", "PATCH", one, self._update, limit="webhooks"),
            Operation("deleteSubscription", "DELETE", one, self._delete, limit="webhooks"),
        )

    def _types(self, call: Call) -> Answer:
        types = [
            {"resourceName": resource, "eventType": name, "eventVersion": "V1", "description": text}
            for name, (resource, text) in EVENTS.items()
        ]
        return json_answer(200, {"eventTypes": types})

    def _list(self, call: Call) -> Answer:
        names = ("subscriptionId", "eventType", "resourceName", "status")
        found = [
            _shown(one)
            for one in self._subscriptions.values()
            if all(call.query.get(name) in (None, "", one[name]) for name in names)
        ]
        return json_answer(200, {"events": found})

    def _create(self, call: Call) -> Answer:
        events = (call.json_object() or {}).get("events")
        if not isinstance(events, list) or not events or not all(isinstance(one, dict) for one in events):
            return _bad_request("events is required.", "events")
        for one in events:
            wrong = _event_error(one, _REQUIRED)
            if wrong is not None:
                return wrong
        if len(self._subscriptions) + len(events) > MAX_SUBSCRIPTIONS:
            return _bad_request("There are too many subscriptions.", "events")
        made: list[Json] = []
        for one in events:
            subscription: Json = {**one, "subscriptionId": self._world.new_id(), "partnerId": WALMART_PARTNER_ID}
            self._subscriptions[str(subscription["subscriptionId"])] = subscription
            made.append(_shown(subscription))
        return json_answer(200, {"event": made})

    def _test(self, call: Call) -> Answer:
        event = call.json_object() or {}
        wrong = _event_error(event, _NAMING)
        if wrong is not None:
            return wrong
        sample = {
            "source": {name: event[name] for name in _NAMING[:3]} | {"eventTime": iso_time(call.at)},
            "payload": {},
        }
        url, headers = str(event["eventUrl"]), {"Content-Type": "application/json"}
        kind = str(event["eventType"])
        self._world.outbox.add("walmart", kind, url, headers, json.dumps(sample).encode(), call.at)
        return json_answer(200, {"message": "Eventurl successfully validated"})

    def _update(self, call: Call) -> Answer:
        found = self._subscriptions.get(call.parameters["subscriptionId"])
        if found is None:
            return _missing(call)
        changes = call.json_object() or {}
        found.update({name: value for name, value in changes.items() if name not in ("subscriptionId", "partnerId")})
        return json_answer(200, {"event": [_shown(found)]})

    def _delete(self, call: Call) -> Answer:
        subscription_id = call.parameters["subscriptionId"]
        if self._subscriptions.pop(subscription_id, None) is None:
            return _missing(call)
        return json_answer(200, {"subscriptionId": subscription_id, "message": "Subscription deleted successfully"})


def _event_error(event: Json, required: Sequence[str]) -> Answer | None:
    """What is wrong with the naming of an event; None when it is right."""
    missing = next((name for name in required if not event.get(name)), None)
    if missing is not None:
        return _bad_request(f"{missing} is required.", missing)
    known = EVENTS.get(str(event["eventType"]))
    if known is None or known[0] != event["resourceName"]:
        return _bad_request("There is no such event type for that resource.", "eventType")
    if not str(event["eventUrl"]).startswith(("https://", "http://")):
        return _bad_request("eventUrl must be a URL.", "eventUrl")
    return None


def _shown(subscription: Json) -> Json:
    details = subscription.get("authDetails")
    if not isinstance(details, dict):
        return dict(subscription)
    return {**subscription, "authDetails": {name: one for name, one in details.items() if name not in _SECRET}}


def _bad_request(text: str, field: str) -> Answer:
    return gateway_error(400, "INVALID_REQUEST_PARAM.GMP_WEBHOOK_API", text, field, "DATA")


def _missing(call: Call) -> Answer:
    text = f"No subscription {call.parameters['subscriptionId']}"
    return gateway_error(404, "CONTENT_NOT_FOUND.GMP_WEBHOOK_API", text, "subscriptionId", "DATA")
