"""How fast a SKU sells: its rate on each channel, now and usually. What is known of it makes numbers good, never right.

Rates are whole thousandths of a unit per day, so that what is computed from them is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from inventory_domain.identifiers import ChannelId

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class ChannelDemand:
    """A SKU's sales on one channel, in thousandths of a unit per day.

    `milli_per_day` is the rate of late; `baseline_milli_per_day` is the usual one, over a window so long that a few
    busy hours or a stopped channel hardly move it; None while there is too little history to have one.
    """

    milli_per_day: int
    baseline_milli_per_day: int | None = None

    @property
    def weight(self) -> int:
        """What this channel is expected to sell, in thousandths a day: the larger of the rate of late and the usual.

        A channel that is stopped sells nothing, and keeps its share by what it usually sells.
        """
        usual = self.baseline_milli_per_day
        return self.milli_per_day if usual is None else max(self.milli_per_day, usual)


@dataclass(frozen=True, slots=True)
class Demand:
    """What is known of a SKU's sales; where nothing is known there is None in its place, not an empty one.

    A channel that is not in `channels` sold nothing. `dispersion_percent` is the variance of daily sales as a
    percentage of their mean (100: sales come singly and by chance alone); None while it was not measured. `live_ms` is
    how long a channel was measured to need until buyers see a new number; channels not measured yet are left out.
    """

    channels: Mapping[ChannelId, ChannelDemand]
    dispersion_percent: int | None = None
    live_ms: Mapping[ChannelId, int] = field(default_factory=dict)

    @property
    def milli_per_day(self) -> int:
        """The rate of late on all channels together."""
        return sum([one.milli_per_day for one in self.channels.values()])

    @property
    def baseline_milli_per_day(self) -> int | None:
        """The usual rate on all channels together; None where no channel has one."""
        known = [one.baseline_milli_per_day for one in self.channels.values() if one.baseline_milli_per_day is not None]
        return sum(known) if known else None

    @property
    def expected_milli_per_day(self) -> int:
        """What all channels together are expected to sell, sales of which nobody knows the channel included."""
        return sum([one.weight for one in self.channels.values()])

    def weight(self, channel: ChannelId) -> int:
        """What the channel is expected to sell, in thousandths of a unit per day."""
        one = self.channels.get(channel)
        return one.weight if one is not None else 0

    def elsewhere_milli_per_day(self, channel: ChannelId) -> int:
        """The rate of late on all channels but this one."""
        return sum([one.milli_per_day for name, one in self.channels.items() if name != channel])


def milli_per_day(units: int, window_ms: int) -> int:
    """The rate at which so many units were sold within a window, in thousandths a day; rounded up, never below 0."""
    if units <= 0 or window_ms <= 0:
        return 0
    return -(-units * 1000 * DAY_MS // window_ms)


def dispersion_percent(units_by_day: list[int]) -> int | None:
    """The variance of daily sales as a percentage of their mean; None for fewer than two days or no sale at all."""
    days, sold = len(units_by_day), sum(units_by_day)
    if days < 2 or sold <= 0:
        return None
    # Sample variance over mean, in whole numbers: (n * sum of squares - square of sum) / ((n - 1) * sum).
    spread = days * sum([units * units for units in units_by_day]) - sold * sold
    return -(-spread * 100 // ((days - 1) * sold))
