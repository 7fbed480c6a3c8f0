"""The Notifications API: destinations and subscriptions, and the message of a changed quantity.

Messages wait in the sandbox's outbox; it reaches no queue itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.amazon.attributes import DEFAULT_CHANNEL
from inventory_sandbox.marketplaces.amazon.rules import error_answer, invalid_input, not_found
from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.stock import Listing, Part
from inventory_sandbox.marketplaces.world import World

BASE: Final = "/notifications/v1"
MAX_DESTINATIONS: Final = 100
QUANTITY_CHANGE: Final = "LISTINGS_ITEM_MFN_QUANTITY_CHANGE"
TYPES: Final = frozenset(
    {
        "LISTINGS_ITEM_MFN_QUANTITY_CHANGE",
        "LISTINGS_ITEM_STATUS_CHANGE",
        "LISTINGS_ITEM_ISSUES_CHANGE",
        "ITEM_PRODUCT_TYPE_CHANGE",
        "FBA_INVENTORY_AVAILABILITY_CHANGES",
        "ITEM_INVENTORY_EVENT_CHANGE",
        "FEED_PROCESSING_FINISHED",
        "REPORT_PROCESSING_FINISHED",
        "ORDER_CHANGE",
        # Taken and kept, as a client may subscribe to them; the sandbox sends none of these.
        "ACCOUNT_STATUS_CHANGED",
        "ANY_OFFER_CHANGED",
        "B2B_ANY_OFFER_CHANGED",
        "BRANDED_ITEM_CONTENT_CHANGE",
        "DATA_KIOSK_QUERY_PROCESSING_FINISHED",
        "DETAIL_PAGE_TRAFFIC_EVENT",
        "EXTERNAL_FULFILLMENT_SHIPMENT_STATUS_CHANGE",
        "FBA_OUTBOUND_SHIPMENT_STATUS",
        "FEE_PROMOTION",
        "FULFILLMENT_ORDER_STATUS",
        "ITEM_SALES_EVENT_CHANGE",
        "ORDER_STATUS_CHANGE",
        "PRICING_HEALTH",
        "PRODUCT_TYPE_DEFINITIONS_CHANGE",
        "TRANSACTION_UPDATE",
    }
)
Json = dict[str, object]


class Notifications:
    """The application's destinations, and the seller's subscription of each type."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._destinations: dict[str, Json] = {}
        self._subscriptions: dict[str, Json] = {}
        world.stock.on_change.append(self._quantity_changed)

    def operations(self) -> Sequence[Operation]:
        """What is served of this API."""
        destinations, subscriptions = f"{BASE}/destinations", f"{BASE}/subscriptions"
        by_type = f"{subscriptions}/{{notificationType}}"
        return (
            Operation("createDestination", "POST", destinations, self._create_destination),
            Operation("getDestinations", "GET", destinations, self._list_destinations),
            Operation("getDestination", "GET", f"{destinations}/{{destinationId}}", self._get_destination),
            Operation("deleteDestination", "DELETE", f"{destinations}/{{destinationId}}", self._delete_destination),
            Operation("getSubscriptions", "GET", subscriptions, self._list),
            Operation("createSubscription", "POST", by_type, self._create),
            Operation("getSubscription", "GET", by_type, self._get),
            Operation("getSubscriptionById", "GET", f"{by_type}/{{subscriptionId}}", self._get_by_id),
            Operation("deleteSubscriptionById", "DELETE", f"{by_type}/{{subscriptionId}}", self._delete),
        )

    def _quantity_changed(self, listing: Listing, part: Part) -> None:
        subscription = self._subscriptions.get(QUANTITY_CHANGE)
        if subscription is None or listing.seed.marketplace != "amazon" or part.name != DEFAULT_CHANNEL:
            return
        now = self._world.clock.now()
        destination = self._destinations.get(str(subscription["destinationId"]), {})
        message = {
            "NotificationVersion": "1.0",
            "NotificationType": QUANTITY_CHANGE,
            "PayloadVersion": subscription["payloadVersion"],
            "EventTime": iso_time(now),
            "Payload": {
                "SellerId": listing.seed.account,
                "FulfillmentChannelCode": part.name,
                "Sku": listing.seed.sku,
                "Quantity": part.live,
            },
            "NotificationMetadata": {
                "ApplicationId": "amzn1.sellerapps.app.sandbox",
                "SubscriptionId": subscription["subscriptionId"],
                "PublishTime": iso_time(now),
                "NotificationId": self._world.new_id(),
            },
        }
        resource = destination.get("resource")
        target = json.dumps(resource) if isinstance(resource, dict) else ""
        self._world.outbox.add("amazon", QUANTITY_CHANGE, target, {}, json.dumps(message).encode(), now)

    def _create_destination(self, call: Call) -> Answer:
        body = call.json_object() or {}
        resource = body.get("resourceSpecification")
        if not _is_text(body.get("name")) or not isinstance(resource, dict):
            return invalid_input("'name' and 'resourceSpecification' are required.")
        sqs, bridge = resource.get("sqs"), resource.get("eventBridge")
        made: Json
        if isinstance(sqs, dict) and _is_text(sqs.get("arn")) and sqs["arn"].startswith("arn:aws:sqs:"):
            made = {"sqs": {"arn": sqs["arn"]}}
        elif isinstance(bridge, dict) and _is_text(bridge.get("region")) and _is_text(bridge.get("accountId")):
            name = f"aws.partner/sellingpartnerapi.amazon.com/{bridge['accountId']}/{call.request_id}"
            made = {"eventBridge": {"name": name, "region": bridge["region"], "accountId": bridge["accountId"]}}
        else:
            return invalid_input("'resourceSpecification' must name an SQS queue or an EventBridge account.")
        if any(one["name"] == body["name"] or one["resource"] == made for one in self._destinations.values()):
            return error_answer(409, "Conflict", "A destination with that name or resource exists.")
        if len(self._destinations) >= MAX_DESTINATIONS:
            return invalid_input(f"There are {MAX_DESTINATIONS} destinations already.")
        destination: Json = {"name": body["name"], "destinationId": self._world.new_id(), "resource": made}
        self._destinations[str(destination["destinationId"])] = destination
        return json_answer(200, {"payload": destination})

    def _list_destinations(self, call: Call) -> Answer:
        return json_answer(200, {"payload": list(self._destinations.values())})

    def _get_destination(self, call: Call) -> Answer:
        found = self._destinations.get(call.parameters["destinationId"])
        return json_answer(200, {"payload": found}) if found is not None else not_found("No such destination.")

    def _delete_destination(self, call: Call) -> Answer:
        if self._destinations.pop(call.parameters["destinationId"], None) is None:
            return not_found("No such destination.")
        return json_answer(200, {})

    def _create(self, call: Call) -> Answer:
        kind, body = call.parameters["notificationType"], call.json_object() or {}
        if kind not in TYPES:
            return invalid_input(f"Invalid notification type: {kind}.")
        if str(body.get("destinationId")) not in self._destinations or not _is_text(body.get("payloadVersion")):
            return invalid_input("'payloadVersion' and the id of a destination are required.")
        if kind in self._subscriptions:
            return error_answer(409, "Conflict", f"There is a subscription of {kind} already.")
        subscription: Json = {
            "subscriptionId": self._world.new_id(),
            "payloadVersion": body["payloadVersion"],
            "destinationId": body["destinationId"],
        }
        if isinstance(body.get("processingDirective"), dict):
            subscription["processingDirective"] = body["processingDirective"]
        self._subscriptions[kind] = subscription
        return json_answer(200, {"payload": subscription})

    def _list(self, call: Call) -> Answer:
        wanted = call.query.get("notificationTypes", "").split(",")
        found = [one for kind, one in self._subscriptions.items() if kind in wanted]
        return json_answer(200, {"payload": {"subscriptions": found}})

    def _get(self, call: Call) -> Answer:
        kind = call.parameters["notificationType"]
        found = self._subscriptions.get(kind)
        return json_answer(200, {"payload": found}) if found is not None else not_found(f"No subscription of {kind}.")

    def _get_by_id(self, call: Call) -> Answer:
        found = self._by_id(call)
        return json_answer(200, {"payload": found}) if found is not None else not_found("No such subscription.")

    def _delete(self, call: Call) -> Answer:
        if self._by_id(call) is None:
            return not_found("No such subscription.")
        del self._subscriptions[call.parameters["notificationType"]]
        return json_answer(200, {})

    def _by_id(self, call: Call) -> Json | None:
        found = self._subscriptions.get(call.parameters["notificationType"])
        if found is None or found["subscriptionId"] != call.parameters["subscriptionId"]:
            return None
        return found


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
