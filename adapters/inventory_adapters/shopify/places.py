"""Reads the shop's locations: which are in use, and which a fulfillment service keeps, whose stock is not ours."""

from __future__ import annotations

from typing import Final

from inventory_adapters.bodies import encoded, text
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.shopify import auth
from inventory_adapters.shopify.paging import page_of
from inventory_adapters.shopify.settings import GRAPHQL, ShopifySettings
from inventory_domain.account_calls import LocationPage, MarketplaceLocation
from inventory_domain.bulk import CallFailed
from inventory_domain.identifiers import NodeId
from inventory_domain.outcomes import UNRECOGNIZED, Transient

LOCATIONS: Final = "locations"
INACTIVE: Final = "inactive-location"
FULFILLMENT_SERVICE: Final = "fulfillment-service"
PAGE_SIZE: Final = 100
COST: Final = 110.0  # our own upper estimate: a point for each location, and the answer says the rest
# Without `includeLegacy` the locations of fulfillment services are left out, which are the ones to know of.
QUERY: Final = (
    f"query Locations($cursor: String) {{ {LOCATIONS}(first: {PAGE_SIZE}, after: $cursor, "
    "includeInactive: true, includeLegacy: true) { pageInfo { hasNextPage endCursor } "
    "nodes { id name isActive isFulfillmentService } } }"
)


async def page(
    cursor: str | None, settings: ShopifySettings, exchange: Exchange, deadline_s: float
) -> LocationPage | CallFailed:
    """A page of the shop's locations, those that are out of use too."""
    body = encoded({"query": QUERY, "variables": {"cursor": cursor}})

    def build(token: Secret) -> Request:
        return auth.request(settings, token, body)

    answer = await exchange.call(GRAPHQL, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.call_failed(LOCATIONS)
    listed = page_of(answer.body, LOCATIONS)
    if listed is None:
        return Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status).call_failed(LOCATIONS)
    locations, next_cursor = listed
    return LocationPage(
        locations=tuple(
            MarketplaceLocation(node=NodeId(gid), name=text(each.get("name")) or gid, left_out=why_left_out(each))
            for each in locations
            if (gid := text(each.get("id")))
        ),
        next_cursor=next_cursor,
        api=LOCATIONS,
        request_id=answer.request_id,
        seen=answer.seen,
    )


def why_left_out(location: dict[str, Json]) -> str | None:
    """Why no push may name this location, if so."""
    if location.get("isFulfillmentService") is True:
        return FULFILLMENT_SERVICE
    return INACTIVE if location.get("isActive") is False else None
