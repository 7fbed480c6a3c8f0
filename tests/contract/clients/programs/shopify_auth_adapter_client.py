"""What a shop would write with shopify-auth-adapter, which gets its token by client credentials.

It knows the shop's own address only and calls it through the environment's proxy.
"""

from typing import Any

from shopify_auth_adapter import ShopifyClient
from shopify_auth_adapter.core.exceptions import ShopifyAuthAdapterError

ITEM = 50000000002
SET = """mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) { userErrors { code field message } } }"""
READ = """query Read($id: ID!, $at: ID!) { inventoryItem(id: $id) { sku
  inventoryLevel(locationId: $at) { quantities(names: ["available"]) { name quantity } } } }"""


def _client(known: dict[str, Any], secret: str = "") -> ShopifyClient:
    own = known["shopify"]
    return ShopifyClient(
        shop="inventory-demo",
        client_id=own["client_id"],
        client_secret=secret or own["client_secret"],
        api_version="2026-07",
    )


def write_and_read(known: dict[str, Any]) -> object:
    client, at = _client(known), known["shopify"]["location_ids"][0]
    item = f"gid://shopify/InventoryItem/{ITEM}"
    row = {"inventoryItemId": item, "locationId": at, "quantity": 5, "changeFromQuantity": None}
    written = client.graphql(
        SET, {"input": {"name": "available", "reason": "correction", "quantities": [row]}, "key": "one-write"}
    )
    read = client.graphql(READ, {"id": item, "at": at})
    levels = client.get("inventory_levels.json", params={"inventory_item_ids": str(ITEM)}).json()
    return {
        "errors": written["inventorySetQuantities"]["userErrors"],
        "graphql": read["inventoryItem"]["inventoryLevel"]["quantities"],
        "rest": [one["available"] for one in levels["inventory_levels"]],
    }


def wrong_secret(known: dict[str, Any]) -> object:
    try:
        _client(known, secret="wrong").graphql("{ shop { name } }")
    except ShopifyAuthAdapterError as refused:
        return type(refused).__name__
    return None
