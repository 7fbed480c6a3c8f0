"""The legacy REST calls for webhook subscriptions: the same subscriptions that GraphQL has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.shopify.rest import BASES, NOT_FOUND
from inventory_sandbox.marketplaces.shopify.schemas import served_version
from inventory_sandbox.marketplaces.shopify.shop import number_of
from inventory_sandbox.marketplaces.shopify.webhooks import Subscription, Webhooks, path_of

MAX_PAGE: Final = 250
Json = dict[str, object]


class RestWebhooks:
    """`webhooks`: made, listed, counted, changed and deleted."""

    def __init__(self, webhooks: Webhooks, topics: Callable[[], Collection[str]], versions: tuple[str, ...]) -> None:
        self._webhooks = webhooks
        self._topics = topics
        self._versions = versions

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        served = (
            ("createWebhook", "POST", "webhooks.json", self._create),
            ("getWebhooks", "GET", "webhooks.json", self._list),
            ("countWebhooks", "GET", "webhooks/count.json", self._count),
            ("getWebhook", "GET", "webhooks/{number}.json", self._get),
            ("updateWebhook", "PUT", "webhooks/{number}.json", self._update),
            ("deleteWebhook", "DELETE", "webhooks/{number}.json", self._delete),
        )
        return tuple(
            Operation(name, method, f"{base}/{path}", handle) for base in BASES for name, method, path, handle in served
        )

    def _create(self, call: Call) -> Answer:
        wanted = (call.json_object() or {}).get("webhook")
        if not isinstance(wanted, dict):
            return json_answer(400, {"errors": {"webhook": "Required parameter missing or invalid"}})
        topic = str(wanted.get("topic", "")).replace("/", "_").upper()
        if topic not in self._topics():
            return json_answer(422, {"errors": {"topic": ["Invalid topic specified."]}})
        if wanted.get("format", "json") != "json":
            return json_answer(422, {"errors": {"format": ["The sandbox writes json only."]}})
        version = served_version(call.parameters.get("version", ""), self._versions) or self._versions[0]
        made = self._webhooks.subscribe(topic, wanted.get("address"), version, call.at)
        if isinstance(made, str):
            return json_answer(422, {"errors": {"address": [made]}})
        return json_answer(201, {"webhook": _shown(made)})

    def _wanted(self, call: Call) -> list[Subscription]:
        topic, address = call.query.get("topic"), call.query.get("address")
        return [
            one
            for one in self._webhooks.all()
            if topic in (None, "", path_of(one.topic)) and address in (None, "", one.uri)
        ]

    def _list(self, call: Call) -> Answer:
        limit = call.whole("limit", 50)
        if limit is None or not 1 <= limit <= MAX_PAGE:
            return json_answer(400, {"errors": f"The limit is 1 to {MAX_PAGE}"})
        return json_answer(200, {"webhooks": [_shown(one) for one in self._wanted(call)[:limit]]})

    def _count(self, call: Call) -> Answer:
        return json_answer(200, {"count": len(self._wanted(call))})

    def _get(self, call: Call) -> Answer:
        found = self._webhooks.find(_gid(call))
        return json_answer(200, {"webhook": _shown(found)}) if found is not None else json_answer(404, NOT_FOUND)

    def _update(self, call: Call) -> Answer:
        found, wanted = self._webhooks.find(_gid(call)), (call.json_object() or {}).get("webhook")
        if found is None:
            return json_answer(404, NOT_FOUND)
        if isinstance(wanted, dict) and "address" in wanted:
            wrong = self._webhooks.move(found, wanted["address"])
            if wrong:
                return json_answer(422, {"errors": {"address": [wrong]}})
        return json_answer(200, {"webhook": _shown(found)})

    def _delete(self, call: Call) -> Answer:
        return json_answer(200, {}) if self._webhooks.drop(_gid(call)) else json_answer(404, NOT_FOUND)


def _gid(call: Call) -> str:
    return f"gid://shopify/WebhookSubscription/{call.parameters['number']}"


def _shown(one: Subscription) -> Json:
    made_at = iso_time(one.created_at)
    return {
        "id": int(number_of(one.gid)),
        "address": one.uri,
        "topic": path_of(one.topic),
        "created_at": made_at,
        "updated_at": made_at,
        "format": "json",
        "fields": [],
        "metafield_namespaces": [],
        "api_version": one.version,
        "private_metafield_namespaces": [],
    }
