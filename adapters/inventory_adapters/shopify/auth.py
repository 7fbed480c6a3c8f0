"""The headers of a call: a shop's token does not end, so there is nothing to refresh."""

from __future__ import annotations

from inventory_adapters.http import Request
from inventory_adapters.secrets import Secret
from inventory_adapters.shopify.settings import ShopifySettings


def request(settings: ShopifySettings, token: Secret, body: bytes) -> Request:
    """A GraphQL call of the configured version."""
    headers = {
        "X-Shopify-Access-Token": token.reveal(),
        "content-type": "application/json",
        "accept": "application/json",
    }
    return Request("POST", f"{settings.calls.base_url}/admin/api/{settings.version}/graphql.json", headers, body)
