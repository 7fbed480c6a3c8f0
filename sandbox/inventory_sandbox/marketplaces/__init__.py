"""The four marketplaces (Amazon, eBay, Walmart, Shopify) as local HTTP servers, for tests and demos.

`serve` runs them on ports; `build_marketplaces` gives them as ASGI applications over a clock that can be moved.
"""

from inventory_sandbox.marketplaces.assortment import (
    WRITABLE_KINDS,
    ListingKind,
    ListingSeed,
    demo_fill,
    seed_from_json,
    sku_name,
)
from inventory_sandbox.marketplaces.clock import Clock, MovableClock, SystemClock
from inventory_sandbox.marketplaces.faults import FaultMode
from inventory_sandbox.marketplaces.server import Marketplaces, announcement, build_marketplaces, serve
from inventory_sandbox.marketplaces.settings import Credentials, SandboxSettings

__all__ = [
    "WRITABLE_KINDS",
    "Clock",
    "Credentials",
    "FaultMode",
    "ListingKind",
    "ListingSeed",
    "Marketplaces",
    "MovableClock",
    "SandboxSettings",
    "SystemClock",
    "announcement",
    "build_marketplaces",
    "demo_fill",
    "seed_from_json",
    "serve",
    "sku_name",
]
