"""Reads what we put in at Walmart: the one number, or the number of each ship node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote, urlencode

from inventory_adapters.bodies import mapping, rows, text, units
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import NOT_FOUND, Failure
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.walmart import auth
from inventory_adapters.walmart.settings import GET_INVENTORIES, GET_INVENTORY, WalmartSettings
from inventory_domain.bulk import CallFailed, Found, Page
from inventory_domain.identifiers import NodeId
from inventory_domain.outcomes import UNRECOGNIZED, Transient
from inventory_domain.ports import ListingRef, NotListed, ReadAnswer, Shown

NO_QUANTITY = "no-quantity"
NODE_UNKNOWN = "node-unknown"
CURSOR_LOST = "cursor-lost"
PAGE_SIZE = 50  # the most that a page may hold


async def read_one(
    listing: ListingRef, settings: WalmartSettings, exchange: Exchange, new_id: Callable[[], str], deadline_s: float
) -> ReadAnswer:
    """What the listing has at Walmart, over its ship nodes where it has any."""
    sku = quote(listing.marketplace_ids["sku"], safe="")
    path = f"/v3/inventories/{sku}" if listing.nodes else f"/v3/inventory?sku={sku}"

    def build(token: Secret) -> Request:
        market = settings.channels[listing.channel].market
        return Request("GET", settings.calls.base_url + path, auth.headers(settings, token, new_id(), market))

    answer = await exchange.call(GET_INVENTORY, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.read_answer(listing.listing_id, GET_INVENTORY)
    nodes: dict[NodeId, int] = {}
    if listing.nodes:
        found = node_quantities(answer.body)
        nodes = {node: found[node] for node in listing.nodes if node in found}
        quantity = sum(nodes.values()) if len(nodes) == len(listing.nodes) else None
    else:
        quantity = units(mapping(mapping(answer.body).get("quantity")).get("amount"))
    if quantity is None:
        return NotListed(
            listing_id=listing.listing_id,
            api=GET_INVENTORY,
            reason=NODE_UNKNOWN if listing.nodes else NO_QUANTITY,
            request_id=answer.request_id,
            seen=answer.seen,
        )
    return Shown(
        listing_id=listing.listing_id,
        quantity=quantity,
        nodes=nodes,
        api=GET_INVENTORY,
        request_id=answer.request_id,
        seen=answer.seen,
    )


async def pull(
    market: str,
    cursor: str | None,
    settings: WalmartSettings,
    exchange: Exchange,
    new_id: Callable[[], str],
    deadline_s: float,
) -> Page | CallFailed:
    """A page of all SKUs. A cursor works once and in its turn: used again, or two at once, it is 404."""
    query = {"limit": str(PAGE_SIZE)} | ({"nextCursor": cursor} if cursor else {})

    def build(token: Secret) -> Request:
        url = f"{settings.calls.base_url}/v3/inventories?{urlencode(query)}"
        return Request("GET", url, auth.headers(settings, token, new_id(), market))

    answer = await exchange.call(GET_INVENTORIES, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        if answer.reason == NOT_FOUND:
            answer = replace(answer, then=Transient, reason=CURSOR_LOST)
        return answer.call_failed(GET_INVENTORIES)
    body = mapping(answer.body)
    meta, listed = mapping(body.get("meta")), mapping(body.get("elements")).get("inventories")
    if not isinstance(listed, list) and units(meta.get("totalCount")) != 0:
        failure = Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status, request_id=answer.request_id)
        return failure.call_failed(GET_INVENTORIES)
    found = []
    for row in rows(listed):
        sku, nodes = text(row.get("sku")), node_quantities(row)
        if sku:
            quantity = sum(nodes.values()) if nodes and len(nodes) == len(rows(row.get("nodes"))) else None
            found.append(Found(marketplace_ids={"sku": sku}, quantity=quantity, nodes=nodes))
    return Page(
        found=tuple(found),
        next_cursor=text(meta.get("nextCursor")) or None,  # a short page is not the end
        api=GET_INVENTORIES,
        request_id=answer.request_id,
        seen=answer.seen,
    )


def node_quantities(item: Json) -> dict[NodeId, int]:
    """What was put in at each ship node; `availToSellQty` would be less what is reserved."""
    found: dict[NodeId, int] = {}
    for row in rows(mapping(item).get("nodes")):
        node = text(row.get("shipNode"))
        quantity = units(mapping(row.get("inputQty")).get("amount"))
        if node is not None and quantity is not None:
            found[NodeId(node)] = quantity
    return found
