"""What a shop would write with basic_shopify_api. It calls https only, and takes the shop's address with its port."""

from typing import Any
from urllib.parse import urlsplit

from basic_shopify_api import Client, Options, Session

ITEM, PLACE = 50000000002, 81000001


def _client(known: dict[str, Any], token: str | None = None) -> Client:
    own = known["shopify"]
    options = Options()
    options.version = "2026-07"
    session = Session(urlsplit(own["base_url"]).netloc, "", token or own["access_token"], own["api_secret"])
    return Client(session, options)


def write_and_read(known: dict[str, Any]) -> object:
    with _client(known) as client:
        level = {"inventory_item_id": ITEM, "location_id": PLACE, "available": 6}
        written = client.rest("post", "/admin/api/2026-07/inventory_levels/set.json", level)
        read = client.rest(
            "get", "/admin/api/2026-07/inventory_levels.json", {"inventory_item_ids": ITEM, "location_ids": PLACE}
        )
    return {
        "written": written.body["inventory_level"]["available"],
        "read": [one["available"] for one in read.body["inventory_levels"]],
    }


def products(known: dict[str, Any]) -> object:
    """By both APIs, since a client looks the inventory item of a SKU up first."""
    with _client(known) as client:
        rest = client.rest("get", "/admin/api/2026-07/products.json", {"limit": 250})
        asked = client.graphql(
            "{ products(first: 50) { nodes { variants(first: 3) { nodes { inventoryItem { legacyResourceId } } } } } }"
        )
    variants = [variant for product in rest.body["products"] for variant in product["variants"]]
    nodes = [one for product in asked.body["data"]["products"]["nodes"] for one in product["variants"]["nodes"]]
    return {
        "rest": [one["inventory_item_id"] for one in variants],
        "graphql": [int(one["inventoryItem"]["legacyResourceId"]) for one in nodes],
    }


def wrong_token(known: dict[str, Any]) -> object:
    with _client(known, "shpat_wrong") as client:
        return client.rest("get", "/admin/api/2026-07/shop.json").status[-1]
