"""eBay beside quantities: the limits it reports, the out-of-stock preference, notifications."""

from xml.etree import ElementTree

import httpx

from tests.support.sandbox import Bench, a_bench, an_ebay_listing, ebay_bulk

NAMESPACE = "{urn:ebay:apis:eBLBaseComponents}"
LIMITS = "http://ebay.test/developer/analytics/v1_beta/rate_limit/"


async def trading(bench: Bench, name: str, inner: str, token: str | None = None) -> ElementTree.Element:
    if token is None:
        token = (await bench.ebay_headers())["Authorization"].removeprefix("Bearer ")
    headers = {
        "X-EBAY-API-CALL-NAME": name,
        "X-EBAY-API-SITEID": "0",
        "X-EBAY-API-COMPATIBILITY-LEVEL": "1349",
        "X-EBAY-API-IAF-TOKEN": token,
    }
    body = f'<{name}Request xmlns="urn:ebay:apis:eBLBaseComponents">{inner}</{name}Request>'
    answer: httpx.Response = await bench.client.post("http://ebay.test/ws/api.dll", headers=headers, content=body)
    assert answer.status_code == 200
    return ElementTree.fromstring(answer.content)


async def test_the_limits_tell_what_was_used_and_when_the_day_ends() -> None:
    bench = a_bench(an_ebay_listing(), ebay_daily_limit=100)
    headers = await bench.ebay_headers()
    for quantity in range(3):
        await bench.client.post(
            "http://ebay.test/sell/inventory/v1/bulk_update_price_quantity",
            headers=headers,
            json=ebay_bulk(("A", "1", quantity)),
        )

    query = {"api_name": "inventory", "api_context": "sell"}
    app = await bench.ebay_headers("client_credentials")
    shown = (await bench.client.get(LIMITS, params=query, headers=app)).json()
    nothing = await bench.client.get(LIMITS, params={"api_name": "x"}, headers=app)

    rate = shown["rateLimits"][0]["resources"][0]["rates"][0]
    assert rate == {
        "count": 3,
        "limit": 100,
        "remaining": 97,
        "reset": "2026-09-22T07:00:00.000Z",
        "timeWindow": 86400,
    }
    assert nothing.status_code == 204


async def test_out_of_stock_control_is_turned_on_and_then_zero_keeps_the_listing() -> None:
    bench = a_bench(an_ebay_listing(quantity=5), ebay_out_of_stock_control=False)
    ask = "<ShowOutOfStockControlPreference>true</ShowOutOfStockControlPreference>"
    turn_on = "<OutOfStockControlPreference>true</OutOfStockControlPreference>"

    before = await trading(bench, "GetUserPreferences", ask)
    turned = await trading(bench, "SetUserPreferences", turn_on)
    after = await trading(bench, "GetUserPreferences", ask)
    await bench.client.post(
        "http://ebay.test/sell/inventory/v1/bulk_update_price_quantity",
        headers=await bench.ebay_headers(),
        json=ebay_bulk(("A", "1", 0)),
    )
    bench.clock.move(200)

    assert before.findtext(f"{NAMESPACE}OutOfStockControlPreference") == "false"
    assert turned.findtext(f"{NAMESPACE}Ack") == "Success"
    assert after.findtext(f"{NAMESPACE}OutOfStockControlPreference") == "true"
    assert (await bench.control("GET", "/listings/ebay/1"))["status"] == "ACTIVE"


async def test_trading_refuses_a_bad_token_and_revisions_inside_a_200() -> None:
    bench = a_bench(an_ebay_listing())

    bad_token = await trading(bench, "GetUserPreferences", "", token="x")
    revision = await trading(bench, "ReviseInventoryStatus", "")

    assert bad_token.findtext(f"{NAMESPACE}Errors/{NAMESPACE}ErrorCode") == "21916984"
    assert revision.findtext(f"{NAMESPACE}Ack") == "Failure"


async def test_a_subscription_needs_a_destination_and_is_there_once() -> None:
    bench = a_bench()
    headers = await bench.ebay_headers()
    base = "http://ebay.test/commerce/notification/v1"
    config = {"endpoint": "https://example.com/hook", "verificationToken": "t" * 40}

    made = await bench.client.post(f"{base}/destination", headers=headers, json={"deliveryConfig": config})
    destination_id = made.headers["Location"].rpartition("/")[2]
    wanted = {"topicId": "LISTING", "destinationId": destination_id, "status": "ENABLED"}
    first = await bench.client.post(f"{base}/subscription", headers=headers, json=wanted)
    second = await bench.client.post(f"{base}/subscription", headers=headers, json=wanted)
    listed = (await bench.client.get(f"{base}/subscription", headers=headers)).json()
    in_use = await bench.client.delete(f"{base}/destination/{destination_id}", headers=headers)

    assert (first.status_code, second.status_code, in_use.status_code) == (201, 409, 409)
    assert [one["topicId"] for one in listed["subscriptions"]] == ["LISTING"]


async def test_withdrawing_an_offer_ends_its_listing() -> None:
    bench = a_bench(an_ebay_listing(quantity=5))
    base = "http://ebay.test/sell/inventory/v1/offer/1"
    headers = await bench.ebay_headers()

    await bench.client.post(f"{base}/withdraw", headers=headers)
    shown = (await bench.client.get(base, headers=headers)).json()
    refused = await bench.client.post(
        "http://ebay.test/sell/inventory/v1/bulk_update_price_quantity", headers=headers, json=ebay_bulk(("A", "1", 3))
    )

    assert (shown["status"], shown["listing"]["listingStatus"]) == ("UNPUBLISHED", "ENDED")
    assert refused.json()["responses"][1]["errors"][0]["errorId"] == 25713
    assert await bench.live("ebay", "1") == 0
