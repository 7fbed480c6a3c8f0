"""When buffers are wider than usual: in a high-velocity period of a SKU, and on days of a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inventory_domain.identifiers import ChannelId
from inventory_domain.velocity import Demand

WIDENED_PERCENT_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class HighVelocity:
    """A high-velocity period: it begins at one multiple of the usual rate and ends below a lower one.

    The two are apart so that a rate which trembles about one of them does not make targets rise and fall with it.
    Multiples and the widening are in percent; below `least_milli_per_day` (thousandths of a unit a day) nothing begins.
    """

    begins_percent: int = 300
    ends_percent: int = 200
    least_milli_per_day: int = 20_000
    widened_percent: int = 150

    def faults(self) -> list[str]:
        """What is wrong with these numbers, in words; empty when they can be used."""
        found = []
        if self.begins_percent <= 100:
            found.append(f"begins is {self.begins_percent / 100:g} times the usual rate, above 1")
        if not 100 <= self.ends_percent < self.begins_percent:
            found.append(f"ends is {self.ends_percent / 100:g}, at least 1 and below begins, or targets would flap")
        if not 100 <= self.widened_percent <= WIDENED_PERCENT_MAX:
            found.append(f"widen is {self.widened_percent / 100:g}, 1 to {WIDENED_PERCENT_MAX // 100}")
        if self.least_milli_per_day < 0:
            found.append(f"least_per_day is {self.least_milli_per_day / 1000:g}, at least 0")
        return found


def is_high(before: bool, demand: Demand | None, rule: HighVelocity | None) -> bool:
    """Whether the SKU is in a high-velocity period, given whether it was.

    While its rate or its usual rate is not known it stays as it was: windows may be lost, and a period that is under
    way must not end by that.
    """
    if rule is None:
        return False
    usual = demand.baseline_milli_per_day if demand is not None else None
    if demand is None or usual is None:
        return before
    rate = demand.milli_per_day
    if before:
        return rate * 100 >= usual * rule.ends_percent
    return rate >= rule.least_milli_per_day and rate * 100 >= usual * rule.begins_percent


@dataclass(frozen=True, slots=True)
class Peak:
    """Days on which more is withheld: from one time up to another, on these channels, or on all where none is named."""

    name: str
    from_ms: int
    until_ms: int
    widened_percent: int
    channels: frozenset[ChannelId] = frozenset()

    def faults(self) -> list[str]:
        """What is wrong with it, in words; empty when it can be used."""
        found = []
        if self.until_ms <= self.from_ms:
            found.append("until is not after from")
        if not 100 <= self.widened_percent <= WIDENED_PERCENT_MAX:
            found.append(f"widen is {self.widened_percent / 100:g}, 1 to {WIDENED_PERCENT_MAX // 100}")
        return found

    def holds(self, now_ms: int) -> bool:
        """Whether it is on now."""
        return self.from_ms <= now_ms < self.until_ms


def widest(peaks: Sequence[Peak], channel: ChannelId, now_ms: int) -> Peak | None:
    """The peak that counts for a channel now: the one that widens most; the earlier named where they are equal."""
    on = [peak for peak in peaks if peak.holds(now_ms) and (not peak.channels or channel in peak.channels)]
    return max(on, key=lambda peak: peak.widened_percent, default=None)


def names_now(peaks: Sequence[Peak], now_ms: int) -> tuple[str, ...]:
    """The names of all peaks that are on, sorted: what of the schedule holds now, in a form to be compared."""
    return tuple(sorted(peak.name for peak in peaks if peak.holds(now_ms)))


def next_change_ms(peaks: Sequence[Peak], now_ms: int) -> int | None:
    """When the schedule says something else next: every SKU must be looked at then. None: never again."""
    edges = [edge for peak in peaks for edge in (peak.from_ms, peak.until_ms) if edge > now_ms]
    return min(edges, default=None)
