"""The four adapters on the sandbox's marketplaces, over one clock that a test moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from starlette.types import ASGIApp

from inventory_adapters.catalog import MARKETPLACES
from inventory_adapters.secrets import Secret
from inventory_domain.identifiers import ChannelId, ListingId, Marketplace, NodeId
from inventory_domain.outcomes import PushOutcome
from inventory_domain.ports import ListingRef, MarketplaceAdapter, Push, ReadAnswer
from inventory_sandbox.marketplaces import (
    FaultMode,
    ListingKind,
    ListingSeed,
    Marketplaces,
    MovableClock,
    SandboxSettings,
    build_marketplaces,
    serve,
)

SELLER = "A3DEMOSELLER01"
SHOP = "inventory-demo.myshopify.com"
LOCATION = "gid://shopify/Location/81000001"
LOCATION_2 = "gid://shopify/Location/81000002"
SHIP_NODES = ("1000005050", "1000005051")
LISTINGS = 4
TWO_NODES = 3  # the listing that is at two ship nodes or locations
SKU_WITH_EVERYTHING = "A b/c?d&é"  # what must be encoded in a path and in a query


class DomainClock:
    """The sandbox's movable clock as the adapters' clock."""

    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock

    def now_ms(self) -> int:
        return int(self._clock.now() * 1_000)

    def monotonic_s(self) -> float:
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class SandboxTransport(httpx.AsyncBaseTransport):
    """An application in place of the network; a connection that it drops fails as it does on a socket.

    It keeps what was sent, for tests that look at requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._inner = httpx.ASGITransport(app)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        try:
            return await self._inner.handle_async_request(request)
        except ConnectionResetError as reset:
            raise httpx.ReadError("connection reset by peer", request=request) from reset
        except TimeoutError as late:
            raise httpx.ReadTimeout("no answer", request=request) from late

    def paths(self) -> list[str]:
        """What was called, in order."""
        return [request.url.path for request in self.requests]


@dataclass
class Stage:
    """One adapter and the marketplace that it talks to."""

    marketplace: str
    sandbox: Marketplaces
    clock: MovableClock
    transport: SandboxTransport
    adapter: MarketplaceAdapter
    seeds: Sequence[ListingSeed]

    def a_push(self, index: int = 0, quantity: int = 7, **changes: object) -> Push:
        """A push to one of the listings, new each time."""
        seed = self.seeds[index]
        push = Push(
            listing_id=ListingId(f"{channel(seed)}/{seed.sku}"),
            channel=channel(seed),
            quantity=quantity,
            nodes=self._nodes(index, quantity),
            marketplace_ids=ids(seed),
            version=1,
            key=f"{seed.sku}-{quantity}-{len(self.transport.requests)}",
        )
        return replace(push, **changes)  # type: ignore[arg-type]

    def a_ref(self, index: int = 0) -> ListingRef:
        """One of the listings, to be read."""
        push = self.a_push(index)
        return ListingRef(push.listing_id, push.channel, push.marketplace_ids, tuple(push.nodes))

    def _nodes(self, index: int, quantity: int) -> dict[NodeId, int]:
        first, second = SHIP_NODES if self.marketplace == "walmart" else (LOCATION, LOCATION_2)
        if index == TWO_NODES and self.marketplace in ("walmart", "shopify"):
            return {NodeId(first): quantity - quantity // 3, NodeId(second): quantity // 3}
        return {NodeId(first): quantity} if self.marketplace == "shopify" else {}

    async def push(self, *pushes: Push) -> Sequence[PushOutcome]:
        return await self.adapter.push(pushes)

    async def read(self, index: int = 0) -> ReadAnswer:
        return await self.adapter.read(self.a_ref(index))

    def live(self, index: int = 0) -> int:
        """What buyers see, by the marketplace itself."""
        listing = self.sandbox.world.stock.get(self.marketplace, self.seeds[index].key)
        assert listing is not None
        return listing.live

    def settle(self) -> None:
        """Let everything accepted go live."""
        self.clock.move(self.adapter.traits.settling_s_max + 1)

    def fail(self, mode: FaultMode, count: int | None = 1, match: str = "") -> None:
        """Have the marketplace fail."""
        self.sandbox.world.faults.add(self.marketplace, mode, count=count, match=match)
        if mode is FaultMode.UNAUTHORIZED and self.marketplace in self.sandbox.world.token_stores:
            self.sandbox.world.token_stores[self.marketplace].revoke_all()

    def calls(self, operation: str) -> int:
        """Calls of one operation so far, by the marketplace's count."""
        counted = self.sandbox.world.counters.calls.items()
        return sum(count for (_, name, _), count in counted if name == operation)

    def another(self, **settings: object) -> MarketplaceAdapter:
        """A second adapter of the same account, with other settings."""
        module = MARKETPLACES[Marketplace(self.marketplace)]
        parsed = module.parse({**_account(self.marketplace, self.sandbox), **settings}, "accounts.another")
        return module.build(parsed, DomainClock(self.clock), self.transport)

    def violations(self) -> int:
        """Writes that must never be made, by the marketplace's count."""
        return self.sandbox.world.counters.violation_count


def a_stage(marketplace: str, sandbox_settings: Mapping[str, object] | None = None, **settings: object) -> Stage:
    """An adapter with these settings on a sandbox with these."""
    clock = MovableClock()
    seeds = _SEEDS[marketplace]
    sandbox = build_marketplaces(
        clock,
        SandboxSettings(**{"skus": 0, "listings": tuple(seeds), **(sandbox_settings or {})}),  # type: ignore[arg-type]
    )
    transport = SandboxTransport(sandbox.apps()[marketplace])
    module = MARKETPLACES[Marketplace(marketplace)]
    parsed = module.parse({**_account(marketplace, sandbox), **settings}, f"accounts.{marketplace}")
    adapter = module.build(parsed, DomainClock(clock), transport)
    return Stage(marketplace, sandbox, clock, transport, adapter, seeds)


@dataclass
class Served:
    """An adapter that reaches the sandbox by sockets, in real time made short."""

    stage: Stage
    adapter: MarketplaceAdapter
    control: httpx.AsyncClient
    server: asyncio.Task[None]

    async def fail(self, mode: FaultMode) -> None:
        """Have the marketplace fail once."""
        fault = {"marketplace": self.stage.marketplace, "mode": mode.value, "count": 1}
        await self._ask("POST", "/faults", fault)

    async def until_live(self, quantity: int) -> None:
        """Wait until buyers see this quantity of the first listing."""
        path = f"/listings/{self.stage.marketplace}/{self.stage.seeds[0].key}"
        async with asyncio.timeout(20):
            while (await self._ask("GET", path, None))["live_quantity"] != quantity:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Take the marketplace from the network."""
        self.server.cancel()
        await asyncio.gather(self.server, return_exceptions=True)

    async def _ask(self, method: str, path: str, body: object) -> dict[str, object]:
        answer = await self.control.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert isinstance(found, dict)
        return found


@asynccontextmanager
async def served(marketplace: str, authority_file: Path | None = None, **settings: object) -> AsyncIterator[Served]:
    """A sandbox on ports of this machine, and an adapter that calls it; by https where an authority is to be written.

    The adapter does not trust that authority by itself.
    """
    seeds = _SEEDS[marketplace]
    ready: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
    sandbox_settings = SandboxSettings(
        skus=0,
        listings=tuple(seeds),
        factor=1 / 1_000,
        burst_factor=100,
        hold_s=10,
        authority_file=authority_file,
    )
    server = asyncio.create_task(serve(sandbox_settings, ready.set_result))
    stage = a_stage(marketplace)
    try:
        said = await asyncio.wait_for(ready, 20)
        urls = said[marketplace]
        assert isinstance(urls, dict)
        # A shop is told its token here, and asks for none.
        keys = ("base_url",) if marketplace == "shopify" else ("base_url", "token_url")
        addresses = {key: urls[key] for key in keys}
        module = MARKETPLACES[Marketplace(marketplace)]
        raw = {**_account(marketplace, stage.sandbox), **addresses, **settings}
        adapter = module.build(module.parse(raw, "accounts.a"), _RealClock())
        async with httpx.AsyncClient(base_url=str(said["control_url"]), trust_env=False) as control:
            yield Served(stage, adapter, control, server)
        await adapter.aclose()
    finally:
        await stage.adapter.aclose()
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)


class _RealClock:
    """The machine's time."""

    def now_ms(self) -> int:
        return int(time.time() * 1_000)

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def channel(seed: ListingSeed) -> ChannelId:
    """The channel that a listing is on here."""
    return ChannelId("amazon-ca" if seed.marketplace_id == "A2EUQ1WTGCTBG2" else f"{seed.marketplace}-us")


def ids(seed: ListingSeed) -> dict[str, str]:
    """How the adapter addresses the listing."""
    return {
        "amazon": {"seller_sku": seed.sku, "product_type": seed.product_type},
        "ebay": {"sku": seed.sku, "offer_id": seed.offer_id, "listing_id": seed.listing_id},
        "walmart": {"sku": seed.sku},
        "shopify": {"inventory_item_id": seed.inventory_item_id},
    }[seed.marketplace]


def _account(marketplace: str, sandbox: Marketplaces) -> dict[str, object]:
    known = sandbox.world.settings.credentials
    base: dict[str, object] = {"base_url": "http://127.0.0.1:1", "channels": {f"{marketplace}-us": {}}}
    if marketplace == "amazon":
        return base | {
            "token_url": "http://127.0.0.1:1/auth/o2/token",
            "seller_id": SELLER,
            "client_id": known.amazon_client_id,
            "client_secret": Secret(known.amazon_client_secret),
            "refresh_token": Secret(known.amazon_refresh_token),
            "channels": {
                "amazon-us": {"marketplace_id": "ATVPDKIKX0DER"},
                "amazon-ca": {"marketplace_id": "A2EUQ1WTGCTBG2"},
            },
        }
    if marketplace == "ebay":
        return base | {
            "client_id": known.ebay_client_id,
            "client_secret": Secret(known.ebay_client_secret),
            "refresh_token": Secret(known.ebay_refresh_token),
        }
    if marketplace == "walmart":
        return base | {
            "client_id": known.walmart_client_id,
            "client_secret": Secret(known.walmart_client_secret),
        }
    return base | {"access_token": Secret(known.shopify_access_token)}


def _amazon(number: int, country: str = "ATVPDKIKX0DER", kind: str = "seller_fulfilled") -> ListingSeed:
    return ListingSeed(
        marketplace="amazon",
        account=SELLER,
        marketplace_id=country,
        sku=SKU_WITH_EVERYTHING if number == 2 else f"S{number}",
        kind=ListingKind(kind),
        quantity=1,
        product_type="LUGGAGE",
        asin=f"B00000000{number}",
    )


def _ebay(number: int) -> ListingSeed:
    return ListingSeed(
        marketplace="ebay",
        account="demo_seller_us",
        marketplace_id="EBAY_US",
        sku=f"S{number}",
        quantity=1,
        offer_id=f"3600000000{number}",
        listing_id=f"11055000000{number}",
        format="FIXED_PRICE",
    )


def _walmart(number: int) -> ListingSeed:
    return ListingSeed(
        marketplace="walmart",
        account="10001119999",
        marketplace_id="WALMART_US",
        sku=SKU_WITH_EVERYTHING if number == 2 else f"S{number}",
        quantity=1,
        ship_nodes=SHIP_NODES if number == TWO_NODES else SHIP_NODES[:1],
        item_id=f"500000000{number}",
    )


def _shopify(number: int) -> ListingSeed:
    return ListingSeed(
        marketplace="shopify",
        account=SHOP,
        marketplace_id=SHOP,
        sku=f"S{number}",
        quantity=1,
        inventory_item_id=f"gid://shopify/InventoryItem/5000000000{number}",
        variant_id=f"gid://shopify/ProductVariant/4000000000{number}",
        product_id=f"gid://shopify/Product/800000000{number}",
        location_ids=(LOCATION, LOCATION_2) if number == TWO_NODES else (LOCATION,),
    )


_SEEDS: Mapping[str, Sequence[ListingSeed]] = {
    "amazon": [_amazon(0), _amazon(1), _amazon(2), _amazon(3, "A2EUQ1WTGCTBG2")],
    "ebay": [_ebay(number) for number in range(LISTINGS)],
    "walmart": [_walmart(number) for number in range(LISTINGS)],
    "shopify": [_shopify(number) for number in range(LISTINGS)],
}
