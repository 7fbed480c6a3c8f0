"""What a shop would write with ShopifyAPI. It knows the shop's own address only and calls it through a proxy."""

import json
import urllib.error
from typing import Any

import shopify

VERSION = "2026-07"
ITEM = 50000000002
SET = """mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { changes { name delta quantityAfterChange } }
    userErrors { code field message } } }"""
READ = """query Read($id: ID!, $at: ID!) { inventoryItem(id: $id) { sku tracked
  inventoryLevel(locationId: $at) { quantities(names: ["available"]) { name quantity } } } }"""


def _open(known: dict[str, Any], version: str = VERSION, token: str | None = None) -> None:
    shopify.ApiVersion.define_version(shopify.Release(version))
    own = known["shopify"]
    session = shopify.Session("inventory-demo.myshopify.com", version, token or own["access_token"])
    shopify.ShopifyResource.activate_session(session)


def _ask(query: str, variables: dict[str, Any]) -> dict[str, Any]:
    found = json.loads(shopify.GraphQL().execute(query, variables))
    assert isinstance(found, dict)
    return found


def write_and_read(known: dict[str, Any]) -> object:
    _open(known)
    item, at = f"gid://shopify/InventoryItem/{ITEM}", known["shopify"]["location_ids"][0]
    row = {"inventoryItemId": item, "locationId": at, "quantity": 5, "changeFromQuantity": None}
    written = _ask(
        SET, {"input": {"name": "available", "reason": "correction", "quantities": [row]}, "key": "one-write"}
    )
    read = _ask(READ, {"id": item, "at": at})
    return {"errors": written["data"]["inventorySetQuantities"]["userErrors"], "read": read["data"]["inventoryItem"]}


def cost(known: dict[str, Any]) -> object:
    _open(known)
    return _ask("query { shop { name } }", {})["extensions"]["cost"]["throttleStatus"]


def rest(known: dict[str, Any]) -> object:
    """The older calls, by the client's resources."""
    _open(known)
    at = int(known["shopify"]["location_ids"][0].rsplit("/", 1)[1])
    written = shopify.InventoryLevel.set(at, ITEM, 9)
    found = shopify.InventoryLevel.find(inventory_item_ids=str(ITEM), location_ids=str(at))
    adjusted = shopify.InventoryLevel.adjust(at, ITEM, -2)
    return {
        "written": written.available,
        "found": [level.available for level in found],
        "adjusted": adjusted.available,
        "sku": shopify.InventoryItem.find(ITEM).sku,
        "place": shopify.Location.find(at).id == at,
    }


def wrong_token(known: dict[str, Any]) -> object:
    _open(known, token="shpat_wrong")
    try:
        shopify.GraphQL().execute("query { shop { name } }")
    except urllib.error.HTTPError as refused:
        return refused.code
    return None


def products(known: dict[str, Any]) -> object:
    """Page by page, two at a time."""
    _open(known)
    page = shopify.Product.find(limit=2)
    found = list(page)
    while page.has_next_page():
        page = page.next_page()
        found += list(page)
    return {
        "count": shopify.Product.count(),
        "items": [variant.inventory_item_id for product in found for variant in product.variants],
        "sku": shopify.Variant.find(found[0].variants[0].id).sku,
        "scopes": [one.handle for one in shopify.AccessScope.find()],
    }
