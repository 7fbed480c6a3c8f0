"""Has Shopify tell of changes: a webhook subscription of each topic that leads to our endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from inventory_adapters.bodies import encoded, mapping, rows, text
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure, judge
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.shopify import auth
from inventory_adapters.shopify.failures import SHOP_RULES, WEBHOOK_REFUSED, user_error_facts
from inventory_adapters.shopify.settings import GRAPHQL, ShopifySettings, ShopifySignals
from inventory_domain.bulk import CallFailed
from inventory_domain.outcomes import UNRECOGNIZED, Transient
from inventory_domain.signals import Subscription, Subscriptions

LIST: Final = "webhookSubscriptions"
CREATE: Final = "webhookSubscriptionCreate"
UPDATE: Final = "webhookSubscriptionUpdate"
DELETE: Final = "webhookSubscriptionDelete"
COST: Final = 20.0  # a list and a mutation, about
_MADE: Final = "{ webhookSubscription { id } userErrors { field message } }"
LIST_QUERY: Final = (
    f"query Subscribed($topics: [WebhookSubscriptionTopic!]) "
    f"{{ {LIST}(first: 100, topics: $topics) {{ nodes {{ id topic uri }} }} }}"
)
CREATE_QUERY: Final = (
    f"mutation Subscribe($topic: WebhookSubscriptionTopic!, $to: WebhookSubscriptionInput!) "
    f"{{ {CREATE}(topic: $topic, webhookSubscription: $to) {_MADE} }}"
)
UPDATE_QUERY: Final = (
    f"mutation Redirect($id: ID!, $to: WebhookSubscriptionInput!) "
    f"{{ {UPDATE}(id: $id, webhookSubscription: $to) {_MADE} }}"
)
DELETE_QUERY: Final = f"mutation Unsubscribe($id: ID!) {{ {DELETE}(id: $id) {{ userErrors {{ field message }} }} }}"


class ShopifySubscriptions:
    """The app's subscriptions in one shop; those of other apps are not shown to it."""

    def __init__(self, settings: ShopifySettings, own: ShopifySignals, exchange: Exchange) -> None:
        self._settings = settings
        self._own = own
        self._exchange = exchange

    async def all(self, deadline_s: float) -> Subscriptions | CallFailed:
        """How each topic stands."""
        found = await self._found(self._own.topics, deadline_s)
        if isinstance(found, Failure):
            return found.call_failed(LIST)
        ones = tuple(found.get(topic, Subscription(topic=topic, state="missing")) for topic in self._own.topics)
        return Subscriptions(subscriptions=ones, api=LIST)

    async def subscribe(self, topic: str, deadline_s: float) -> Subscription | CallFailed:
        """Have this topic told to the endpoint."""
        found = await self._found((topic,), deadline_s)
        if isinstance(found, Failure):
            return found.call_failed(LIST)
        one = found.get(topic)
        if one is not None and one.state == "on":
            return one
        to = {"uri": self._own.endpoint, "format": "JSON"}
        if one is None:
            made = await self._mutate(CREATE, CREATE_QUERY, {"topic": topic, "to": to}, deadline_s)
        else:
            made = await self._mutate(UPDATE, UPDATE_QUERY, {"id": one.subscription_id, "to": to}, deadline_s)
        if isinstance(made, Failure):
            return made.call_failed(CREATE if one is None else UPDATE)
        gid = text(mapping(made.get("webhookSubscription")).get("id"))
        return Subscription(topic=topic, state="on", subscription_id=gid)

    async def unsubscribe(self, topic: str, deadline_s: float) -> Subscription | CallFailed:
        """End this topic, wherever it leads to."""
        for _ in range(10):  # a topic may be told to several places
            found = await self._found((topic,), deadline_s)
            if isinstance(found, Failure):
                return found.call_failed(LIST)
            if topic not in found:
                break
            gone = await self._mutate(DELETE, DELETE_QUERY, {"id": found[topic].subscription_id}, deadline_s)
            if isinstance(gone, Failure):
                return gone.call_failed(DELETE)
        return Subscription(topic=topic, state="missing")

    async def _found(self, topics: tuple[str, ...], deadline_s: float) -> dict[str, Subscription] | Failure:
        """The subscription of each topic; of several, the one that leads to our endpoint."""
        answer = await self._call(LIST_QUERY, {"topics": list(topics)}, deadline_s, writes=False)
        if isinstance(answer, Failure):
            return answer
        nodes = mapping(mapping(mapping(answer.body).get("data")).get(LIST)).get("nodes")
        if not isinstance(nodes, list):
            return Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status)
        found: dict[str, Subscription] = {}
        for row in rows(nodes):
            topic, gid = text(row.get("topic")), text(row.get("id"))
            if not topic or not gid:
                continue
            ours = row.get("uri") == self._own.endpoint
            if ours or topic not in found:
                state = Subscription(topic=topic, state="on" if ours else "elsewhere", subscription_id=gid)
                found[topic] = state
        return found

    async def _mutate(
        self, name: str, query: str, variables: Mapping[str, object], deadline_s: float
    ) -> dict[str, Json] | Failure:
        answer = await self._call(query, variables, deadline_s, writes=True)
        if isinstance(answer, Failure):
            return answer
        payload = mapping(mapping(mapping(answer.body).get("data")).get(name))
        for error in rows(payload.get("userErrors")):
            return judge(SHOP_RULES, user_error_facts({**error, "code": WEBHOOK_REFUSED}), writes=False)
        if not isinstance(payload.get("userErrors"), list):
            return Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status, effect_unknown=True)
        return payload

    async def _call(
        self, query: str, variables: Mapping[str, object], deadline_s: float, *, writes: bool
    ) -> Answered | Failure:
        body = encoded({"query": query, "variables": variables})

        def build(token: Secret) -> Request:
            return auth.request(self._settings, token, body)

        return await self._exchange.call(GRAPHQL, build, deadline_s, writes=writes)
