"""Amazon's feeds and reports: documents, queues, and what comes of them."""

import gzip
import json

import httpx
import pytest

from inventory_sandbox.marketplaces import ListingKind
from tests.support.sandbox import AMAZON_US, Bench, a_bench, amazon_patch, an_amazon_listing, body_of

FEEDS = "http://amazon.test/feeds/2021-06-30"
REPORTS = "http://amazon.test/reports/2021-06-30"
JSON_TYPE = "application/json; charset=UTF-8"


def message(message_id: int, sku: str, quantity: object) -> dict[str, object]:
    return {"messageId": message_id, "sku": sku, "operationType": "PATCH", **amazon_patch(quantity)}


def feed_of(*messages: dict[str, object]) -> bytes:
    header = {"sellerId": "S1", "version": "2.0", "issueLocale": "en_US"}
    return json.dumps({"header": header, "messages": messages}).encode()


class Seller:
    """Sends feeds and asks after them."""

    def __init__(self, bench: Bench, headers: dict[str, str]) -> None:
        self._client = bench.client
        self._headers = headers

    async def document(self) -> dict[str, object]:
        return body_of(
            await self._client.post(f"{FEEDS}/documents", headers=self._headers, json={"contentType": JSON_TYPE})
        )

    async def upload(self, document: dict[str, object], content: bytes, kind: str = JSON_TYPE) -> httpx.Response:
        return await self._client.put(str(document["url"]), content=content, headers={"content-type": kind})

    async def create(self, document: dict[str, object]) -> httpx.Response:
        body = {
            "feedType": "JSON_LISTINGS_FEED",
            "marketplaceIds": [AMAZON_US],
            "inputFeedDocumentId": document["feedDocumentId"],
        }
        return await self._client.post(f"{FEEDS}/feeds", headers=self._headers, json=body)

    async def send(self, content: bytes) -> str:
        document = await self.document()
        await self.upload(document, content)
        return str(body_of(await self.create(document))["feedId"])

    async def state(self, feed_id: str) -> dict[str, object]:
        return body_of(await self._client.get(f"{FEEDS}/feeds/{feed_id}", headers=self._headers))

    async def report(self, feed_id: str) -> dict[str, object]:
        document_id = (await self.state(feed_id))["resultFeedDocumentId"]
        found = body_of(await self._client.get(f"{FEEDS}/documents/{document_id}", headers=self._headers))
        assert found["compressionAlgorithm"] == "GZIP"
        packed = (await self._client.get(str(found["url"]))).content
        report = json.loads(gzip.decompress(packed))
        assert isinstance(report, dict)
        return report


async def a_seller(bench: Bench) -> Seller:
    return Seller(bench, await bench.amazon_headers())


async def test_a_feed_goes_through_its_states_and_its_quantities_are_live_later() -> None:
    bench = a_bench(an_amazon_listing("A"), an_amazon_listing("B"))
    seller = await a_seller(bench)

    feed_id = await seller.send(feed_of(message(1, "A", 5), message(2, "B", 6)))
    states = [(await seller.state(feed_id))["processingStatus"]]
    for _ in range(60):
        bench.clock.move(5)
        states.append((await seller.state(feed_id))["processingStatus"])
    before = await bench.live("amazon", f"{AMAZON_US}:A")
    bench.clock.move(900)

    assert list(dict.fromkeys(states)) == ["IN_QUEUE", "IN_PROGRESS", "DONE"]
    assert before == 0
    assert await bench.live("amazon", f"{AMAZON_US}:A") == 5
    assert await bench.live("amazon", f"{AMAZON_US}:B") == 6


async def test_the_report_tells_each_message_that_was_refused() -> None:
    bench = a_bench(an_amazon_listing("A"))
    seller = await a_seller(bench)
    twice = message(1, "A", 3)

    feed_id = await seller.send(feed_of(message(1, "A", 5), message(4, "A", -1), twice, message(5, "nobody", 2)))
    bench.clock.move(600)
    report = await seller.report(feed_id)

    assert report["summary"] == {
        "errors": 2,
        "warnings": 0,
        "messagesProcessed": 4,
        "messagesAccepted": 2,
        "messagesInvalid": 2,
    }
    assert isinstance(report["issues"], list)
    assert [(one["messageId"], one["code"]) for one in report["issues"]] == [(4, "4000003"), (1, "90001")]


async def test_an_upload_url_lives_five_minutes_and_wants_its_content_type() -> None:
    bench = a_bench(an_amazon_listing())
    seller = await a_seller(bench)
    document = await seller.document()

    wrong_kind = await seller.upload(document, b"{}", "text/plain")
    bench.clock.move(300)
    late = await seller.upload(document, b"{}")
    created = await seller.create(document)

    assert (wrong_kind.status_code, late.status_code) == (403, 403)
    assert b"Request has expired" in late.content
    assert created.status_code == 400


async def test_a_feed_that_is_not_json_is_fatal() -> None:
    bench = a_bench(an_amazon_listing())
    seller = await a_seller(bench)

    feed_id = await seller.send(b"not json")
    bench.clock.move(600)

    assert (await seller.state(feed_id))["processingStatus"] == "FATAL"


async def test_a_fatal_feed_may_have_applied_some_of_it() -> None:
    """So the seller has to read back."""
    bench = a_bench(an_amazon_listing("A"), an_amazon_listing("B"))
    seller = await a_seller(bench)
    await bench.fault("amazon", "feed_fatal", count=1)

    feed_id = await seller.send(feed_of(message(1, "A", 5), message(2, "B", 6)))
    bench.clock.move(2000)
    state = await seller.state(feed_id)

    assert state["processingStatus"] == "FATAL"
    assert "resultFeedDocumentId" not in state
    assert await bench.live("amazon", f"{AMAZON_US}:A") == 5
    assert await bench.live("amazon", f"{AMAZON_US}:B") == 0


async def test_a_stuck_feed_stays_in_progress() -> None:
    bench = a_bench(an_amazon_listing())
    seller = await a_seller(bench)
    await bench.fault("amazon", "feed_stuck", count=1)

    feed_id = await seller.send(feed_of(message(1, "A", 5)))
    bench.clock.move(3500)

    assert (await seller.state(feed_id))["processingStatus"] == "IN_PROGRESS"


async def test_feeds_of_a_type_wait_for_each_other_and_the_sixteenth_is_throttled() -> None:
    bench = a_bench(an_amazon_listing())
    seller = await a_seller(bench)
    document = await seller.document()
    await seller.upload(document, feed_of(message(1, "A", 5)))

    statuses = [(await seller.create(document)).status_code for _ in range(16)]
    bench.clock.move(300)
    done = [await seller.state(str(50_000_000_000 + number)) for number in range(1, 16)]

    assert statuses == [202] * 15 + [429]
    assert done[0]["processingStatus"] == "DONE"
    assert done[-1]["processingStatus"] in ("IN_QUEUE", "IN_PROGRESS")


async def test_a_feed_is_cancelled_only_while_it_waits() -> None:
    bench = a_bench(an_amazon_listing())
    headers = await bench.amazon_headers()
    seller = Seller(bench, headers)

    feed_id = await seller.send(feed_of(message(1, "A", 5)))
    first = await bench.client.delete(f"{FEEDS}/feeds/{feed_id}", headers=headers)
    second = await bench.client.delete(f"{FEEDS}/feeds/{feed_id}", headers=headers)
    bench.clock.move(2000)

    assert (first.status_code, second.status_code) == (200, 400)
    assert await bench.live("amazon", f"{AMAZON_US}:A") == 0


@pytest.mark.parametrize("kind", ["POST_INVENTORY_AVAILABILITY_DATA", "POST_FLAT_FILE_INVLOADER_DATA"])
async def test_the_old_feed_types_are_gone(kind: str) -> None:
    bench = a_bench(an_amazon_listing())
    body = {"feedType": kind, "marketplaceIds": [AMAZON_US], "inputFeedDocumentId": "x"}

    answer = await bench.client.post(f"{FEEDS}/feeds", headers=await bench.amazon_headers(), json=body)

    assert answer.status_code == 400


async def test_a_report_lists_every_listing_with_what_is_live() -> None:
    bench = a_bench(an_amazon_listing("A", quantity=4), an_amazon_listing("B", quantity=0))
    headers = await bench.amazon_headers()
    body = {"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": [AMAZON_US]}

    report_id = (await bench.client.post(f"{REPORTS}/reports", headers=headers, json=body)).json()["reportId"]
    bench.clock.move(600)
    state = (await bench.client.get(f"{REPORTS}/reports/{report_id}", headers=headers)).json()
    url = f"{REPORTS}/documents/{state['reportDocumentId']}"
    document = (await bench.client.get(url, headers=headers)).json()
    text = gzip.decompress((await bench.client.get(document["url"])).content).decode()

    listed = (await bench.client.get(f"{REPORTS}/reports?reportTypes={body['reportType']}", headers=headers)).json()
    unnamed = await bench.client.get(f"{REPORTS}/reports", headers=headers)

    assert [one["reportId"] for one in listed["reports"]] == [report_id]
    assert unnamed.status_code == 400
    columns, *rows = [line.split("\t") for line in text.splitlines()]
    shown = {row[columns.index("seller-sku")]: row[columns.index("quantity")] for row in rows}
    assert shown == {"A": "4", "B": "0"}


async def test_fba_stock_is_summarized_by_sku() -> None:
    bench = a_bench(an_amazon_listing("F", kind=ListingKind.FBA, quantity=9), an_amazon_listing("A", quantity=4))
    query = {
        "details": "true",
        "granularityType": "Marketplace",
        "granularityId": AMAZON_US,
        "marketplaceIds": AMAZON_US,
    }

    answer = await bench.client.get(
        "http://amazon.test/fba/inventory/v1/summaries", params=query, headers=await bench.amazon_headers()
    )

    rows = answer.json()["payload"]["inventorySummaries"]
    assert [(one["sellerSku"], one["inventoryDetails"]["fulfillableQuantity"]) for one in rows] == [("F", 9)]


async def test_a_destination_needs_a_grantless_token_and_a_subscription_the_sellers() -> None:
    bench = a_bench(an_amazon_listing())
    seller, grantless = await bench.amazon_headers(), await bench.amazon_headers("client_credentials")
    base = "http://amazon.test/notifications/v1"
    destination = {"name": "q", "resourceSpecification": {"sqs": {"arn": "arn:aws:sqs:us-east-1:1:q"}}}

    refused = await bench.client.post(f"{base}/destinations", headers=seller, json=destination)
    made = await bench.client.post(f"{base}/destinations", headers=grantless, json=destination)
    wanted = {"payloadVersion": "1.0", "destinationId": made.json()["payload"]["destinationId"]}
    url = f"{base}/subscriptions/LISTINGS_ITEM_MFN_QUANTITY_CHANGE"
    first = await bench.client.post(url, headers=seller, json=wanted)
    second = await bench.client.post(url, headers=seller, json=wanted)
    read = await bench.client.get(url, headers=seller)

    assert refused.status_code == 403
    assert (first.status_code, second.status_code) == (200, 409)
    assert read.json()["payload"]["subscriptionId"] == first.json()["payload"]["subscriptionId"]


async def test_the_account_takes_part_where_it_has_listings() -> None:
    bench = a_bench(an_amazon_listing())
    url = "http://amazon.test/sellers/v1/marketplaceParticipations"

    answer = await bench.client.get(url, headers=await bench.amazon_headers())

    assert [one["marketplace"]["id"] for one in answer.json()["payload"]] == [AMAZON_US]


async def test_a_changed_quantity_is_notified_to_the_subscribed_queue() -> None:
    bench = a_bench(an_amazon_listing("A", quantity=3))
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
    payload = json.loads(deliveries[0]["body"])["Payload"]
    assert payload == {"SellerId": "S1", "FulfillmentChannelCode": "DEFAULT", "Sku": "A", "Quantity": 8}
    assert "arn:aws:sqs:us-east-1:1:q" in deliveries[0]["target"]


async def test_reports_are_listed_page_by_page_and_by_type() -> None:
    bench = a_bench(an_amazon_listing("A"))
    headers = await bench.amazon_headers()
    made = []
    for kind in ("GET_MERCHANT_LISTINGS_ALL_DATA", "GET_FLAT_FILE_OPEN_LISTINGS_DATA") * 2:
        body = {"reportType": kind, "marketplaceIds": [AMAZON_US]}
        answer = await bench.client.post(f"{REPORTS}/reports", headers=headers, json=body)
        made.append(answer.json()["reportId"])

    async def listed(**query: str) -> dict[str, object]:
        return body_of(await bench.client.get(f"{REPORTS}/reports", headers=headers, params=query))

    first = await listed(reportTypes="GET_MERCHANT_LISTINGS_ALL_DATA", pageSize="1")
    second = await listed(nextToken=str(first["nextToken"]))
    wrong = await listed(nextToken="7")

    assert [[one["reportId"] for one in page["reports"]] for page in (first, second)] == [[made[2]], [made[0]]]
    assert "nextToken" not in second
    assert wrong["errors"]
