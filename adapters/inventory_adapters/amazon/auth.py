"""Login with Amazon, and the headers of a call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from inventory_adapters.amazon.settings import AmazonSettings
from inventory_adapters.failures import Failure
from inventory_adapters.http import HttpClient, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.tokens import Token, TokenCache, fetch_oauth
from inventory_domain.clock import Clock

NOTIFICATIONS_SCOPE: Final = "sellingpartnerapi::notifications"


def tokens(settings: AmazonSettings, http: HttpClient, clock: Clock) -> TokenCache:
    """The access tokens that the seller's consent gives."""

    grant = {"grant_type": "refresh_token", "refresh_token": settings.refresh_token.reveal()}
    return _tokens(grant, settings, http, clock)


def application_tokens(settings: AmazonSettings, http: HttpClient, clock: Clock) -> TokenCache:
    """The access tokens of the application itself, for what Amazon calls grantless operations."""
    return _tokens({"grant_type": "client_credentials", "scope": NOTIFICATIONS_SCOPE}, settings, http, clock)


def _tokens(grant: Mapping[str, str], settings: AmazonSettings, http: HttpClient, clock: Clock) -> TokenCache:
    async def fetch() -> Token | Failure:
        form = {
            **grant,
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.reveal(),
        }
        headers = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8", "accept": "application/json"}
        request = Request("POST", settings.token.token_url, headers, urlencode(form).encode())
        return await fetch_oauth(http, request, clock, settings.refresh_token, settings.client_secret)

    return TokenCache(fetch, clock, settings.token.refresh_ahead_s)


def headers(settings: AmazonSettings, token: Secret, clock: Clock) -> dict[str, str]:
    """What every call carries; the user agent is required."""
    now = datetime.fromtimestamp(clock.now_ms() / 1_000, UTC)
    return {
        "x-amz-access-token": token.reveal(),
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
        "user-agent": settings.user_agent,
        "accept": "application/json",
    }
