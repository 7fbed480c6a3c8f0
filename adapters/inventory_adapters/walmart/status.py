"""How Walmart says that its inventory API is; the only one of the marketplaces that has a call for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from inventory_adapters.bodies import mapping, rows
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.walmart import auth
from inventory_adapters.walmart.settings import API_STATUS, WalmartSettings
from inventory_domain.bulk import CallFailed, Condition, MarketplaceStatus

GROUPS: Final = ("Inventory", "Authentication", "Authorization")  # what a write needs
WORDS: Final = {
    "OPERATIONAL": Condition.OPERATIONAL,
    "SERVICE_DEGRADATION": Condition.DEGRADED,
    "SERVICE_OUTAGE": Condition.OUTAGE,
}
WORST_FIRST: Final = (Condition.OUTAGE, Condition.DEGRADED, Condition.UNKNOWN, Condition.OPERATIONAL)


async def status(
    settings: WalmartSettings, exchange: Exchange, new_id: Callable[[], str], deadline_s: float
) -> MarketplaceStatus | CallFailed:
    """How the parts of Walmart are that a write needs; the worst of them counts."""

    def build(token: Secret) -> Request:
        market = next(iter(settings.channels.values())).market
        url = f"{settings.calls.base_url}/v3/utilities/apiStatus"
        return Request("GET", url, auth.headers(settings, token, new_id(), market))

    answer = await exchange.call(API_STATUS, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.call_failed(API_STATUS)
    return MarketplaceStatus(
        condition=condition(answer.body), api=API_STATUS, request_id=answer.request_id, seen=answer.seen
    )


def condition(body: Json) -> Condition:
    """The worst condition that is said of a part we need; unknown when nothing is said of any."""
    said = [
        WORDS.get(str(row.get("status")), Condition.UNKNOWN)
        for row in rows(mapping(body).get("apiStatuses"))
        if row.get("apiGroup") in GROUPS
    ]
    return min(said, key=WORST_FIRST.index, default=Condition.UNKNOWN)
