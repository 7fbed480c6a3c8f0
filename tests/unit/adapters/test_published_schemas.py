"""What is sent, held against the marketplaces' published schemas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import graphql
import httpx
import jsonschema
import pytest

from inventory_adapters.shopify.observe import pull_query
from inventory_adapters.shopify.settings import VERSIONS
from inventory_domain.bulk import PullsListings, TakesFeeds, numbered
from inventory_domain.identifiers import ChannelId, NodeId
from tests.support.adapters import LOCATION, Scripted, a_push, a_ref, an_adapter

SPECS = Path(__file__).resolve().parents[4] / "shared" / "specs"
pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason="the published specifications lie in ../shared/specs")

NOTHING = httpx.Response(500)


@cache
def spec(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SPECS / path).read_text())
    return found


def check(body: object, schema: Mapping[str, Any], whole: Mapping[str, Any]) -> None:
    """Hold a body against one schema of a file; a field that the schema does not know fails too."""
    jsonschema.Draft7Validator({**_closed(schema), **_definitions(whole)}).validate(body)


def _definitions(whole: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _closed(whole[key]) for key in ("definitions", "components") if key in whole}


def _closed(node: Any) -> Any:
    """The schema with no room for fields that it does not name."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(each) for key, each in node.items()}
    if isinstance(closed.get("properties"), dict) and "additionalProperties" not in closed:
        closed["additionalProperties"] = False
    return closed


async def sent(marketplace: str, *, read: bool = False, **changes: object) -> httpx.Request:
    """The request for one push or read of these changes."""
    transport = Scripted(NOTHING)
    adapter = an_adapter(marketplace, transport)
    if read:
        await adapter.read(a_ref(marketplace, **changes))
    else:
        await adapter.push([a_push(marketplace, **changes)])
    await adapter.aclose()
    return transport.requests[0]


def query_of(request: httpx.Request) -> set[str]:
    return set(request.url.params)


async def test_amazon_patch_is_as_published() -> None:
    request = await sent("amazon")

    model = spec("amazon/models/listingsItems_2021-08-01.json")
    operation = model["paths"]["/listings/2021-08-01/items/{sellerId}/{sku}"]["patch"]
    check(json.loads(request.content), model["definitions"]["ListingsItemPatchRequest"], model)
    named = {each["name"] for each in operation["parameters"] if each.get("in") == "query"}
    required = {each["name"] for each in operation["parameters"] if each.get("in") == "query" and each.get("required")}
    assert required <= query_of(request) <= named
    assert request.method == "PATCH"
    assert request.url.raw_path.startswith(b"/listings/2021-08-01/items/A2SELLER/S%201%2Fa?")


async def test_amazon_read_asks_for_what_is_published() -> None:
    request = await sent("amazon", read=True)

    model = spec("amazon/models/listingsItems_2021-08-01.json")
    operation = model["paths"]["/listings/2021-08-01/items/{sellerId}/{sku}"]["get"]
    included = next(each for each in operation["parameters"] if each["name"] == "includedData")
    assert set(request.url.params["includedData"].split(",")) <= set(included["items"]["enum"])


async def test_amazon_writes_the_sellers_own_row_and_no_other() -> None:
    body = json.loads((await sent("amazon")).content)

    (patch,) = body["patches"]
    assert patch == {
        "op": "merge",
        "path": "/attributes/fulfillment_availability",
        "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 10}],
    }


async def test_ebay_update_is_as_published() -> None:
    request = await sent("ebay")

    api = spec("ebay/sell_inventory_v1_oas3.json")
    assert "/bulk_update_price_quantity" in api["paths"]
    check(json.loads(request.content), api["components"]["schemas"]["BulkPriceQuantity"], api)
    assert request.url.path == "/sell/inventory/v1/bulk_update_price_quantity"
    assert request.headers["content-type"] == "application/json"


async def test_walmart_single_update_is_as_published() -> None:
    request = await sent("walmart", marketplace_ids={"sku": ":/?#[]@!$&'()*+,; {}%"})

    api = spec("walmart/inventory-management.openapi.json")
    operation = api["paths"]["/v3/inventory"]["put"]
    check(json.loads(request.content), operation["requestBody"]["content"]["application/json"]["schema"], api)
    named = {each["name"].lower() for each in operation["parameters"] if each["in"] == "header" and each["required"]}
    assert named <= set(request.headers)
    assert request.url.raw_path.endswith(b"?sku=%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%20%7B%7D%25")


async def test_walmart_update_by_ship_node_is_as_published() -> None:
    request = await sent("walmart", nodes={NodeId("100009"): 4, NodeId("100010"): 6})

    api = spec("walmart/inventory-management.openapi.json")
    operation = api["paths"]["/v3/inventories/{sku}"]["put"]
    check(json.loads(request.content), operation["requestBody"]["content"]["application/json"]["schema"], api)
    assert request.url.path == "/v3/inventories/97964_KFTest"


async def test_amazon_feed_is_as_published() -> None:
    """The schema of a message is a file of its own, to which that of a feed refers."""
    transport = Scripted(httpx.Response(201, json={"feedDocumentId": "d", "url": "https://x.amazonaws.com/d"}))
    adapter = an_adapter("amazon", transport)
    assert isinstance(adapter, TakesFeeds)
    await adapter.submit_feed(numbered([a_push("amazon")]))
    await adapter.aclose()

    announced, upload = transport.requests[:2]
    model = spec("amazon/models/feeds_2021-06-30.json")
    check(json.loads(announced.content), model["definitions"]["CreateFeedDocumentSpecification"], model)
    feed = json.loads(upload.content)
    jsonschema.Draft7Validator(
        {**spec("amazon/feeds/listings-feed-schema-v2.json"), "$id": "https://feeds.test/feed"}
    ).validate(feed)
    for message in feed["messages"]:
        jsonschema.Draft7Validator(spec("amazon/feeds/listings-feed-message-schema-v2.json")).validate(message)


async def pull_of(marketplace: str) -> httpx.Request:
    """The request for a first page."""
    transport = Scripted(NOTHING)
    adapter = an_adapter(marketplace, transport)
    assert isinstance(adapter, PullsListings)
    await adapter.pull(adapter_channel(marketplace), None)
    await adapter.aclose()
    return transport.requests[0]


def adapter_channel(marketplace: str) -> ChannelId:
    return a_push(marketplace).channel


@pytest.mark.parametrize(
    ("marketplace", "path", "operation"),
    [
        ("ebay", "ebay/sell_inventory_v1_oas3.json", "/inventory_item"),
        ("walmart", "walmart/inventory-management.openapi.json", "/v3/inventories"),
        ("amazon", "amazon/models/listingsItems_2021-08-01.json", "/listings/2021-08-01/items/{sellerId}"),
    ],
)
async def test_a_pull_asks_with_published_parameters(marketplace: str, path: str, operation: str) -> None:
    request = await pull_of(marketplace)

    parameters = spec(path)["paths"][operation]["get"]["parameters"]
    assert query_of(request) <= {each["name"] for each in parameters if each["in"] == "query"}
    assert request.method == "GET"


@pytest.mark.parametrize("version", VERSIONS)
def test_shopify_pull_is_valid_in_every_version(version: str) -> None:
    assert graphql.validate(schema(version), graphql.parse(pull_query(25, 5))) == []


@cache
def schema(version: str) -> graphql.GraphQLSchema:
    text = (SPECS / f"shopify/admin_{version}.inventory-subset.graphql").read_text()
    return graphql.build_schema(text, assume_valid_sdl=True)


async def graphql_sent(version: str, *, read: bool) -> dict[str, Any]:
    transport = Scripted(NOTHING)
    adapter = an_adapter("shopify", transport, version=version)
    nodes = (NodeId(LOCATION), NodeId("gid://shopify/Location/3"))
    if read:
        await adapter.read(a_ref("shopify", nodes=nodes))
    else:
        await adapter.push([a_push("shopify", nodes=dict.fromkeys(nodes, 5))])
    await adapter.aclose()
    body: dict[str, Any] = json.loads(transport.requests[0].content)
    assert transport.requests[0].url.path == f"/admin/api/{version}/graphql.json"
    return body


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("read", [False, True], ids=["write", "read"])
async def test_shopify_documents_are_valid_in_every_version(version: str, read: bool) -> None:
    body = await graphql_sent(version, read=read)

    document = graphql.parse(body["query"])
    operation = document.definitions[0]
    assert isinstance(operation, graphql.OperationDefinitionNode)
    assert graphql.validate(schema(version), document) == []
    values = graphql.execution.values.get_variable_values(
        schema(version), operation.variable_definitions or (), body["variables"]
    )
    assert getattr(values, "errors", None) is None and not isinstance(values, list), values


@pytest.mark.parametrize("version", VERSIONS)
async def test_shopify_waives_the_comparison_as_each_version_wants(version: str) -> None:
    """2025-10 for the whole input; later by an explicit null in each row."""
    given = (await graphql_sent(version, read=False))["variables"]["input"]

    if version == "2025-10":
        assert given["ignoreCompareQuantity"] is True
        assert all("changeFromQuantity" not in row for row in given["quantities"])
    else:
        assert "ignoreCompareQuantity" not in given
        assert all(row["changeFromQuantity"] is None for row in given["quantities"])


@pytest.mark.parametrize("version", VERSIONS)
async def test_shopify_sends_an_idempotency_key_wherever_there_is_the_directive(version: str) -> None:
    body = await graphql_sent(version, read=False)

    has_directive = any(each.name == "idempotent" for each in schema(version).directives)
    assert ("@idempotent" in body["query"]) == ("key" in body["variables"]) == has_directive
