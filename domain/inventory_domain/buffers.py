"""Units withheld from one channel, because its marketplace shows late what we tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from inventory_domain.risk import RiskPolicy


@dataclass(frozen=True, slots=True)
class BufferPolicy:
    """Withhold the larger of a number of units and a percentage of the channel's allocation.

    With a `risk` rule the percentage holds only while nothing is known of the SKU's sales; once that is known, the
    larger of the units and what the rule says is withheld.
    """

    units: int = 0
    percent: int = 0
    risk: RiskPolicy | None = None

    def faults(self) -> list[str]:
        """What is wrong with these numbers, in words; empty when they can be used."""
        found = []
        if self.units < 0:
            found.append(f"units is {self.units}, at least 0")
        if not 0 <= self.percent <= 100:
            found.append(f"percent is {self.percent}, 0 to 100")
        if self.risk is not None:
            found += [f"risk: {text}" for text in self.risk.faults()]
        return found


@dataclass(frozen=True, slots=True)
class Widening:
    """How much more than usual is withheld now, in percent of the usual, and why."""

    percent: int
    why: str


NOT_WIDENED: Final = Widening(100, "")


def buffer_units(
    allocation: int, policy: BufferPolicy, widening: Widening = NOT_WIDENED, risk_units: int | None = None
) -> int:
    """Units to withhold from a channel, never more than there are.

    The share is rounded up: the buffer covers sales during the marketplace's own delay,
    and too few units there cost more than one unit unsold. `risk_units` is what the risk rule says, None where there
    is no such rule or nothing is known of the sales.
    """
    if risk_units is None:
        withheld = max(policy.units, -(-allocation * policy.percent // 100))  # 7 % of 100 must be 7, not 8
    else:
        withheld = policy.units
    if widening.percent != 100:
        withheld = -(-withheld * widening.percent // 100)
    if risk_units is not None and risk_units > withheld:
        withheld = risk_units
    return min(allocation, withheld)


def buffer_words(withheld: int, policy: BufferPolicy, widening: Widening, risk_units: int | None) -> str:
    """How this number came about, as docs/quantities.md documents it for a derivation."""
    other = f"{policy.percent} %" if risk_units is None else f"risk {risk_units} units"
    wider = f", x {widening.percent} % for {widening.why}" if widening.percent != 100 else ""
    return f"buffer {policy.units} units, {other}{wider} = {withheld}"


def may_show_all(policy: BufferPolicy) -> bool:
    """Whether some allocation would be shown whole under this policy."""
    return policy.units == 0 and (policy.percent == 0 or policy.risk is not None)
