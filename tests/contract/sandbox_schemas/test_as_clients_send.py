"""What other people's clients send and the published contracts allow; a client stumbled over each."""

import base64
from xml.etree import ElementTree

import httpx
import pytest

from inventory_sandbox.marketplaces.assortment import ListingKind
from tests.support.sandbox import (
    LOCATION,
    SET_WITH_KEY,
    Bench,
    a_bench,
    a_shopify_listing,
    a_walmart_listing,
    an_ebay_listing,
    ebay_bulk,
    shopify_input,
)

SHOP = "http://shopify.test/admin"
INVENTORY = "http://ebay.test/sell/inventory/v1"
NOTIFICATION = "http://ebay.test/commerce/notification/v1"
NAMESPACE = "{urn:ebay:apis:eBLBaseComponents}"
TOKEN_FORM = {"grant_type": "client_credentials"}


def shop_token(bench: Bench) -> dict[str, str]:
    return {"X-Shopify-Access-Token": bench.settings.credentials.shopify_access_token}


async def client_credentials(bench: Bench, **more: str) -> httpx.Response:
    known = bench.settings.credentials
    form = {"client_id": known.shopify_client_id, "client_secret": known.shopify_api_secret, **TOKEN_FORM, **more}
    return await bench.client.post(f"{SHOP}/oauth/access_token", data=form)


async def trading(bench: Bench, name: str, inner: str, **headers: str) -> ElementTree.Element:
    sent = {"X-EBAY-API-CALL-NAME": name, "X-EBAY-API-SITEID": "0", "X-EBAY-API-COMPATIBILITY-LEVEL": "1349", **headers}
    body = f'<{name}Request xmlns="urn:ebay:apis:eBLBaseComponents">{inner}</{name}Request>'
    answer = await bench.client.post("http://ebay.test/ws/api.dll", headers=sent, content=body)
    assert answer.status_code == 200
    return ElementTree.fromstring(answer.content)


async def ebay_token(bench: Bench) -> str:
    return (await bench.ebay_headers())["Authorization"].removeprefix("Bearer ")


def said(root: ElementTree.Element, *names: str) -> str | None:
    return root.findtext("/".join(f"{NAMESPACE}{one}" for one in names))


async def test_a_shop_gives_a_token_for_client_credentials_that_opens_graphql_and_rest_for_a_day() -> None:
    """The only way for apps made since 2026; Shopify's own Node client asks in JSON, others by form."""
    bench = a_bench(a_shopify_listing(quantity=3))

    given = (await client_credentials(bench)).json()
    headers = {"X-Shopify-Access-Token": given["access_token"]}
    graphql = await bench.client.post(
        f"{SHOP}/api/2026-07/graphql.json", json={"query": "{shop{name}}"}, headers=headers
    )
    rest = await bench.client.get(f"{SHOP}/api/2026-07/shop.json", headers=headers)
    bench.clock.move(86_401)
    ended = await bench.client.get(f"{SHOP}/api/2026-07/shop.json", headers=headers)

    assert set(given) == {"access_token", "scope", "expires_in"}
    assert given["expires_in"] == 86_399
    assert (graphql.status_code, rest.status_code, ended.status_code) == (200, 200, 401)


@pytest.mark.parametrize("wrong", [{"client_id": "x"}, {"client_secret": "x"}, {"grant_type": "password"}])
async def test_a_shop_refuses_other_credentials_with_the_oauth_error(wrong: dict[str, str]) -> None:
    answer = await client_credentials(a_bench(), **wrong)

    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_request", "invalid_client")


async def test_a_shop_takes_the_token_as_the_password_of_an_api_key() -> None:
    bench = a_bench()
    password = bench.settings.credentials.shopify_access_token
    texts = [base64.b64encode(f"key:{one}".encode()).decode() for one in (password, "wrong")]

    found = [
        (await bench.client.get(f"{SHOP}/api/2026-07/shop.json", headers={"Authorization": f"Basic {one}"})).status_code
        for one in texts
    ]

    assert found == [200, 401]


async def test_a_shop_answers_a_path_without_a_version_in_its_oldest_and_says_so() -> None:
    """shopify-api-node names no version unless it is told one."""
    bench = a_bench()

    graphql = await bench.client.post(
        f"{SHOP}/api/graphql.json", json={"query": "{shop{name}}"}, headers=shop_token(bench)
    )
    rest = await bench.client.get(f"{SHOP}/shop.json", headers=shop_token(bench))
    named = await bench.client.get(f"{SHOP}/api/2026-04/shop.json", headers=shop_token(bench))
    never = await bench.client.get(f"{SHOP}/api/2026-05/shop.json", headers=shop_token(bench))

    versions = [one.headers["X-Shopify-API-Version"] for one in (graphql, rest, named)]
    assert versions == ["2025-10", "2025-10", "2026-04"]
    assert (rest.status_code, never.status_code) == (200, 404)


async def test_a_shop_takes_ids_as_its_own_client_writes_a_list_and_pages_on_with_them() -> None:
    """`name[]` for each, as @shopify/admin-api-client does; the documents have one text with commas."""
    bench = a_bench(*(a_shopify_listing(number, sku=f"S{number}", quantity=number) for number in (1, 2, 3)))
    place = LOCATION.rpartition("/")[2]
    url = f"{SHOP}/api/2026-07/inventory_levels.json"
    query = f"inventory_item_ids[]=1&inventory_item_ids[]=3&location_ids[]={place}&limit=1"

    first = await bench.client.get(f"{url}?{query}", headers=shop_token(bench))
    next_url = first.headers["Link"].partition("<")[2].partition(">")[0]
    second = await bench.client.get(next_url, headers=shop_token(bench))

    found = [one["inventory_item_id"] for answer in (first, second) for one in answer.json()["inventory_levels"]]
    assert found == [1, 3]
    assert "Link" not in second.headers


async def test_a_shops_webhooks_made_by_rest_are_those_of_graphql() -> None:
    bench = a_bench(a_shopify_listing(quantity=3))
    url, headers = f"{SHOP}/api/2026-07/webhooks", shop_token(bench)
    wanted = {"webhook": {"topic": "inventory_levels/update", "address": "https://shop.example/hook", "format": "json"}}
    unknown = {"webhook": {"topic": "nothing/new", "address": "https://shop.example/hook"}}

    made = await bench.client.post(f"{url}.json", json=wanted, headers=headers)
    again = await bench.client.post(f"{url}.json", json=wanted, headers=headers)
    refused = await bench.client.post(f"{url}.json", json=unknown, headers=headers)
    number = made.json()["webhook"]["id"]
    by_graphql = await bench.graphql("{ webhookSubscriptions(first: 5) { nodes { id topic uri } } }")
    counted = (await bench.client.get(f"{url}/count.json", headers=headers)).json()
    gone = await bench.client.delete(f"{url}/{number}.json", headers=headers)
    left = (await bench.client.get(f"{url}.json", headers=headers)).json()

    assert (made.status_code, again.status_code, refused.status_code) == (201, 422, 422)
    assert by_graphql.json()["data"]["webhookSubscriptions"]["nodes"] == [
        {
            "id": f"gid://shopify/WebhookSubscription/{number}",
            "topic": "INVENTORY_LEVELS_UPDATE",
            "uri": "https://shop.example/hook",
        }
    ]
    assert counted == {"count": 1}
    assert (gone.status_code, left) == (200, {"webhooks": []})


@pytest.mark.parametrize("before", ["#graphql\n", "fragment F on Shop { name }\nquery Other { shop { ...F } }\n"])
async def test_a_mutation_costs_ten_points_whatever_stands_before_it(before: str) -> None:
    """Shopify's templates begin every text with a comment, and a text may hold several operations."""
    bench = a_bench(a_shopify_listing())
    row = {"inventoryItemId": "gid://shopify/InventoryItem/1", "quantity": 3, "changeFromQuantity": None}
    body = {
        "query": before + SET_WITH_KEY,
        "variables": {"input": shopify_input([row]), "key": "k"},
        "operationName": "Set",
    }

    answer = await bench.client.post(f"{SHOP}/api/2026-07/graphql.json", json=body, headers=shop_token(bench))

    assert answer.json()["extensions"]["cost"]["actualQueryCost"] == 10
    assert answer.json()["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] == 1990


async def test_trading_reads_a_boolean_as_pythons_client_writes_it() -> None:
    """ebaysdk sends True where the schema says true; both are taken, as are 1 and 0."""
    bench = a_bench(an_ebay_listing(), ebay_out_of_stock_control=False)
    token = {"X-EBAY-API-IAF-TOKEN": await ebay_token(bench)}
    turn = "<OutOfStockControlPreference>{}</OutOfStockControlPreference>"
    ask = "<ShowOutOfStockControlPreference>{}</ShowOutOfStockControlPreference>"

    found = []
    for written in ("True", "0", "1", "False"):
        turned = await trading(bench, "SetUserPreferences", turn.format(written), **token)
        shown = await trading(bench, "GetUserPreferences", ask.format("True"), **token)
        found.append((said(turned, "Ack"), said(shown, "OutOfStockControlPreference")))
    nonsense = await trading(bench, "SetUserPreferences", turn.format("maybe"), **token)

    assert found == [("Success", one) for one in ("true", "false", "true", "false")]
    assert said(nonsense, "Errors", "ErrorCode") == "37"


async def test_trading_takes_the_token_in_the_body_and_gives_the_message_id_back() -> None:
    bench = a_bench(an_ebay_listing())
    credentials = (
        "<RequesterCredentials><eBayAuthToken>{}</eBayAuthToken></RequesterCredentials><MessageID>m1</MessageID>"
    )

    good = await trading(bench, "GeteBayOfficialTime", credentials.format(await ebay_token(bench)))
    bad = await trading(bench, "GeteBayOfficialTime", credentials.format("x"))
    none = await trading(bench, "GeteBayOfficialTime", "")

    assert (said(good, "Ack"), said(good, "CorrelationID")) == ("Success", "m1")
    assert said(good, "Timestamp")
    assert [said(one, "Errors", "ErrorCode") for one in (bad, none)] == ["931", "931"]


async def test_trading_lists_what_is_on_sale_with_what_is_left_of_it() -> None:
    kind = {"group_key": "G", "listing_id": "99", "kind": ListingKind.VARIATION}
    bench = a_bench(
        an_ebay_listing("A", "1", quantity=5),
        an_ebay_listing("V1", "2", quantity=2, **kind),
        an_ebay_listing("V2", "3", quantity=3, **kind),
    )
    await bench.control("POST", "/sales", {"marketplace": "ebay", "key": "1", "quantity": 2})
    token = {"X-EBAY-API-IAF-TOKEN": await ebay_token(bench)}
    page = "<Pagination><EntriesPerPage>1</EntriesPerPage><PageNumber>{}</PageNumber></Pagination>"
    inner = f"<ActiveList><Include>True</Include>{page}</ActiveList>"

    pages = [await trading(bench, "GetMyeBaySelling", inner.format(number), **token) for number in (1, 2)]

    items = [one for page in pages for one in page.iter(f"{NAMESPACE}Item")]
    assert [said(one, "ItemID") for one in items] == ["91", "99"]
    assert [(said(one, "Quantity"), said(one, "QuantityAvailable")) for one in items] == [("5", "3"), ("5", "5")]
    assert [one.text for one in items[1].iter(f"{NAMESPACE}SKU")] == ["V1", "V2"]
    assert said(pages[0], "ActiveList", "PaginationResult", "TotalNumberOfEntries") == "2"


async def test_a_new_sku_is_made_offered_published_and_written_on_ebay() -> None:
    """The way a client begins with an account of its own: item, offer, listing, and then quantities."""
    bench = a_bench()
    headers = {**await bench.ebay_headers(), "Content-Language": "en-US"}
    item = {
        "product": {"title": "New"},
        "condition": "NEW",
        "availability": {"shipToLocationAvailability": {"quantity": 4}},
    }
    wanted = {"sku": "N", "marketplaceId": "EBAY_US", "format": "FIXED_PRICE", "availableQuantity": 4}

    await bench.client.put(f"{INVENTORY}/inventory_item/N", headers=headers, json=item)
    made = await bench.client.post(f"{INVENTORY}/offer", headers=headers, json=wanted)
    again = await bench.client.post(f"{INVENTORY}/offer", headers=headers, json=wanted)
    unknown = await bench.client.post(f"{INVENTORY}/offer", headers=headers, json={**wanted, "sku": "none"})
    offer = made.json()["offerId"]
    before = (await bench.client.get(f"{INVENTORY}/offer/{offer}", headers=headers)).json()
    hidden = await bench.live("ebay", offer)
    published = await bench.client.post(f"{INVENTORY}/offer/{offer}/publish", headers=headers)
    await bench.client.post(f"{INVENTORY}/bulk_update_price_quantity", headers=headers, json=ebay_bulk(("N", offer, 9)))
    bench.clock.move(200)

    assert (made.status_code, again.status_code, unknown.status_code) == (201, 400, 400)
    assert again.json()["errors"][0]["parameters"] == [{"name": "offerId", "value": offer}]
    assert ("listing" in before, before["status"], hidden) == (False, "UNPUBLISHED", 0)
    assert published.json()["listingId"]
    assert await bench.live("ebay", offer) == 9


async def test_a_deleted_item_is_gone_from_ebay_with_its_offers() -> None:
    bench = a_bench(an_ebay_listing("A/1", "1", quantity=5), an_ebay_listing("B", "2"))
    headers = await bench.ebay_headers()

    gone = await bench.client.delete(f"{INVENTORY}/inventory_item/A%2F1", headers=headers)
    twice = await bench.client.delete(f"{INVENTORY}/inventory_item/A%2F1", headers=headers)
    offer = await bench.client.delete(f"{INVENTORY}/offer/2", headers=headers)
    left = (await bench.client.get(f"{INVENTORY}/inventory_item", headers=headers)).json()
    read = [(await bench.client.get(f"{INVENTORY}/offer/{one}", headers=headers)).status_code for one in "12"]

    assert (gone.status_code, twice.status_code, offer.status_code) == (204, 404, 204)
    assert [one["sku"] for one in left["inventoryItems"]] == ["B"]
    assert read == [404, 404]


async def test_ebays_inventory_locations_are_made_read_and_turned_off() -> None:
    bench = a_bench()
    headers = await bench.ebay_headers()
    address = {"addressLine1": "1 Main St", "city": "Dallas", "stateOrProvince": "TX", "country": "US"}

    made = await bench.client.post(
        f"{INVENTORY}/location/WH1", headers=headers, json={"location": {"address": address}}
    )
    again = await bench.client.post(
        f"{INVENTORY}/location/WH1", headers=headers, json={"location": {"address": address}}
    )
    await bench.client.post(f"{INVENTORY}/location/WH1/disable", headers=headers)
    shown = (await bench.client.get(f"{INVENTORY}/location", headers=headers)).json()
    missing = await bench.client.get(f"{INVENTORY}/location/WH2", headers=headers)

    assert (made.status_code, again.status_code, missing.status_code) == (204, 409, 404)
    assert [(one["merchantLocationKey"], one["merchantLocationStatus"]) for one in shown["locations"]] == [
        ("WH1", "DISABLED")
    ]


async def test_ebays_notification_lists_go_by_page_and_the_alert_address_is_kept() -> None:
    bench = a_bench()
    headers = await bench.ebay_headers()
    for number in range(12):
        config = {"endpoint": f"https://example.com/{number}", "verificationToken": "t" * 40}
        await bench.client.post(f"{NOTIFICATION}/destination", headers=headers, json={"deliveryConfig": config})

    first = (await bench.client.get(f"{NOTIFICATION}/destination?limit=10", headers=headers)).json()
    second = (await bench.client.get(f"http://ebay.test{first['next']}", headers=headers)).json()
    few = await bench.client.get(f"{NOTIFICATION}/topic?limit=9", headers=headers)
    none_yet = await bench.client.get(f"{NOTIFICATION}/config", headers=headers)
    await bench.client.put(f"{NOTIFICATION}/config", headers=headers, json={"alertEmail": "a@example.com"})
    kept = (await bench.client.get(f"{NOTIFICATION}/config", headers=headers)).json()

    assert (len(first["destinations"]), len(second["destinations"]), "next" in second) == (10, 2, False)
    assert (few.status_code, few.json()["errors"][0]["errorId"]) == (400, 195004)
    assert (none_yet.status_code, kept) == (404, {"alertEmail": "a@example.com"})


async def test_walmart_takes_json_under_the_xml_type() -> None:
    """A client generated from the published file sends so: it has one schema under both types, XML first."""
    bench = a_bench(a_walmart_listing())
    headers = {**await bench.walmart_headers(), "Content-Type": "application/xml"}
    body = b'{"sku":"A","quantity":{"unit":"EACH","amount":9}}'

    answer = await bench.client.put("http://walmart.test/v3/inventory?sku=A", headers=headers, content=body)
    bench.clock.move(601)

    assert answer.status_code == 200
    assert await bench.live("walmart", "A") == 9


async def test_walmart_sends_a_test_notification_to_an_address_that_is_asked_for() -> None:
    bench = a_bench()
    headers = await bench.walmart_headers()
    event = {
        "eventType": "INVENTORY_OOS",
        "eventVersion": "V1",
        "resourceName": "INVENTORY",
        "eventUrl": "https://example.com/events",
    }

    good = await bench.client.post("http://walmart.test/v3/webhooks/test", headers=headers, json=event)
    bad = await bench.client.post(
        "http://walmart.test/v3/webhooks/test", headers=headers, json={**event, "eventType": "NONE"}
    )
    sent = await bench.control("GET", "/deliveries")

    assert (good.status_code, bad.status_code) == (200, 400)
    deliveries = sent["deliveries"]
    assert isinstance(deliveries, list)
    assert [one["target"] for one in deliveries] == ["https://example.com/events"]


async def test_amazon_takes_a_subscription_of_a_type_that_the_sandbox_never_sends() -> None:
    """ANY_OFFER_CHANGED is the one in most clients' samples."""
    bench = a_bench()
    base = "http://amazon.test/notifications/v1"
    arn = {"sqs": {"arn": "arn:aws:sqs:us-east-1:123456789012:q"}}
    made = await bench.client.post(
        f"{base}/destinations",
        headers=await bench.amazon_headers("client_credentials"),
        json={"name": "q", "resourceSpecification": arn},
    )
    wanted = {"payloadVersion": "1.0", "destinationId": made.json()["payload"]["destinationId"]}

    headers = await bench.amazon_headers()
    taken = await bench.client.post(f"{base}/subscriptions/ANY_OFFER_CHANGED", headers=headers, json=wanted)
    unknown = await bench.client.post(f"{base}/subscriptions/NOTHING_CHANGED", headers=headers, json=wanted)

    assert (taken.status_code, unknown.status_code) == (200, 400)
