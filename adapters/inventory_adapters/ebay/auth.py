"""eBay's token server, and the headers of a call."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import urlencode

from inventory_adapters.ebay.settings import APPLICATION_SCOPE, EbaySettings
from inventory_adapters.failures import Failure
from inventory_adapters.http import HttpClient, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.tokens import Token, TokenCache, fetch_oauth
from inventory_domain.clock import Clock


def tokens(settings: EbaySettings, http: HttpClient, clock: Clock) -> TokenCache:
    """The access tokens that the seller's consent gives; it lasts 18 months."""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": settings.refresh_token.reveal(),
        "scope": " ".join(settings.scopes),
    }
    return _tokens(form, settings, http, clock)


def application_tokens(settings: EbaySettings, http: HttpClient, clock: Clock) -> TokenCache:
    """The access tokens of the application itself, for calls that are about no seller."""
    return _tokens({"grant_type": "client_credentials", "scope": APPLICATION_SCOPE}, settings, http, clock)


def _tokens(form: Mapping[str, str], settings: EbaySettings, http: HttpClient, clock: Clock) -> TokenCache:
    async def fetch() -> Token | Failure:
        basic = b64encode(f"{settings.client_id}:{settings.client_secret.reveal()}".encode()).decode()
        headers = {
            "authorization": f"Basic {basic}",
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }
        request = Request("POST", settings.token.token_url, headers, urlencode(form).encode())
        return await fetch_oauth(http, request, clock, settings.refresh_token, settings.client_secret, Secret(basic))

    return TokenCache(fetch, clock, settings.token.refresh_ahead_s)


def headers(token: Secret) -> dict[str, str]:
    """What every call carries."""
    return {"authorization": f"Bearer {token.reveal()}", "accept": "application/json"}
