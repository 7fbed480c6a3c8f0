"""Units withheld from one channel, because its marketplace shows late what we tell it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BufferPolicy:
    """Withhold the larger of a number of units and a percentage of the channel's allocation."""

    units: int = 0
    percent: int = 0

    def faults(self) -> list[str]:
        """What is wrong with these numbers, in words; empty when they can be used."""
        found = []
        if self.units < 0:
            found.append(f"units is {self.units}, at least 0")
        if not 0 <= self.percent <= 100:
            found.append(f"percent is {self.percent}, 0 to 100")
        return found


def buffer_units(allocation: int, policy: BufferPolicy) -> int:
    """Units to withhold from a channel, never more than there are.

    The share is rounded up: the buffer covers sales during the marketplace's own delay,
    and too few units there cost more than one unit unsold.
    """
    share = -(-allocation * policy.percent // 100)  # whole numbers: 7 % of 100 must be 7, not 8
    return min(allocation, max(policy.units, share))


def may_show_all(policy: BufferPolicy) -> bool:
    """Whether some allocation would be shown whole under this policy."""
    return policy.units == 0 and policy.percent == 0
