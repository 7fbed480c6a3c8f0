"""Calls about an account as a whole, held against the marketplaces' published schemas."""

from __future__ import annotations

import json

import graphql
import httpx
import pytest

from inventory_adapters.shopify import bulk, places
from inventory_adapters.shopify.settings import VERSIONS
from inventory_domain.account_calls import ReportsQuotas
from inventory_domain.bulk import ReadsHeldStock
from inventory_domain.identifiers import ChannelId
from tests.support import published
from tests.support.adapters import CHANNEL, Scripted, an_adapter

pytestmark = pytest.mark.skipif(not published.available(), reason=published.WHY_SKIPPED)


def schema(version: str) -> graphql.GraphQLSchema:
    text = (published.SPECS / f"shopify/admin_{version}.inventory-subset.graphql").read_text()
    return graphql.build_schema(text, assume_valid_sdl=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_shopify_documents_are_valid_in_every_version(version: str) -> None:
    published_schema = schema(version)

    for document in (bulk.START_QUERY, bulk.POLL_QUERY, bulk.GATHERED, places.QUERY):
        assert graphql.validate(published_schema, graphql.parse(document)) == []


def query_names(path: str, operation: str) -> set[str]:
    """What the query of a published operation may hold."""
    parameters = json.loads((published.SPECS / path).read_text())["paths"][operation]["get"]["parameters"]
    return {each["name"] for each in parameters if each.get("in") == "query"}


@pytest.mark.parametrize(
    ("marketplace", "path", "operation"),
    [
        ("amazon", "amazon/models/fbaInventory.json", "/fba/inventory/v1/summaries"),
        ("walmart", "walmart/inventory-management.openapi.json", "/v3/wfs/inventory"),
    ],
)
async def test_the_pool_is_asked_for_as_published(marketplace: str, path: str, operation: str) -> None:
    transport = Scripted(httpx.Response(500))
    adapter = an_adapter(marketplace, transport)
    assert isinstance(adapter, ReadsHeldStock)

    await adapter.held_stock(ChannelId(CHANNEL[marketplace]), None)
    await adapter.aclose()

    (request,) = transport.requests
    assert request.url.path == operation
    assert set(request.url.params) <= query_names(path, operation)


async def test_the_quota_is_asked_for_as_published() -> None:
    transport = Scripted(httpx.Response(500))
    adapter = an_adapter("ebay", transport)
    assert isinstance(adapter, ReportsQuotas)

    await adapter.daily_quotas()
    await adapter.aclose()

    (request,) = transport.requests
    assert request.url.path == "/developer/analytics/v1_beta/rate_limit/"
    named = query_names("ebay/developer_analytics_v1_beta_oas3.json", "/rate_limit/")
    assert set(request.url.params) == named
