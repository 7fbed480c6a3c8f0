"""By which exposure a read is judged: delivery acts on what it has read at once, before anybody compares it."""

from __future__ import annotations

from inventory_domain.exposure import Exposure, Proof, Result
from inventory_domain.reconciliation import Observation, ObservedBy


def is_ahead(reading: Observation, exposure: Exposure) -> bool:
    """Whether the exposure that a read of delivery left behind is not known yet.

    Both are written at once and come by two topics. Judged by the one from before, what delivery sends again by itself
    would be corrected a second time.
    """
    known = exposure.confirmed
    return reading.observed_by is ObservedBy.READ and (known is None or known.at_ms < reading.as_of_ms)


def found_over_shown(exposure: Exposure) -> bool:
    """Whether a read has left it behind that showed more than was sent.

    That read is to be judged by this one, whatever delivery sends next: an attempt that is open would make what was
    read a part of what is expected.
    """
    known, last = exposure.confirmed, exposure.last
    over = last is not None and last.result is Result.OVER_SHOWN
    return over and known is not None and known.proof is Proof.READ


def left_behind(reading: Observation, exposure: Exposure) -> bool:
    """Whether it was this read that left the exposure behind."""
    known = exposure.confirmed
    if reading.observed_by is not ObservedBy.READ or known is None or known.proof is not Proof.READ:
        return False
    return (known.at_ms, known.quantity) == (reading.as_of_ms, reading.quantity)
