"""Reads the seller's ship nodes: which there are, which are in use, and what each can promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from inventory_adapters.bodies import rows, text
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.walmart import auth
from inventory_adapters.walmart.settings import GET_SHIP_NODES, WalmartSettings
from inventory_domain.account_calls import LocationPage, MarketplaceLocation
from inventory_domain.bulk import CallFailed
from inventory_domain.identifiers import NodeId
from inventory_domain.outcomes import UNRECOGNIZED, Transient

INACTIVE: Final = "inactive-location"


async def locations(
    settings: WalmartSettings, exchange: Exchange, new_id: Callable[[], str], deadline_s: float
) -> LocationPage | CallFailed:
    """All ship nodes; they come at once."""

    def build(token: Secret) -> Request:
        market = next(iter(settings.channels.values())).market
        url = f"{settings.calls.base_url}/v3/settings/shipping/shipnodes"
        return Request("GET", url, auth.headers(settings, token, new_id(), market))

    answer = await exchange.call(GET_SHIP_NODES, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.call_failed(GET_SHIP_NODES)
    if not isinstance(answer.body, list):
        failure = Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status, request_id=answer.request_id)
        return failure.call_failed(GET_SHIP_NODES)
    return LocationPage(
        locations=tuple(each for row in rows(answer.body) if (each := _location(row)) is not None),
        next_cursor=None,
        api=GET_SHIP_NODES,
        request_id=answer.request_id,
        seen=answer.seen,
    )


def _location(row: dict[str, Json]) -> MarketplaceLocation | None:
    node, services = text(row.get("shipNode")), row.get("distributorSupportedServices")
    if not node:
        return None
    return MarketplaceLocation(
        node=NodeId(node),
        name=text(row.get("shipNodeName")) or node,
        left_out=INACTIVE if row.get("status") == "INACTIVE" else None,
        services=tuple(each for each in services if isinstance(each, str)) if isinstance(services, list) else (),
    )
