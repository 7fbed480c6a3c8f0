"""Settings, pushes and answers for tests of the adapters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import httpx

from inventory_adapters.catalog import MARKETPLACES
from inventory_adapters.secrets import Secret
from inventory_domain.identifiers import ChannelId, ListingId, Marketplace, NodeId
from inventory_domain.outcomes import Outcome, PushOutcome
from inventory_domain.ports import ListingRef, MarketplaceAdapter, Push, ReadAnswer

CLIENT_SECRET = "client-secret-canary"
REFRESH_TOKEN = "refresh-token-canary"
ACCESS_TOKEN = "access-token-canary"


def raw_settings(marketplace: str, **changes: object) -> dict[str, object]:
    """The least that an account of this marketplace must say, as the settings layer hands it to `parse`."""
    return {**_LEAST[marketplace], **changes}


_LEAST: Mapping[str, Mapping[str, object]] = {
    "amazon": {
        "seller_id": "A2SELLER",
        "client_id": "amzn1.application-oa2-client.1",
        "client_secret": Secret(CLIENT_SECRET),
        "refresh_token": Secret(REFRESH_TOKEN),
        "channels": {
            "amazon-us": {"marketplace_id": "ATVPDKIKX0DER"},
            "amazon-ca": {"marketplace_id": "A2EUQ1WTGCTBG2"},
        },
    },
    "ebay": {
        "client_id": "app-id",
        "client_secret": Secret(CLIENT_SECRET),
        "refresh_token": Secret(REFRESH_TOKEN),
        "channels": {"ebay-us": {}},
    },
    "walmart": {
        "client_id": "client-id",
        "client_secret": Secret(CLIENT_SECRET),
        "channels": {"walmart-us": {}},
    },
    "shopify": {
        "shop": "demo-shop",
        "access_token": Secret(ACCESS_TOKEN),
        "channels": {"shopify-dtc": {}},
    },
}


class FakeClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now_ms: int = 1_790_000_000_000) -> None:
        self._now_ms = now_ms
        self._monotonic_s = 1_000.0

    def move(self, seconds: float) -> None:
        self._now_ms += int(seconds * 1_000)
        self._monotonic_s += seconds

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_s(self) -> float:
        return self._monotonic_s

    async def sleep(self, seconds: float) -> None:
        self.move(seconds)


Reply = httpx.Response | Exception


class Scripted(httpx.AsyncBaseTransport):
    """A marketplace that gives these answers in turn, the last again and again, and tokens to whoever asks."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.requests: list[httpx.Request] = []
        self.tokens_given = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        if "token" in request.url.path:
            self.tokens_given += 1
            token = f"{ACCESS_TOKEN}-{self.tokens_given}"
            return httpx.Response(200, json={"access_token": token, "token_type": "bearer", "expires_in": 3600})
        self.requests.append(request)
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply.status_code, headers=dict(reply.headers), content=reply.content)

    def bodies(self) -> list[object]:
        """The bodies of the requests, as JSON."""
        return [json.loads(request.content) for request in self.requests]


def an_adapter(marketplace: str, transport: httpx.AsyncBaseTransport, **settings: object) -> MarketplaceAdapter:
    """An adapter with the least settings over this transport."""
    module = MARKETPLACES[Marketplace(marketplace)]
    parsed = module.parse(raw_settings(marketplace, **settings), f"accounts.{marketplace}")
    return module.build(parsed, FakeClock(), transport)


CHANNEL = {"amazon": "amazon-us", "ebay": "ebay-us", "walmart": "walmart-us", "shopify": "shopify-dtc"}
LOCATION = "gid://shopify/Location/2"
IDS: Mapping[str, Mapping[str, str]] = {
    "amazon": {"seller_sku": "S 1/a", "product_type": "LUGGAGE"},
    "ebay": {"sku": "S1", "offer_id": "36445435465", "listing_id": "110550000001"},
    "walmart": {"sku": "97964_KFTest"},
    "shopify": {"inventory_item_id": "gid://shopify/InventoryItem/1"},
}


def a_push(marketplace: str, **changes: object) -> Push:
    """A push of 10 units to one listing of this marketplace."""
    push = Push(
        listing_id=ListingId(f"{CHANNEL[marketplace]}/S1"),
        channel=ChannelId(CHANNEL[marketplace]),
        quantity=10,
        nodes={NodeId(LOCATION): 10} if marketplace == "shopify" else {},
        marketplace_ids=IDS[marketplace],
        version=3,
        key="attempt-1",
    )
    return replace(push, **changes)  # type: ignore[arg-type]


def a_ref(marketplace: str, **changes: object) -> ListingRef:
    """The same listing, to be read."""
    push = a_push(marketplace)
    ref = ListingRef(push.listing_id, push.channel, push.marketplace_ids, tuple(push.nodes))
    return replace(ref, **changes)  # type: ignore[arg-type]


async def pushed(marketplace: str, *replies: Reply) -> PushOutcome:
    """What becomes of a push that a marketplace answers so."""
    adapter = an_adapter(marketplace, Scripted(*replies))
    (outcome,) = await adapter.push([a_push(marketplace)])
    await adapter.aclose()
    return outcome


async def was_read(marketplace: str, *replies: Reply, **changes: object) -> ReadAnswer:
    """What a read gives that a marketplace answers so."""
    adapter = an_adapter(marketplace, Scripted(*replies))
    answer = await adapter.read(a_ref(marketplace, **changes))
    await adapter.aclose()
    return answer


@dataclass(frozen=True)
class Case:
    """An answer as the marketplace sends it, and what it means."""

    name: str
    reply: Reply
    then: type[Outcome]
    reason: str
    unknown: bool = False

    def __str__(self) -> str:
        return self.name


HTML = "<!DOCTYPE html><html><head><title>Bad Gateway</title></head><body>gateway</body></html>"


def html(status: int) -> httpx.Response:
    """A page of a gateway, in place of JSON."""
    return httpx.Response(status, headers={"content-type": "text/html"}, text=HTML)
