"""What an operator decides per channel: where it may sell from, what it withholds, how stock is shared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

from inventory_domain.buffers import NOT_WIDENED, BufferPolicy, Widening, may_show_all
from inventory_domain.errors import ConfigFault
from inventory_domain.identifiers import AccountId, ChannelId, LocationId, Marketplace
from inventory_domain.surges import HighVelocity, Peak, widest

HORIZON_DAYS_MAX: Final = 365


class Strategy(Enum):
    """How available-to-promise becomes a channel's allocation.

    SHARED_POOL gives every channel all of it and relies on buffers; FIXED_PERCENTAGE gives each its share;
    VELOCITY_WEIGHTED divides by what each is expected to sell; MARGIN_FIRST, while there is less than all are expected
    to sell within a horizon, serves first who earns most per unit, and is the default strategy otherwise.
    """

    SHARED_POOL = "shared-pool"
    FIXED_PERCENTAGE = "fixed-percentage"
    VELOCITY_WEIGHTED = "velocity-weighted"
    MARGIN_FIRST = "margin-first"

    __hash__ = object.__hash__  # each is there once; an enum's own hash is a call in Python


LARGEST_PERCENT: Final[Mapping[Strategy, int]] = MappingProxyType(
    {
        Strategy.SHARED_POOL: 100,  # buffers alone keep back units there
        Strategy.FIXED_PERCENTAGE: 90,
        Strategy.VELOCITY_WEIGHTED: 80,
        Strategy.MARGIN_FIRST: 80,
    }
)


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """One channel: the unit of policy, health and stop-sale.

    `locations` are those it may sell from; `percent` is its share of available-to-promise under FIXED_PERCENTAGE.
    `largest_percent` is the most of it that any strategy may give, None for the strategy's own limit.
    `allow_full` permits a policy that could show every unit there is. Of the buffers the nearest one holds: by SKU,
    by category, else `buffer`.
    """

    channel: ChannelId
    marketplace: Marketplace
    account: AccountId
    locations: frozenset[LocationId]
    buffer: BufferPolicy
    percent: int = 0
    allow_full: bool = False
    largest_percent: int | None = None
    buffer_by_category: Mapping[str, BufferPolicy] | None = None
    buffer_by_sku: Mapping[str, BufferPolicy] | None = None

    @property
    def has_risk_rule(self) -> bool:
        """Whether any of its buffers goes by the risk rule."""
        buffers = [self.buffer, *(self.buffer_by_category or {}).values(), *(self.buffer_by_sku or {}).values()]
        return any(buffer.risk is not None for buffer in buffers)

    def buffer_for(self, sku: str, category: str) -> BufferPolicy:
        """The buffer that holds for this SKU."""
        if self.buffer_by_sku and sku in self.buffer_by_sku:
            return self.buffer_by_sku[sku]
        if self.buffer_by_category and category in self.buffer_by_category:
            return self.buffer_by_category[category]
        return self.buffer


@dataclass(frozen=True, slots=True)
class AllocationPolicy:
    """All channels, and the strategy by default, by category and by SKU (the nearest one wins).

    `largest_percent` is per strategy the most of a channel's available-to-promise that it may be given.
    `closed_locations` are those that nothing is promised from, whatever stands there.
    `smallest_percent` is what a channel that sells nothing weighs under VELOCITY_WEIGHTED, of the sales of all.
    """

    channels: Mapping[ChannelId, ChannelPolicy]
    strategy: Strategy = Strategy.SHARED_POOL
    by_category: Mapping[str, Strategy] | None = None
    by_sku: Mapping[str, Strategy] | None = None
    largest_percent: Mapping[Strategy, int] = field(default_factory=lambda: LARGEST_PERCENT)
    smallest_percent: int = 5
    margin_horizon_days: int = 7
    high_velocity: HighVelocity | None = None
    peaks: tuple[Peak, ...] = ()
    closed_locations: frozenset[LocationId] = frozenset()

    def sells_from(self, locations: Iterable[LocationId]) -> bool:
        """Whether any channel may sell from one of these locations, be it closed now."""
        return any(not one.locations.isdisjoint(locations) for one in self.channels.values())

    def strategy_for(self, sku: str, category: str) -> Strategy:
        """The strategy that holds for this SKU."""
        if self.by_sku and sku in self.by_sku:
            return self.by_sku[sku]
        if self.by_category and category in self.by_category:
            return self.by_category[category]
        return self.strategy

    @property
    def otherwise(self) -> Strategy:
        """What MARGIN_FIRST is while there is enough: the default strategy, or the pool where it is the default."""
        return Strategy.SHARED_POOL if self.strategy is Strategy.MARGIN_FIRST else self.strategy

    def largest(self, channel: ChannelPolicy, strategy: Strategy) -> int:
        """The most that this strategy may give the channel, in percent of the channel's available-to-promise."""
        if channel.largest_percent is not None:
            return channel.largest_percent
        return 100 if channel.allow_full else self.usual_largest(strategy)

    def usual_largest(self, strategy: Strategy) -> int:
        """The most that this strategy gives a channel that says nothing else."""
        percent = self.largest_percent.get(strategy)
        return LARGEST_PERCENT[strategy] if percent is None else percent

    def widening(self, channel: ChannelId, high: bool, now_ms: int) -> Widening:
        """How much more than usual the channel withholds now: by the period or by the schedule, whichever is more."""
        peak = widest(self.peaks, channel, now_ms) if self.peaks else None
        period = self.high_velocity.widened_percent if high and self.high_velocity is not None else 100
        if peak is not None and peak.widened_percent > period:
            return Widening(peak.widened_percent, peak.name)
        return Widening(period, "high velocity") if period != 100 else NOT_WIDENED

    def scheduled_percent(self, channel: ChannelId, now_ms: int) -> int:
        """By how much the schedule expects more sales than of late, in percent of these."""
        peak = widest(self.peaks, channel, now_ms) if self.peaks else None
        return peak.widened_percent if peak is not None else 100


def faults(policy: AllocationPolicy) -> list[ConfigFault]:
    """Every reason why this policy must not be run, each with its path in the configuration file."""
    used = {policy.strategy, *(policy.by_category or {}).values(), *(policy.by_sku or {}).values()}
    if Strategy.MARGIN_FIRST in used:
        used.add(policy.otherwise)
    found = [fault for channel in policy.channels.values() for fault in _channel_faults(channel, policy, used)]
    total = sum(channel.percent for channel in policy.channels.values())
    if Strategy.FIXED_PERCENTAGE in used and total > 100:
        found.append(ConfigFault("channels.*.percent", f"add up to {total}, at most 100"))
    if Strategy.FIXED_PERCENTAGE in used and total == 0:
        found.append(ConfigFault("channels.*.percent", "are all 0, so fixed-percentage would show nothing anywhere"))
    found.extend(_rule_faults(policy))
    named = frozenset[LocationId]().union(*[channel.locations for channel in policy.channels.values()])
    found.extend(
        ConfigFault("policy.closed_locations", f"{name!r} is a location of no channel")
        for name in sorted(policy.closed_locations - named)
    )
    return found


def _channel_faults(channel: ChannelPolicy, policy: AllocationPolicy, used: set[Strategy]) -> Iterator[ConfigFault]:
    path = f"channels.{channel.channel}"
    if not channel.locations:
        yield ConfigFault(f"{path}.locations", "is empty: the channel could never show anything")
    if not 0 <= channel.percent <= 100:
        yield ConfigFault(f"{path}.percent", f"is {channel.percent}, 0 to 100")
    given_all = any(policy.largest(channel, strategy) == 100 for strategy in used)
    for place, buffer in _buffers(channel):
        yield from (ConfigFault(f"{path}.{place}", text) for text in buffer.faults())
        if may_show_all(buffer) and given_all and not channel.allow_full:
            yield ConfigFault(
                f"{path}.{place}",
                "withholds nothing while little sells (units is 0), so all stock could be shown: "
                "set units, or allow_full to mean it"
                if buffer.risk is not None
                else "withholds nothing, so all stock could be shown: set allow_full to mean it",
            )
    largest = channel.largest_percent
    if largest is not None and not 1 <= largest <= 100:
        yield ConfigFault(f"{path}.largest_share", f"is {largest}, 1 to 100")
    elif largest == 100 and not channel.allow_full:
        yield ConfigFault(
            f"{path}.largest_share", "is 100, so one channel could be given all: set allow_full to mean it"
        )
    most = policy.largest(channel, Strategy.FIXED_PERCENTAGE)
    if Strategy.FIXED_PERCENTAGE in used and most < channel.percent <= 100:
        yield ConfigFault(
            f"{path}.percent", f"is {channel.percent}, above the largest share of {most}: set allow_full to mean it"
        )


def _buffers(channel: ChannelPolicy) -> Iterator[tuple[str, BufferPolicy]]:
    """Every buffer that the channel may have, with its place below the channel."""
    yield "buffer", channel.buffer
    for name, buffer in (channel.buffer_by_category or {}).items():
        yield f"buffer_by_category.{name}", buffer
    for name, buffer in (channel.buffer_by_sku or {}).items():
        yield f"buffer_by_sku.{name}", buffer


def _rule_faults(policy: AllocationPolicy) -> Iterator[ConfigFault]:
    for strategy, percent in policy.largest_percent.items():
        path = f"policy.largest_share.{strategy.value}"
        if not 1 <= percent <= 100:
            yield ConfigFault(path, f"is {percent}, 1 to 100")
        elif percent == 100 and strategy is not Strategy.SHARED_POOL:
            yield ConfigFault(path, "is 100, so one channel could be given all: set allow_full on a channel to mean it")
    if not 0 <= policy.smallest_percent <= 50:
        yield ConfigFault("policy.smallest_share", f"is {policy.smallest_percent}, 0 to 50")
    if not 1 <= policy.margin_horizon_days <= HORIZON_DAYS_MAX:
        yield ConfigFault("policy.margin_horizon_days", f"is {policy.margin_horizon_days}, 1 to {HORIZON_DAYS_MAX}")
    if policy.high_velocity is not None:
        yield from (ConfigFault("policy.high_velocity", text) for text in policy.high_velocity.faults())
    names: set[str] = set()
    for index, peak in enumerate(policy.peaks):
        yield from (ConfigFault(f"policy.peaks.{index}", text) for text in peak.faults())
        if peak.name in names:
            yield ConfigFault(f"policy.peaks.{index}.name", f"is {peak.name!r} like another one's")
        names.add(peak.name)
        for channel in sorted(peak.channels - policy.channels.keys()):
            yield ConfigFault(f"policy.peaks.{index}.channels", f"{channel!r} is not below `channels`")
