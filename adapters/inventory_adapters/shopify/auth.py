"""The tokens of a shop and the headers of a call."""

from __future__ import annotations

from urllib.parse import urlencode

from inventory_adapters.failures import Failure
from inventory_adapters.http import HttpClient, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.shopify.settings import ShopifyClient, ShopifySettings
from inventory_adapters.tokens import Token, TokenCache, fetch_oauth
from inventory_domain.clock import Clock


def tokens(settings: ShopifySettings, http: HttpClient, clock: Clock) -> TokenCache | Secret:
    """The token of a custom app, which does not end, or those that an app gets by client credentials, a day each."""
    client = settings.client
    return settings.access_token if client is None else _by_client_credentials(client, http, clock)


def _by_client_credentials(client: ShopifyClient, http: HttpClient, clock: Clock) -> TokenCache:
    async def fetch() -> Token | Failure:
        form = {
            "grant_type": "client_credentials",
            "client_id": client.client_id,
            "client_secret": client.client_secret.reveal(),
        }
        # A refusal is an HTML page to a caller that does not ask for JSON.
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        request = Request("POST", client.token.token_url, headers, urlencode(form).encode())
        return await fetch_oauth(http, request, clock, client.client_secret)

    return TokenCache(fetch, clock, client.token.refresh_ahead_s)


def request(settings: ShopifySettings, token: Secret, body: bytes) -> Request:
    """A GraphQL call of the configured version."""
    headers = {
        "X-Shopify-Access-Token": token.reveal(),
        "content-type": "application/json",
        "accept": "application/json",
    }
    return Request("POST", f"{settings.calls.base_url}/admin/api/{settings.version}/graphql.json", headers, body)
