"""A platform's public status page, as JSON in the form that Statuspage and its like have."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import httpx

from inventory_adapters.accounts import CallSettings
from inventory_adapters.bodies import mapping
from inventory_adapters.http import Answer, HttpClient, Request
from inventory_domain.bulk import BulkTraits, CallFailed, Condition, MarketplaceStatus

API: Final = "status-page"
TIMEOUT_S: Final = 10.0
BYTES_MAX: Final = 1 << 20
INDICATORS: Final = {
    "none": Condition.OPERATIONAL,
    "operational": Condition.OPERATIONAL,
    "maintenance": Condition.OPERATIONAL,
    "minor": Condition.DEGRADED,
    "degraded": Condition.DEGRADED,
    "major": Condition.OUTAGE,
    "critical": Condition.OUTAGE,
    "outage": Condition.OUTAGE,
}
"""`status.indicator` of a page, or `status` itself where that is a word. Any other word says nothing."""


class StatusPage:
    """Asks a status page how the platform is; has no credentials and never sends any."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        host = urlsplit(url).hostname or ""
        calls = CallSettings(
            base_url=url,
            allowed_hosts=(host,),
            timeout_s=TIMEOUT_S,
            connect_timeout_s=TIMEOUT_S,
            connections_max=1,
            response_bytes_max=BYTES_MAX,
        )
        self._url = url
        self._http = HttpClient(calls, transport)

    @property
    def status_traits(self) -> BulkTraits:
        """A page counts against nothing of an account's."""
        return BulkTraits(API, 0)

    async def status(self) -> MarketplaceStatus | CallFailed:
        """How the platform says that it is."""
        answer = await self._http.send(Request("GET", self._url, {"accept": "application/json"}), TIMEOUT_S)
        if not isinstance(answer, Answer):
            return CallFailed(kind="transient", api=API, reason=answer.reason)
        if answer.status != 200 or not answer.is_json():
            return CallFailed(kind="transient", api=API, reason="no-status", status=answer.status)
        said = mapping(answer.json()).get("status")
        word = mapping(said).get("indicator") if isinstance(said, dict) else said
        known = INDICATORS.get(word.lower(), Condition.UNKNOWN) if isinstance(word, str) else Condition.UNKNOWN
        return MarketplaceStatus(condition=known, api=API)

    async def aclose(self) -> None:
        """Give back the connection."""
        await self._http.aclose()
