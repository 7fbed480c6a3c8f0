"""Walmart's token server, and the headers of a call."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

from inventory_adapters.failures import Failure
from inventory_adapters.http import HttpClient, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.tokens import Token, TokenCache, fetch_oauth
from inventory_adapters.walmart.settings import WalmartSettings
from inventory_domain.clock import Clock


def tokens(settings: WalmartSettings, http: HttpClient, clock: Clock, new_id: Callable[[], str]) -> TokenCache:
    """The access tokens of the client itself; they live 15 minutes."""

    async def fetch() -> Token | Failure:
        basic = b64encode(f"{settings.client_id}:{settings.client_secret.reveal()}".encode()).decode()
        headers = {
            "authorization": f"Basic {basic}",
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            "WM_SVC.NAME": settings.service_name,
            "WM_QOS.CORRELATION_ID": new_id(),
        }
        request = Request("POST", settings.token.token_url, headers, b"grant_type=client_credentials")
        return await fetch_oauth(http, request, clock, settings.client_secret, Secret(basic))

    return TokenCache(fetch, clock, settings.token.refresh_ahead_s)


def headers(settings: WalmartSettings, token: Secret, correlation_id: str, market: str) -> dict[str, str]:
    """What every call carries. Without Accept the answer would be XML; `Authorization: Bearer` is not understood."""
    return {
        "WM_SEC.ACCESS_TOKEN": token.reveal(),
        "WM_SVC.NAME": settings.service_name,
        "WM_QOS.CORRELATION_ID": correlation_id,
        "WM_MARKET": market,
        "accept": "application/json",
    }
