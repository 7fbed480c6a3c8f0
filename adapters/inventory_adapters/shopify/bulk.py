"""Pulls the whole shop as one bulk operation: begun, waited for, and fetched as lines of JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Final

from inventory_adapters.bodies import encoded, mapping, rows, text
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure, judge, shortened
from inventory_adapters.http import Answer, Json, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.shopify import auth
from inventory_adapters.shopify.failures import SHOP_RULES, user_error_facts
from inventory_adapters.shopify.observe import INVENTORY_ITEMS, found_of
from inventory_adapters.shopify.settings import GRAPHQL, ShopifySettings
from inventory_domain.bulk import CallFailed, Found, PullDone, PullRunning, PullStarted
from inventory_domain.outcomes import UNRECOGNIZED, Transient

RUN: Final = "bulkOperationRunQuery"
POLL: Final = "bulkOperation"
DOWNLOAD: Final = "downloadBulkOperation"
START_COST: Final = 10.0
POLL_COST: Final = 1.0
# What is gathered. A list of levels cannot stand in the line of its item, so each level is a line of its own.
GATHERED: Final = (
    f"{{ {INVENTORY_ITEMS} {{ edges {{ node {{ id sku tracked inventoryLevels {{ edges {{ node {{ "
    'location { id isActive isFulfillmentService } quantities(names: ["available"]) { name quantity } '
    "} } } } } } }"
)
# From 2026-01 on lines are in no order unless they are asked to be grouped, which is what lets us read them in turn.
START_QUERY: Final = (
    f"mutation Run($query: String!) {{ {RUN}(query: $query, groupObjects: true) "
    "{ bulkOperation { id status } userErrors { code field message } } }"
)
# `bulkOperation(id:)` is not in 2025-10; a node is in every version.
POLL_QUERY: Final = (
    "query Poll($id: ID!) { node(id: $id) { ... on BulkOperation { id status errorCode objectCount url } } }"
)


async def start(settings: ShopifySettings, exchange: Exchange, deadline_s: float) -> PullStarted | CallFailed:
    """Begin a pull."""
    answer = await _call({"query": START_QUERY, "variables": {"query": GATHERED}}, settings, exchange, deadline_s)
    if not isinstance(answer, Answered):
        return answer.call_failed(RUN)
    payload = mapping(mapping(mapping(answer.body).get("data")).get(RUN))
    for error in rows(payload.get("userErrors")):
        return judge(SHOP_RULES, user_error_facts(error), writes=False).call_failed(RUN)
    gid = text(mapping(payload.get("bulkOperation")).get("id"))
    if not gid:
        return Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status).call_failed(RUN)
    return PullStarted(
        pull_id=gid,
        ask_after_s=settings.bulk_poll_s,
        api=RUN,
        request_id=answer.request_id,
        seen=answer.seen,
    )


async def poll(
    gid: str, settings: ShopifySettings, exchange: Exchange, deadline_s: float
) -> PullRunning | PullDone | CallFailed:
    """How the pull stands; fetched when it is done."""
    answer = await _call({"query": POLL_QUERY, "variables": {"id": gid}}, settings, exchange, deadline_s)
    if not isinstance(answer, Answered):
        return answer.call_failed(POLL)
    operation = mapping(mapping(mapping(answer.body).get("data")).get("node"))
    status, url = text(operation.get("status")), text(operation.get("url"))
    count = text(operation.get("objectCount"))
    listings = int(count) if count is not None and count.isdecimal() else None
    if status in ("CREATED", "RUNNING", "CANCELING"):
        return PullRunning(ask_after_s=settings.bulk_poll_s, api=POLL, listings=listings, seen=answer.seen)
    if status in ("CANCELED", "EXPIRED", "FAILED"):
        said = shortened((text(operation.get("errorCode")),))
        return Failure(then=Transient, reason=f"bulk-{status.lower()}", error=said).call_failed(POLL)
    if status != "COMPLETED" or (not url and listings != 0):  # what was found must have a file
        return Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status).call_failed(POLL)
    content = b""  # an operation that found nothing has no file
    if url:
        document = await exchange.document(
            Request("GET", url, {}), deadline_s, settings.document_hosts, settings.bulk_bytes_max
        )
        if not isinstance(document, Answer):
            return document.call_failed(DOWNLOAD)
        content = document.content
    lines = content.split(b"\n")
    unreadable = await asyncio.to_thread(count_unreadable, lines)  # a second's work, while other calls go on
    return PullDone(
        found=items_in(lines), unreadable=unreadable, api=DOWNLOAD, request_id=answer.request_id, seen=answer.seen
    )


def items_in(lines: list[bytes]) -> Iterator[Found]:
    """The items of the lines, each with the levels that follow it. A line out of its turn counts for none."""
    item: dict[str, Json] | None = None
    levels: list[dict[str, Json]] = []
    for line in lines:
        row = _row(line)
        parent = text(row.get("__parentId"))
        if parent is None and text(row.get("id")):
            if item is not None:
                yield found_of(item, levels, whole=True)
            item, levels = row, []
        elif item is not None and parent == text(item.get("id")):
            levels.append(row)
    if item is not None:
        yield found_of(item, levels, whole=True)


def count_unreadable(lines: list[bytes]) -> int:
    """How many lines are no item, and no level of the item before it."""
    count = 0
    item: str | None = None
    for line in lines:
        if not line.strip():
            continue
        row = _row(line)
        parent, gid = text(row.get("__parentId")), text(row.get("id"))
        if parent is None and gid:
            item = gid
        elif parent is None or parent != item:
            count += 1
    return count


async def _call(
    given: dict[str, object], settings: ShopifySettings, exchange: Exchange, deadline_s: float
) -> Answered | Failure:
    body = encoded(given)

    def build(token: Secret) -> Request:
        return auth.request(settings, token, body)

    return await exchange.call(GRAPHQL, build, deadline_s, writes=False)


def _row(line: bytes) -> dict[str, Json]:
    try:
        return mapping(json.loads(line))
    except (ValueError, RecursionError):
        return {}
