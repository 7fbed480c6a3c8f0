"""The marketplaces put together: as ASGI applications for tests, and served on ports of their own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from inventory_sandbox.marketplaces.amazon.marketplace import Amazon
from inventory_sandbox.marketplaces.assortment import (
    AMAZON_SELLER_ID,
    EBAY_SELLER,
    SHOPIFY_LOCATIONS,
    SHOPIFY_SHOP,
    WALMART_PARTNER_ID,
    WALMART_SHIP_NODES,
    demo_fill,
)
from inventory_sandbox.marketplaces.clock import Clock, SystemClock
from inventory_sandbox.marketplaces.control import Control, Fillable
from inventory_sandbox.marketplaces.deliveries import deliver_forever
from inventory_sandbox.marketplaces.ebay.marketplace import Ebay
from inventory_sandbox.marketplaces.ebay.signing import KEY_ID
from inventory_sandbox.marketplaces.http import router_of
from inventory_sandbox.marketplaces.settings import MARKETPLACES, SandboxSettings
from inventory_sandbox.marketplaces.shopify.marketplace import Shopify
from inventory_sandbox.marketplaces.tls import server_context
from inventory_sandbox.marketplaces.walmart.marketplace import Walmart
from inventory_sandbox.marketplaces.world import World

CONTROL: Final = "control"
_BACKLOG: Final = 512
_SHUTDOWN_S: Final = 2


@dataclass(frozen=True, slots=True)
class Marketplaces:
    """The four marketplaces and the control endpoint as ASGI applications over one world."""

    world: World
    amazon: ASGIApp
    ebay: ASGIApp
    walmart: ASGIApp
    shopify: ASGIApp
    control: ASGIApp

    def apps(self) -> Mapping[str, ASGIApp]:
        """The applications by name: "amazon", "ebay", "walmart", "shopify", "control"."""
        return {
            "amazon": self.amazon,
            "ebay": self.ebay,
            "walmart": self.walmart,
            "shopify": self.shopify,
            CONTROL: self.control,
        }


def build_marketplaces(clock: Clock, settings: SandboxSettings) -> Marketplaces:
    """Builds and fills the marketplaces without serving them, for tests with a clock that is moved by hand.

    A fault that drops the connection raises ConnectionResetError out of the application; one that never answers raises
    TimeoutError.
    """
    world = World(clock, settings)
    amazon, ebay, walmart, shopify = Amazon(world), Ebay(world), Walmart(world), Shopify(world)
    by_name: dict[str, Fillable] = {"amazon": amazon, "ebay": ebay, "walmart": walmart, "shopify": shopify}
    for seed in (*(demo_fill(settings.skus, settings.seed) if settings.skus else ()), *settings.listings):
        by_name[seed.marketplace].add(seed)
    return Marketplaces(
        world=world,
        amazon=router_of(world, amazon, amazon.not_found),
        ebay=router_of(world, ebay, ebay.not_found),
        walmart=router_of(world, walmart, walmart.not_found),
        shopify=router_of(world, shopify, shopify.not_found),
        control=Control(world, by_name, shopify.shop).router(),
    )


def announcement(settings: SandboxSettings, urls: Mapping[str, str]) -> dict[str, object]:
    """What a client needs to use the sandbox, as one JSON object: base and token URLs, credentials, control URL."""
    known = settings.credentials
    return {
        "control_url": urls[CONTROL],
        **({"ca_file": str(settings.authority_file.absolute())} if settings.authority_file is not None else {}),
        "factor": settings.factor,
        "skus": settings.skus,
        "seed": settings.seed,
        "amazon": {
            "base_url": urls["amazon"],
            "token_url": f"{urls['amazon']}/auth/o2/token",
            "client_id": known.amazon_client_id,
            "client_secret": known.amazon_client_secret,
            "refresh_token": known.amazon_refresh_token,
            "seller_id": AMAZON_SELLER_ID,
            "marketplace_ids": {"US": "ATVPDKIKX0DER", "CA": "A2EUQ1WTGCTBG2", "MX": "A1AM78C64UM0Y8"},
        },
        "ebay": {
            "base_url": urls["ebay"],
            "token_url": f"{urls['ebay']}/identity/v1/oauth2/token",
            "trading_url": f"{urls['ebay']}/ws/api.dll",
            "client_id": known.ebay_client_id,
            "client_secret": known.ebay_client_secret,
            "refresh_token": known.ebay_refresh_token,
            "seller": EBAY_SELLER,
            "public_key_id": KEY_ID,
            "marketplace_id": "EBAY_US",
            "group_size": settings.ebay_group_size,
        },
        "walmart": {
            "base_url": urls["walmart"],
            "token_url": f"{urls['walmart']}/v3/token",
            "client_id": known.walmart_client_id,
            "client_secret": known.walmart_client_secret,
            "partner_id": WALMART_PARTNER_ID,
            "ship_nodes": list(WALMART_SHIP_NODES),
        },
        "shopify": {
            "base_url": urls["shopify"],
            "token_url": f"{urls['shopify']}/admin/oauth/access_token",
            "shop": SHOPIFY_SHOP,
            "client_id": known.shopify_client_id,
            "client_secret": known.shopify_api_secret,
            "access_token": known.shopify_access_token,
            "api_secret": known.shopify_api_secret,
            "api_versions": list(settings.shopify_versions),
            "location_ids": list(SHOPIFY_LOCATIONS),
        },
    }


class _Droppable:
    """Closes the connection without an answer where the application wants that (see `http.Endpoint`)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except (ConnectionResetError, TimeoutError):
            # The server hands out no way to drop a connection; its send is a method of the object that has it.
            transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined]
            transport.abort()
            while (await receive())["type"] != "http.disconnect":
                pass


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Does nothing."""
        yield


async def serve(
    settings: SandboxSettings,
    on_ready: Callable[[dict[str, object]], None] | None = None,
    clock: Clock | None = None,
) -> None:
    """Serves the four marketplaces and the control endpoint until cancelled; then closes every connection and returns.

    `on_ready` gets the announcement once all ports answer.

    Raises:
        OSError: a given port is taken, or the authority cannot be written.
    """
    marketplaces = build_marketplaces(clock or SystemClock(), settings)
    tls = server_context(settings.authority_file, settings.host) if settings.authority_file is not None else None
    sockets: dict[str, socket.socket] = {}
    try:
        for name in (*MARKETPLACES, CONTROL):
            sockets[name] = _listening_socket(settings.host, settings.ports.get(name, 0))
        await _serve_on(marketplaces, sockets, settings, tls, on_ready)
    finally:
        for one in sockets.values():
            one.close()


async def _serve_on(
    marketplaces: Marketplaces,
    sockets: Mapping[str, socket.socket],
    settings: SandboxSettings,
    tls: ssl.SSLContext | None,
    on_ready: Callable[[dict[str, object]], None] | None,
) -> None:
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    # The control endpoint is ours, and no marketplace's client calls it.
    contexts = {name: None if name == CONTROL else tls for name in marketplaces.apps()}
    servers = {name: _server(app, contexts[name]) for name, app in marketplaces.apps().items()}
    running = [asyncio.create_task(one.serve(sockets=[sockets[name]])) for name, one in servers.items()]
    world = marketplaces.world
    deliveries = asyncio.create_task(deliver_forever(world.outbox, world.stock.settle))
    try:
        while not all(one.started for one in servers.values()):
            await asyncio.sleep(0.01)
            for task in running:
                if task.done():
                    task.result()
        urls = {
            name: f"{'https' if contexts[name] else 'http'}://{settings.host}:{one.getsockname()[1]}"
            for name, one in sockets.items()
        }
        if on_ready is not None:
            on_ready(announcement(settings, urls))
        # Not gather: when it is cancelled it cancels the servers, which then leave their connections open.
        await asyncio.wait([*running, deliveries], return_when=asyncio.FIRST_EXCEPTION)
    finally:
        deliveries.cancel()
        for server in servers.values():
            server.should_exit = True
        await asyncio.gather(*running, deliveries, return_exceptions=True)


def _server(app: ASGIApp, tls: ssl.SSLContext | None) -> _Server:
    config = uvicorn.Config(
        _Droppable(app),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=_SHUTDOWN_S,
        backlog=_BACKLOG,
    )
    config.load()
    config.ssl = tls  # its own options take files only, the key's too
    return _Server(config)


def _listening_socket(host: str, port: int) -> socket.socket:
    # With the protocol named, asyncio turns Nagle's delay off; without it every answer takes 40 ms longer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener
