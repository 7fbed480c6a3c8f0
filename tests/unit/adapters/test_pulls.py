"""Pulls of all listings: an answer that lacks its list, or its way on, is no end; else what is missing seems gone."""

from __future__ import annotations

import httpx
import pytest

from inventory_domain.bulk import CallFailed, Page, PullsListings, ReadsGroups
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import Transient
from tests.support.adapters import CHANNEL, Scripted, a_ref, an_adapter


async def pulled(marketplace: str, body: object) -> Page | CallFailed:
    adapter = an_adapter(marketplace, Scripted(httpx.Response(200, json=body)))
    assert isinstance(adapter, PullsListings)
    page = await adapter.pull(ChannelId(CHANNEL[marketplace]), None)
    await adapter.aclose()
    return page


def shopify_page(more: object, after: object, nodes: object = ()) -> object:
    return {"data": {"inventoryItems": {"pageInfo": {"hasNextPage": more, "endCursor": after}, "nodes": nodes}}}


@pytest.mark.parametrize(
    ("marketplace", "body"),
    [
        ("amazon", {}),
        ("amazon", {"numberOfResults": 45}),
        ("amazon", {"numberOfResults": 45, "items": None}),
        ("ebay", {}),
        ("ebay", {"total": 45, "size": 1}),
        ("walmart", {}),
        ("walmart", {"meta": {"totalCount": 45}}),
        ("walmart", {"meta": {"totalCount": 45}, "elements": {"inventories": None}}),
        ("shopify", shopify_page(False, None, None)),
        ("shopify", shopify_page(True, None)),
        ("shopify", shopify_page(True, "")),
    ],
)
async def test_a_page_without_its_list_is_not_the_last_one(marketplace: str, body: object) -> None:
    page = await pulled(marketplace, body)

    assert isinstance(page, CallFailed) and (page.kind, page.reason) == ("transient", "unrecognized")


@pytest.mark.parametrize(
    ("marketplace", "body"),
    [
        ("amazon", {"numberOfResults": 0, "items": []}),
        ("amazon", {"numberOfResults": 0, "items": [], "pagination": {"nextToken": ""}}),
        ("ebay", {"total": 0, "size": 0}),
        ("walmart", {"meta": {"totalCount": 0}, "elements": {}}),
        ("walmart", {"meta": {"totalCount": 45, "nextCursor": ""}, "elements": {"inventories": []}}),
        ("shopify", shopify_page(False, None, [])),
    ],
)
async def test_a_page_that_says_it_is_the_last_one_ends_the_pull(marketplace: str, body: object) -> None:
    page = await pulled(marketplace, body)

    assert isinstance(page, Page) and page.found == () and page.next_cursor is None


@pytest.mark.parametrize("body", [{}, {"numberOfResults": 1, "items": [], "pagination": {"nextToken": "more"}}])
async def test_amazon_read_of_many_that_is_not_whole_says_of_no_listing_that_it_is_gone(body: object) -> None:
    adapter = an_adapter("amazon", Scripted(httpx.Response(200, json=body)))
    assert isinstance(adapter, ReadsGroups)

    (answer,) = await adapter.read_group([a_ref("amazon")])

    assert isinstance(answer, Transient) and answer.reason == "unrecognized"
