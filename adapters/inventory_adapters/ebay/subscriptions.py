"""Has eBay tell of changes: an endpoint of ours as a destination, and a subscription of each topic that leads to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from inventory_adapters.bodies import encoded, mapping, rows, text
from inventory_adapters.ebay import auth
from inventory_adapters.ebay.settings import NOTIFICATION_API, EbaySettings, EbaySignals
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import NOT_FOUND, Failure
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_domain.bulk import CallFailed
from inventory_domain.outcomes import UNRECOGNIZED, Transient
from inventory_domain.signals import Subscription, Subscriptions, SubscriptionState

BASE: Final = "/commerce/notification/v1"
PAGE: Final = "limit=100"  # the most; an application has a handful of each
NAME: Final = "inventory-sync"
ENABLED: Final = "ENABLED"


@dataclass(frozen=True, slots=True)
class _Destination:
    """Our endpoint as eBay has it. One that is not `enabled` is told nothing: eBay marks down what does not answer."""

    own_id: str
    enabled: bool


class EbaySubscriptions:
    """The subscriptions of one seller. Destinations and topics are the application's, so they want its own token."""

    def __init__(self, settings: EbaySettings, own: EbaySignals, seller: Exchange, application: Exchange) -> None:
        self._settings = settings
        self._own = own
        self._seller = seller
        self._application = application

    async def all(self, deadline_s: float) -> Subscriptions | CallFailed:
        """How each topic stands."""
        destination = await self._destination(deadline_s)
        if isinstance(destination, Failure):
            return destination.call_failed("getDestinations")
        found = await self._found(destination, deadline_s)
        if isinstance(found, Failure):
            return found.call_failed("getSubscriptions")
        missing = (Subscription(topic=topic, state="missing") for topic in self._own.topics if topic not in found)
        ours = (one for topic, one in found.items() if topic in self._own.topics)
        return Subscriptions(subscriptions=(*ours, *missing), api="getSubscriptions")

    async def subscribe(self, topic: str, deadline_s: float) -> Subscription | CallFailed:
        """Have this topic told to the endpoint; eBay asks the endpoint for proof when it is new."""
        destination = await self._destination(deadline_s)
        if destination is None:
            destination = await self._create_destination(deadline_s)
        elif isinstance(destination, _Destination) and not destination.enabled:
            destination = await self._enable_destination(destination, deadline_s)
            if isinstance(destination, Failure):
                return destination.call_failed("updateDestination")
        if isinstance(destination, Failure):
            return destination.call_failed("createDestination")
        found = await self._found(destination, deadline_s)
        if isinstance(found, Failure):
            return found.call_failed("getSubscriptions")
        one = found.get(topic)
        if one is not None and one.state == "on":
            return one
        if one is not None and one.state == "off":
            enabled = await self._call(self._seller, "POST", f"{_path(one)}/enable", deadline_s)
            return enabled.call_failed("enableSubscription") if isinstance(enabled, Failure) else _on(one)
        if one is not None:  # one that leads elsewhere
            gone = await self._call(self._seller, "DELETE", _path(one), deadline_s)
            if isinstance(gone, Failure) and gone.reason != NOT_FOUND:
                return gone.call_failed("deleteSubscription")
        made = await self._create(topic, destination, deadline_s)
        return made.call_failed("createSubscription") if isinstance(made, Failure) else made

    async def unsubscribe(self, topic: str, deadline_s: float) -> Subscription | CallFailed:
        """End this topic, wherever it leads to."""
        found = await self._found(None, deadline_s)
        if isinstance(found, Failure):
            return found.call_failed("getSubscriptions")
        if topic in found:
            gone = await self._call(self._seller, "DELETE", _path(found[topic]), deadline_s)
            if isinstance(gone, Failure) and gone.reason != NOT_FOUND:
                return gone.call_failed("deleteSubscription")
        return Subscription(topic=topic, state="missing")

    async def _destination(self, deadline_s: float) -> _Destination | Failure | None:
        """The destination that is our endpoint, if there is one."""
        answer = await self._call(self._application, "GET", f"/destination?{PAGE}", deadline_s)
        if isinstance(answer, Failure):
            return answer
        for row in rows(mapping(answer.body).get("destinations")):
            own_id = text(row.get("destinationId"))
            if own_id and mapping(row.get("deliveryConfig")).get("endpoint") == self._own.endpoint:
                return _Destination(own_id, row.get("status", ENABLED) == ENABLED)
        return None

    def _wanted_destination(self) -> dict[str, object]:
        token = self._own.verification_token.reveal()
        config = {"endpoint": self._own.endpoint, "verificationToken": token}
        return {"name": NAME, "status": ENABLED, "deliveryConfig": config}

    async def _enable_destination(self, one: _Destination, deadline_s: float) -> _Destination | Failure:
        path = f"/destination/{quote(one.own_id, safe='')}"
        enabled = await self._call(self._application, "PUT", path, deadline_s, self._wanted_destination())
        return enabled if isinstance(enabled, Failure) else replace(one, enabled=True)

    async def _create_destination(self, deadline_s: float) -> _Destination | Failure:
        """Its id is in a header of the answer only, so it is looked up."""
        made = await self._call(self._application, "POST", "/destination", deadline_s, self._wanted_destination())
        if isinstance(made, Failure):
            return made
        return await self._destination(deadline_s) or Failure(then=Transient, reason=UNRECOGNIZED, status=made.status)

    async def _found(self, destination: _Destination | None, deadline_s: float) -> dict[str, Subscription] | Failure:
        answer = await self._call(self._seller, "GET", f"/subscription?{PAGE}", deadline_s)
        if isinstance(answer, Failure):
            return answer
        found: dict[str, Subscription] = {}
        for row in rows(mapping(answer.body).get("subscriptions")):
            topic, subscription_id = text(row.get("topicId")), text(row.get("subscriptionId"))
            if topic and subscription_id:
                state = _state(row, destination)
                found[topic] = Subscription(topic=topic, state=state, subscription_id=subscription_id)
        return found

    async def _create(self, topic: str, destination: _Destination, deadline_s: float) -> Subscription | Failure:
        told = await self._call(self._application, "GET", f"/topic/{quote(topic, safe='')}", deadline_s)
        if isinstance(told, Failure):
            return told
        payload = _payload(told.body)
        wanted = {"topicId": topic, "destinationId": destination.own_id, "status": ENABLED, "payload": payload}
        made = await self._call(self._seller, "POST", "/subscription", deadline_s, wanted)
        return made if isinstance(made, Failure) else Subscription(topic=topic, state="on")

    async def _call(
        self, exchange: Exchange, method: str, path: str, deadline_s: float, body: Mapping[str, object] | None = None
    ) -> Answered | Failure:
        def build(token: Secret) -> Request:
            url = f"{self._settings.calls.base_url}{BASE}{path}"
            if body is None:
                return Request(method, url, auth.headers(token))
            headers = auth.headers(token) | {"content-type": "application/json"}
            return Request(method, url, headers, encoded(body))

        return await exchange.call(NOTIFICATION_API, build, deadline_s, writes=method != "GET")


def _state(row: dict[str, Json], destination: _Destination | None) -> SubscriptionState:
    if destination is None or text(row.get("destinationId")) != destination.own_id:
        return "elsewhere"
    return "on" if row.get("status") == ENABLED and destination.enabled else "off"


def _payload(topic: Json) -> dict[str, object]:
    """The newest of the payloads that the topic has to offer: eBay lists deprecated ones too."""
    offered = [
        version
        for each in rows(mapping(topic).get("supportedPayloads"))
        if each.get("deprecated") is not True and (version := text(each.get("schemaVersion")))
    ]
    return {"format": "JSON", "deliveryProtocol": "HTTPS", "schemaVersion": max(offered, default="1.0")}


def _path(one: Subscription) -> str:
    return f"/subscription/{quote(one.subscription_id or '', safe='')}"


def _on(one: Subscription) -> Subscription:
    return Subscription(topic=one.topic, state="on", subscription_id=one.subscription_id)
