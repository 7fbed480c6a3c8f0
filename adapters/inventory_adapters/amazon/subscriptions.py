"""Has Amazon tell of changes: a queue of ours as a destination, and a subscription of each type that leads to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from inventory_adapters.amazon import auth
from inventory_adapters.amazon.settings import NOTIFICATIONS, TOPICS, AmazonSettings, AmazonSignals
from inventory_adapters.bodies import encoded, mapping, rows, text
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import NOT_FOUND, Failure
from inventory_adapters.http import Request
from inventory_adapters.secrets import Secret
from inventory_domain.bulk import CallFailed
from inventory_domain.clock import Clock
from inventory_domain.outcomes import UNRECOGNIZED, Transient
from inventory_domain.signals import Subscription, Subscriptions

BASE: Final = "/notifications/v1"
COST: Final = 5.0  # a check asks for each type by itself, a repair takes as many calls: no operation more often than so


class AmazonSubscriptions:
    """The subscriptions of one account. Destinations are the application's, so they want a token without a seller."""

    def __init__(
        self, settings: AmazonSettings, own: AmazonSignals, seller: Exchange, application: Exchange, clock: Clock
    ) -> None:
        self._settings = settings
        self._own = own
        self._seller = seller
        self._application = application
        self._clock = clock

    async def all(self, deadline_s: float) -> Subscriptions | CallFailed:
        """How each type stands."""
        destination = await self._destination(deadline_s)
        if isinstance(destination, Failure):
            return destination.call_failed("getDestinations")
        found = []
        for topic in self._own.topics:
            one = await self._one(topic, destination, deadline_s)
            if isinstance(one, Failure):
                return one.call_failed("getSubscription")
            found.append(one)
        return Subscriptions(subscriptions=tuple(found), api="getSubscription")

    async def subscribe(self, topic: str, deadline_s: float) -> Subscription | CallFailed:
        """Have this type told to the queue. A subscription cannot be changed: one that leads elsewhere is replaced."""
        destination = await self._destination(deadline_s) or await self._create_destination(deadline_s)
        if isinstance(destination, Failure):
            return destination.call_failed("createDestination")
        one = await self._one(topic, destination, deadline_s)
        if isinstance(one, Failure):
            return one.call_failed("getSubscription")
        if one.state == "on":
            return one
        if one.subscription_id is not None:
            gone = await self._delete(topic, one.subscription_id, deadline_s)
            if isinstance(gone, Failure):
                return gone.call_failed("deleteSubscriptionById")
        wanted = {"payloadVersion": TOPICS[topic], "destinationId": destination}
        made = await self._call(self._seller, "POST", f"/subscriptions/{topic}", deadline_s, wanted)
        if isinstance(made, Failure):
            return made.call_failed("createSubscription")
        subscription_id = text(mapping(mapping(made.body).get("payload")).get("subscriptionId"))
        return Subscription(topic=topic, state="on", subscription_id=subscription_id)

    async def unsubscribe(self, topic: str, deadline_s: float) -> Subscription | CallFailed:
        """End this type, wherever it leads to. The destination stays: it costs nothing, and others may use it."""
        one = await self._one(topic, None, deadline_s)
        if isinstance(one, Failure):
            return one.call_failed("getSubscription")
        if one.subscription_id is not None:
            gone = await self._delete(topic, one.subscription_id, deadline_s)
            if isinstance(gone, Failure):
                return gone.call_failed("deleteSubscriptionById")
        return Subscription(topic=topic, state="missing")

    async def _destination(self, deadline_s: float) -> str | Failure | None:
        """The id of the destination that is our queue, if there is one."""
        answer = await self._call(self._application, "GET", "/destinations", deadline_s)
        if isinstance(answer, Failure):
            return answer
        for row in rows(mapping(answer.body).get("payload")):
            if mapping(mapping(row.get("resource")).get("sqs")).get("arn") == self._own.queue_arn:
                return text(row.get("destinationId"))
        return None

    async def _create_destination(self, deadline_s: float) -> str | Failure:
        resource = {"sqs": {"arn": self._own.queue_arn}}
        wanted = {"name": self._own.destination_name, "resourceSpecification": resource}
        answer = await self._call(self._application, "POST", "/destinations", deadline_s, wanted)
        if isinstance(answer, Failure):
            return answer
        made = text(mapping(mapping(answer.body).get("payload")).get("destinationId"))
        return made or Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status, request_id=answer.request_id)

    async def _one(self, topic: str, destination: str | None, deadline_s: float) -> Subscription | Failure:
        answer = await self._call(self._seller, "GET", f"/subscriptions/{topic}", deadline_s)
        if isinstance(answer, Failure):
            return Subscription(topic=topic, state="missing") if answer.reason == NOT_FOUND else answer
        payload = mapping(mapping(answer.body).get("payload"))
        subscription_id = text(payload.get("subscriptionId"))
        if not subscription_id:
            return Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status, request_id=answer.request_id)
        ours = destination is not None and text(payload.get("destinationId")) == destination
        return Subscription(topic=topic, state="on" if ours else "elsewhere", subscription_id=subscription_id)

    async def _delete(self, topic: str, subscription_id: str, deadline_s: float) -> Answered | Failure | None:
        path = f"/subscriptions/{topic}/{quote(subscription_id, safe='')}"
        answer = await self._call(self._application, "DELETE", path, deadline_s)
        return None if isinstance(answer, Failure) and answer.reason == NOT_FOUND else answer

    async def _call(
        self,
        exchange: Exchange,
        method: str,
        path: str,
        deadline_s: float,
        body: Mapping[str, object] | None = None,
    ) -> Answered | Failure:
        def build(token: Secret) -> Request:
            headers = auth.headers(self._settings, token, self._clock)
            url = f"{self._settings.calls.base_url}{BASE}{path}"
            if body is None:
                return Request(method, url, headers)
            return Request(method, url, headers | {"content-type": "application/json"}, encoded(body))

        return await exchange.call(NOTIFICATIONS, build, deadline_s, writes=method != "GET")
