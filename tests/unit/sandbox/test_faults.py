"""Faults on request, at each marketplace in its own words."""

import httpx
import pytest

from inventory_sandbox.marketplaces import ListingKind
from tests.support.sandbox import (
    AMAZON_US,
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

MARKETPLACES = ("amazon", "ebay", "walmart", "shopify")
KEYS = {"amazon": f"{AMAZON_US}:A", "ebay": "1", "walmart": "A", "shopify": "1"}


def a_full_bench() -> Bench:
    return a_bench(an_amazon_listing(), an_ebay_listing(), a_walmart_listing(), a_shopify_listing())


class Writer:
    """Writes one quantity at any marketplace, with a token had once."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._headers: dict[str, dict[str, str]] = {}

    async def write(self, marketplace: str, quantity: int = 7) -> httpx.Response:
        bench, client = self._bench, self._bench.client
        headers = await self.headers(marketplace)
        if marketplace == "amazon":
            url = "http://amazon.test/listings/2021-08-01/items/S1/A"
            query = {"marketplaceIds": AMAZON_US}
            return await client.patch(url, params=query, headers=headers, json=amazon_patch(quantity))
        if marketplace == "ebay":
            url = "http://ebay.test/sell/inventory/v1/bulk_update_price_quantity"
            return await client.post(url, headers=headers, json=ebay_bulk(("A", "1", quantity)))
        if marketplace == "walmart":
            body = {"sku": "A", "quantity": {"unit": "EACH", "amount": quantity}}
            return await client.put("http://walmart.test/v3/inventory", params={"sku": "A"}, headers=headers, json=body)
        row = {"inventoryItemId": "gid://shopify/InventoryItem/1", "quantity": quantity, "changeFromQuantity": None}
        return await bench.graphql(SET_WITH_KEY, {"input": shopify_input([row]), "key": f"k{quantity}"})

    async def headers(self, marketplace: str) -> dict[str, str]:
        if marketplace not in self._headers:
            renew = getattr(self._bench, f"{marketplace}_headers", None)
            self._headers[marketplace] = await renew() if renew is not None else {}
        return self._headers[marketplace]


@pytest.mark.parametrize("marketplace", MARKETPLACES)
@pytest.mark.parametrize(("mode", "status"), [("503", 503), ("500", 500)])
async def test_an_outage_answers_in_the_marketplaces_own_form(marketplace: str, mode: str, status: int) -> None:
    bench = a_full_bench()
    writer = Writer(bench)
    await writer.headers(marketplace)
    await bench.fault(marketplace, mode, count=1)

    failed = await writer.write(marketplace)
    after = await writer.write(marketplace)

    assert failed.status_code == status
    assert failed.json().keys() & {"errors", "error"}
    assert after.status_code == 200


@pytest.mark.parametrize("marketplace", MARKETPLACES)
async def test_an_html_page_comes_in_place_of_json(marketplace: str) -> None:
    bench = a_full_bench()
    writer = Writer(bench)
    await writer.headers(marketplace)
    await bench.fault(marketplace, "html", count=1)

    answer = await writer.write(marketplace)

    assert answer.headers["content-type"].startswith("text/html")
    assert b"<html>" in answer.content


@pytest.mark.parametrize("marketplace", MARKETPLACES)
async def test_a_reset_does_nothing(marketplace: str) -> None:
    bench = a_full_bench()
    writer = Writer(bench)
    await writer.headers(marketplace)
    await bench.fault(marketplace, "reset", count=1)

    with pytest.raises(httpx.ReadError):
        await writer.write(marketplace)
    bench.clock.move(1000)

    assert await bench.live(marketplace, KEYS[marketplace]) == 0


@pytest.mark.parametrize("marketplace", MARKETPLACES)
async def test_a_timeout_after_the_effect_leaves_the_effect(marketplace: str) -> None:
    bench = a_full_bench()
    writer = Writer(bench)
    await writer.headers(marketplace)
    await bench.fault(marketplace, "timeout_after_effect", count=1)

    with pytest.raises(httpx.ReadTimeout):
        await writer.write(marketplace)
    bench.clock.move(1000)

    assert await bench.live(marketplace, KEYS[marketplace]) == 7


@pytest.mark.parametrize("marketplace", MARKETPLACES)
async def test_a_late_answer_still_comes(marketplace: str) -> None:
    bench = a_full_bench()
    writer = Writer(bench)
    await writer.headers(marketplace)
    await bench.fault(marketplace, "timeout_after_effect", count=1, answer_after_s=30)

    answer = await writer.write(marketplace)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("marketplace", "status"), [("amazon", 429), ("ebay", 429), ("walmart", 429), ("shopify", 200)]
)
async def test_a_throttle_is_the_marketplaces_own(marketplace: str, status: int) -> None:
    bench = a_full_bench()
    writer = Writer(bench)
    await writer.headers(marketplace)
    await bench.fault(marketplace, "throttle", count=1)

    answer = await writer.write(marketplace)
    throttled = (await bench.control("GET", "/counters"))["throttled"]

    assert answer.status_code == status
    assert isinstance(throttled, dict)
    assert throttled[marketplace] == 1


@pytest.mark.parametrize(("marketplace", "status"), [("amazon", 403), ("ebay", 401), ("walmart", 401)])
async def test_revoked_tokens_are_refused_until_a_new_one_is_had(marketplace: str, status: int) -> None:
    bench = a_full_bench()
    old, new = Writer(bench), Writer(bench)
    await old.headers(marketplace)

    await bench.fault(marketplace, "unauthorized", count=0)
    refused = await old.write(marketplace)
    renewed = await new.write(marketplace)

    assert (refused.status_code, renewed.status_code) == (status, 200)


@pytest.mark.parametrize("marketplace", ["amazon", "ebay", "walmart"])
async def test_invalid_grant_meets_the_token_call_only(marketplace: str) -> None:
    bench = a_full_bench()
    writer = Writer(bench)
    await writer.headers(marketplace)
    await bench.fault(marketplace, "invalid_grant", duration_s=60)

    written = await writer.write(marketplace)
    with pytest.raises(KeyError):
        await getattr(bench, f"{marketplace}_headers")()

    assert written.status_code == 200


@pytest.mark.parametrize("marketplace", MARKETPLACES)
async def test_an_unknown_code_is_in_the_usual_form(marketplace: str) -> None:
    bench = a_full_bench()
    writer = Writer(bench)
    await writer.headers(marketplace)
    await bench.fault(marketplace, "unknown_error_code", count=1)

    answer = await writer.write(marketplace)

    assert answer.json().keys() & {"errors", "error"}


async def test_a_fault_ends_with_its_time() -> None:
    bench = a_full_bench()
    writer = Writer(bench)
    await bench.fault("walmart", "503", duration_s=10)

    during = await writer.write("walmart")
    bench.clock.move(10)
    after = await writer.write("walmart")

    assert (during.status_code, after.status_code) == (503, 200)
    assert (await bench.control("GET", "/faults"))["faults"] == []


async def test_a_fault_may_concern_one_sku() -> None:
    bench = a_bench(a_walmart_listing("A"), a_walmart_listing("B"))
    writer = Writer(bench)
    await bench.fault("walmart", "503", match="sku=B")

    answer = await writer.write("walmart")

    assert answer.status_code == 200


async def test_a_fault_with_a_probability_meets_about_that_share() -> None:
    bench = a_full_bench()
    writer = Writer(bench)
    await writer.headers("walmart")
    await bench.fault("walmart", "503", probability=0.3)

    statuses = [(await writer.write("walmart", number)).status_code for number in range(200)]

    assert 30 < statuses.count(503) < 90


async def test_faults_are_cleared_and_nonsense_is_refused() -> None:
    bench = a_full_bench()
    await bench.fault("*", "503")

    cleared = await bench.control("DELETE", "/faults")
    wrong = await bench.client.post("http://control.test/faults", json={"marketplace": "amazon", "mode": "sleepy"})

    assert cleared == {"removed": 1}
    assert wrong.status_code == 400
    assert "sleepy" in wrong.json()["error"]


async def test_odd_shapes_are_those_that_have_been_seen() -> None:
    bench = a_bench(an_ebay_listing(), an_amazon_listing(kind=ListingKind.FBA, quantity=4))
    writer = Writer(bench)
    await bench.fault("*", "odd_shapes")

    row_failed = await writer.write("ebay")
    query = {"marketplaceIds": AMAZON_US, "includedData": "fulfillmentAvailability"}
    url = "http://amazon.test/listings/2021-08-01/items/S1/A"
    fba = await bench.client.get(url, params=query, headers=await writer.headers("amazon"))

    assert row_failed.status_code == 200
    assert row_failed.json()["responses"][0]["statusCode"] == 500
    assert fba.json()["fulfillmentAvailability"] == [{"fulfillmentChannelCode": "AMAZON_NA"}]


async def test_a_read_does_not_use_up_a_fault_of_writes() -> None:
    bench = a_full_bench()
    writer = Writer(bench)
    await bench.fault("amazon", "partial_failure", count=1)

    url = "http://amazon.test/listings/2021-08-01/items/S1/A"
    await bench.client.get(url, params={"marketplaceIds": AMAZON_US}, headers=await writer.headers("amazon"))
    written = await writer.write("amazon")

    assert written.json()["status"] == "INVALID"
