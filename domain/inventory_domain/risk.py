"""How many units to withhold so that an oversell, while a marketplace shows an old number, stays as rare as wished.

While a channel shows a number that is too high, other channels go on selling. Units sold there within that window are
counted as Poisson, or as negative binomial where sales come in bursts (variance above the mean). Withheld is the
smallest number that such sales exceed with at most the chance asked for. docs/quantities.md has the sources.

All arithmetic is in whole numbers, with an error bound on the side of withholding more: the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from inventory_domain.identifiers import ChannelId
from inventory_domain.velocity import DAY_MS, Demand

MILLION: Final = 1_000_000
WINDOW_MS_MAX: Final = 7 * DAY_MS
DISPERSION_PERCENT_MAX: Final = 10_000
MEAN_UNITS_MAX: Final = 100_000  # above it, within one window, everything is withheld
WITHHOLD_ALL: Final = 2**62
_SCALE: Final = 1 << 128  # the most probable count begins as this; what rounding loses is far below one in a million
_CACHED: Final = 20_000


@dataclass(frozen=True, slots=True)
class RiskPolicy:
    """The chance of an oversell within one window that a channel may take.

    `chance_ppm` is in millionths. `window_ms` is how long the channel may show an old number, used until the time to
    live was measured. `dispersion_percent` is the variance of sales over their mean, used until that was measured.
    """

    chance_ppm: int
    window_ms: int
    dispersion_percent: int = 100

    def faults(self) -> list[str]:
        """What is wrong with these numbers, in words; empty when they can be used."""
        found = []
        if not 1 <= self.chance_ppm <= MILLION // 2:
            found.append(f"chance is {self.chance_ppm / MILLION:g}, 0.000001 to 0.5")
        if not 1 <= self.window_ms <= WINDOW_MS_MAX:
            found.append(f"time_to_live_s is {self.window_ms / 1000:g}, above 0 and at most {WINDOW_MS_MAX // 1000}")
        if not 100 <= self.dispersion_percent <= DISPERSION_PERCENT_MAX:
            allowed = f"1 to {DISPERSION_PERCENT_MAX // 100}"
            found.append(f"dispersion is {self.dispersion_percent / 100:g}, {allowed}")
        return found


def risk_units(policy: RiskPolicy, channel: ChannelId, demand: Demand, widened_percent: int = 100) -> int:
    """Units to withhold from the channel while the other channels sell at these rates.

    `widened_percent` raises the rates, for days on which more will be sold than was of late.
    """
    window_ms = demand.live_ms.get(channel, policy.window_ms)
    milli = demand.elsewhere_milli_per_day(channel) * widened_percent // 100
    mean_micro = -(-milli * 1000 * window_ms // DAY_MS)
    spread = policy.dispersion_percent if demand.dispersion_percent is None else demand.dispersion_percent
    return most_sold(_coarse(mean_micro), min(max(spread, 100), DISPERSION_PERCENT_MAX), policy.chance_ppm)


def _coarse(mean_micro: int) -> int:
    """Rounded up to three digits, so that a rate that trembles gives the same number."""
    step: int = 10 ** max(0, len(str(mean_micro)) - 3)
    return -(-mean_micro // step) * step


@lru_cache(maxsize=_CACHED)
def most_sold(mean_micro: int, dispersion_percent: int, chance_ppm: int) -> int:
    """The smallest number of units that are exceeded with at most this chance.

    Sales have a mean of so many millionths of a unit, and a variance of `dispersion_percent` of it: Poisson at 100,
    negative binomial above.
    """
    if mean_micro <= 0:
        return 0
    if mean_micro > MEAN_UNITS_MAX * MILLION:
        return WITHHOLD_ALL
    first, terms = _weights(mean_micro, dispersion_percent)
    total = sum(terms)
    # Each weight is too low by less than one per step from the middle, and so is, beyond the last, the rest of all.
    tail = len(terms) * (2 * len(terms) + first + 1)
    for index in range(len(terms) - 1, -1, -1):
        tail += terms[index]
        if tail * MILLION > chance_ppm * total:
            return first + index
    return 0


def _weights(mean_micro: int, dispersion_percent: int) -> tuple[int, list[int]]:
    """What each count weighs against the most probable one, from a first count on; counts that weigh nothing left out.

    From one count to the next the weight changes by (mean + count * (dispersion - 1)) / ((count + 1) * dispersion),
    which is the Poisson distribution's mean / (count + 1) where the dispersion is 1.
    """
    spread = dispersion_percent * MILLION
    burst = (dispersion_percent - 100) * MILLION
    middle = max(0, (mean_micro - dispersion_percent * 10_000) // MILLION + 1)
    below: list[int] = []
    weight, count = _SCALE, middle
    while count > 0 and weight:
        count -= 1
        weight = weight * (count + 1) * spread // (mean_micro * 100 + count * burst)
        below.append(weight)
    above = [_SCALE]
    weight, count = _SCALE, middle
    while weight:
        weight = weight * (mean_micro * 100 + count * burst) // ((count + 1) * spread)
        count += 1
        above.append(weight)
    below.reverse()
    return middle - len(below), below + above
