"""Reads what Walmart holds of the seller's stock (WFS). Nothing here writes: those units are Walmart's to count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from inventory_adapters.bodies import mapping, rows, text, units
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_adapters.walmart import auth
from inventory_adapters.walmart.settings import GET_WFS_INVENTORY, WalmartSettings
from inventory_domain.bulk import CallFailed, HeldPage, HeldStock
from inventory_domain.outcomes import UNRECOGNIZED, Transient

PAGE_SIZE: Final = 300  # "cannot be larger than 300"


async def page(
    market: str,
    cursor: str | None,
    settings: WalmartSettings,
    exchange: Exchange,
    new_id: Callable[[], str],
    deadline_s: float,
) -> HeldPage | CallFailed:
    """A page of the pool; the cursor is how many SKUs came before it."""
    offset = int(cursor) if cursor else 0

    def build(token: Secret) -> Request:
        query = urlencode({"limit": str(PAGE_SIZE), "offset": str(offset)})
        url = f"{settings.calls.base_url}/v3/wfs/inventory?{query}"
        return Request("GET", url, auth.headers(settings, token, new_id(), market))

    answer = await exchange.call(GET_WFS_INVENTORY, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.call_failed(GET_WFS_INVENTORY)
    body = mapping(answer.body)
    listed = mapping(body.get("payload")).get("inventory")
    total = units(mapping(body.get("headers")).get("totalCount"))
    if not isinstance(listed, list) or total is None:
        failure = Failure(then=Transient, reason=UNRECOGNIZED, status=answer.status, request_id=answer.request_id)
        return failure.call_failed(GET_WFS_INVENTORY)
    reached = offset + len(listed)
    return HeldPage(
        held=tuple(held for each in rows(listed) if (held := _held(each)) is not None),
        next_cursor=str(reached) if listed and reached < total else None,
        api=GET_WFS_INVENTORY,
        request_id=answer.request_id,
        seen=answer.seen,
    )


def _held(row: dict[str, Json]) -> HeldStock | None:
    """The units of one row; nothing where it does not say how many can be sold, which is not zero."""
    sku, data = text(mapping(row.get("itemInformation")).get("sku")), mapping(row.get("inventoryData"))
    available = units(data.get("availableUnits"))
    if not sku or available is None:
        return None
    reserved = units(data.get("reservedUnits"))
    return HeldStock(marketplace_ids={"sku": sku}, available=max(0, available), reserved=reserved)
