"""The Amazon stand-in: what a seller's client meets."""

import pytest

from inventory_sandbox.marketplaces import ListingKind
from tests.support.sandbox import AMAZON_US, Bench, a_bench, amazon_patch, an_amazon_listing

ITEM = "http://amazon.test/listings/2021-08-01/items/S1/A"
IN_US = {"marketplaceIds": AMAZON_US}


async def test_an_accepted_quantity_is_live_only_after_the_queue() -> None:
    bench = a_bench(an_amazon_listing())
    headers = await bench.amazon_headers()

    answer = await bench.client.patch(ITEM, params=IN_US, headers=headers, json=amazon_patch(7))
    read = {**IN_US, "includedData": "attributes,fulfillmentAvailability"}
    soon = (await bench.client.get(ITEM, params=read, headers=headers)).json()
    bench.clock.move(299)
    before = await bench.live("amazon", f"{AMAZON_US}:A")
    bench.clock.move(601)
    late = (await bench.client.get(ITEM, params=read, headers=headers)).json()

    assert answer.json()["status"] == "ACCEPTED"
    assert soon["attributes"]["fulfillment_availability"][0]["quantity"] == 7
    assert soon["fulfillmentAvailability"] == [{"fulfillmentChannelCode": "DEFAULT", "quantity": 0}]
    assert before == 0
    assert late["fulfillmentAvailability"] == [{"fulfillmentChannelCode": "DEFAULT", "quantity": 7}]


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ({"path": "/attributes/fulfilment_availability", "value": [{"quantity": 1}]}, "90000900"),
        ({"path": "/attributes/fulfillment_availability", "value": [{"quantity": 1}]}, "99022"),
        (
            {"path": "/attributes/fulfillment_availability", "value": [{"fulfillment_channel_code": "SHOP"}]},
            "4000001",
        ),
        (
            {
                "path": "/attributes/fulfillment_availability",
                "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": -1}],
            },
            "4000003",
        ),
    ],
)
async def test_what_cannot_be_is_invalid_inside_a_200(patch: dict[str, object], code: str) -> None:
    bench = a_bench(an_amazon_listing())
    body = {"productType": "PRODUCT", "patches": [{"op": "replace", **patch}]}

    answer = await bench.client.patch(ITEM, params=IN_US, headers=await bench.amazon_headers(), json=body)

    assert answer.status_code == 200
    assert answer.json()["status"] == "INVALID"
    assert answer.json()["issues"][0]["code"] == code


async def test_an_unknown_sku_is_accepted_without_an_issue() -> None:
    """Only reading back finds it, as at Amazon."""
    bench = a_bench(an_amazon_listing())
    headers = await bench.amazon_headers()
    url = ITEM.replace("/A", "/nobody")

    written = await bench.client.patch(url, params=IN_US, headers=headers, json=amazon_patch(7))
    read = await bench.client.get(url, params=IN_US, headers=headers)

    assert written.json()["status"] == "ACCEPTED"
    assert read.status_code == 404


async def test_a_sku_with_a_slash_and_a_space_is_found() -> None:
    bench = a_bench(an_amazon_listing("S 1/a"))
    url = "http://amazon.test/listings/2021-08-01/items/S1/S%201%2Fa"

    read = await bench.client.get(url, params=IN_US, headers=await bench.amazon_headers())

    assert read.json()["sku"] == "S 1/a"


async def test_a_preview_changes_nothing() -> None:
    bench = a_bench(an_amazon_listing())
    preview = {**IN_US, "mode": "VALIDATION_PREVIEW"}

    answer = await bench.client.patch(ITEM, params=preview, headers=await bench.amazon_headers(), json=amazon_patch(7))
    bench.clock.move(1000)

    assert answer.json()["status"] == "VALID"
    assert await bench.live("amazon", f"{AMAZON_US}:A") == 0


async def test_merge_keeps_what_replace_drops() -> None:
    bench = a_bench(an_amazon_listing())
    headers = await bench.amazon_headers()
    full = amazon_patch(1)
    full["patches"][0]["value"][0]["lead_time_to_ship_max_days"] = 3  # type: ignore[index]
    read = {**IN_US, "includedData": "attributes"}

    await bench.client.patch(ITEM, params=IN_US, headers=headers, json=full)
    await bench.client.patch(ITEM, params=IN_US, headers=headers, json=amazon_patch(2, op="merge"))
    merged = (await bench.client.get(ITEM, params=read, headers=headers)).json()
    await bench.client.patch(ITEM, params=IN_US, headers=headers, json=amazon_patch(3))
    replaced = (await bench.client.get(ITEM, params=read, headers=headers)).json()

    assert merged["attributes"]["fulfillment_availability"][0]["lead_time_to_ship_max_days"] == 3
    assert "lead_time_to_ship_max_days" not in replaced["attributes"]["fulfillment_availability"][0]


async def test_an_expired_token_is_403_and_a_new_one_works() -> None:
    bench = a_bench(an_amazon_listing())
    headers = await bench.amazon_headers()

    bench.clock.move(3599)
    good = await bench.client.get(ITEM, params=IN_US, headers=headers)
    bench.clock.move(1)
    expired = await bench.client.get(ITEM, params=IN_US, headers=headers)
    renewed = await bench.client.get(ITEM, params=IN_US, headers=await bench.amazon_headers())

    assert (good.status_code, expired.status_code, renewed.status_code) == (200, 403, 200)
    assert expired.json()["errors"][0]["code"] == "Unauthorized"
    assert expired.json()["errors"][0]["details"] == "The access token you provided has expired."


async def test_the_token_is_given_for_a_json_body_too_and_refused_for_a_wrong_secret() -> None:
    bench = a_bench()
    known = bench.settings.credentials
    fields = {
        "grant_type": "refresh_token",
        "refresh_token": known.amazon_refresh_token,
        "client_id": known.amazon_client_id,
        "client_secret": known.amazon_client_secret,
    }
    url = "http://amazon.test/auth/o2/token"

    good = await bench.client.post(url, json=fields)
    wrong = await bench.client.post(url, data={**fields, "client_secret": "x"})
    gone = await bench.client.post(url, data={**fields, "refresh_token": "x"})

    assert good.json()["expires_in"] == 3600
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert (gone.status_code, gone.json()["error"]) == (400, "invalid_grant")


async def test_the_sixth_patch_at_once_is_throttled_without_a_hint() -> None:
    """5/s with a burst of 5; Amazon sends its limit header on good answers only."""
    bench = a_bench(an_amazon_listing())
    headers = await bench.amazon_headers()

    async def patch() -> tuple[int, str | None]:
        answer = await bench.client.patch(ITEM, params=IN_US, headers=headers, json=amazon_patch(1))
        return answer.status_code, answer.headers.get("x-amzn-RateLimit-Limit")

    answers = [await patch() for _ in range(6)]
    bench.clock.move(0.2)
    after = await patch()

    assert answers == [(200, "5.0")] * 5 + [(429, None)]
    assert after == (200, "5.0")


async def test_the_factor_scales_delays_and_rates() -> None:
    bench = a_bench(an_amazon_listing(), factor=1 / 60)
    headers = await bench.amazon_headers()

    for _ in range(5):
        await bench.client.patch(ITEM, params=IN_US, headers=headers, json=amazon_patch(4))
    bench.clock.move(1 / 300)
    refilled = await bench.client.patch(ITEM, params=IN_US, headers=headers, json=amazon_patch(4))
    bench.clock.move(15)

    assert refilled.status_code == 200
    assert refilled.headers["x-amzn-RateLimit-Limit"] == "300.0"
    assert await bench.live("amazon", f"{AMAZON_US}:A") == 4


@pytest.mark.parametrize("channel", ["DEFAULT", "AMAZON_NA"])
async def test_a_write_to_an_fba_listing_is_a_violation(channel: str) -> None:
    bench = a_bench(an_amazon_listing(kind=ListingKind.FBA, quantity=9))

    await bench.client.patch(ITEM, params=IN_US, headers=await bench.amazon_headers(), json=amazon_patch(3, channel))

    assert [one["type"] for one in await bench.violations()] == ["fba"]


async def test_a_later_write_wins_even_when_its_delay_is_shorter() -> None:
    bench = a_bench(an_amazon_listing())
    await _write_twenty(bench)

    bench.clock.move(3600)

    assert await bench.live("amazon", f"{AMAZON_US}:A") == 20


async def test_out_of_order_lets_the_earlier_write_win() -> None:
    bench = a_bench(an_amazon_listing())
    headers = await bench.amazon_headers()

    await bench.client.patch(ITEM, params=IN_US, headers=headers, json=amazon_patch(5))
    await bench.fault("amazon", "out_of_order", count=1)
    await bench.client.patch(ITEM, params=IN_US, headers=headers, json=amazon_patch(0))
    bench.clock.move(3600)

    assert await bench.live("amazon", f"{AMAZON_US}:A") == 5


async def _write_twenty(bench: Bench) -> None:
    headers = await bench.amazon_headers()
    for quantity in range(1, 21):
        await bench.client.patch(ITEM, params=IN_US, headers=headers, json=amazon_patch(quantity))
        bench.clock.move(0.2)


async def test_search_ends_at_a_thousand_skus_and_finds_more_by_identifiers() -> None:
    bench = a_bench(*(an_amazon_listing(f"S{number}") for number in range(1010)), factor=1e-6)
    headers = await bench.amazon_headers()
    url = "http://amazon.test/listings/2021-08-01/items/S1"
    token, seen, total = "", 0, 0
    while True:
        more = {"pageToken": token} if token else {}
        page = (await bench.client.get(url, params={**IN_US, "pageSize": "20", **more}, headers=headers)).json()
        bench.clock.move(1)
        seen, total = seen + len(page["items"]), page["numberOfResults"]
        token = page.get("pagination", {}).get("nextToken", "")
        if not token:
            break
    by_name = {**IN_US, "identifiersType": "SKU", "identifiers": "S1005,S1006,nobody"}
    named = (await bench.client.get(url, params=by_name, headers=headers)).json()

    assert (seen, total) == (1000, 1010)
    assert [one["sku"] for one in named["items"]] == ["S1005", "S1006"]
