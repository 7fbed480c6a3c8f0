"""The eBay stand-in: what a seller's client meets."""

import asyncio

import pytest

from inventory_sandbox.marketplaces import ListingKind, ListingSeed
from tests.support.sandbox import Bench, a_bench, an_ebay_listing, basic, ebay_bulk

BULK = "http://ebay.test/sell/inventory/v1/bulk_update_price_quantity"
BASE = "http://ebay.test/sell/inventory/v1"


def an_auction(sku: str = "A") -> ListingSeed:
    return an_ebay_listing(sku, "2", kind=ListingKind.AUCTION, format="AUCTION", quantity=1)


async def test_a_quantity_is_live_after_one_to_three_minutes() -> None:
    bench = a_bench(an_ebay_listing())

    answer = await bench.client.post(BULK, headers=await bench.ebay_headers(), json=ebay_bulk(("A", "1", 7)))
    bench.clock.move(59)
    before = await bench.live("ebay", "1")
    bench.clock.move(122)

    assert answer.status_code == 200
    assert answer.json()["responses"] == [
        {"statusCode": 200, "sku": "A"},
        {"statusCode": 200, "sku": "A", "offerId": "1"},
    ]
    assert before == 0
    assert await bench.live("ebay", "1") == 7


async def test_a_listing_shows_the_smaller_of_item_and_offer() -> None:
    bench = a_bench(an_ebay_listing(quantity=5))
    only_offer = {"requests": [{"offers": [{"offerId": "1", "availableQuantity": 9}]}]}

    await bench.client.post(BULK, headers=await bench.ebay_headers(), json=only_offer)
    bench.clock.move(200)

    assert await bench.live("ebay", "1") == 5


async def test_one_bad_row_makes_the_answer_207_and_leaves_the_others() -> None:
    bench = a_bench(an_ebay_listing("A", "1"))
    body = ebay_bulk(("A", "1", 3), ("nobody", "7", 3))

    answer = await bench.client.post(BULK, headers=await bench.ebay_headers(), json=body)
    bench.clock.move(200)

    assert answer.status_code == 207
    assert [one["statusCode"] for one in answer.json()["responses"]] == [200, 200, 400]
    assert answer.json()["responses"][2]["errors"][0]["errorId"] == 25702
    assert await bench.live("ebay", "1") == 3


async def test_the_same_offer_twice_refuses_the_whole_request() -> None:
    bench = a_bench(an_ebay_listing("A", "1"), an_ebay_listing("B", "2"))
    body = ebay_bulk(("A", "1", 3), ("B", "1", 3))

    answer = await bench.client.post(BULK, headers=await bench.ebay_headers(), json=body)

    assert (answer.status_code, answer.json()["errors"][0]["errorId"]) == (400, 25709)


async def test_an_offer_of_another_sku_fails_in_its_row() -> None:
    bench = a_bench(an_ebay_listing("A", "1"), an_ebay_listing("B", "2"))

    answer = await bench.client.post(BULK, headers=await bench.ebay_headers(), json=ebay_bulk(("A", "2", 3)))

    rows = answer.json()["responses"]
    assert [one["statusCode"] for one in rows] == [200, 400]


@pytest.mark.parametrize(("group_size", "rows", "status"), [(25, 25, 200), (25, 26, 400), (1, 1, 200), (1, 2, 400)])
async def test_a_call_takes_as_many_skus_as_set(group_size: int, rows: int, status: int) -> None:
    listings = [an_ebay_listing(f"S{number}", str(number)) for number in range(1, 31)]
    bench = a_bench(*listings, ebay_group_size=group_size)
    body = ebay_bulk(*((f"S{number}", str(number), 1) for number in range(1, rows + 1)))

    answer = await bench.client.post(BULK, headers=await bench.ebay_headers(), json=body)

    assert answer.status_code == status


async def test_a_bad_token_is_401_and_a_token_without_the_scope_403() -> None:
    bench = a_bench(an_ebay_listing())
    headers = await bench.ebay_headers()

    bench.clock.move(7200)
    expired = await bench.client.get(f"{BASE}/inventory_item/A", headers=headers)
    scopeless = await bench.client.get(
        f"{BASE}/inventory_item/A", headers=await bench.ebay_headers("client_credentials")
    )

    assert (expired.status_code, expired.json()["errors"][0]["errorId"]) == (401, 1001)
    assert (scopeless.status_code, scopeless.json()["errors"][0]["errorId"]) == (403, 1100)


async def test_a_lost_consent_is_invalid_grant() -> None:
    bench = a_bench()
    known = bench.settings.credentials

    answer = await bench.client.post(
        "http://ebay.test/identity/v1/oauth2/token",
        data={"grant_type": "refresh_token", "refresh_token": "x"},
        headers=basic(known.ebay_client_id, known.ebay_client_secret),
    )

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_the_daily_limit_ends_at_midnight_pacific() -> None:
    bench = a_bench(an_ebay_listing(), ebay_daily_limit=2, token_life_s={"ebay": 1e9})
    headers = await bench.ebay_headers()

    async def get() -> int:
        return (await bench.client.get(f"{BASE}/inventory_item/A", headers=headers)).status_code

    first = [await get() for _ in range(3)]
    bench.clock.move(60_399)  # the clock begins at 07:13:20 there
    before = await get()
    bench.clock.move(1)
    after = await get()

    assert first == [200, 200, 429]
    assert (before, after) == (429, 200)


async def test_a_listing_takes_250_revisions_a_day_over_all_its_variations() -> None:
    variations = [
        an_ebay_listing(sku, offer, kind=ListingKind.VARIATION, listing_id="L", group_key="G")
        for sku, offer in (("A", "1"), ("B", "2"))
    ]
    bench = a_bench(*variations)
    headers = await bench.ebay_headers()

    for number in range(250):
        sku, offer = (("A", "1"), ("B", "2"))[number % 2]
        assert (await bench.client.post(BULK, headers=headers, json=ebay_bulk((sku, offer, 1)))).status_code == 200
    refused = await bench.client.post(BULK, headers=headers, json=ebay_bulk(("A", "1", 0)))

    assert refused.status_code == 207
    assert refused.json()["responses"][0]["errors"][0]["errorId"] == 25019


async def test_two_calls_at_once_for_one_sku_meet_25025() -> None:
    bench = a_bench(an_ebay_listing())
    headers = await bench.ebay_headers()

    both = await asyncio.gather(
        *(bench.client.post(BULK, headers=headers, json=ebay_bulk(("A", "1", n))) for n in (1, 2))
    )
    after = await bench.client.post(BULK, headers=headers, json=ebay_bulk(("A", "1", 3)))

    assert sorted(one.status_code for one in both) == [200, 207]
    failed = next(one for one in both if one.status_code == 207)
    assert failed.json()["responses"][0]["errors"][0]["errorId"] == 25025
    assert after.status_code == 200


async def test_an_auction_is_never_written() -> None:
    bench = a_bench(an_ebay_listing("A", "1"), an_auction())

    answer = await bench.client.post(BULK, headers=await bench.ebay_headers(), json=ebay_bulk(("A", "2", 4)))

    assert answer.json()["responses"][1]["errors"][0]["errorId"] == 25004
    assert [one["type"] for one in await bench.violations()] == ["auction"]


async def test_the_item_quantity_stays_above_what_an_auction_holds() -> None:
    """The fixed-price offer can still go to zero, by its own quantity."""
    bench = a_bench(an_ebay_listing("A", "1"), an_auction())
    headers = await bench.ebay_headers()
    await bench.client.post(BULK, headers=headers, json=ebay_bulk(("A", "1", 4)))
    bench.clock.move(200)

    answer = await bench.client.post(BULK, headers=headers, json=ebay_bulk(("A", "1", 0)))
    bench.clock.move(200)

    rows = answer.json()["responses"]
    assert [one["statusCode"] for one in rows] == [400, 200]
    assert rows[0]["errors"][0]["errorId"] == 25759
    assert await bench.live("ebay", "1") == 0


@pytest.mark.parametrize(("control", "status"), [(True, "ACTIVE"), (False, "ENDED")])
async def test_zero_ends_a_listing_only_without_out_of_stock_control(control: bool, status: str) -> None:
    bench = a_bench(an_ebay_listing(quantity=5), ebay_out_of_stock_control=control)

    await bench.client.post(BULK, headers=await bench.ebay_headers(), json=ebay_bulk(("A", "1", 0)))
    bench.clock.move(200)

    assert (await bench.control("GET", "/listings/ebay/1"))["status"] == status


async def test_replacing_an_item_without_a_quantity_loses_it() -> None:
    bench = a_bench(an_ebay_listing(quantity=5))
    headers = {**await bench.ebay_headers(), "Content-Language": "en-US"}

    answer = await bench.client.put(f"{BASE}/inventory_item/A", headers=headers, json={"product": {"title": "x"}})
    bench.clock.move(200)

    assert answer.status_code == 204
    assert await bench.live("ebay", "1") == 0


async def test_an_item_cannot_be_replaced_without_content_language() -> None:
    bench = a_bench(an_ebay_listing())

    answer = await bench.client.put(f"{BASE}/inventory_item/A", headers=await bench.ebay_headers(), json={})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"] == "Invalid value for header Content-Language."


async def test_the_offset_of_items_is_a_page_number() -> None:
    bench = a_bench(*(an_ebay_listing(f"S{number}", str(number)) for number in range(1, 6)))

    page = (
        await bench.client.get(
            f"{BASE}/inventory_item", params={"limit": "2", "offset": "1"}, headers=await bench.ebay_headers()
        )
    ).json()

    assert [one["sku"] for one in page["inventoryItems"]] == ["S3", "S4"]
    assert (page["total"], page["size"], page["limit"]) == (5, 3, 2)
    assert page["next"].endswith("limit=2&offset=2")


async def test_a_sku_may_have_an_auction_beside_its_fixed_price_offer() -> None:
    bench = a_bench(an_ebay_listing("A", "1"), an_auction())

    offers = (await bench.client.get(f"{BASE}/offer", params={"sku": "A"}, headers=await bench.ebay_headers())).json()[
        "offers"
    ]

    assert [(one["offerId"], one["format"]) for one in offers] == [("1", "FIXED_PRICE"), ("2", "AUCTION")]


async def test_a_group_of_variations_is_read_and_a_write_to_it_is_a_violation() -> None:
    bench = a_bench(
        an_ebay_listing("A", "1", kind=ListingKind.VARIATION, group_key="G"),
        an_ebay_listing("G", "", kind=ListingKind.VARIATION_PARENT, group_key="G"),
    )
    headers = {**await bench.ebay_headers(), "Content-Language": "en-US"}
    url = f"{BASE}/inventory_item_group/G"

    group = (await bench.client.get(url, headers=headers)).json()
    await bench.client.put(url, headers=headers, json={"variantSKUs": ["A"]})

    assert group["variantSKUs"] == ["A"]
    assert [one["type"] for one in await bench.violations()] == ["variation_parent"]


async def test_partial_failure_hits_every_second_row() -> None:
    bench: Bench = a_bench(an_ebay_listing("A", "1"), an_ebay_listing("B", "2"))
    await bench.fault("ebay", "partial_failure", count=1)

    answer = await bench.client.post(
        BULK, headers=await bench.ebay_headers(), json=ebay_bulk(("A", "1", 1), ("B", "2", 2))
    )

    assert [(one["sku"], one["statusCode"]) for one in answer.json()["responses"]] == [
        ("A", 200),
        ("A", 200),
        ("B", 500),
    ]
