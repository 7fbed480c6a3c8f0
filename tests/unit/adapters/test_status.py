"""How Walmart says that it is."""

from __future__ import annotations

import httpx
import pytest

from inventory_domain.bulk import CallFailed, Condition, MarketplaceStatus, ReportsStatus
from tests.support.adapters import Scripted, an_adapter


def said(**groups: str) -> httpx.Response:
    rows = [
        {"apiGroup": group, "status": status, "lastUpdatedTime": "2022-01-12T07:30:48.611Z"}
        for group, status in groups.items()
    ]
    return httpx.Response(200, json={"apiStatuses": rows})


@pytest.mark.parametrize(
    ("reply", "condition"),
    [
        (said(Inventory="OPERATIONAL", Authentication="OPERATIONAL"), Condition.OPERATIONAL),
        (said(Inventory="SERVICE_OUTAGE", Authentication="OPERATIONAL"), Condition.OUTAGE),
        (said(Inventory="OPERATIONAL", Authentication="SERVICE_OUTAGE"), Condition.OUTAGE),
        (said(Inventory="SERVICE_DEGRADATION"), Condition.DEGRADED),
        (said(Inventory="OPERATIONAL", Orders="SERVICE_OUTAGE"), Condition.OPERATIONAL),
        (said(Inventory="OPERATIONAL", Authorization="UNKNOWN"), Condition.UNKNOWN),
        (said(Inventory="ON_FIRE"), Condition.UNKNOWN),
        (said(Orders="OPERATIONAL"), Condition.UNKNOWN),
        (httpx.Response(200, json={}), Condition.UNKNOWN),
    ],
)
async def test_the_worst_part_that_a_write_needs_counts(reply: httpx.Response, condition: Condition) -> None:
    adapter = an_adapter("walmart", Scripted(reply))
    assert isinstance(adapter, ReportsStatus)

    status = await adapter.status()

    assert isinstance(status, MarketplaceStatus) and status.condition is condition


async def test_a_status_that_cannot_be_asked_for_is_no_outage_of_the_marketplace() -> None:
    adapter = an_adapter("walmart", Scripted(httpx.ConnectError("no")))
    assert isinstance(adapter, ReportsStatus)

    status = await adapter.status()

    assert isinstance(status, CallFailed) and status.kind == "transient"


@pytest.mark.parametrize("marketplace", ["amazon", "ebay", "shopify"])
def test_the_others_have_no_such_call(marketplace: str) -> None:
    assert not isinstance(an_adapter(marketplace, Scripted(httpx.Response(500))), ReportsStatus)
