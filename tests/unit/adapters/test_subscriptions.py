"""Subscriptions: what is asked for, as published, and what the marketplaces may answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import graphql
import httpx
import jsonschema
import pytest

from inventory_adapters.catalog import MARKETPLACES
from inventory_adapters.secrets import Secret
from inventory_adapters.shopify import subscriptions as shopify
from inventory_adapters.shopify.settings import TOPICS as SHOPIFY_TOPICS
from inventory_adapters.shopify.settings import VERSIONS
from inventory_domain.bulk import CallFailed
from inventory_domain.identifiers import Marketplace
from inventory_domain.signals import KeepsSubscriptions, Subscription, Subscriptions
from tests.support import published
from tests.support.adapters import FakeClock, html, raw_settings

JSON = httpx.Response
ENDPOINT = "https://signals.example/x"
ARN = "arn:aws:sqs:us-east-1:1:stock"
SIGNALS: Mapping[str, Mapping[str, object]] = {
    "amazon": {"queue_arn": ARN},
    "ebay": {"endpoint": ENDPOINT, "verification_token": Secret("v" * 32)},
    "walmart": {"endpoint": ENDPOINT, "secret": Secret("hmac-canary")},
    "shopify": {"endpoint": ENDPOINT, "api_secret": Secret("s")},
}
TOPIC = {
    "amazon": "LISTINGS_ITEM_MFN_QUANTITY_CHANGE",
    "ebay": "LISTING",
    "walmart": "INVENTORY_OOS",
    "shopify": "INVENTORY_LEVELS_UPDATE",
}


class Server(httpx.AsyncBaseTransport):
    """Answers by method and path; what it has no answer to fails the test."""

    def __init__(self, answers: Mapping[str, httpx.Response | list[httpx.Response]]) -> None:
        self._answers = {key: each if isinstance(each, list) else [each] for key, each in answers.items()}
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        if request.url.path.endswith(("/token", "/o2/token")):
            return JSON(200, json={"access_token": "t", "expires_in": 3600})
        self.requests.append(request)
        answers = self._answers[f"{request.method} {request.url.path}"]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def body(self, method: str) -> dict[str, object]:
        """The body of the last request with this method."""
        found = json.loads([each for each in self.requests if each.method == method][-1].content)
        assert isinstance(found, dict)
        return found


def keeper(marketplace: str, server: Server, **signals: object) -> KeepsSubscriptions:
    module = MARKETPLACES[Marketplace(marketplace)]
    raw = raw_settings(marketplace, signals={**SIGNALS[marketplace], **signals})
    adapter = module.build(module.parse(raw, "a"), FakeClock(), server)
    assert isinstance(adapter, KeepsSubscriptions)
    return adapter


def graphql_answer(**data: object) -> httpx.Response:
    return JSON(200, json={"data": data})


N = "/notifications/v1"
E = "/commerce/notification/v1"
W = "/v3/webhooks/subscriptions"
S = "POST /admin/api/2026-07/graphql.json"
DESTINATIONS = JSON(200, json={"payload": [{"name": "q", "destinationId": "d", "resource": {"sqs": {"arn": ARN}}}]})
EBAY_DESTINATIONS = JSON(200, json={"destinations": [{"destinationId": "d", "deliveryConfig": {"endpoint": ENDPOINT}}]})
NOT_THERE = JSON(404, json={"errors": [{"code": "NOT_FOUND", "message": "none"}]})
EBAY_TOPIC = JSON(
    200,
    json={
        "topicId": "LISTING",
        "supportedPayloads": [
            {"format": ["JSON"], "schemaVersion": "1.0", "deliveryProtocol": "HTTPS", "deprecated": False},
            {"format": ["JSON"], "schemaVersion": "1.1", "deliveryProtocol": "HTTPS", "deprecated": False},
            {"format": ["JSON"], "schemaVersion": "2.0", "deliveryProtocol": "HTTPS", "deprecated": True},
        ],
    },
)


def amazon_server(made: httpx.Response) -> Server:
    path = f"{N}/subscriptions/{TOPIC['amazon']}"
    none = JSON(200, json={"payload": []})
    created = JSON(200, json={"payload": {"destinationId": "d"}})
    return Server(
        {
            f"GET {N}/destinations": none,
            f"POST {N}/destinations": created,
            f"GET {path}": NOT_THERE,
            f"POST {path}": made,
        }
    )


def ebay_server(made: httpx.Response) -> Server:
    return Server(
        {
            f"GET {E}/destination": [JSON(200, json={"destinations": []}), EBAY_DESTINATIONS],
            f"POST {E}/destination": JSON(201),
            f"GET {E}/subscription": JSON(200, json={"subscriptions": []}),
            f"GET {E}/topic/LISTING": EBAY_TOPIC,
            f"POST {E}/subscription": made,
        }
    )


def walmart_server(made: httpx.Response) -> Server:
    return Server({f"GET {W}": JSON(200, json={"events": []}), f"POST {W}": made})


def shopify_server(made: httpx.Response) -> Server:
    return Server({S: [graphql_answer(webhookSubscriptions={"nodes": []}), made]})


SERVERS: Mapping[str, Callable[[httpx.Response], Server]] = {
    "amazon": amazon_server,
    "ebay": ebay_server,
    "walmart": walmart_server,
    "shopify": shopify_server,
}
MADE = {
    "amazon": JSON(200, json={"payload": {"subscriptionId": "s"}}),
    "ebay": JSON(201),
    "walmart": JSON(200, json={"event": [{"subscriptionId": "s", "eventType": "INVENTORY_OOS"}]}),
    "shopify": graphql_answer(webhookSubscriptionCreate={"webhookSubscription": {"id": "s"}, "userErrors": []}),
}


@pytest.mark.parametrize("marketplace", list(SERVERS))
async def test_a_topic_that_is_missing_is_subscribed_to(marketplace: str) -> None:
    server = SERVERS[marketplace](MADE[marketplace])

    made = await keeper(marketplace, server).subscribe(TOPIC[marketplace])

    assert isinstance(made, Subscription) and (made.topic, made.state) == (TOPIC[marketplace], "on")


@pytest.mark.parametrize(
    ("marketplace", "reply", "kind", "reason"),
    [
        ("amazon", JSON(409, json={"errors": [{"code": "Conflict"}]}), "rejected", "already-exists"),
        ("ebay", JSON(409, json={"errors": [{"errorId": 195023}]}), "rejected", "already-exists"),
        (
            "shopify",
            graphql_answer(
                webhookSubscriptionCreate={"webhookSubscription": None, "userErrors": [{"message": "Address taken"}]}
            ),
            "rejected",
            "subscription-refused",
        ),
        ("shopify", graphql_answer(webhookSubscriptionCreate=None), "transient", "unrecognized"),
        *((each, html(502), "transient", "server-error") for each in SERVERS),
        *((each, JSON(503, json={}), "outage", "service-unavailable") for each in SERVERS),
    ],
)
async def test_a_subscription_that_is_refused_says_why(
    marketplace: str, reply: httpx.Response, kind: str, reason: str
) -> None:
    answer = await keeper(marketplace, SERVERS[marketplace](reply)).subscribe(TOPIC[marketplace])

    assert isinstance(answer, CallFailed) and (answer.kind, answer.reason) == (kind, reason)


async def test_amazon_is_asked_for_destinations_without_a_seller_and_for_the_rest_with_one() -> None:
    grants: list[str] = []

    class Tokens(Server):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/o2/token"):
                form = (await request.aread()).decode()
                grants.append(form.partition("&")[0].removeprefix("grant_type="))
                return JSON(200, json={"access_token": grants[-1], "expires_in": 3600})
            return await super().handle_async_request(request)

    path = f"{N}/subscriptions/{TOPIC['amazon']}"
    elsewhere = JSON(200, json={"payload": {"subscriptionId": "old/1", "destinationId": "other"}})
    server = Tokens(
        {
            f"GET {N}/destinations": DESTINATIONS,
            f"GET {path}": elsewhere,
            f"DELETE {path}/old/1": JSON(200, json={}),
            f"POST {path}": MADE["amazon"],
        }
    )

    made = await keeper("amazon", server).subscribe(TOPIC["amazon"])

    assert isinstance(made, Subscription)
    used = [(each.method, each.headers["x-amz-access-token"]) for each in server.requests]
    assert used == [
        ("GET", "client_credentials"),
        ("GET", "refresh_token"),
        ("DELETE", "client_credentials"),
        ("POST", "refresh_token"),
    ]
    assert b"old%2F1" in server.requests[2].url.raw_path


async def test_ebay_takes_the_newest_payload_that_is_not_given_up() -> None:
    server = ebay_server(MADE["ebay"])

    await keeper("ebay", server).subscribe("LISTING")

    payload = server.body("POST")["payload"]
    assert payload == {"format": "JSON", "deliveryProtocol": "HTTPS", "schemaVersion": "1.1"}


async def test_ebay_endpoint_that_was_marked_down_is_told_nothing_until_it_is_enabled_again() -> None:
    """eBay does that to an endpoint that did not answer; its subscriptions stay as they were."""
    config = {"endpoint": ENDPOINT}
    down, up = (
        JSON(200, json={"destinations": [{"destinationId": "d/1", "status": status, "deliveryConfig": config}]})
        for status in ("MARKED_DOWN", "ENABLED")
    )
    ours = {"subscriptionId": "s", "topicId": "LISTING", "destinationId": "d/1", "status": "ENABLED"}
    server = Server(
        {
            f"GET {E}/destination": [down, down, up],
            f"PUT {E}/destination/d/1": JSON(204),
            f"GET {E}/subscription": JSON(200, json={"subscriptions": [ours]}),
        }
    )
    kept = keeper("ebay", server)

    before, made, after = await kept.subscriptions(), await kept.subscribe("LISTING"), await kept.subscriptions()

    assert isinstance(before, Subscriptions) and isinstance(after, Subscriptions) and isinstance(made, Subscription)
    states = [{one.topic: one.state for one in found.subscriptions}["LISTING"] for found in (before, after)]
    assert (states, made.state) == (["off", "on"], "on")
    assert server.body("PUT")["status"] == "ENABLED"


async def test_of_several_subscriptions_the_one_that_is_ours_counts() -> None:
    events = [
        {"subscriptionId": "1", "eventType": "INVENTORY_OOS", "eventUrl": "https://other.example", "status": "ACTIVE"},
        {"subscriptionId": "2", "eventType": "INVENTORY_OOS", "eventUrl": ENDPOINT, "status": "ACTIVE"},
        {"subscriptionId": "3", "eventType": "OFFER_UNPUBLISHED", "eventUrl": ENDPOINT, "status": "INACTIVE"},
        {"subscriptionId": "4", "eventType": "OFFER_PUBLISHED", "eventUrl": ENDPOINT, "status": "ACTIVE"},
    ]
    walmart = Server({f"GET {W}": JSON(200, json={"events": events})})
    nodes = [
        {"id": "1", "topic": "BULK_OPERATIONS_FINISH", "uri": ENDPOINT},
        {"id": "2", "topic": "BULK_OPERATIONS_FINISH", "uri": "https://other.example"},
    ]
    shop = Server({S: graphql_answer(webhookSubscriptions={"nodes": nodes})})

    found = await keeper("walmart", walmart).subscriptions()
    of_shop = await keeper("shopify", shop).subscriptions()

    assert isinstance(found, Subscriptions) and isinstance(of_shop, Subscriptions)
    assert {each.topic: (each.state, each.subscription_id) for each in found.subscriptions} == {
        "INVENTORY_OOS": ("on", "2"),
        "OFFER_UNPUBLISHED": ("off", "3"),
        "PO_CREATED": ("missing", None),
        "PO_LINE_AUTOCANCELLED": ("missing", None),
    }
    assert {each.topic: each.state for each in of_shop.subscriptions} == {
        "INVENTORY_LEVELS_UPDATE": "missing",
        "BULK_OPERATIONS_FINISH": "on",
        "ORDERS_CREATE": "missing",
        "ORDERS_CANCELLED": "missing",
    }


async def test_a_secret_that_is_sent_is_not_repeated_with_a_failure() -> None:
    """It stands in the body of the request, and a careless server may say it back."""
    said = JSON(400, json={"errors": [{"errorId": 1, "code": "X", "message": "bad hmac-canary " + "v" * 32}]})
    ebay_destinations = Server(
        {f"GET {E}/destination": JSON(200, json={"destinations": []}), f"POST {E}/destination": said}
    )

    walmart = await keeper("walmart", walmart_server(said)).subscribe("INVENTORY_OOS")
    ebay = await keeper("ebay", ebay_destinations).subscribe("LISTING")

    assert isinstance(walmart, CallFailed) and isinstance(ebay, CallFailed)
    assert walmart.error is not None and "hmac-canary" not in walmart.error
    assert ebay.error is not None and "v" * 32 not in ebay.error


needs_specs = pytest.mark.skipif(not published.available(), reason=published.WHY_SKIPPED)


def check(body: object, file: str, *pointer: str) -> None:
    """Hold a body against one schema of a published file."""
    whole = json.loads((published.SPECS / file).read_text())
    schema = whole
    for step in pointer:
        schema = schema[step]
    definitions = {key: whole[key] for key in ("definitions", "components") if key in whole}
    jsonschema.Draft7Validator({**schema, **definitions}).validate(body)
    assert isinstance(body, dict) and set(body) <= set(schema["properties"])


@needs_specs
async def test_what_is_asked_for_is_as_published() -> None:
    servers = {each: SERVERS[each](MADE[each]) for each in SERVERS}
    for marketplace, server in servers.items():
        await keeper(marketplace, server).subscribe(TOPIC[marketplace])

    amazon = [json.loads(each.content) for each in servers["amazon"].requests if each.method == "POST"]
    check(amazon[0], "amazon/models/notifications.json", "definitions", "CreateDestinationRequest")
    check(amazon[1], "amazon/models/notifications.json", "definitions", "CreateSubscriptionRequest")
    ebay = [json.loads(each.content) for each in servers["ebay"].requests if each.method == "POST"]
    schemas = ("ebay/commerce_notification_v1_oas3.json", "components", "schemas")
    check(ebay[0], *schemas, "DestinationRequest")
    check(ebay[1], *schemas, "CreateSubscriptionRequest")
    walmart = ("walmart/notifications-management.openapi.json", "paths", W, "post", "requestBody", "content")
    check(servers["walmart"].body("POST"), *walmart, "application/json", "schema")


@needs_specs
@pytest.mark.parametrize("version", VERSIONS)
def test_shopify_documents_and_topics_are_of_every_version(version: str) -> None:
    text = (published.SPECS / f"shopify/admin_{version}.inventory-subset.graphql").read_text()
    schema = graphql.build_schema(text, assume_valid_sdl=True)

    for document in (shopify.LIST_QUERY, shopify.CREATE_QUERY, shopify.UPDATE_QUERY, shopify.DELETE_QUERY):
        assert graphql.validate(schema, graphql.parse(document)) == []
    topics = schema.type_map["WebhookSubscriptionTopic"]
    assert isinstance(topics, graphql.GraphQLEnumType) and set(SHOPIFY_TOPICS) <= set(topics.values)
