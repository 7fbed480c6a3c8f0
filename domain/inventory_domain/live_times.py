"""How long a channel takes until buyers see a new number, measured by what was confirmed there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from inventory_domain.exposure import Exposure, Proof
from inventory_domain.sku_state import EmittedTarget, SeenExposure

SAMPLES_KEPT: Final = 200
SAMPLES_LEAST: Final = 20  # fewer say little about the slow ones among them
SLOWEST_PERCENT: Final = 5  # of the samples may have taken longer than what is taken for the time to live
LIVE_MS_MAX: Final = 3_600_000  # longer than this is an outage, against which stop-sale protects and no buffer can


def live_sample_ms(exposure: Exposure, before: SeenExposure | None, target: EmittedTarget | None) -> int | None:
    """From the computing of a target until it was seen live; None where this record does not show that.

    It does when it is the first that confirms the newest target, by a read or by an answer that proves it: a version
    is the time at which it was computed. An assumed number was not seen, and a number sent again says nothing new.
    """
    confirmed = exposure.confirmed
    if confirmed is None or confirmed.proof is Proof.ASSUMED or target is None or before is None:
        return None
    if confirmed.version != target.version or before.confirmed_version == confirmed.version:
        return None
    took_ms = confirmed.at_ms - target.version
    return took_ms if 0 <= took_ms <= LIVE_MS_MAX else None


def time_to_live_ms(samples_ms: Sequence[int]) -> int | None:
    """What all but the slowest few needed, rounded up to two digits so that it seldom moves; None of too few."""
    if len(samples_ms) < SAMPLES_LEAST:
        return None
    ordered = sorted(samples_ms)
    slow = max(1, ordered[-1 - len(ordered) * SLOWEST_PERCENT // 100])
    step: int = 10 ** max(0, len(str(slow)) - 2)
    return -(-slow // step) * step
