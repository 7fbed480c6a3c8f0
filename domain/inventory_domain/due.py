"""What is due to be sent is derived, never remembered: the newest target under its masks against the last attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from inventory_domain.exposure import Exposure, LastAttempt, Result
from inventory_domain.identifiers import NodeId
from inventory_domain.retry import RetrySchedule, delay_s
from inventory_domain.targets import Target

RATE_UNKNOWN = 1.0  # units a day of a listing of which no sales are known
RATE_LEAST = 0.1  # what did not sell lately may sell today: more units over-shown still go before fewer
UNSEEN_MAX = 2  # a rise is sent again once by the other path; what neither shows is for reconciliation and people
UNITS_UNKNOWN = 1_000_000  # over-shown where nobody knows what is shown: more than any listing that was seen


class Urgency(IntEnum):
    """The order of work by what it costs to be late: a zero that is not shown sells what is not there."""

    FALL_TO_ZERO = 0
    FALL = 1
    RISE = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown now: the target, or what a mask makes of it, and that mask's reason."""

    quantity: int
    nodes: Mapping[NodeId, int]
    version: int
    mask: str | None = None


def wanted(target: Target, mask: str | None) -> Wanted:
    """The target under a mask: zero everywhere while one is on, the target itself otherwise."""
    if mask is None:
        return Wanted(target.quantity, target.nodes, target.version)
    return Wanted(0, dict.fromkeys(target.nodes, 0), target.version, mask)


def is_due(want: Wanted, exposure: Exposure | None) -> bool:
    """Whether what is wanted must be sent. An attempt without an answer is for its owner to conclude first.

    While a row of a feed has no report, only what is below it may go: a rise would be undone by the feed, or undo it.
    A fall that was rejected leaves the old number on sale, so it stays due.
    """
    last = exposure.last if exposure else None
    if exposure is None or last is None:
        return True
    if want.mask is not None and _is_zero(last) and last.result in (Result.APPLIED, Result.ACCEPTED):
        return False  # it was set to zero already; that a newer target is hidden now need not be told
    if want.version < last.version:
        return False  # superseded by what was sent already: an older version is never sent after a newer one
    row = exposure.feed_row()
    if row is not None and want.quantity >= row.quantity:
        return False
    if want.version > last.version:
        return True
    if last.result is Result.OPEN:
        return row is not None and row.number == last.number
    if (want.quantity, dict(want.nodes)) != (last.quantity, dict(last.nodes)):
        return True
    if last.result is Result.REJECTED:
        return exposure.falling_since_ms() is not None
    if last.result is Result.UNDER_SHOWN:
        return last.unseen < UNSEEN_MAX
    return last.result in (Result.FAILED, Result.OVER_SHOWN)


def _is_zero(last: LastAttempt) -> bool:
    return last.quantity == 0 and not any(last.nodes.values())


def rises(want: Wanted, exposure: Exposure | None) -> bool:
    """Whether it may put more on sale: anything above zero that is not below the most that may be shown already.

    Of a listing that was never confirmed only what we sent is known.
    """
    if want.quantity == 0:
        return False
    known = exposure.units() if exposure else None
    if known is None and exposure is not None:
        known = max((one.quantity for one in exposure.open), default=None)
    return known is None or want.quantity >= known


def kind_of_write(want: Wanted, exposure: Exposure | None) -> Urgency:
    """How urgent the write is among those that a marketplace counts: zeros may use what is kept from all others."""
    if want.quantity == 0:
        return Urgency.FALL_TO_ZERO
    return Urgency.RISE if rises(want, exposure) else Urgency.FALL


def due_from_ms(want: Wanted, exposure: Exposure | None, schedule: RetrySchedule, now_ms: int) -> int | None:
    """From when on what is wanted may be sent (milliseconds since 1970; 0: at once), or None when it is not due.

    The wait after failures is the listing's, not the target's: a newer target inherits it. It is derived from the
    last attempt, so it is known after a restart before any retry was read. An attempt that is ahead of `now_ms` says
    nothing of the wait: the clock was set back since.
    """
    if not is_due(want, exposure):
        return None
    last = exposure.last if exposure else None
    if last is None or last.failures == 0 or want.mask != last.mask or last.at_ms > now_ms:
        return 0  # a mask that came or went is worth a try of its own
    if last.result is Result.REJECTED and want.version > last.version:
        return 0  # another number may be taken where that one was refused for what it said
    return last.at_ms + int(delay_s(last.failures, schedule, jitter=0.0) * 1000)


def urgency(want: Wanted, exposure: Exposure | None, sales_per_day: float | None = None) -> tuple[Urgency, float]:
    """How soon it must go: the class, then minus what may be sold wrongly in a day (smaller goes first).

    Among falls, units over-shown count as often as they sell; a rate that is not known counts as one a day. What was
    never confirmed may be showing anything, so whatever is wanted is a fall, and the worst of those that sell as fast.
    """
    units = exposure.units() if exposure else None
    over_shown = UNITS_UNKNOWN if units is None else units - want.quantity
    if over_shown <= 0:
        return Urgency.RISE, 0.0
    kind = Urgency.FALL_TO_ZERO if want.quantity == 0 else Urgency.FALL
    rate = RATE_UNKNOWN if sales_per_day is None else max(sales_per_day, RATE_LEAST)
    return kind, -over_shown * rate
