"""Shopify's sandbox, used by Shopify's own Python client and by one that other people wrote."""

from tests.support.clients import Served


async def test_shopify_api_writes_a_quantity_and_reads_it(sandbox: Served) -> None:
    found = await sandbox.run("shopify_api", "write_and_read")

    assert found["errors"] == []
    assert found["read"]["sku"] == "SKU-00002"
    assert await sandbox.becomes("shopify", "50000000002", 5) == 5


async def test_shopify_api_reads_the_state_of_the_bucket(sandbox: Served) -> None:
    found = await sandbox.run("shopify_api", "cost")

    assert found["maximumAvailable"] == 2000
    assert set(found) == {"maximumAvailable", "currentlyAvailable", "restoreRate"}


async def test_shopify_api_writes_and_reads_by_the_older_calls(sandbox: Served) -> None:
    found = await sandbox.run("shopify_api", "rest")

    assert found == {"written": 9, "found": [9], "adjusted": 7, "sku": "SKU-00002", "place": True}


async def test_shopify_api_knows_a_wrong_token(sandbox: Served) -> None:
    assert await sandbox.run("shopify_api", "wrong_token") == 401


async def test_shopify_auth_adapter_gets_a_token_by_client_credentials_writes_and_reads(sandbox: Served) -> None:
    found = await sandbox.run("shopify_auth_adapter_client", "write_and_read")

    assert found == {"errors": [], "graphql": [{"name": "available", "quantity": 5}], "rest": [5]}
    assert await sandbox.becomes("shopify", "50000000002", 5) == 5


async def test_shopify_auth_adapter_knows_a_wrong_secret(sandbox: Served) -> None:
    assert await sandbox.run("shopify_auth_adapter_client", "wrong_secret") == "ShopifyAuthenticationError"


async def test_basic_shopify_api_writes_and_reads_by_https_alone(https_sandbox: Served) -> None:
    """It refuses plain http, and no proxy stands in between: only the authority is trusted."""
    written = await https_sandbox.run("basic_shopify_api_client", "write_and_read")

    assert written == {"written": 6, "read": [6]}
    assert await https_sandbox.becomes("shopify", "50000000002", 6) == 6
    assert await https_sandbox.run("basic_shopify_api_client", "wrong_token") == 401


async def test_basic_shopify_api_finds_the_same_products_by_both_apis(https_sandbox: Served) -> None:
    found = await https_sandbox.run("basic_shopify_api_client", "products")

    assert found["rest"] == found["graphql"]
    assert 50000000002 in found["rest"]


async def test_shopifyapi_finds_the_inventory_items_of_products(sandbox: Served) -> None:
    found = await sandbox.run("shopify_api", "products")

    assert found["count"] == len(found["items"]) == len(set(found["items"])) > 2
    assert found["sku"] == "SKU-00002"
    assert "write_inventory" in found["scopes"]
