"""Webhook subscriptions, and the webhooks that go out when a quantity changes or a bulk operation ends."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from graphql import GraphQLResolveInfo

from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.shopify.bulk import BulkOperation
from inventory_sandbox.marketplaces.shopify.mutations import Context
from inventory_sandbox.marketplaces.shopify.shop import Shop, number_of
from inventory_sandbox.marketplaces.shopify.values import connection
from inventory_sandbox.marketplaces.stock import Listing, Part, Sale
from inventory_sandbox.marketplaces.world import World

LEVELS_UPDATE: Final = "INVENTORY_LEVELS_UPDATE"
BULK_FINISH: Final = "BULK_OPERATIONS_FINISH"
ORDERS_CREATE: Final = "ORDERS_CREATE"
FIRST_ORDER: Final = 820_982_911_946_154_508
FIRST_LINE: Final = 866_550_311_766_439_020
MAX_SUBSCRIPTIONS: Final = 1_000
Json = dict[str, object]


@dataclass(slots=True)
class Subscription:
    """One subscription: a topic and where it goes."""

    gid: str
    topic: str
    uri: str
    created_at: float
    version: str


class Webhooks:
    """The app's subscriptions. A webhook is signed with the app's secret over its body."""

    def __init__(self, world: World, shop: Shop) -> None:
        self._world = world
        self._shop = shop
        self._subscriptions: dict[str, Subscription] = {}
        self._numbers = 1_000_000
        self._orders = 0
        world.stock.on_change.append(self._level_changed)
        world.stock.on_sale.append(self._sold)

    def root(self) -> Mapping[str, Callable[..., object]]:
        """The resolvers by name."""
        return {
            "webhookSubscriptionCreate": self._create,
            "webhookSubscriptionUpdate": self._update,
            "webhookSubscriptionDelete": self._delete,
            "webhookSubscription": lambda _, id: self.get(id),
            "webhookSubscriptions": self._list,
        }

    def get(self, gid: str) -> Json | None:
        """The subscription with that gid as a GraphQL value."""
        found = self._subscriptions.get(gid)
        return self._json(found) if found is not None else None

    def find(self, gid: str) -> Subscription | None:
        """The subscription with that gid."""
        return self._subscriptions.get(gid)

    def all(self) -> list[Subscription]:
        """Every subscription, oldest first."""
        return list(self._subscriptions.values())

    def subscribe(self, topic: str, uri: object, version: str, at: float) -> Subscription | str:
        """A new subscription; else the text that says why not."""
        wrong = self._uri_error(uri)
        if not wrong and any(one.topic == topic and one.uri == uri for one in self._subscriptions.values()):
            wrong = "Address for this topic has already been taken"
        if wrong or len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            return wrong or "Too many subscriptions"
        self._numbers += 1
        made = Subscription(f"gid://shopify/WebhookSubscription/{self._numbers}", topic, str(uri), at, version)
        self._subscriptions[made.gid] = made
        return made

    def move(self, one: Subscription, uri: object) -> str:
        """Sends a subscription's webhooks elsewhere; the text that says why not, or none."""
        wrong = self._uri_error(uri)
        if not wrong:
            one.uri = str(uri)
        return wrong

    def drop(self, gid: str) -> bool:
        """Ends a subscription; False when there is none with that gid."""
        return self._subscriptions.pop(gid, None) is not None

    def bulk_finished(self, operation: BulkOperation) -> None:
        """Tells that a bulk operation has ended."""
        body = {
            "admin_graphql_api_id": operation.gid,
            "completed_at": iso_time(operation.completed_at or operation.created_at),
            "created_at": iso_time(operation.created_at),
            "error_code": None,
            "status": operation.status.lower(),
            "type": "query",
        }
        self._send(BULK_FINISH, body)

    def _level_changed(self, listing: Listing, part: Part) -> None:
        if listing.seed.marketplace != "shopify" or not self._subscriptions:
            return
        item, location = number_of(listing.seed.inventory_item_id), number_of(part.name)
        body = {
            "inventory_item_id": int(item),
            "location_id": int(location),
            "available": part.submitted,
            "updated_at": iso_time(self._world.clock.now()),
            "admin_graphql_api_id": f"gid://shopify/InventoryLevel/{location}?inventory_item_id={item}",
        }
        self._send(LEVELS_UPDATE, body)

    def _sold(self, listing: Listing, sale: Sale) -> None:
        """An order of one line, with what an order of the REST resource has that says what was sold."""
        if listing.seed.marketplace != "shopify" or not self._subscriptions:
            return
        self._orders += 1
        seed, at = listing.seed, iso_time(sale.at)
        order = FIRST_ORDER + self._orders
        line = {
            "id": FIRST_LINE + self._orders,
            "admin_graphql_api_id": f"gid://shopify/LineItem/{FIRST_LINE + self._orders}",
            "variant_id": int(number_of(seed.variant_id)) if seed.variant_id else None,
            "product_id": int(number_of(seed.product_id)) if seed.product_id else None,
            "sku": seed.sku,
            "quantity": sale.quantity,
            "current_quantity": sale.quantity,
            "fulfillable_quantity": sale.quantity,
            "fulfillment_service": "manual",
            "fulfillment_status": None,
            "requires_shipping": True,
        }
        body = {
            "id": order,
            "admin_graphql_api_id": f"gid://shopify/Order/{order}",
            "name": f"#{1000 + self._orders}",
            "order_number": 1000 + self._orders,
            "created_at": at,
            "updated_at": at,
            "cancelled_at": None,
            "cancel_reason": None,
            "financial_status": "paid",
            "line_items": [line],
        }
        self._send(ORDERS_CREATE, body)

    def _send(self, topic: str, body: Mapping[str, object]) -> None:
        now = self._world.clock.now()
        raw = json.dumps(body, separators=(",", ":")).encode()
        secret = self._world.settings.credentials.shopify_api_secret.encode()
        signature = base64.b64encode(hmac.new(secret, raw, hashlib.sha256).digest()).decode()
        event_id = self._world.new_id()
        for one in self._subscriptions.values():
            if one.topic != topic:
                continue
            headers = {
                "Content-Type": "application/json",
                "X-Shopify-Topic": path_of(topic),
                "X-Shopify-Hmac-Sha256": signature,
                "X-Shopify-Shop-Domain": self._shop.domain,
                "X-Shopify-API-Version": one.version,
                "X-Shopify-Webhook-Id": self._world.new_id(),
                "X-Shopify-Event-Id": event_id,
                "X-Shopify-Triggered-At": iso_time(now),
            }
            self._world.outbox.add("shopify", topic, one.uri, headers, raw, now)

    def _create(self, info: GraphQLResolveInfo[Context], topic: str, webhookSubscription: Json) -> Json:  # noqa: N803
        uri = webhookSubscription.get("uri") or webhookSubscription.get("callbackUrl")
        made = self.subscribe(topic, uri, info.context.version.version, info.context.call.at)
        if isinstance(made, str):
            error = {"field": ["webhookSubscription", "callbackUrl"], "message": made}
            return {"webhookSubscription": None, "userErrors": [error]}
        return {"webhookSubscription": self._json(made), "userErrors": []}

    def _update(self, _: object, id: str, webhookSubscription: Json) -> Json:  # noqa: N803
        found = self._subscriptions.get(id)
        uri = webhookSubscription.get("uri") or webhookSubscription.get("callbackUrl")
        if found is None:
            wrong = "Webhook subscription does not exist"
        else:
            wrong = self.move(found, uri) if uri else ""
        if found is None or wrong:
            return {"webhookSubscription": None, "userErrors": [{"field": ["id"], "message": wrong}]}
        return {"webhookSubscription": self._json(found), "userErrors": []}

    def _delete(self, _: object, id: str) -> Json:
        if not self.drop(id):
            error = {"field": ["id"], "message": "Webhook subscription does not exist"}
            return {"deletedWebhookSubscriptionId": None, "userErrors": [error]}
        return {"deletedWebhookSubscriptionId": id, "userErrors": []}

    def _list(self, _: object, **arguments: object) -> Json:
        topics, uri = arguments.get("topics"), arguments.get("uri") or arguments.get("callbackUrl")
        found = [
            one
            for one in self._subscriptions.values()
            if (not isinstance(topics, list) or one.topic in topics) and uri in (None, one.uri)
        ]
        return connection(found, self._json, dict(arguments))

    def _uri_error(self, uri: object) -> str:
        if not isinstance(uri, str) or not uri:
            return "Address can't be blank"
        local = uri.startswith(("http://127.0.0.1", "http://localhost"))  # a test has no certificate
        return (
            ""
            if local or uri.startswith(("https://", "arn:aws:", "pubsub://"))
            else "Address protocol is not supported"
        )

    def _json(self, one: Subscription) -> Json:
        return {
            "__typename": "WebhookSubscription",
            "id": one.gid,
            "legacyResourceId": number_of(one.gid),
            "topic": one.topic,
            "uri": one.uri,
            "callbackUrl": one.uri,
            "endpoint": {"__typename": "WebhookHttpEndpoint", "callbackUrl": one.uri},
            "format": "JSON",
            "filter": None,
            "includeFields": [],
            "metafieldNamespaces": [],
            "name": None,
            "apiVersion": {"handle": one.version, "displayName": one.version, "supported": True},
            "createdAt": iso_time(one.created_at),
            "updatedAt": iso_time(one.created_at),
        }


def path_of(topic: str) -> str:
    """A topic as the header and REST name it: `inventory_levels/update`."""
    thing, _, what = topic.lower().rpartition("_")
    return f"{thing}/{what}"
