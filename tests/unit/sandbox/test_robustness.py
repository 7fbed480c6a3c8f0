"""Whatever is sent, a stand-in answers in its own form and never breaks."""

import asyncio
import json

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.sandbox import (
    AMAZON_US,
    NODE,
    SET_WITH_KEY,
    Bench,
    a_bench,
    a_shopify_listing,
    a_walmart_listing,
    amazon_patch,
    an_amazon_listing,
    an_ebay_listing,
    ebay_bulk,
    shopify_input,
)

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner), max_leaves=5
)
GOOD: dict[str, object] = {
    "amazon-feed": {
        "header": {"sellerId": "S1", "version": "2.0"},
        "messages": [{"messageId": 1, "sku": "A", "operationType": "PATCH", **amazon_patch(3)}],
    },
    "amazon-destination": {"name": "q", "resourceSpecification": {"sqs": {"arn": "arn:aws:sqs:us-east-1:1:q"}}},
    "ebay-item": {"availability": {"shipToLocationAvailability": {"quantity": 3}}, "product": {"title": "x"}},
    "walmart-webhook": {"events": [{"eventType": "INVENTORY_OOS", "eventVersion": "V1", "status": "ACTIVE"}]},
    "amazon": amazon_patch(3),
    "ebay": ebay_bulk(("A", "1", 3)),
    "walmart": {"inventories": {"nodes": [{"shipNode": NODE, "inputQty": {"unit": "EACH", "amount": 3}}]}},
    "feed": {
        "InventoryHeader": {"version": "1.4"},
        "Inventory": [{"sku": "A", "quantity": {"unit": "EACH", "amount": 1}}],
    },
    "shopify": {
        "query": SET_WITH_KEY,
        "variables": {
            "key": "k",
            "input": shopify_input([{"inventoryItemId": "gid://shopify/InventoryItem/1", "quantity": 3}]),
        },
    },
}


def spots(value: object) -> int:
    """How many places there are in a JSON value at which something else can be put."""
    if isinstance(value, dict):
        return 1 + sum(spots(one) for one in value.values())
    if isinstance(value, list):
        return 1 + sum(spots(one) for one in value)
    return 1


def replaced(value: object, spot: int, by: object) -> object:
    """The value with something else at that place."""
    if spot == 0:
        return by
    spot -= 1
    if isinstance(value, dict | list):
        pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        for key, one in pairs:
            size = spots(one)
            if spot < size:
                changed = replaced(one, spot, by)
                if isinstance(value, dict):
                    return {**value, key: changed}
                return [*value[:key], changed, *value[key + 1 :]]
            spot -= size
    return value


async def send(bench: Bench, what: str, body: bytes) -> httpx.Response:
    client, kind = bench.client, {"Content-Type": "application/json"}
    if what == "amazon":
        headers = {**await bench.amazon_headers(), **kind}
        url = "http://amazon.test/listings/2021-08-01/items/S1/A"
        return await client.patch(url, params={"marketplaceIds": AMAZON_US}, headers=headers, content=body)
    if what == "ebay":
        headers = {**await bench.ebay_headers(), **kind}
        url = "http://ebay.test/sell/inventory/v1/bulk_update_price_quantity"
        return await client.post(url, headers=headers, content=body)
    if what == "walmart":
        headers = {**await bench.walmart_headers(), **kind}
        return await client.put("http://walmart.test/v3/inventories/A", headers=headers, content=body)
    if what == "amazon-feed":
        return await send_amazon_feed(bench, body)
    if what == "amazon-destination":
        headers = {**await bench.amazon_headers("client_credentials"), **kind}
        return await client.post("http://amazon.test/notifications/v1/destinations", headers=headers, content=body)
    if what == "ebay-item":
        headers = {**await bench.ebay_headers(), **kind, "Content-Language": "en-US"}
        return await client.put("http://ebay.test/sell/inventory/v1/inventory_item/A", headers=headers, content=body)
    if what == "walmart-webhook":
        headers = {**await bench.walmart_headers(), **kind}
        return await client.post("http://walmart.test/v3/webhooks/subscriptions", headers=headers, content=body)
    if what == "feed":
        headers = await bench.walmart_headers()
        url = "http://walmart.test/v3/feeds?feedType=inventory"
        return await client.post(url, headers=headers, files={"file": ("f.json", body)})
    headers = {"X-Shopify-Access-Token": bench.settings.credentials.shopify_access_token, **kind}
    return await client.post("http://shopify.test/admin/api/2026-07/graphql.json", headers=headers, content=body)


async def send_amazon_feed(bench: Bench, body: bytes) -> httpx.Response:
    headers, base = await bench.amazon_headers(), "http://amazon.test/feeds/2021-06-30"
    made = await bench.client.post(f"{base}/documents", headers=headers, json={"contentType": "application/json"})
    document = made.json()
    await bench.client.put(document["url"], content=body, headers={"content-type": "application/json"})
    wanted = {
        "feedType": "JSON_LISTINGS_FEED",
        "marketplaceIds": [AMAZON_US],
        "inputFeedDocumentId": document["feedDocumentId"],
    }
    return await bench.client.post(f"{base}/feeds", headers=headers, json=wanted)


async def attempt(what: str, body: bytes) -> httpx.Response:
    bench = a_bench(an_amazon_listing(), an_ebay_listing(), a_walmart_listing(), a_shopify_listing())
    answer = await send(bench, what, body)
    bench.clock.move(2000)
    await bench.control("GET", "/listings")  # whatever was accepted comes due without breaking
    return answer


@pytest.mark.parametrize("what", sorted(GOOD))
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_body_with_anything_in_any_place_is_answered(what: str, data: st.DataObject) -> None:
    good = GOOD[what]
    spot = data.draw(st.integers(0, spots(good) - 1))
    body = json.dumps(replaced(good, spot, data.draw(VALUES))).encode()

    answer = asyncio.run(attempt(what, body))

    assert answer.status_code < 500 or (what == "ebay" and answer.status_code == 500)
    assert not answer.content or isinstance(answer.json(), dict)


@pytest.mark.parametrize("what", sorted(set(GOOD) - {"amazon-feed"}))
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(body=st.binary(max_size=64).map(lambda rest: b"\xff" + rest))
def test_bytes_that_are_no_json_are_refused(what: str, body: bytes) -> None:
    answer = asyncio.run(attempt(what, body))

    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("marketplace", ["amazon", "ebay", "walmart", "shopify"])
async def test_an_unknown_path_or_method_is_404_in_the_marketplaces_form(marketplace: str) -> None:
    bench = a_bench()

    path = await bench.client.get(f"http://{marketplace}.test/nowhere")
    method = await bench.client.delete(f"http://{marketplace}.test/v3/inventory")

    assert (path.status_code, method.status_code) == (404, 404)
    assert path.headers["content-type"].split(";")[0] in ("application/json", "application/xml")
