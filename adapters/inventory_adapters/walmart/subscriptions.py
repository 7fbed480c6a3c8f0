"""Has Walmart tell of events: a subscription of each event type that leads to our endpoint, signed with our secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from inventory_adapters.bodies import encoded, mapping, rows, text
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import NOT_FOUND, Failure
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.walmart import auth
from inventory_adapters.walmart.settings import RESOURCES, WEBHOOKS, WalmartSettings, WalmartSignals
from inventory_domain.bulk import CallFailed
from inventory_domain.signals import Subscription, Subscriptions, SubscriptionState

BASE: Final = "/v3/webhooks/subscriptions"
VERSION: Final = "V1"


class WalmartSubscriptions:
    """The subscriptions of one seller."""

    def __init__(
        self, settings: WalmartSettings, own: WalmartSignals, exchange: Exchange, new_id: Callable[[], str]
    ) -> None:
        self._settings = settings
        self._own = own
        self._exchange = exchange
        self._new_id = new_id

    async def all(self, deadline_s: float) -> Subscriptions | CallFailed:
        """How each event type stands."""
        found = await self._found(deadline_s)
        if isinstance(found, Failure):
            return found.call_failed("getAllSubscriptions")
        missing = (Subscription(topic=topic, state="missing") for topic in self._own.topics if topic not in found)
        ours = (one for topic, one in found.items() if topic in self._own.topics)
        return Subscriptions(subscriptions=(*ours, *missing), api="getAllSubscriptions")

    async def subscribe(self, topic: str, deadline_s: float) -> Subscription | CallFailed:
        """Have this event told to the endpoint. The secret cannot be read back, so it is given again each time."""
        found = await self._found(deadline_s)
        if isinstance(found, Failure):
            return found.call_failed("getAllSubscriptions")
        one = found.get(topic)
        if one is None or one.subscription_id is None:
            made = await self._call("POST", "", deadline_s, {"events": [self._wanted(topic)]})
            if isinstance(made, Failure):
                return made.call_failed("createSubscription")
            ids = [text(row.get("subscriptionId")) for row in rows(mapping(made.body).get("event"))]
            return Subscription(topic=topic, state="on", subscription_id=ids[0] if ids else None)
        path = f"/{quote(one.subscription_id, safe='')}"
        changed = await self._call("PATCH", path, deadline_s, self._wanted(topic))
        if isinstance(changed, Failure):
            return changed.call_failed("updateSubscription")
        return Subscription(topic=topic, state="on", subscription_id=one.subscription_id)

    async def unsubscribe(self, topic: str, deadline_s: float) -> Subscription | CallFailed:
        """End this event, wherever it leads to."""
        found = await self._found(deadline_s)
        if isinstance(found, Failure):
            return found.call_failed("getAllSubscriptions")
        one = found.get(topic)
        if one is not None and one.subscription_id is not None:
            gone = await self._call("DELETE", f"/{quote(one.subscription_id, safe='')}", deadline_s)
            if isinstance(gone, Failure) and gone.reason != NOT_FOUND:
                return gone.call_failed("deleteSubscription")
        return Subscription(topic=topic, state="missing")

    def _wanted(self, topic: str) -> dict[str, object]:
        return {
            "eventType": topic,
            "eventVersion": VERSION,
            "resourceName": RESOURCES[topic],
            "eventUrl": self._own.endpoint,
            "authDetails": {
                "authMethod": "HMAC",
                "authHeaderName": self._own.header,
                "clientSecret": self._own.secret.reveal(),
            },
            "status": "ACTIVE",
        }

    async def _found(self, deadline_s: float) -> dict[str, Subscription] | Failure:
        """The subscription of each event type; of several, the one that is nearest to what is wanted."""
        answer = await self._call("GET", "", deadline_s)
        if isinstance(answer, Failure):
            return {} if answer.reason == NOT_FOUND else answer
        found: dict[str, Subscription] = {}
        for row in rows(mapping(answer.body).get("events")):
            topic, subscription_id = text(row.get("eventType")), text(row.get("subscriptionId"))
            if not topic or not subscription_id:
                continue
            one = Subscription(topic=topic, state=self._state(row), subscription_id=subscription_id)
            if topic not in found or _NEAREST.index(one.state) < _NEAREST.index(found[topic].state):
                found[topic] = one
        return found

    def _state(self, row: dict[str, Json]) -> SubscriptionState:
        if row.get("eventUrl") != self._own.endpoint:
            return "elsewhere"
        return "on" if row.get("status") == "ACTIVE" else "off"

    async def _call(
        self, method: str, path: str, deadline_s: float, body: Mapping[str, object] | None = None
    ) -> Answered | Failure:
        def build(token: Secret) -> Request:
            market = next(iter(self._settings.channels.values())).market
            headers = auth.headers(self._settings, token, self._new_id(), market)
            url = f"{self._settings.calls.base_url}{BASE}{path}"
            if body is None:
                return Request(method, url, headers)
            return Request(method, url, headers | {"content-type": "application/json"}, encoded(body))

        return await self._exchange.call(WEBHOOKS, build, deadline_s, writes=method != "GET")


_NEAREST: Final[tuple[SubscriptionState, ...]] = ("on", "off", "elsewhere", "missing")
