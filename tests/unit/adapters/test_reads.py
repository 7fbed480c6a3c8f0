"""What a read makes of an answer: the number buyers see, or why there is none; never zero by default."""

from __future__ import annotations

import httpx
import pytest

from inventory_domain.identifiers import NodeId
from inventory_domain.ports import NotListed, ReadAnswer, Shown
from tests.support.adapters import LOCATION, was_read

JSON = httpx.Response


def summary(answer: ReadAnswer) -> object:
    if isinstance(answer, Shown):
        return answer.quantity
    return answer.reason


def amazon_item(*rows: dict[str, object]) -> httpx.Response:
    return JSON(200, json={"sku": "S1", "fulfillmentAvailability": list(rows)})


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        (amazon_item({"fulfillmentChannelCode": "DEFAULT", "quantity": 100}), 100),
        (
            amazon_item(
                {"fulfillmentChannelCode": "AMAZON_NA", "quantity": 9},
                {"fulfillmentChannelCode": "DEFAULT", "quantity": 3},
            ),
            3,
        ),
        (amazon_item({"fulfillmentChannelCode": "DEFAULT", "quantity": 0}), 0),
        (amazon_item({"fulfillmentChannelCode": "AMAZON_NA", "quantity": 9}), "no-seller-fulfilled-quantity"),
        (amazon_item({"fulfillmentChannelCode": "DEFAULT"}), "no-seller-fulfilled-quantity"),
        (amazon_item(), "no-seller-fulfilled-quantity"),
        (JSON(200, json={"sku": "S1"}), "no-seller-fulfilled-quantity"),
        (JSON(404, json={"errors": [{"code": "NOT_FOUND", "message": "m"}]}), "listing-not-found"),
    ],
)
async def test_amazon_shows_the_live_seller_fulfilled_row(reply: httpx.Response, read: object) -> None:
    answer = await was_read("amazon", reply)

    assert summary(answer) == read
    assert isinstance(answer, Shown | NotListed)


def offer(quantity: int | None = 9, **changes: object) -> httpx.Response:
    body: dict[str, object] = {"offerId": "1", "sku": "S1", "format": "FIXED_PRICE", "status": "PUBLISHED", **changes}
    return JSON(200, json=body if quantity is None else {**body, "availableQuantity": quantity})


def item(quantity: int | None = 7) -> httpx.Response:
    ship_to = {} if quantity is None else {"quantity": quantity}
    return JSON(200, json={"sku": "S1", "availability": {"shipToLocationAvailability": ship_to}})


@pytest.mark.parametrize(
    ("replies", "read"),
    [
        ((offer(9), item(7)), 7),
        ((offer(3), item(7)), 3),
        ((offer(None), item(7)), 7),
        ((offer(3), item(None)), 3),
        ((offer(None), item(None)), "no-quantity"),
        ((offer(0), item(7)), 0),
        ((offer(status="UNPUBLISHED"),), "offer-not-published"),
        ((offer(format="AUCTION"),), "auction"),
        ((offer(listing={"listingStatus": "ENDED"}),), "listing-ended"),
        ((offer(listing={"listingStatus": "EBAY_ENDED"}),), "listing-ended"),
        ((offer(listing={"listingStatus": "INACTIVE"}),), "listing-inactive"),
        ((offer(listing={"listingStatus": "NOT_LISTED"}),), "offer-not-published"),
        ((offer(9, listing={"listingStatus": "ACTIVE"}), item(7)), 7),
        ((offer(0, listing={"listingStatus": "OUT_OF_STOCK"}), item(0)), 0),
        ((JSON(404, json={"errors": [{"errorId": 25713}]}),), "listing-not-found"),
        ((offer(9), JSON(404, json={"errors": [{"errorId": 25702}]})), "listing-not-found"),
    ],
)
async def test_ebay_shows_the_smaller_of_sku_and_offer(replies: tuple[httpx.Response, ...], read: object) -> None:
    answer = await was_read("ebay", *replies)

    assert summary(answer) == read
    assert isinstance(answer, Shown | NotListed)


def walmart_nodes(**quantities: float) -> httpx.Response:
    nodes = [
        {
            "shipNode": node,
            "inputQty": {"unit": "EACH", "amount": amount},
            "availToSellQty": {"unit": "EACH", "amount": 0},
        }
        for node, amount in quantities.items()
    ]
    return JSON(200, json={"sku": "S1", "nodes": nodes})


@pytest.mark.parametrize(
    ("reply", "nodes", "read"),
    [
        (JSON(200, json={"sku": "S1", "quantity": {"unit": "EACH", "amount": 10}}), (), 10),
        (JSON(200, json={"sku": "S1", "quantity": {"unit": "EACH", "amount": 10.0}}), (), 10),
        (JSON(200, json={"sku": "S1"}), (), "no-quantity"),
        (JSON(200, json={"sku": "S1", "quantity": {"amount": "ten"}}), (), "no-quantity"),
        (walmart_nodes(a=5, b=2, c=9), ("a", "b"), 7),
        (walmart_nodes(a=5), ("a", "b"), "node-unknown"),
        (JSON(200, json={"sku": "S1", "nodes": []}), ("a",), "node-unknown"),
        (JSON(404, json={"error": [{"code": "CONTENT_NOT_FOUND.GMP_INVENTORY_API"}]}), (), "listing-not-found"),
    ],
)
async def test_walmart_shows_what_was_put_in(reply: httpx.Response, nodes: tuple[str, ...], read: object) -> None:
    answer = await was_read("walmart", reply, nodes=tuple(NodeId(node) for node in nodes))

    assert summary(answer) == read
    assert isinstance(answer, Shown | NotListed)


def level(quantity: int | None) -> dict[str, object]:
    rows = [] if quantity is None else [{"name": "available", "quantity": quantity}]
    return {"quantities": rows}


def shopify_item(*levels: dict[str, object] | None, tracked: bool = True) -> httpx.Response:
    found = {"id": "gid://1", "tracked": tracked, **{f"l{index}": each for index, each in enumerate(levels)}}
    return JSON(200, json={"data": {"inventoryItem": found}})


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        (shopify_item(level(4), level(3)), 7),
        (shopify_item(level(-2), level(3)), 3),
        (shopify_item(level(0), level(0)), 0),
        (shopify_item(level(4), None), "not-stocked-at-location"),
        (shopify_item(level(4), level(None)), "not-stocked-at-location"),
        (shopify_item(level(4), level(3), tracked=False), "not-tracked"),
        (JSON(200, json={"data": {"inventoryItem": None}}), "listing-not-found"),
    ],
)
async def test_shopify_shows_what_is_available_at_the_listings_locations(reply: httpx.Response, read: object) -> None:
    answer = await was_read("shopify", reply, nodes=(NodeId(LOCATION), NodeId("gid://shopify/Location/3")))

    assert summary(answer) == read
    assert isinstance(answer, Shown | NotListed)


async def test_shopify_read_needs_a_location() -> None:
    assert summary(await was_read("shopify", JSON(500), nodes=())) == "no-nodes"


@pytest.mark.parametrize("marketplace", ["amazon", "ebay", "walmart", "shopify"])
async def test_a_read_that_failed_leaves_no_effect_open(marketplace: str) -> None:
    for reply in (JSON(500), httpx.ReadTimeout("late"), httpx.ReadError("reset")):
        answer = await was_read(marketplace, reply)

        assert not isinstance(answer, Shown | NotListed)
        assert not answer.effect_unknown
