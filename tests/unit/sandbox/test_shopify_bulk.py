"""Shopify's bulk operations, webhooks and legacy REST calls."""

import base64
import hashlib
import hmac
import json

from tests.support.sandbox import LOCATION, SET_WITH_KEY, Bench, a_bench, a_shopify_listing, body_of, shopify_input

RUN = """mutation($q: String!) { bulkOperationRunQuery(query: $q) {
  bulkOperation { id status } userErrors { code field message } } }"""
EVERYTHING = """{ inventoryItems { edges { node { id sku inventoryLevels { edges { node {
  id location { id } quantities(names: ["available"]) { name quantity } } } } } } } }"""
STATE = "query($id: ID!) { bulkOperation(id: $id) { status objectCount rootObjectCount fileSize url } }"
SUBSCRIBE = """mutation($t: WebhookSubscriptionTopic!, $u: String!) {
  webhookSubscriptionCreate(topic: $t, webhookSubscription: {uri: $u}) {
    webhookSubscription { id topic uri } userErrors { field message } } }"""


async def run(bench: Bench, query: str = EVERYTHING, version: str = "2026-07") -> dict[str, object]:
    answer = (await bench.graphql(RUN, {"q": query}, version)).json()
    return dict(answer["data"]["bulkOperationRunQuery"])


async def test_a_bulk_operation_writes_children_after_their_parents() -> None:
    bench = a_bench(a_shopify_listing(1, "A", quantity=3), a_shopify_listing(2, "B", quantity=4))

    started = await run(bench)
    gid = started["bulkOperation"]["id"]  # type: ignore[index]
    states = []
    for _ in range(30):
        states.append((await bench.graphql(STATE, {"id": gid})).json()["data"]["bulkOperation"])
        bench.clock.move(0.5)
    done = states[-1]
    lines = [json.loads(one) for one in (await bench.client.get(done["url"])).text.splitlines()]

    assert list(dict.fromkeys(one["status"] for one in states)) == ["CREATED", "RUNNING", "COMPLETED"]
    assert (done["objectCount"], done["rootObjectCount"]) == ("4", "2")
    assert lines[0] == {"id": "gid://shopify/InventoryItem/1", "sku": "A"}
    assert lines[1] == {
        "id": "gid://shopify/InventoryLevel/81000001?inventory_item_id=1",
        "location": {"id": LOCATION},
        "quantities": [{"name": "available", "quantity": 3}],
        "__parentId": "gid://shopify/InventoryItem/1",
    }


async def test_only_one_bulk_operation_runs_in_the_oldest_version_and_five_later() -> None:
    bench = a_bench(a_shopify_listing())

    first = await run(bench, version="2025-10")
    second = await run(bench, version="2025-10")
    later = [await run(bench) for _ in range(5)]

    assert first["userErrors"] == []
    assert second["userErrors"][0]["code"] == "OPERATION_IN_PROGRESS"  # type: ignore[index]
    assert [bool(one["userErrors"]) for one in later] == [False] * 4 + [True]


async def test_a_query_without_a_connection_does_not_run_in_bulk() -> None:
    bench = a_bench(a_shopify_listing())

    refused = await run(bench, "{ shop { name } }")

    assert refused["bulkOperation"] is None
    assert refused["userErrors"][0]["code"] == "INVALID"  # type: ignore[index]


async def test_a_running_operation_is_canceled() -> None:
    bench = a_bench(a_shopify_listing())
    cancel = "mutation($id: ID!) { bulkOperationCancel(id: $id) { bulkOperation { status } userErrors { message } } }"

    gid = (await run(bench))["bulkOperation"]["id"]  # type: ignore[index]
    canceled = (await bench.graphql(cancel, {"id": gid})).json()["data"]["bulkOperationCancel"]
    bench.clock.move(60)
    after = (await bench.graphql(STATE, {"id": gid})).json()["data"]["bulkOperation"]

    assert canceled["userErrors"] == []
    assert (after["status"], after["url"]) == ("CANCELED", None)


async def test_a_changed_quantity_goes_out_as_a_signed_webhook() -> None:
    bench = a_bench(a_shopify_listing())
    made = (await bench.graphql(SUBSCRIBE, {"t": "INVENTORY_LEVELS_UPDATE", "u": "https://example.com/hook"})).json()[
        "data"
    ]["webhookSubscriptionCreate"]
    row = {"inventoryItemId": "gid://shopify/InventoryItem/1", "quantity": 6, "changeFromQuantity": None}

    await bench.graphql(SET_WITH_KEY, {"input": shopify_input([row]), "key": "k"})
    bench.clock.move(10)
    deliveries = (await bench.control("GET", "/deliveries"))["deliveries"]

    assert made["userErrors"] == []
    assert isinstance(deliveries, list)
    sent = deliveries[0]
    body = json.loads(sent["body"])
    secret = bench.settings.credentials.shopify_api_secret.encode()
    signature = base64.b64encode(hmac.new(secret, sent["body"].encode(), hashlib.sha256).digest()).decode()
    assert (body["inventory_item_id"], body["location_id"], body["available"]) == (1, 81000001, 6)
    assert sent["headers"]["X-Shopify-Topic"] == "inventory_levels/update"
    assert sent["headers"]["X-Shopify-Hmac-Sha256"] == signature


async def test_a_subscription_is_there_once_listed_and_deleted() -> None:
    bench = a_bench()
    variables = {"t": "INVENTORY_LEVELS_UPDATE", "u": "https://example.com/hook"}
    read = "{ webhookSubscriptions(first: 10) { nodes { id topic uri } } }"
    delete = "mutation($id: ID!) { webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId } }"

    first = (await bench.graphql(SUBSCRIBE, variables)).json()["data"]["webhookSubscriptionCreate"]
    second = (await bench.graphql(SUBSCRIBE, variables)).json()["data"]["webhookSubscriptionCreate"]
    listed = (await bench.graphql(read)).json()["data"]["webhookSubscriptions"]["nodes"]
    await bench.graphql(delete, {"id": first["webhookSubscription"]["id"]})
    after = (await bench.graphql(read)).json()["data"]["webhookSubscriptions"]["nodes"]

    assert second["webhookSubscription"] is None
    assert [one["uri"] for one in listed] == ["https://example.com/hook"]
    assert after == []


async def test_rest_sets_and_reads_a_level_and_tells_how_full_its_bucket_is() -> None:
    bench = a_bench(a_shopify_listing())
    base = "http://shopify.test/admin/api/2025-10"
    headers = {"X-Shopify-Access-Token": bench.settings.credentials.shopify_access_token}
    wanted = {"inventory_item_id": 1, "location_id": 81000001, "available": 9}

    written = await bench.client.post(f"{base}/inventory_levels/set.json", headers=headers, json=wanted)
    query = {"inventory_item_ids": "1", "location_ids": "81000001"}
    read = await bench.client.get(f"{base}/inventory_levels.json", headers=headers, params=query)

    assert written.json()["inventory_level"]["available"] == 9
    assert read.json()["inventory_levels"][0]["available"] == 9
    assert read.headers["X-Shopify-Shop-Api-Call-Limit"] == "2/40"


async def test_rest_adjusts_a_level_and_connects_a_new_one() -> None:
    bench = a_bench(a_shopify_listing(quantity=4))
    base = "http://shopify.test/admin/api/2025-10/inventory_levels"
    headers = {"X-Shopify-Access-Token": bench.settings.credentials.shopify_access_token}
    change = {"inventory_item_id": 1, "location_id": 81000001, "available_adjustment": -3}

    adjusted = await bench.client.post(f"{base}/adjust.json", headers=headers, json=change)
    place = {"inventory_item_id": 1, "location_id": 81000002}
    connected = await bench.client.post(f"{base}/connect.json", headers=headers, json=place)
    unknown = await bench.client.post(f"{base}/connect.json", headers=headers, json={**place, "location_id": 7})

    assert adjusted.json()["inventory_level"]["available"] == 1
    assert (connected.status_code, connected.json()["inventory_level"]["available"]) == (201, 0)
    assert unknown.status_code == 404


async def test_rest_reads_items_and_places_one_by_one() -> None:
    bench = a_bench(a_shopify_listing(), a_shopify_listing(2, "B"))
    base = "http://shopify.test/admin/api/2025-10"
    headers = {"X-Shopify-Access-Token": bench.settings.credentials.shopify_access_token}

    async def read(path: str) -> dict[str, object]:
        return body_of(await bench.client.get(f"{base}/{path}", headers=headers))

    item, items = await read("inventory_items/2.json"), await read("inventory_items.json?ids=1,2")
    place, levels = await read("locations/81000001.json"), await read("locations/81000001/inventory_levels.json")

    assert item["inventory_item"]["sku"] == "B"
    assert [one["sku"] for one in items["inventory_items"]] == ["A", "B"]
    assert place["location"]["id"] == 81000001
    assert [one["inventory_item_id"] for one in levels["inventory_levels"]] == [1, 2]
    assert (await read("inventory_items/9.json"), await read("locations/9.json")) == ({"errors": "Not Found"},) * 2


async def test_the_forty_first_rest_call_at_once_is_throttled() -> None:
    bench = a_bench()
    headers = {"X-Shopify-Access-Token": bench.settings.credentials.shopify_access_token}
    url = "http://shopify.test/admin/api/2025-10/shop.json"

    answers = [await bench.client.get(url, headers=headers) for _ in range(41)]

    assert [one.status_code for one in answers] == [200] * 40 + [429]
    assert float(answers[40].headers["Retry-After"]) > 0


async def test_rest_pages_by_its_link_header() -> None:
    bench = a_bench(*(a_shopify_listing(number, f"S{number}") for number in range(1, 4)))
    headers = {"X-Shopify-Access-Token": bench.settings.credentials.shopify_access_token}
    url = "http://shopify.test/admin/api/2025-10/inventory_levels.json?location_ids=81000001&limit=2"

    first = await bench.client.get(url, headers=headers)
    second = await bench.client.get(first.links["next"]["url"], headers=headers)

    assert len(first.json()["inventory_levels"]) == 2
    assert [one["inventory_item_id"] for one in second.json()["inventory_levels"]] == [3]
    assert "next" not in second.links


async def test_what_the_sandbox_does_not_serve_says_so() -> None:
    bench = a_bench()
    query = "mutation { stagedUploadsCreate(input: []) { userErrors { message } } }"

    answer = (await bench.graphql(query)).json()

    assert answer["errors"][0]["extensions"]["code"] == "NOT_SERVED"
