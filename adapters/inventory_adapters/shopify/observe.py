"""Reads what Shopify shows: the units available at each location of the listing."""

from __future__ import annotations

from collections.abc import Sequence

from inventory_adapters.bodies import encoded, mapping, rows, text, units
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure
from inventory_adapters.guards import NO_NODES
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.shopify import auth
from inventory_adapters.shopify.paging import page_of
from inventory_adapters.shopify.places import why_left_out
from inventory_adapters.shopify.settings import GRAPHQL, ShopifySettings
from inventory_domain.bulk import CallFailed, Found, Page
from inventory_domain.identifiers import NodeId
from inventory_domain.outcomes import UNRECOGNIZED, Rejected, Transient
from inventory_domain.ports import ListingRef, NotListed, ReadAnswer, Shown

INVENTORY_ITEM = "inventoryItem"
INVENTORY_ITEMS = "inventoryItems"
NOT_TRACKED = "not-tracked"
TOO_MANY_LOCATIONS = "too-many-locations"
NO_QUANTITY = "no-quantity"
_LEVEL = '{ quantities(names: ["available"]) { name quantity } }'


async def read_one(listing: ListingRef, settings: ShopifySettings, exchange: Exchange, deadline_s: float) -> ReadAnswer:
    """What buyers of the shop can order from the listing's locations."""
    if not listing.nodes or len(listing.nodes) > settings.locations_max:
        return Rejected(
            listing_id=listing.listing_id,
            api=INVENTORY_ITEM,
            reason=NO_NODES if not listing.nodes else TOO_MANY_LOCATIONS,
        )
    body = encoded(request_body(listing))

    def build(token: Secret) -> Request:
        return auth.request(settings, token, body)

    answer = await exchange.call(GRAPHQL, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.read_answer(listing.listing_id, INVENTORY_ITEM)
    item = mapping(mapping(answer.body).get("data")).get(INVENTORY_ITEM)
    reason = why_not_listed(item, len(listing.nodes))
    nodes = {
        node: units_at for index, node in enumerate(listing.nodes) if (units_at := available(item, index)) is not None
    }
    if reason is not None:
        return NotListed(
            listing_id=listing.listing_id,
            api=INVENTORY_ITEM,
            reason=reason,
            request_id=answer.request_id,
            seen=answer.seen,
        )
    return Shown(
        listing_id=listing.listing_id,
        quantity=sum(nodes.values()),
        nodes=nodes,
        api=INVENTORY_ITEM,
        request_id=answer.request_id,
        seen=answer.seen,
    )


async def pull(
    cursor: str | None, settings: ShopifySettings, exchange: Exchange, deadline_s: float
) -> Page | CallFailed:
    """A page of the shop's items with what is available at each location. Untracked items have no quantity."""
    query = pull_query(settings.pull_page_size, settings.locations_max)
    body = encoded({"query": query, "variables": {"cursor": cursor}})

    def build(token: Secret) -> Request:
        return auth.request(settings, token, body)

    answer = await exchange.call(GRAPHQL, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.call_failed(INVENTORY_ITEMS)
    listed = page_of(answer.body, INVENTORY_ITEMS)
    if listed is None:
        return Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status).call_failed(INVENTORY_ITEMS)
    items, next_cursor = listed
    return Page(
        found=tuple(_found(item) for item in items if text(item.get("id"))),
        next_cursor=next_cursor,
        api=INVENTORY_ITEMS,
        request_id=answer.request_id,
        seen=answer.seen,
    )


def pull_query(items: int, levels: int) -> str:
    """A query of so many items after a cursor, and of so many levels of each."""
    return (
        f"query Pull($cursor: String) {{ {INVENTORY_ITEMS}(first: {items}, after: $cursor) "
        f"{{ pageInfo {{ hasNextPage endCursor }} nodes {{ id sku tracked inventoryLevels(first: {levels}) "
        f"{{ pageInfo {{ hasNextPage }} nodes {{ location {{ id isActive isFulfillmentService }} "
        f'quantities(names: ["available"]) {{ name quantity }} }} }} }} }} }}'
    )


def _found(item: dict[str, Json]) -> Found:
    levels = mapping(item.get("inventoryLevels"))
    whole = mapping(levels.get("pageInfo")).get("hasNextPage") is False
    return found_of(item, rows(levels.get("nodes")), whole=whole)


def found_of(item: dict[str, Json], levels: Sequence[dict[str, Json]], *, whole: bool) -> Found:
    """An item with its levels; `whole` says that these are all. What is at a location that is left out does not count:
    at one that is not in use nobody can order it, and what a fulfillment service keeps is not ours."""
    nodes: dict[NodeId, int] = {}
    left_out: dict[NodeId, str] = {}
    for level in levels:
        location = mapping(level.get("location"))
        gid, why, quantity = text(location.get("id")), why_left_out(location), _available(level)
        if gid is not None and why is not None:
            left_out[NodeId(gid)] = why
        elif gid is not None and quantity is not None:
            nodes[NodeId(gid)] = quantity
    ids = {"inventory_item_id": text(item.get("id")) or ""} | ({"sku": sku} if (sku := text(item.get("sku"))) else {})
    reason: str | None = None
    if item.get("tracked") is not True:
        reason = NOT_TRACKED
    elif not whole:
        reason = TOO_MANY_LOCATIONS
    elif len(nodes) + len(left_out) != len(levels):
        reason = NO_QUANTITY
    known = reason is None
    return Found(
        marketplace_ids=ids,
        quantity=sum(nodes.values()) if known else None,
        nodes=nodes if known else {},
        reason=reason,
        left_out=left_out,
    )


def request_body(listing: ListingRef) -> dict[str, object]:
    """A query of the item's level at each location, by name: no pages, and nothing of other locations."""
    nodes = range(len(listing.nodes))
    given = "".join(f", $l{index}: ID!" for index in nodes)
    levels = " ".join(f"l{index}: inventoryLevel(locationId: $l{index}) {_LEVEL}" for index in nodes)
    return {
        "query": f"query Read($id: ID!{given}) {{ {INVENTORY_ITEM}(id: $id) {{ id tracked {levels} }} }}",
        "variables": {
            "id": listing.marketplace_ids["inventory_item_id"],
            **{f"l{index}": node for index, node in enumerate(listing.nodes)},
        },
    }


def why_not_listed(item: Json, nodes: int) -> str | None:
    """Why the item's number is not known, if so. An untracked item sells whatever its quantities say."""
    if not isinstance(item, dict):
        return "listing-not-found"
    if item.get("tracked") is False:
        return NOT_TRACKED
    if any(available(item, index) is None for index in range(nodes)):
        return "not-stocked-at-location"
    return None


def available(item: Json, index: int) -> int | None:
    """Units available at the location with this index in the query, nothing where it is not (or no longer) stocked.

    Shopify counts below zero when more was sold than there was; buyers can order none then.
    """
    return _available(mapping(mapping(item).get(f"l{index}")))


def _available(level: dict[str, Json]) -> int | None:
    for row in rows(level.get("quantities")):
        if row.get("name") == "available":
            quantity = units(row.get("quantity"))
            return None if quantity is None else max(0, quantity)
    return None
