"""What answers say of limits, marketplace by marketplace."""

from __future__ import annotations

import httpx
import pytest

from inventory_domain.outcomes import LimitSeen
from tests.support.adapters import Reply, pushed

ACCEPTED = {"sku": "S1", "status": "ACCEPTED", "submissionId": "x", "issues": []}
ECHO = {"sku": "S1", "quantity": {"unit": "EACH", "amount": 10}}
SET = {"data": {"inventorySetQuantities": {"userErrors": []}}}


def cost(requested: float, available: float, taken: float | None = None) -> dict[str, object]:
    status = {"maximumAvailable": 2000.0, "currentlyAvailable": available, "restoreRate": 100.0}
    asked = {"requestedQueryCost": requested, "actualQueryCost": taken}
    return {"extensions": {"cost": {**asked, "throttleStatus": status}}}


@pytest.mark.parametrize(
    ("marketplace", "reply", "seen"),
    [
        (
            "amazon",
            httpx.Response(200, json=ACCEPTED, headers={"x-amzn-RateLimit-Limit": "5.0"}),
            LimitSeen(operation="patchListingsItem", rate_per_s=5.0),
        ),
        ("amazon", httpx.Response(200, json=ACCEPTED), None),
        (
            "amazon",
            httpx.Response(429, json={"errors": [{"code": "QuotaExceeded"}]}),
            LimitSeen(operation="patchListingsItem", remaining=0.0),
        ),
        ("ebay", httpx.Response(500, json={}), None),
        ("ebay", httpx.Response(429, json={}), LimitSeen(operation="sell.inventory", remaining=0.0)),
        (
            "ebay",
            httpx.Response(429, json={}, headers={"Retry-After": "30"}),
            LimitSeen(operation="sell.inventory", remaining=0.0, wait_s=30.0),
        ),
        (
            "walmart",
            httpx.Response(200, json=ECHO, headers={"x-current-token-count": "199"}),
            LimitSeen(operation="putInventory", remaining=199.0),
        ),
        (
            "walmart",
            httpx.Response(
                200,
                json=ECHO,
                headers={"X-Current-Token-Count": "3", "X-Next-Replenishment-Time": "1790000012000"},
            ),
            LimitSeen(operation="putInventory", remaining=3.0, wait_s=12.0),
        ),
        (
            "walmart",
            httpx.Response(429, json={}, headers={"Retry-After": "7", "X-Next-Replenishment-Time": "9"}),
            LimitSeen(operation="putInventory", remaining=0.0, wait_s=7.0),
        ),
        (
            "shopify",
            httpx.Response(200, json={**SET, **cost(10, 1990, 8)}),
            LimitSeen(operation="graphql", rate_per_s=100.0, burst=2000.0, remaining=1990.0, cost=8.0, cost_max=10.0),
        ),
        (
            "shopify",
            httpx.Response(200, json={"errors": [{"extensions": {"code": "THROTTLED"}}], **cost(110, 10)}),
            LimitSeen(operation="graphql", rate_per_s=100.0, burst=2000.0, remaining=10.0, wait_s=1.0, cost_max=110.0),
        ),
        (
            "shopify",
            httpx.Response(429, json={"errors": "x"}, headers={"Retry-After": "2.0"}),
            LimitSeen(operation="graphql", wait_s=2.0),
        ),
        (  # as RFC 9110 allows and a gateway may say it; the clock of these tests stands at 14:13:20
            "shopify",
            httpx.Response(503, json={"errors": "x"}, headers={"Retry-After": "Mon, 21 Sep 2026 14:13:50 GMT"}),
            LimitSeen(operation="graphql", wait_s=30.0),
        ),
    ],
)
async def test_an_answer_says_of_its_limit(marketplace: str, reply: Reply, seen: LimitSeen | None) -> None:
    outcome = await pushed(marketplace, reply)

    assert outcome.seen == seen
