"""The stand-ins against the marketplaces' published files. Every answer in the unit tests is checked the same way."""

import gzip
import json
from pathlib import Path

import pytest
from graphql import build_schema
from jsonschema import Draft4Validator, Draft7Validator

from inventory_sandbox.marketplaces.amazon.rules import LIMITS
from inventory_sandbox.marketplaces.shopify.cost import MAX_POINTS
from inventory_sandbox.marketplaces.shopify.rules import REST_RATE
from tests.support import published
from tests.support.sandbox import (
    AMAZON_US,
    Bench,
    a_bench,
    a_walmart_listing,
    amazon_patch,
    an_amazon_listing,
    an_ebay_listing,
    ebay_bulk,
)

pytestmark = pytest.mark.skipif(not published.available(), reason=published.WHY_SKIPPED)
SCHEMAS = Path(__file__).resolve().parents[3] / "sandbox/inventory_sandbox/marketplaces/shopify/schema"


def specification(name: str) -> object:
    return json.loads((published.SPECS / name).read_text())


@pytest.mark.parametrize("marketplace", ["amazon", "ebay", "walmart"])
def test_the_files_describe_what_is_checked(marketplace: str) -> None:
    """A checker that finds nothing to check would pass everything."""
    described = published.operations(marketplace)

    assert len(described) > 10
    assert any(one.bodies for one in described)


def test_the_limits_of_amazon_are_the_published_ones() -> None:
    rows = specification("amazon/operations.json")
    assert isinstance(rows, list)
    known = {one["operationId"]: (one["rate_per_second"], one["burst"]) for one in rows if one["rate_per_second"]}

    differing = {
        name: (rate.per_second, rate.burst)
        for name, rate in LIMITS.items()
        if name in known and known[name] != (rate.per_second, rate.burst)
    }

    assert differing == {}


@pytest.mark.parametrize("version", ["2025-10", "2026-01", "2026-04", "2026-07", "2026-10"])
def test_the_schemas_of_shopify_are_the_published_ones(version: str) -> None:
    mine = (SCHEMAS / f"admin_{version}.graphql").read_text()
    theirs = (published.SPECS / f"shopify/admin_{version}.inventory-subset.graphql").read_text()

    assert mine == theirs
    assert build_schema(mine).mutation_type is not None


async def test_a_feeds_report_fits_its_schema() -> None:
    bench = a_bench(an_amazon_listing("A"))
    headers = await bench.amazon_headers()
    base, kind = "http://amazon.test/feeds/2021-06-30", "application/json; charset=UTF-8"
    messages = [
        {"messageId": number, "sku": "A", "operationType": "PATCH", **amazon_patch(quantity)}
        for number, quantity in ((1, 5), (2, -5))
    ]
    feed = {"header": {"sellerId": "S1", "version": "2.0", "issueLocale": "en_US"}, "messages": messages}

    document = (await bench.client.post(f"{base}/documents", headers=headers, json={"contentType": kind})).json()
    await bench.client.put(document["url"], content=json.dumps(feed), headers={"content-type": kind})
    wanted = {
        "feedType": "JSON_LISTINGS_FEED",
        "marketplaceIds": [AMAZON_US],
        "inputFeedDocumentId": document["feedDocumentId"],
    }
    feed_id = (await bench.client.post(f"{base}/feeds", headers=headers, json=wanted)).json()["feedId"]
    bench.clock.move(600)
    done = (await bench.client.get(f"{base}/feeds/{feed_id}", headers=headers)).json()
    found = await bench.client.get(f"{base}/documents/{done['resultFeedDocumentId']}", headers=headers)
    report = json.loads(gzip.decompress((await bench.client.get(found.json()["url"])).content))

    schema = specification("amazon/feeds/listings-feed-processing-report-schema-v2.json")
    assert [one.message for one in Draft7Validator(schema).iter_errors(report)] == []  # type: ignore[arg-type]


async def test_a_quantity_notification_fits_its_schema() -> None:
    bench = a_bench(an_amazon_listing("A"))
    base = "http://amazon.test/notifications/v1"
    destination = {"name": "q", "resourceSpecification": {"sqs": {"arn": "arn:aws:sqs:us-east-1:1:q"}}}
    grantless = await bench.amazon_headers("client_credentials")
    made = await bench.client.post(f"{base}/destinations", headers=grantless, json=destination)
    wanted = {"payloadVersion": "1.0", "destinationId": made.json()["payload"]["destinationId"]}
    url = f"{base}/subscriptions/LISTINGS_ITEM_MFN_QUANTITY_CHANGE"
    await bench.client.post(url, headers=await bench.amazon_headers(), json=wanted)
    await bench.control("POST", "/edits", {"marketplace": "amazon", "key": f"{AMAZON_US}:A", "quantity": 8})

    deliveries = (await bench.control("GET", "/deliveries"))["deliveries"]

    assert isinstance(deliveries, list)
    schema = specification("amazon/notifications/ListingsItemMfnQuantityChange.json")
    message = json.loads(deliveries[0]["body"])
    assert [one.message for one in Draft4Validator(schema).iter_errors(message)] == []  # type: ignore[arg-type]


async def test_an_answer_that_does_not_fit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checker itself must be able to fail."""
    bench: Bench = a_bench(an_ebay_listing(), a_walmart_listing())
    monkeypatch.setattr("inventory_sandbox.marketplaces.ebay.bulk._row", lambda *_: {"statusCode": "200"})
    url = "http://ebay.test/sell/inventory/v1/bulk_update_price_quantity"
    body = ebay_bulk(("A", "1", 1))

    with pytest.raises((AssertionError, TypeError), match="statusCode"):
        await bench.client.post(url, headers=await bench.ebay_headers(), json=body)


WALMART = specification("walmart/rate_limits.json") if published.available() else {"endpoints": [], "feed_types": []}
assert isinstance(WALMART, dict)
ITEMS = "/v3/items"  # has two limits, and which one holds is told by no header
ENDPOINTS = [(one["method"], one["path"], one["limit"]) for one in WALMART["endpoints"] if one["path"] != ITEMS]


@pytest.mark.parametrize(("method", "path", "limit"), ENDPOINTS, ids=[f"{one[0]} {one[1]}" for one in ENDPOINTS])
async def test_the_limits_of_walmart_are_the_published_ones(method: str, path: str, limit: int) -> None:
    bench = a_bench(a_walmart_listing("A"))
    url = f"http://walmart.test{path}".replace("{sku}", "A").replace("{id}", "A").replace("{feedId}", "F@1")

    answer = await bench.client.request(method, url, params={"sku": "A"}, headers=await bench.walmart_headers())

    assert int(answer.headers["x-current-token-count"]) == limit - 1


@pytest.mark.parametrize(("query", "which"), [({}, "limit"), ({"sku": "A"}, "with_query_parameters")])
async def test_walmarts_items_are_read_as_often_as_published(query: dict[str, str], which: str) -> None:
    limit = next(one[which] for one in WALMART["endpoints"] if one["path"] == ITEMS)
    bench = a_bench(a_walmart_listing("A"))
    headers = await bench.walmart_headers()

    async def read() -> int:
        return (await bench.client.get(f"http://walmart.test{ITEMS}", params=query, headers=headers)).status_code

    answers = [await read() for _ in range(limit + 1)]
    bench.clock.move(60 / limit)

    assert answers == [200] * limit + [429]
    assert await read() == 200


@pytest.mark.parametrize("kind", ["inventory", "MP_INVENTORY"])
async def test_the_limits_of_walmarts_feeds_are_the_published_ones(kind: str) -> None:
    row = next(one for one in WALMART["feed_types"] if one["feedType"] == kind)
    bench = a_bench(a_walmart_listing("A"))
    headers, body = await bench.walmart_headers(), {"file": ("f.json", b"{}")}

    async def hand_in() -> int:
        url = "http://walmart.test/v3/feeds"
        return (await bench.client.post(url, params={"feedType": kind}, headers=headers, files=body)).status_code

    answers = [await hand_in() for _ in range(row["limit"] + 1)]
    bench.clock.move(3600 / row["limit"])
    after = await hand_in()

    assert 429 not in [*answers[:-1], after]
    assert answers[-1] == 429


async def test_the_limits_of_shopify_are_the_published_ones() -> None:
    limits = specification("shopify/limits.json")
    assert isinstance(limits, dict)
    bench = a_bench()
    headers = {"X-Shopify-Access-Token": bench.settings.credentials.shopify_access_token}

    state = (await bench.graphql("{ shop { name } }")).json()["extensions"]["cost"]["throttleStatus"]
    rest = await bench.client.get("http://shopify.test/admin/api/2026-07/shop.json", headers=headers)

    assert {name: state[name] for name in ("maximumAvailable", "restoreRate")} == limits["graphql_bucket"]["standard"]
    assert limits["single_query_max_cost"] == MAX_POINTS
    assert rest.headers["X-Shopify-Shop-Api-Call-Limit"] == f"1/{limits['rest']['standard']['bucket']}"
    assert REST_RATE.per_second == limits["rest"]["standard"]["per_second"]


async def test_the_limit_of_ebays_inventory_api_is_the_published_one() -> None:
    limits = specification("ebay/call_limits.json")
    assert isinstance(limits, dict)
    bench = a_bench()
    url = "http://ebay.test/developer/analytics/v1_beta/rate_limit/"

    query = {"api_name": "inventory", "api_context": "sell"}
    shown = await bench.client.get(url, params=query, headers=await bench.ebay_headers("client_credentials"))

    (rate,) = shown.json()["rateLimits"][0]["resources"][0]["rates"]
    assert (rate["limit"], rate["timeWindow"]) == (limits["per_day"]["inventory"], 86400)
