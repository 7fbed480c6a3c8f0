"""Rule 36, for each adapter: whatever a marketplace answers, no host is called that its settings do not name."""

from __future__ import annotations

import ast

import httpx
import pytest

from inventory_adapters.catalog import MARKETPLACES
from inventory_adapters.fields import host_allowed
from inventory_domain.bulk import (
    ChecksPushes,
    PullsInBackground,
    PullsListings,
    ReadsGroups,
    ReadsHeldStock,
    ReportsStatus,
    TakesFeeds,
)
from inventory_domain.identifiers import ChannelId, Marketplace
from inventory_domain.ports import MarketplaceAdapter
from inventory_domain.signals import KeepsSubscriptions
from tests.support.adapters import CHANNEL, a_push, a_ref, an_adapter, raw_settings
from tests.support.sources import sources

ALL = ("amazon", "ebay", "walmart", "shopify")
ELSEWHERE = "https://elsewhere.example/x"
TOKEN = {"access_token": "a", "token_type": "bearer", "expires_in": 3600}
SENT_AWAY = {
    "a redirect": httpx.Response(302, headers={"location": ELSEWHERE}),
    "a redirect that keeps the method": httpx.Response(307, headers={"location": ELSEWHERE}),
    "a redirect for ever": httpx.Response(308, headers={"location": ELSEWHERE}),
    "addresses in the answer": httpx.Response(
        200,
        json={
            **dict.fromkeys(("url", "href", "next", "nextPage", "location", "nextCursor"), ELSEWHERE),
            "feedDocumentId": "d",
            "reportDocumentId": "d",
            "data": {"currentBulkOperation": {"id": "1", "status": "COMPLETED", "url": ELSEWHERE}},
        },
    ),
}


class Misleading(httpx.AsyncBaseTransport):
    """A marketplace that sends everybody elsewhere; keeps the hosts that were called."""

    def __init__(self, reply: httpx.Response, *, gives_tokens: bool) -> None:
        self._reply = reply
        self._gives_tokens = gives_tokens
        self.hosts: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.hosts.append(request.url.host)
        if self._gives_tokens and "token" in request.url.path:
            return httpx.Response(200, json=TOKEN)
        return httpx.Response(self._reply.status_code, headers=dict(self._reply.headers), content=self._reply.content)


@pytest.mark.parametrize("gives_tokens", [True, False], ids=["with a token", "also for a token"])
@pytest.mark.parametrize("kind", SENT_AWAY)
@pytest.mark.parametrize("marketplace", ALL)
async def test_no_answer_leads_an_adapter_to_another_host(marketplace: str, kind: str, gives_tokens: bool) -> None:
    transport = Misleading(SENT_AWAY[kind], gives_tokens=gives_tokens)
    adapter = an_adapter(marketplace, transport)

    made = await everything(adapter, marketplace)
    await adapter.aclose()

    module = MARKETPLACES[Marketplace(marketplace)]
    allowed = module.parse(raw_settings(marketplace), "accounts.x").calls.allowed_hosts
    assert made >= 4
    assert transport.hosts
    assert {host for host in transport.hosts if not host_allowed(host, allowed)} == set()


async def everything(adapter: MarketplaceAdapter, marketplace: str) -> int:
    """Make every call that the adapter offers; how many there were."""
    push, ref, channel = a_push(marketplace), a_ref(marketplace), ChannelId(CHANNEL[marketplace])
    calls = [adapter.push([push]), adapter.read(ref)]
    if isinstance(adapter, ReadsGroups):
        calls.append(adapter.read_group([ref]))
    if isinstance(adapter, PullsListings):
        calls.append(adapter.pull(channel, None))
    if isinstance(adapter, PullsInBackground):
        calls += [adapter.start_pull(channel), adapter.poll_pull(channel, "1")]
    if isinstance(adapter, ReadsHeldStock):
        calls.append(adapter.held_stock(channel, None))
    if isinstance(adapter, ChecksPushes):
        calls.append(adapter.check(push))
    if isinstance(adapter, TakesFeeds):
        calls += [adapter.submit_feed({1: push}), adapter.find_feed({1: push}, 0)]
    if isinstance(adapter, ReportsStatus):
        calls.append(adapter.status())
    if isinstance(adapter, KeepsSubscriptions):
        calls.append(adapter.subscriptions())
    for call in calls:
        await call
    return len(calls)


def test_one_module_makes_connections_and_follows_nobody() -> None:
    """What goes past it would go past its list of hosts. SQS has its own client, which is given one queue's address."""
    making = {}
    for source in sources("adapters"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = f"{ast.unparse(node.func.value)}.{node.func.attr}"
                if name in ("httpx.AsyncClient", "httpx.Client", "httpx.get", "httpx.post", "httpx.request"):
                    told = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                    making[str(source.path)] = (told.get("follow_redirects"), told.get("trust_env"))

    assert making == {"adapters/inventory_adapters/http.py": ("False", "False")}
