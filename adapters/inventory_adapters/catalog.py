"""Every marketplace there is, one line each: how its settings are read, and how its adapter is built.

Importing this loads no HTTP client: a marketplace's adapter is imported when the first one is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from inventory_adapters.accounts import AccountSettings
from inventory_adapters.amazon import settings as amazon
from inventory_adapters.ebay import settings as ebay
from inventory_adapters.shopify import settings as shopify
from inventory_adapters.walmart import settings as walmart
from inventory_domain.clock import Clock
from inventory_domain.identifiers import Marketplace
from inventory_domain.ports import MarketplaceAdapter

if TYPE_CHECKING:
    import httpx

Parse = Callable[[Mapping[str, object], str], AccountSettings]
Build = Callable[[AccountSettings, Clock, "httpx.AsyncBaseTransport | None"], MarketplaceAdapter]


@dataclass(frozen=True, slots=True)
class MarketplaceModule:
    """A marketplace: `parse` reads an account's settings, `build` makes the adapter of one account."""

    marketplace: Marketplace
    parse: Parse
    folder: str

    def build(
        self, settings: AccountSettings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
    ) -> MarketplaceAdapter:
        """The adapter of the account that `parse` read these settings for. `transport` replaces the network."""
        module = import_module(f"inventory_adapters.{self.folder}.adapter")
        return cast(Build, module.build)(settings, clock, transport)


MARKETPLACES: Final[Mapping[Marketplace, MarketplaceModule]] = MappingProxyType(
    {
        amazon.AMAZON: MarketplaceModule(amazon.AMAZON, amazon.parse, "amazon"),
        ebay.EBAY: MarketplaceModule(ebay.EBAY, ebay.parse, "ebay"),
        walmart.WALMART: MarketplaceModule(walmart.WALMART, walmart.parse, "walmart"),
        shopify.SHOPIFY: MarketplaceModule(shopify.SHOPIFY, shopify.parse, "shopify"),
    }
)
