"""Calls that clients make before or beside those that the adapters make; each answer is checked as published."""

from __future__ import annotations

from xml.etree import ElementTree

from inventory_adapters.ebay.signals import KeyCache, read
from inventory_adapters.http import Json
from inventory_domain.signals import Message, Notice, NoticeRefused
from inventory_sandbox.marketplaces.ebay.signing import KEY_ID
from tests.support.adapters_sandbox import DomainClock
from tests.support.sandbox import (
    AMAZON_US,
    Bench,
    a_bench,
    a_shopify_listing,
    a_walmart_listing,
    an_amazon_listing,
    an_ebay_listing,
)

INVENTORY = "http://ebay.test/sell/inventory/v1"
NOTIFICATION = "http://ebay.test/commerce/notification/v1"
ADMIN = "http://shopify.test/admin/api/2026-07"
DESTINATION = {
    "name": "ours",
    "status": "ENABLED",
    "deliveryConfig": {"endpoint": "https://seller.example/ebay", "verificationToken": "t" * 40},
}


def an_offer(sku: str, **changes: object) -> dict[str, object]:
    return {"sku": sku, "marketplaceId": "EBAY_US", "format": "FIXED_PRICE", "availableQuantity": 3, **changes}


async def made_items(bench: Bench, *skus: str) -> dict[str, str]:
    """Items without offers, and the headers to go on with."""
    headers = {**await bench.ebay_headers(), "Content-Language": "en-US"}
    body = {"condition": "NEW", "availability": {"shipToLocationAvailability": {"quantity": 5}}}
    for sku in skus:
        assert (await bench.client.put(f"{INVENTORY}/inventory_item/{sku}", headers=headers, json=body)).is_success
    return headers


async def test_offers_are_made_and_published_row_by_row() -> None:
    bench = a_bench()
    headers = await made_items(bench, "A", "B")

    made = await bench.client.post(
        f"{INVENTORY}/bulk_create_offer",
        headers=headers,
        json={"requests": [an_offer("A"), an_offer("none"), an_offer("B")]},
    )
    offer_ids = [row.get("offerId") for row in made.json()["responses"]]
    body = {"requests": [{"offerId": offer_ids[0]}, {"offerId": "none"}]}
    published = await bench.client.post(f"{INVENTORY}/bulk_publish_offer", headers=headers, json=body)

    assert (made.status_code, [row["statusCode"] for row in made.json()["responses"]]) == (207, [200, 400, 200])
    assert made.json()["responses"][1]["errors"][0]["errorId"] == 25702
    assert (published.status_code, [row["statusCode"] for row in published.json()["responses"]]) == (207, [200, 400])
    assert await bench.live("ebay", str(offer_ids[0])) == 3


async def test_all_offers_of_a_group_become_one_listing_and_end_with_it() -> None:
    bench = a_bench()
    headers = await made_items(bench, "A", "B")
    group = {"title": "Both", "variantSKUs": ["A", "B"]}
    await bench.client.put(f"{INVENTORY}/inventory_item_group/G", headers=headers, json=group)
    rows = {"requests": [an_offer("A"), an_offer("B")]}
    made = (await bench.client.post(f"{INVENTORY}/bulk_create_offer", headers=headers, json=rows)).json()["responses"]
    named = {"inventoryItemGroupKey": "G", "marketplaceId": "EBAY_US"}

    fees = await bench.client.post(
        f"{INVENTORY}/offer/get_listing_fees", headers=headers, json={"offers": [{"offerId": made[0]["offerId"]}]}
    )
    published = await bench.client.post(
        f"{INVENTORY}/offer/publish_by_inventory_item_group", headers=headers, json=named
    )
    offers = [(await bench.client.get(f"{INVENTORY}/offer/{row['offerId']}", headers=headers)).json() for row in made]
    withdrawn = await bench.client.post(
        f"{INVENTORY}/offer/withdraw_by_inventory_item_group", headers=headers, json=named
    )
    after = (await bench.client.get(f"{INVENTORY}/offer/{made[0]['offerId']}", headers=headers)).json()
    deleted = await bench.client.delete(f"{INVENTORY}/inventory_item_group/G", headers=headers)
    gone = await bench.client.get(f"{INVENTORY}/inventory_item_group/G", headers=headers)

    assert fees.json()["feeSummaries"][0]["marketplaceId"] == "EBAY_US"
    assert {one["listing"]["listingId"] for one in offers} == {published.json()["listingId"]}
    assert (withdrawn.status_code, after["status"]) == (204, "UNPUBLISHED")
    assert (deleted.status_code, gone.status_code) == (204, 404)


async def a_test_notification(bench: Bench) -> tuple[dict[str, str], dict[str, object]]:
    """Headers to go on with, and the notification as the sandbox sends it."""
    headers = await bench.ebay_headers()
    made = await bench.client.post(f"{NOTIFICATION}/destination", headers=headers, json=DESTINATION)
    wanted = {"topicId": "LISTING", "destinationId": made.headers["location"].rpartition("/")[2], "status": "ENABLED"}
    subscribed = await bench.client.post(f"{NOTIFICATION}/subscription", headers=headers, json=wanted)
    number = subscribed.headers["location"].rpartition("/")[2]
    tested = await bench.client.post(f"{NOTIFICATION}/subscription/{number}/test", headers=headers)
    assert tested.status_code == 202
    deliveries = (await bench.control("GET", "/deliveries"))["deliveries"]
    assert isinstance(deliveries, list)
    return headers, deliveries[-1]


async def test_a_test_notification_is_signed_with_the_key_that_is_given() -> None:
    """Our own check takes it, and takes no other body with that signature."""
    bench = a_bench()
    headers, sent = await a_test_notification(bench)
    asked: list[str] = []

    async def fetch(key_id: str) -> Json:
        asked.append(key_id)
        found: Json = (await bench.client.get(f"{NOTIFICATION}/public_key/{key_id}", headers=headers)).json()
        return found

    keys = KeyCache(fetch, DomainClock(bench.clock))
    now_ms = int(bench.clock.now() * 1_000)
    named = {str(name).lower(): str(value) for name, value in dict(sent["headers"]).items()}  # type: ignore[call-overload]
    body = str(sent["body"]).encode()
    taken = await read(Message(headers=named, body=body), keys, now_ms)
    refused = await read(Message(headers=named, body=body.replace(b"LISTING", b"OTHERS_")), keys, now_ms)

    assert isinstance(taken, Notice) and taken.topic == "LISTING"
    assert isinstance(refused, NoticeRefused) and refused.reason == "not-genuine"
    assert asked == [KEY_ID]
    assert sent["target"] == "https://seller.example/ebay"


async def test_an_unknown_key_is_not_found() -> None:
    bench = a_bench()

    answer = await bench.client.get(f"{NOTIFICATION}/public_key/none", headers=await bench.ebay_headers())

    assert (answer.status_code, answer.json()["errors"][0]["errorId"]) == (404, 195001)


async def test_a_destination_and_a_subscription_are_changed_in_place() -> None:
    bench = a_bench()
    headers, _ = await a_test_notification(bench)
    place = (await bench.client.get(f"{NOTIFICATION}/destination", headers=headers)).json()["destinations"][0]
    own = (await bench.client.get(f"{NOTIFICATION}/subscription", headers=headers)).json()["subscriptions"][0]

    moved = {**DESTINATION, "deliveryConfig": {"endpoint": "https://new.example/e", "verificationToken": "n" * 40}}
    where = f"{NOTIFICATION}/destination/{place['destinationId']}"
    first = await bench.client.put(where, headers=headers, json=moved)
    shown = (await bench.client.get(where, headers=headers)).json()
    which = f"{NOTIFICATION}/subscription/{own['subscriptionId']}"
    body = {"destinationId": place["destinationId"], "status": "DISABLED", "payload": own["payload"]}
    second = await bench.client.put(which, headers=headers, json=body)

    assert (first.status_code, second.status_code) == (204, 204)
    assert shown["deliveryConfig"]["endpoint"] == "https://new.example/e"
    assert (await bench.client.get(which, headers=headers)).json()["status"] == "DISABLED"


async def test_trading_gives_one_listing_with_what_is_left_of_it() -> None:
    bench = a_bench(an_ebay_listing(quantity=4))
    token = (await bench.ebay_headers())["Authorization"].removeprefix("Bearer ")
    namespace = "urn:ebay:apis:eBLBaseComponents"
    body = f'<GetItemRequest xmlns="{namespace}"><ItemID>91</ItemID></GetItemRequest>'
    headers = {"X-EBAY-API-CALL-NAME": "GetItem", "X-EBAY-API-IAF-TOKEN": token}
    await bench.control("POST", "/sales", {"marketplace": "ebay", "key": "1", "quantity": 1})

    found = await bench.client.post("http://ebay.test/ws/api.dll", headers=headers, content=body)
    root = ElementTree.fromstring(found.content)

    def said(*names: str) -> str | None:
        return root.findtext("/".join(f"{{{namespace}}}{one}" for one in ("Item", *names)))

    assert (said("Quantity"), said("SellingStatus", "QuantitySold"), said("QuantityAvailable")) == ("4", "1", "3")
    assert said("SKU") == "A"


async def test_shopify_shows_products_by_both_apis_and_page_by_page() -> None:
    bench = a_bench(
        a_shopify_listing(1, "A", quantity=4),
        a_shopify_listing(2, "B", product_id="gid://shopify/Product/1"),
        a_shopify_listing(3, "C"),
    )
    headers = {"X-Shopify-Access-Token": bench.settings.credentials.shopify_access_token}
    query = """query($after: String) { products(first: 1, after: $after) { pageInfo { hasNextPage endCursor }
      nodes { id totalInventory variants(first: 5) { nodes { sku inventoryItem { id } } } } } }"""

    async def page(after: str | None) -> dict[str, object]:
        body = {"query": query, "variables": {"after": after}}
        found = await bench.client.post(f"{ADMIN}/graphql.json", headers=headers, json=body)
        products: dict[str, object] = found.json()["data"]["products"]
        return products

    first = await page(None)
    second = await page(first["pageInfo"]["endCursor"])  # type: ignore[index]
    rest = await bench.client.get(f"{ADMIN}/products.json", headers=headers, params={"limit": 1})
    following = await bench.client.get(rest.links["next"]["url"], headers=headers)
    variant = await bench.client.get(f"{ADMIN}/variants/3.json", headers=headers)
    count = await bench.client.get(f"{ADMIN}/products/count.json", headers=headers)
    unknown = await bench.client.get(f"{ADMIN}/products/9.json", headers=headers)

    by_graphql = [[one["sku"] for one in node["variants"]["nodes"]] for node in first["nodes"] + second["nodes"]]  # type: ignore[operator]
    by_rest = [[one["sku"] for one in answer.json()["products"][0]["variants"]] for answer in (rest, following)]
    assert by_graphql == by_rest == [["A", "B"], ["C"]]
    assert variant.json()["variant"]["inventory_item_id"] == 3
    assert (count.json()["count"], unknown.status_code, "next" in following.links) == (2, 404, False)


async def test_a_product_is_found_by_the_sku_of_a_variant() -> None:
    bench = a_bench(a_shopify_listing(1, "A"), a_shopify_listing(2, "B"))
    headers = {"X-Shopify-Access-Token": bench.settings.credentials.shopify_access_token}
    body = {
        "query": '{ products(first: 5, query: "sku:B") { nodes { id } } product(id: "gid://shopify/Product/1") { id } }'
    }

    found = (await bench.client.post(f"{ADMIN}/graphql.json", headers=headers, json=body)).json()["data"]

    assert found == {
        "products": {"nodes": [{"id": "gid://shopify/Product/2"}]},
        "product": {"id": "gid://shopify/Product/1"},
    }


async def test_amazon_tells_the_account_and_the_product_types() -> None:
    bench = a_bench(an_amazon_listing())
    headers = await bench.amazon_headers()
    url = "http://amazon.test/definitions/2020-09-01/productTypes"

    account = await bench.client.get("http://amazon.test/sellers/v1/account", headers=headers)
    types = await bench.client.get(url, headers=headers, params={"marketplaceIds": AMAZON_US})
    unnamed = await bench.client.get(url, headers=headers)

    taken_part = account.json()["payload"]["marketplaceParticipationList"]
    assert [one["marketplace"]["id"] for one in taken_part] == [AMAZON_US]
    assert [one["name"] for one in types.json()["productTypes"]] == ["PRODUCT"]
    assert unnamed.status_code == 400


async def test_walmart_counts_items_and_tells_the_lag_time() -> None:
    bench = a_bench(a_walmart_listing("A"), a_walmart_listing("B"))
    headers = await bench.walmart_headers()

    everything = await bench.client.get("http://walmart.test/v3/items/count", headers=headers)
    lag_time = await bench.client.get("http://walmart.test/v3/lagtime?sku=A", headers=headers)
    unknown = await bench.client.get("http://walmart.test/v3/lagtime?sku=none", headers=headers)

    assert everything.json() == {"All": 2}
    assert lag_time.json() == {"sku": "A", "fulfillmentLagTime": 1}
    assert unknown.status_code == 404
