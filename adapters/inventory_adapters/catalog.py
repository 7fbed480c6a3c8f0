"""Every marketplace there is: how its settings are read, and how its adapter is built.

Importing this loads none of them: a marketplace's settings are imported when the first account is read, its adapter
when the first one is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Final, cast

from inventory_domain.identifiers import Marketplace

if TYPE_CHECKING:
    import httpx

    from inventory_adapters.accounts import AccountSettings
    from inventory_domain.clock import Clock
    from inventory_domain.ports import MarketplaceAdapter

    Parse = Callable[[Mapping[str, object], str], AccountSettings]
    Build = Callable[[AccountSettings, Clock, httpx.AsyncBaseTransport | None], MarketplaceAdapter]


@dataclass(frozen=True, slots=True)
class MarketplaceModule:
    """A marketplace: `parse` reads an account's settings, `build` makes the adapter of one account.

    Its folder here is called like it.
    """

    marketplace: Marketplace

    def parse(self, raw: Mapping[str, object], path: str) -> AccountSettings:
        """The settings of an account, with every default filled in.

        Raises:
            ConfigError: with every fault that was found, each with its place below `path`.
        """
        return cast("Parse", self._module("settings").parse)(raw, path)

    def build(
        self, settings: AccountSettings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
    ) -> MarketplaceAdapter:
        """The adapter of the account that `parse` read these settings for. `transport` replaces the network."""
        return cast("Build", self._module("adapter").build)(settings, clock, transport)

    def _module(self, name: str) -> ModuleType:
        return import_module(f"inventory_adapters.{self.marketplace}.{name}")


MARKETPLACES: Final[Mapping[Marketplace, MarketplaceModule]] = MappingProxyType(
    {name: MarketplaceModule(name) for name in map(Marketplace, ("amazon", "ebay", "walmart", "shopify"))}
)
