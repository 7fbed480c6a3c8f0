"""Reads what Amazon holds of the seller's stock (FBA). Nothing here writes: those units are Amazon's to count."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from inventory_adapters.amazon import auth
from inventory_adapters.amazon.settings import GET_FBA_SUMMARIES, AmazonChannel, AmazonSettings
from inventory_adapters.bodies import mapping, rows, text, units
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_domain.bulk import CallFailed, HeldPage, HeldStock
from inventory_domain.clock import Clock
from inventory_domain.outcomes import UNRECOGNIZED, Transient

PAGE_SIZE: Final = 50


async def page(
    channel: AmazonChannel,
    cursor: str | None,
    settings: AmazonSettings,
    exchange: Exchange,
    clock: Clock,
    deadline_s: float,
) -> HeldPage | CallFailed:
    """A page of one country's summaries."""
    query = {
        "details": "true",  # without them there is no fulfillable quantity
        "granularityType": "Marketplace",
        "granularityId": channel.marketplace_id,
        "marketplaceIds": channel.marketplace_id,
    } | ({"nextToken": cursor} if cursor else {})

    def build(token: Secret) -> Request:
        url = f"{settings.calls.base_url}/fba/inventory/v1/summaries?{urlencode(query)}"
        return Request("GET", url, auth.headers(settings, token, clock))

    answer = await exchange.call(GET_FBA_SUMMARIES, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.call_failed(GET_FBA_SUMMARIES)
    body = mapping(answer.body)
    summaries = mapping(body.get("payload")).get("inventorySummaries")
    if not isinstance(summaries, list):
        failure = Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status, request_id=answer.request_id)
        return failure.call_failed(GET_FBA_SUMMARIES)
    return HeldPage(
        held=tuple(held for each in rows(summaries) if (held := _held(each)) is not None),
        next_cursor=text(mapping(body.get("pagination")).get("nextToken")) or None,
        api=GET_FBA_SUMMARIES,
        request_id=answer.request_id,
        seen=answer.seen,
    )


def _held(summary: dict[str, Json]) -> HeldStock | None:
    """The units of one summary; nothing where it does not say how many can be sold, which is not zero."""
    sku, details = text(summary.get("sellerSku")), mapping(summary.get("inventoryDetails"))
    available = units(details.get("fulfillableQuantity"))
    if not sku or available is None:
        return None
    ids = {"seller_sku": sku} | ({"asin": asin} if (asin := text(summary.get("asin"))) else {})
    reserved = units(mapping(details.get("reservedQuantity")).get("totalReservedQuantity"))
    return HeldStock(marketplace_ids=ids, available=max(0, available), reserved=reserved)
