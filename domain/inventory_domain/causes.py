"""Why a listing shows something else than it should: classed by evidence, which is told with the class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from inventory_domain.expected import ChannelMove, ExpectedRange
from inventory_domain.exposure import Exposure, Proof
from inventory_domain.reconciliation import Cause


@dataclass(frozen=True, slots=True)
class SentNumber:
    """A number that we have sent for a listing, or that it was confirmed to show, and when."""

    quantity: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class SignalSeen:
    """The newest word of the marketplace that a listing has changed; `quantity` is what it said, if it did."""

    quantity: int | None
    at_ms: int
    evidence: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known beside the reading. `sent` is oldest first; `stable` says that the same was read before, longer
    ago than the source takes to report an order."""

    exposure: Exposure
    moves: Sequence[ChannelMove] = ()
    sent: Sequence[SentNumber] = ()
    signal: SignalSeen | None = None
    stable: bool = False
    late_ms: int = 0
    includes_own_sales: bool = True
    order_delay_ms: int = 0


def classify(observed: int, expected: ExpectedRange, as_of_ms: int, known: Evidence) -> tuple[Cause, str]:
    """The class of a reading outside the range, and in words what speaks for it."""
    over = expected.delta(observed) > 0
    if over and (told := _returned(observed, expected, known)) is not None:
        return Cause.RETURN, told
    if (earlier := _earlier(observed, expected, known)) is not None:
        return _of_ours(earlier, expected, as_of_ms, known)
    signal = known.signal
    if (
        signal is not None
        and signal.quantity == observed
        and signal.at_ms >= expected.from_ms
        and (over or _sure(known))
    ):
        said = f"a signal of {_time(signal.at_ms)} said {observed} ({signal.evidence}), which we did not send"
        return Cause.MANUAL_CHANGE, said
    if not over and known.includes_own_sales and not known.stable:
        return Cause.ORDER_NOT_IN_SOURCE, "lower, and no sale that explains it was reported so far"
    if known.sent:
        oldest = _time(known.sent[0].at_ms)
        said = f"{observed} is none of the {len(known.sent)} numbers sent or confirmed since {oldest}"
        return Cause.MANUAL_CHANGE, said
    return Cause.UNKNOWN, "nothing is known of earlier numbers, and no signal came"


def _sure(known: Evidence) -> bool:
    """A sale makes a marketplace tell of a change too, so a lower number proves a hand only when no order came."""
    return known.stable or not known.includes_own_sales


def _returned(observed: int, expected: ExpectedRange, known: Evidence) -> str | None:
    recent = expected.since_ms - known.order_delay_ms
    back = [one for one in known.moves if one.units < 0 and one.at_ms >= recent]
    units = -sum(one.units for one in back)
    if not back or observed != expected.nearest(observed) + units:
        return None
    orders = ", ".join(one.order_id for one in back[:3])
    return f"{units} units of cancelled orders are on sale again ({orders})"


def _earlier(observed: int, expected: ExpectedRange, known: Evidence) -> SentNumber | None:
    """The newest number of ours from before the present one that this can be."""
    candidates = [one for one in known.sent if one.quantity == observed and one.quantity != expected.number]
    return candidates[-1] if candidates else None


def _of_ours(earlier: SentNumber, expected: ExpectedRange, as_of_ms: int, known: Evidence) -> tuple[Cause, str]:
    confirmed = known.exposure.confirmed
    proven = confirmed is not None and confirmed.proof is not Proof.ASSUMED and confirmed.quantity == expected.number
    said = f"{earlier.quantity} was our number of {_time(earlier.at_ms)}"
    if proven:
        return Cause.LATE_PROCESSING, f"{said}; {expected.number} was seen live since, so an older write came after it"
    if as_of_ms - expected.since_ms < known.late_ms:
        return Cause.LATE_PROCESSING, f"{said}; {expected.number} is past its settling time and may still come"
    return Cause.OWN_LOST_PUSH, f"{said}; {expected.number} was accepted since and never seen live"


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
