"""What an operator decides per channel: where it may sell from, what it withholds, how stock is shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from inventory_domain.buffers import BufferPolicy, may_show_all
from inventory_domain.errors import ConfigFault
from inventory_domain.identifiers import AccountId, ChannelId, LocationId, Marketplace


class Strategy(Enum):
    """How available-to-promise becomes a channel's allocation.

    SHARED_POOL gives every channel all of it and relies on buffers; FIXED_PERCENTAGE gives each its share.
    """

    SHARED_POOL = "shared-pool"
    FIXED_PERCENTAGE = "fixed-percentage"


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """One channel: the unit of policy, health and stop-sale.

    `locations` are those it may sell from; `percent` is its share of available-to-promise under FIXED_PERCENTAGE.
    `allow_full` permits a policy that could show every unit there is.
    """

    channel: ChannelId
    marketplace: Marketplace
    account: AccountId
    locations: frozenset[LocationId]
    buffer: BufferPolicy
    percent: int = 0
    allow_full: bool = False


@dataclass(frozen=True, slots=True)
class AllocationPolicy:
    """All channels, and the strategy by default, by category and by SKU (the nearest one wins)."""

    channels: Mapping[ChannelId, ChannelPolicy]
    strategy: Strategy = Strategy.SHARED_POOL
    by_category: Mapping[str, Strategy] | None = None
    by_sku: Mapping[str, Strategy] | None = None

    def strategy_for(self, sku: str, category: str) -> Strategy:
        """The strategy that holds for this SKU."""
        if self.by_sku and sku in self.by_sku:
            return self.by_sku[sku]
        if self.by_category and category in self.by_category:
            return self.by_category[category]
        return self.strategy


def faults(policy: AllocationPolicy) -> list[ConfigFault]:
    """Every reason why this policy must not be run, each with its path in the configuration file."""
    found: list[ConfigFault] = []
    for name, channel in policy.channels.items():
        path = f"channels.{name}"
        if not channel.locations:
            found.append(ConfigFault(f"{path}.locations", "is empty: the channel could never show anything"))
        if not 0 <= channel.percent <= 100:
            found.append(ConfigFault(f"{path}.percent", f"is {channel.percent}, 0 to 100"))
        found.extend(ConfigFault(f"{path}.buffer", text) for text in channel.buffer.faults())
        if may_show_all(channel.buffer) and not channel.allow_full:
            found.append(
                ConfigFault(
                    f"{path}.buffer", "withholds nothing, so all stock could be shown: set allow_full to mean it"
                )
            )
    used = {policy.strategy, *(policy.by_category or {}).values(), *(policy.by_sku or {}).values()}
    total = sum(channel.percent for channel in policy.channels.values())
    if Strategy.FIXED_PERCENTAGE in used and total > 100:
        found.append(ConfigFault("channels.*.percent", f"add up to {total}, at most 100"))
    if Strategy.FIXED_PERCENTAGE in used and total == 0:
        found.append(ConfigFault("channels.*.percent", "are all 0, so fixed-percentage would show nothing anywhere"))
    return found
