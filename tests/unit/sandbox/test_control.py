"""The control endpoint: what a test asks of the sandbox beside the marketplaces' own APIs."""

from inventory_sandbox.marketplaces import WRITABLE_KINDS, demo_fill, seed_from_json
from tests.support.sandbox import AMAZON_US, a_bench, amazon_patch, an_amazon_listing, an_ebay_listing

ITEM = "http://amazon.test/listings/2021-08-01/items/S1/A"


async def test_history_tells_when_each_write_came_and_how_long_it_was_live() -> None:
    bench = a_bench(an_amazon_listing())
    headers = await bench.amazon_headers()
    for quantity in (5, 6):
        await bench.client.patch(
            ITEM, params={"marketplaceIds": AMAZON_US}, headers=headers, json=amazon_patch(quantity)
        )
        bench.clock.move(1000)

    history = await bench.control("GET", f"/listings/amazon/{AMAZON_US}:A/history")

    writes = history["writes"]
    assert isinstance(writes, list)
    first, second = writes
    assert [one["quantity"] for one in writes] == [5, 6]
    assert first["api"] == "patchListingsItem"
    assert 300 <= first["applied_at"] - first["received_at"] <= 900
    assert first["live_until"] == second["live_from"]
    assert second["live_until"] is None
    assert first["request_id"] != second["request_id"]


async def test_a_buyer_cannot_buy_more_than_is_shown() -> None:
    bench = a_bench(an_ebay_listing(quantity=3))
    sale = {"marketplace": "ebay", "key": "1", "quantity": 2}

    first = await bench.control("POST", "/sales", sale)
    second = await bench.control("POST", "/sales", sale)
    history = await bench.control("GET", "/listings/ebay/1/history")

    assert (first["sold"], second["sold"], second["live_quantity"]) == (True, False, 1)
    assert isinstance(history["sales"], list)
    assert [(one["quantity"], one["live_after"]) for one in history["sales"]] == [(2, 1)]


async def test_listings_are_added_and_a_second_with_the_same_key_is_refused() -> None:
    bench = a_bench()
    seed = an_amazon_listing().to_json()

    added = await bench.control("POST", "/listings", {"listings": [seed]})
    again = await bench.client.post("http://control.test/listings", json={"listings": [seed]})
    shown = await bench.control("GET", "/listings")

    assert added == {"added": 1, "listings": 1}
    assert again.status_code == 400
    assert isinstance(shown["listings"], list)
    assert shown["listings"][0]["type"] == "seller_fulfilled"


async def test_a_person_changes_a_quantity_at_once() -> None:
    bench = a_bench(an_ebay_listing(quantity=3))

    await bench.control("POST", "/edits", {"marketplace": "ebay", "key": "1", "quantity": 8})

    assert await bench.live("ebay", "1") == 8


async def test_calls_are_counted_by_operation_and_status() -> None:
    bench = a_bench(an_amazon_listing())
    headers = await bench.amazon_headers()
    await bench.client.patch(ITEM, params={"marketplaceIds": AMAZON_US}, headers=headers, json=amazon_patch(1))

    calls = (await bench.control("GET", "/counters"))["calls"]

    assert calls == {"amazon": {"getToken": {"200": 1}, "patchListingsItem": {"200": 1}}}


async def test_tokens_that_were_issued_are_told_when_they_are_taken_back_too() -> None:
    """Whoever looks for them in logs must know them all."""
    bench = a_bench(an_amazon_listing())
    token = (await bench.amazon_headers())["x-amz-access-token"]
    await bench.control("POST", "/faults", {"marketplace": "amazon", "mode": "unauthorized", "count": 1})

    issued = (await bench.control("GET", "/tokens"))["issued"]

    assert isinstance(issued, dict)
    assert issued["amazon"] == [token]


async def test_an_unknown_listing_is_404() -> None:
    bench = a_bench()

    answer = await bench.client.get("http://control.test/listings/amazon/x")

    assert answer.status_code == 404


def test_the_demo_holds_every_kind_about_three_writable_listings_a_sku() -> None:
    listings = demo_fill(500, 7)

    writable = [one for one in listings if one.kind in WRITABLE_KINDS]
    assert 2.7 < len(writable) / 500 < 3.3
    assert {one.kind.value for one in listings} == {
        "seller_fulfilled",
        "fba",
        "wfs",
        "auction",
        "variation",
        "variation_parent",
    }
    assert {one.sku for one in writable} >= {"SKU-00001", "SKU-00500"}
    assert len({(one.marketplace, one.key) for one in listings}) == len(listings)


def test_a_smaller_assortment_is_part_of_the_larger_one() -> None:
    small, large = demo_fill(50), demo_fill(500)

    assert set(small) <= set(large)


def test_a_seed_survives_json() -> None:
    assert [seed_from_json(one.to_json()) for one in demo_fill(60)] == demo_fill(60)
