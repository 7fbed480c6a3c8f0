"""How rises come back after a stop-sale: slowly at first, so that a wrong number is seen before all of them are out."""

from __future__ import annotations

from typing import Final

SHARE_AT_FIRST: Final = 0.1  # of what the limits allow


def next_rise_s(previous_s: float, began_s: float, ramp_s: float, rate_per_s: float) -> float:
    """When the rise after the one of `previous_s` may go. The pace grows from a tenth of the limit to all of it."""
    grown = 1.0 if ramp_s <= 0 else min(1.0, max(0.0, (previous_s - began_s) / ramp_s))
    share = SHARE_AT_FIRST + (1 - SHARE_AT_FIRST) * grown
    return previous_s + 1 / (rate_per_s * share)
