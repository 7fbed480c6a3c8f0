"""The refusals of a full bucket word for word, and what each stand-in takes as its marketplace does."""

import asyncio
import json
from collections.abc import Mapping
from urllib.parse import urlencode

import httpx
import pytest

from tests.support.sandbox import (
    AMAZON_US,
    SET_WITH_KEY,
    SET_WITHOUT_KEY,
    Bench,
    a_bench,
    a_shopify_listing,
    a_walmart_listing,
    amazon_patch,
    an_amazon_listing,
    an_ebay_listing,
    basic,
    ebay_bulk,
    shopify_input,
)

AMAZON_ITEM = "http://amazon.test/listings/2021-08-01/items/S1/A"
EBAY = "http://ebay.test/sell/inventory/v1"
EBAY_BULK = f"{EBAY}/bulk_update_price_quantity"
SHOP = "http://shopify.test/admin"
INVENTORIES = "http://walmart.test/v3/inventories"
ITEM = {"inventoryItemId": "gid://shopify/InventoryItem/1"}


async def test_amazon_refuses_what_is_too_much_without_a_hint_of_when() -> None:
    bench = a_bench(an_amazon_listing())
    headers, query = await bench.amazon_headers(), {"marketplaceIds": AMAZON_US}

    answers = [
        await bench.client.patch(AMAZON_ITEM, params=query, headers=headers, json=amazon_patch(1)) for _ in range(6)
    ]

    text = "You exceeded your quota for the requested resource."
    assert answers[5].status_code == 429
    assert answers[5].json() == {"errors": [{"code": "QuotaExceeded", "message": text, "details": ""}]}
    assert answers[5].headers["x-amzn-RequestId"]
    assert not answers[5].headers.keys() & {"retry-after", "x-amzn-ratelimit-limit"}


async def test_ebay_refuses_what_is_too_much_by_its_error_2001() -> None:
    bench = a_bench(an_ebay_listing(), ebay_daily_limit=1)
    headers = await bench.ebay_headers()

    first, second = [
        await bench.client.post(EBAY_BULK, headers=headers, json=ebay_bulk(("A", "1", 1))) for _ in range(2)
    ]

    assert (first.status_code, second.status_code) == (200, 429)
    assert [one["errorId"] for one in second.json()["errors"]] == [2001]
    assert "retry-after" not in second.headers


async def test_walmart_refuses_what_is_too_much_and_says_when_the_bucket_is_full_again() -> None:
    bench = a_bench(a_walmart_listing())
    headers = await bench.walmart_headers()

    for _ in range(200):
        await bench.client.get(f"{INVENTORIES}/A", headers=headers)
    refused = await bench.client.get(f"{INVENTORIES}/A", headers=headers)

    assert refused.status_code == 429
    assert [one["code"] for one in refused.json()["error"]] == ["REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API"]
    assert refused.headers["x-current-token-count"] == "0"
    full_at = int(refused.headers["X-Next-Replenishment-Time"]) / 1000
    assert full_at == pytest.approx(bench.clock.now() + 60, abs=0.01)


async def test_shopifys_older_api_refuses_what_is_too_much_with_its_bucket_full() -> None:
    bench = a_bench()
    headers = {"X-Shopify-Access-Token": bench.settings.credentials.shopify_access_token}

    answers = [await bench.client.get(f"{SHOP}/api/2026-07/shop.json", headers=headers) for _ in range(41)]
    bench.clock.move(float(answers[40].headers["Retry-After"]))
    after = await bench.client.get(f"{SHOP}/api/2026-07/shop.json", headers=headers)

    limit = "X-Shopify-Shop-Api-Call-Limit"
    assert [answers[at].headers[limit] for at in (0, 39, 40)] == ["1/40", "40/40", "40/40"]
    assert (answers[40].status_code, list(answers[40].json()), after.status_code) == (429, ["errors"], 200)


async def test_a_cursor_that_two_calls_use_at_once_is_good_for_one() -> None:
    bench = a_bench(*(a_walmart_listing(f"S{number}") for number in range(5)))
    headers = await bench.walmart_headers()
    first = (await bench.client.get(INVENTORIES, params={"limit": "2"}, headers=headers)).json()
    query = {"nextCursor": first["meta"]["nextCursor"]}

    both = await asyncio.gather(*(bench.client.get(INVENTORIES, params=query, headers=headers) for _ in range(2)))

    assert sorted(one.status_code for one in both) == [200, 404]


async def test_a_listing_that_was_revised_250_times_is_free_again_on_the_next_day() -> None:
    bench = a_bench(an_ebay_listing(), token_life_s={"ebay": 1e9})
    headers = await bench.ebay_headers()

    async def revise(quantity: int) -> int:
        answer = await bench.client.post(EBAY_BULK, headers=headers, json=ebay_bulk(("A", "1", quantity)))
        return int(answer.json()["responses"][0]["statusCode"])

    used = [await revise(1) for _ in range(250)]
    refused = await revise(2)
    bench.clock.move(24 * 3600)
    again = await revise(3)

    assert set(used) == {200}
    assert (refused, again) == (400, 200)


async def test_the_version_between_takes_the_old_compare_fields_and_the_new_one_and_a_key_or_none() -> None:
    """2026-01: the old fields are deprecated there, `changeFromQuantity` is new, and `@idempotent` is optional."""
    bench = a_bench(a_shopify_listing(quantity=2))

    async def ask(query: str, fields: Mapping[str, object], **whole: object) -> list[str]:
        variables = {"input": shopify_input([{**ITEM, "quantity": 2, **fields}], **whole), "key": str(fields)}
        given = variables if query == SET_WITH_KEY else {"input": variables["input"]}
        answer = (await bench.graphql(query, given, "2026-01")).json()
        return [one["code"] for one in answer["data"]["inventorySetQuantities"]["userErrors"]]

    assert await ask(SET_WITHOUT_KEY, {}) == ["COMPARE_QUANTITY_REQUIRED"]
    assert await ask(SET_WITHOUT_KEY, {}, ignoreCompareQuantity=True) == []
    assert await ask(SET_WITHOUT_KEY, {"compareQuantity": 9}) == ["COMPARE_QUANTITY_STALE"]
    assert await ask(SET_WITHOUT_KEY, {"changeFromQuantity": 9}) == ["CHANGE_FROM_QUANTITY_STALE"]
    assert await ask(SET_WITH_KEY, {"changeFromQuantity": 2}) == []
    assert await ask(SET_WITH_KEY, {"compareQuantity": 2}) == []


def token_calls(bench: Bench) -> Mapping[str, tuple[str, dict[str, str], dict[str, str]]]:
    """Address, headers and fields of the call for a token, by marketplace."""
    known = bench.settings.credentials
    walmart = {"WM_SVC.NAME": "Walmart Marketplace", "WM_QOS.CORRELATION_ID": "1", "Accept": "application/json"}
    return {
        "amazon": (
            "http://amazon.test/auth/o2/token",
            {},
            {
                "grant_type": "refresh_token",
                "refresh_token": known.amazon_refresh_token,
                "client_id": known.amazon_client_id,
                "client_secret": known.amazon_client_secret,
            },
        ),
        "ebay": (
            "http://ebay.test/identity/v1/oauth2/token",
            basic(known.ebay_client_id, known.ebay_client_secret),
            {"grant_type": "refresh_token", "refresh_token": known.ebay_refresh_token},
        ),
        "walmart": (
            "http://walmart.test/v3/token",
            {**walmart, **basic(known.walmart_client_id, known.walmart_client_secret)},
            {"grant_type": "client_credentials"},
        ),
        "shopify": (
            f"{SHOP}/oauth/access_token",
            {},
            {
                "grant_type": "client_credentials",
                "client_id": known.shopify_client_id,
                "client_secret": known.shopify_api_secret,
            },
        ),
    }


@pytest.mark.parametrize("marketplace", ["amazon", "ebay", "walmart", "shopify"])
async def test_a_token_is_given_for_a_form_and_for_json(marketplace: str) -> None:
    bench = a_bench()
    url, headers, fields = token_calls(bench)[marketplace]
    kinds = {"application/x-www-form-urlencoded": urlencode(fields), "application/json": json.dumps(fields)}

    answers = [
        await bench.client.post(url, headers={**headers, "Content-Type": kind}, content=body)
        for kind, body in kinds.items()
    ]
    refused = await bench.client.post(url, headers=headers, json={**fields, "grant_type": "password"})

    assert [one.status_code for one in answers] == [200, 200]
    assert all(one.json()["access_token"] for one in answers)
    assert 400 <= refused.status_code < 500


async def test_a_sku_with_an_encoded_slash_is_one_step_of_a_path() -> None:
    sku, step = "S 1/a", "S%201%2Fa"
    bench = a_bench(an_amazon_listing(sku), an_ebay_listing(sku), a_walmart_listing(sku))
    calls: list[tuple[str, dict[str, str]]] = [
        (
            f"http://amazon.test/listings/2021-08-01/items/S1/{step}?marketplaceIds={AMAZON_US}",
            await bench.amazon_headers(),
        ),
        (f"{EBAY}/inventory_item/{step}", await bench.ebay_headers()),
        (f"{INVENTORIES}/{step}", await bench.walmart_headers()),
    ]

    answers: list[httpx.Response] = [await bench.client.get(url, headers=headers) for url, headers in calls]

    assert [one.status_code for one in answers] == [200, 200, 200]
    assert [one.json()["sku"] for one in answers] == [sku] * 3
