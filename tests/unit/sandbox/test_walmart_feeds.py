"""Walmart's feeds, items, ship nodes, status and subscriptions."""

import json
from urllib.parse import quote

import httpx
import pytest

from inventory_sandbox.marketplaces import ListingKind
from tests.support.sandbox import NODE, Bench, SandboxTransport, a_bench, a_walmart_listing, body_of

FEEDS = "http://walmart.test/v3/feeds"


def single(*rows: tuple[str, object]) -> dict[str, object]:
    items = [{"sku": sku, "quantity": {"unit": "EACH", "amount": amount}} for sku, amount in rows]
    return {"InventoryHeader": {"version": "1.4"}, "Inventory": items}


def multi(sku: str, *nodes: tuple[str, int]) -> dict[str, object]:
    rows = [{"shipNode": node, "quantity": {"unit": "EACH", "amount": amount}} for node, amount in nodes]
    return {"inventoryHeader": {"version": "1.5"}, "inventory": [{"sku": sku, "shipNodes": rows}]}


async def send(bench: Bench, headers: dict[str, str], feed: object, kind: str = "inventory") -> httpx.Response:
    content = feed if isinstance(feed, bytes) else json.dumps(feed).encode()
    return await bench.client.post(
        FEEDS, params={"feedType": kind}, headers=headers, files={"file": ("feed.json", content)}
    )


async def state(bench: Bench, headers: dict[str, str], sent: httpx.Response, **query: str) -> dict[str, object]:
    url = f"{FEEDS}/{quote(sent.json()['feedId'], safe='')}"
    return body_of(await bench.client.get(url, params={"includeDetails": "true", **query}, headers=headers))


def verdicts(shown: dict[str, object]) -> list[tuple[str, str]]:
    details = shown["itemDetails"]
    assert isinstance(details, dict)
    return [(one["sku"], one["ingestionStatus"]) for one in details["itemIngestionStatus"]]


async def test_a_feed_goes_through_its_states_and_is_live_later() -> None:
    bench = a_bench(a_walmart_listing("A"), a_walmart_listing("B"))
    headers = await bench.walmart_headers()

    sent = await send(bench, headers, single(("A", 5), ("nobody", 1)))
    states = [await state(bench, headers, sent)]
    for _ in range(85):
        bench.clock.move(1)
        states.append(await state(bench, headers, sent))
    done = states[-1]
    bench.clock.move(600)

    assert "@" in sent.json()["feedId"]
    assert list(dict.fromkeys(one["feedStatus"] for one in states)) == ["RECEIVED", "INPROGRESS", "PROCESSED"]
    assert [done[name] for name in ("itemsReceived", "itemsSucceeded", "itemsFailed")] == [2, 1, 1]
    assert verdicts(done) == [("A", "SUCCESS"), ("nobody", "DATA_ERROR")]
    assert await bench.live("walmart", "A") == 5


async def test_the_multi_node_feed_sets_each_node() -> None:
    bench = a_bench(a_walmart_listing("A", ship_nodes=(NODE, "1000005051")))
    headers = await bench.walmart_headers()

    await send(bench, headers, multi("A", (NODE, 5), ("1000005051", 6)), "MP_INVENTORY")
    bench.clock.move(700)

    assert await bench.live("walmart", "A") == 11


async def test_an_xml_feed_is_taken_as_inventory_only() -> None:
    bench = a_bench(a_walmart_listing("A"))
    headers = await bench.walmart_headers()
    text = (
        b'<InventoryFeed xmlns="http://walmart.com/"><InventoryHeader><version>1.4</version></InventoryHeader>'
        b"<inventory><sku>A</sku><quantity><unit>EACH</unit><amount>8</amount></quantity></inventory></InventoryFeed>"
    )

    taken = await send(bench, headers, text)
    refused = await send(bench, headers, text, "MP_INVENTORY")
    bench.clock.move(700)

    assert (taken.status_code, refused.status_code) == (200, 415)
    assert await bench.live("walmart", "A") == 8


@pytest.mark.parametrize(("kind", "feed"), [("inventory", multi("A", (NODE, 5))), ("MP_INVENTORY", single(("A", 5)))])
async def test_keys_in_the_wrong_case_are_an_error_of_the_whole_feed(kind: str, feed: dict[str, object]) -> None:
    bench = a_bench(a_walmart_listing("A"))
    headers = await bench.walmart_headers()

    sent = await send(bench, headers, feed, kind)
    bench.clock.move(100)
    shown = await state(bench, headers, sent)

    assert shown["feedStatus"] == "ERROR"
    assert shown["ingestionErrors"]["ingestionError"][0]["code"] == "ERR_EXT_DATA_0503009"  # type: ignore[index]


async def test_an_upload_without_its_file_is_refused() -> None:
    bench = a_bench(a_walmart_listing("A"))
    headers = await bench.walmart_headers()

    missing = await bench.client.post(FEEDS, params={"feedType": "inventory"}, headers=headers, files={"x": b"{}"})
    plain = await bench.client.post(FEEDS, params={"feedType": "inventory"}, headers=headers, json={})

    assert (missing.status_code, missing.json()["errors"][0]["code"]) == (400, "MISSING_FILE")
    assert plain.status_code == 400


async def test_the_eleventh_feed_in_an_hour_is_throttled_and_says_when_to_come_back() -> None:
    bench = a_bench(a_walmart_listing("A"))
    headers = await bench.walmart_headers()

    answers = [await send(bench, headers, single(("A", number))) for number in range(11)]
    bench.clock.move(360)
    after = await send(bench, headers, single(("A", 11)))

    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert int(answers[10].headers["Retry-After"]) == 360
    assert after.status_code == 200


async def test_an_unchanged_value_within_a_day_is_a_stale_update() -> None:
    bench = a_bench(a_walmart_listing("A"), token_life_s={"walmart": 1e9})
    headers = await bench.walmart_headers()

    await send(bench, headers, single(("A", 5)))
    bench.clock.move(700)
    again = await send(bench, headers, single(("A", 5)))
    bench.clock.move(100)
    stale = await state(bench, headers, again)
    bench.clock.move(24 * 3600)
    later = await send(bench, headers, single(("A", 5)))
    bench.clock.move(100)

    code = stale["itemDetails"]["itemIngestionStatus"][0]["ingestionErrors"]["ingestionError"][0]["code"]  # type: ignore[index]
    assert code == "ERR_EXT_DATA_0101198"
    assert verdicts(await state(bench, headers, later)) == [("A", "SUCCESS")]


async def test_feeds_are_listed_newest_first_with_their_times() -> None:
    bench = a_bench(a_walmart_listing("A"))
    headers = await bench.walmart_headers()
    first = await send(bench, headers, single(("A", 5)))
    bench.clock.move(10)
    second = await send(bench, headers, single(("A", 6)))

    listed = (await bench.client.get(FEEDS, headers=headers)).json()

    shown = listed["results"]["feed"]
    assert listed["totalResults"] == 2
    assert [one["feedId"] for one in shown] == [second.json()["feedId"], first.json()["feedId"]]
    assert shown[0]["feedDate"] - shown[1]["feedDate"] == 10_000


async def test_a_write_to_a_wfs_item_by_feed_is_a_violation() -> None:
    bench = a_bench(a_walmart_listing("W", kind=ListingKind.WFS))
    headers = await bench.walmart_headers()

    sent = await send(bench, headers, single(("W", 5)))
    bench.clock.move(100)

    assert verdicts(await state(bench, headers, sent)) == [("W", "DATA_ERROR")]
    assert len(await bench.violations()) == 1


@pytest.mark.parametrize(("mode", "status"), [("feed_fatal", "ERROR"), ("feed_stuck", "INPROGRESS")])
async def test_a_feed_may_end_badly_or_never(mode: str, status: str) -> None:
    bench = a_bench(a_walmart_listing("A"), a_walmart_listing("B"))
    headers = await bench.walmart_headers()
    await bench.fault("walmart", mode, count=1)

    sent = await send(bench, headers, single(("A", 5), ("B", 6)))
    bench.clock.move(700)

    assert (await state(bench, headers, sent))["feedStatus"] == status
    assert await bench.live("walmart", "B") == 0


async def test_items_are_paged_by_a_cursor_that_stays_the_same() -> None:
    bench = a_bench(*(a_walmart_listing(f"S{number}") for number in range(5)))
    headers = await bench.walmart_headers()
    url = "http://walmart.test/v3/items"

    pages = [(await bench.client.get(url, params={"limit": "2", "nextCursor": "*"}, headers=headers)).json()]
    cursor = pages[0]["nextCursor"]
    for _ in range(2):
        pages.append((await bench.client.get(url, params={"limit": "2", "nextCursor": cursor}, headers=headers)).json())
    bench.clock.move(121)
    expired = await bench.client.get(url, params={"limit": "2", "nextCursor": cursor}, headers=headers)
    nothing = await bench.client.get(url, params={"sku": "x"}, headers=headers)

    assert [one["sku"] for page in pages for one in page["ItemResponse"]] == ["S0", "S1", "S2", "S3", "S4"]
    assert pages[1]["nextCursor"] == cursor
    assert "nextCursor" not in pages[2]
    assert (expired.status_code, nothing.status_code) == (400, 404)


async def test_ship_nodes_say_whether_they_deliver_in_two_days() -> None:
    bench = a_bench()

    url = "http://walmart.test/v3/settings/shipping/shipnodes"
    nodes = (await bench.client.get(url, headers=await bench.walmart_headers())).json()

    assert [one["distributorSupportedServices"] for one in nodes] == [["TWO_DAY_DELIVERY"], ["TWO_DAY_DELIVERY"], []]


async def test_the_status_call_tells_of_an_outage() -> None:
    bench = a_bench()
    await bench.control("POST", "/api-status", {"group": "Inventory", "status": "SERVICE_OUTAGE"})

    url = "http://walmart.test/v3/utilities/apiStatus"
    shown = (await bench.client.get(url, headers=await bench.walmart_headers())).json()

    assert {one["apiGroup"]: one["status"] for one in shown["apiStatuses"]}["Inventory"] == "SERVICE_OUTAGE"


async def test_a_subscription_is_made_shown_without_its_secret_and_deleted() -> None:
    bench = a_bench()
    headers = await bench.walmart_headers()
    url = "http://walmart.test/v3/webhooks/subscriptions"
    event = {
        "eventType": "INVENTORY_OOS",
        "eventVersion": "V1",
        "resourceName": "INVENTORY",
        "eventUrl": "https://example.com/hook",
        "authDetails": {"authMethod": "HMAC", "clientSecret": "s3cret"},
        "status": "ACTIVE",
    }

    made = (await bench.client.post(url, headers=headers, json={"events": [event]})).json()["event"][0]
    shown = await bench.client.get(url, headers=headers)
    gone = await bench.client.delete(f"{url}/{made['subscriptionId']}", headers=headers)
    after = (await bench.client.get(url, headers=headers)).json()

    assert "s3cret" not in shown.text
    assert shown.json()["events"][0]["subscriptionId"] == made["subscriptionId"]
    assert gone.status_code == 200
    assert after["events"] == []


async def test_feed_details_may_come_in_odd_shapes() -> None:
    """Outside the published file, so the answer is taken past the check against it."""
    bench = a_bench(a_walmart_listing("A"))
    headers = await bench.walmart_headers()
    sent = await send(bench, headers, single(("A", 5), ("nobody", 1)))
    bench.clock.move(100)
    await bench.fault("walmart", "odd_shapes", count=1)

    async with httpx.AsyncClient(transport=SandboxTransport(bench.marketplaces)) as client:
        url = f"{FEEDS}/{quote(sent.json()['feedId'], safe='')}"
        shown = (await client.get(url, params={"includeDetails": "true"}, headers=headers)).json()

    errors = [one["ingestionErrors"] for one in shown["itemDetails"]["itemIngestionStatus"]]
    assert errors[0] is None
    assert errors[1]["ingestionError"]["type"] == "DATA_ERROR"
