"""What a listing may show by now: a range, since writes settle and buyers buy while nobody looks (rule 29)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inventory_domain.exposure import AttemptState, Confirmed, Exposure, LastAttempt, Proof, Result
from inventory_domain.identifiers import OrderId

_LANDED = (Result.APPLIED, Result.ACCEPTED, Result.OVER_SHOWN, Result.UNDER_SHOWN)
CLOCKS_MS = 60_000  # the time of a sale is another clock's than ours
OUR_CLOCKS_MS = 5_000  # and our own may be apart by so much: brokers' and workers', which are kept in time


@dataclass(frozen=True, slots=True)
class ChannelMove:
    """Units that the channel sold, or took back when `units` is below 0, as it was reported to us.

    `at_ms` is when it says that this was, by a clock of its own; `known_ms` when our broker had the report, by ours.
    """

    at_ms: int
    units: int
    order_id: OrderId
    known_ms: int | None = None

    def may_follow(self, at_ms: int) -> bool:
        """Whether the units may have gone after this time of ours. What was reported before it was sold before it."""
        if self.known_ms is not None and self.known_ms < at_ms - OUR_CLOCKS_MS:
            return False
        return self.at_ms > at_ms - CLOCKS_MS


@dataclass(frozen=True, slots=True)
class ReadTraits:
    """What a marketplace's reads are like: see `ports.AdapterTraits`.

    `read_span_ms`: how much later than the time that a read is taken to hold for what it shows may have been there.
    """

    includes_own_sales: bool
    settling_ms: int
    read_span_ms: int = 0


@dataclass(frozen=True, slots=True)
class ExpectedRange:
    """From the least to the most units; `high` is None where there is no bound, because nothing was ever confirmed.

    `since_ms`: a reading of an earlier time may still show what was there before our newest number that is known to
    be live, so nothing follows from it. `number` is that number; it was not live before `from_ms`.
    """

    low: int
    high: int | None
    since_ms: int
    number: int | None
    from_ms: int

    def delta(self, observed: int) -> int:
        """Observed minus the nearest end; 0 within the range."""
        if self.high is not None and observed > self.high:
            return observed - self.high
        return min(0, observed - self.low)

    def nearest(self, observed: int) -> int:
        """The end that an observation outside the range is measured from."""
        return self.low if self.high is None or observed < self.low else self.high


def expected_range(
    exposure: Exposure,
    moves: Sequence[ChannelMove],
    traits: ReadTraits,
    as_of_ms: int,
    read_at_ms: int,
) -> ExpectedRange | None:
    """What a reading that holds for some time from `as_of_ms` to `read_at_ms` may show; None: nothing is known yet."""
    sales = moves if traits.includes_own_sales else ()
    base = _base(exposure, sales, traits)
    lows = [one.quantity - _most_units(sales, one.sent_at_ms, read_at_ms) for one in exposure.open]
    highs = [one.quantity for one in exposure.open]
    if base is None:
        # What was there before the first number that is live may be anything, also nothing at all.
        live = all(one.state is AttemptState.ACCEPTED and one.settles_by_ms <= as_of_ms for one in exposure.open)
        return ExpectedRange(max(0, min(lows)) if live else 0, None, 0, None, 0) if lows else None
    lows.append(base.quantity - _most_units(sales, base.from_ms, read_at_ms))
    highs.append(base.quantity - _sure_units(sales, base.live_ms + CLOCKS_MS, as_of_ms - CLOCKS_MS))
    return ExpectedRange(max(0, min(lows)), max(0, *highs), base.live_ms, base.quantity, base.from_ms)


@dataclass(frozen=True, slots=True)
class _Base:
    """A number that was live: not before `from_ms`, and at `live_ms` at the latest."""

    quantity: int
    from_ms: int
    live_ms: int


def _base(exposure: Exposure, sales: Sequence[ChannelMove], traits: ReadTraits) -> _Base | None:
    """The number to start from: what was confirmed, unless it does not follow from what we wrote last.

    A read confirms whatever it shows, also what somebody else has set; so where the number read is not the written
    one less what was sold, the written one stays what is expected.
    """
    known, written = exposure.confirmed, _written(exposure)
    if written is None:
        if known is None:
            return None
        # What was assumed was live before that, by as much as it may take and as late as it was noticed.
        if known.proof is Proof.ASSUMED:
            return _Base(known.quantity, known.at_ms - 2 * traits.settling_ms, known.at_ms)
        return _Base(known.quantity, known.at_ms, _live_ms(known, traits))
    if known is not None and known.at_ms >= written.at_ms and _follows(known, written, sales):
        if known.proof is Proof.ASSUMED:
            return _Base(written.quantity, written.at_ms, written.at_ms + traits.settling_ms)
        return _Base(known.quantity, known.at_ms, _live_ms(known, traits))
    live_ms = written.at_ms + traits.settling_ms
    if known is not None and written.result is Result.OVER_SHOWN:
        live_ms = min(live_ms, known.at_ms)  # no read finds that before the write was proven, or past its time
    return _Base(written.quantity, written.at_ms, live_ms)


def _live_ms(known: Confirmed, traits: ReadTraits) -> int:
    """When it was live at the latest. Answers and reports tell what is live by then, reads what was at some time."""
    return known.at_ms + (traits.read_span_ms if known.proof is Proof.READ else 0)


def _written(exposure: Exposure) -> LastAttempt | None:
    """Our newest write, when it is over and was taken."""
    last = exposure.last
    if last is None or last.result not in _LANDED or any(one.number == last.number for one in exposure.open):
        return None
    return last


def _follows(known: Confirmed, written: LastAttempt, sales: Sequence[ChannelMove]) -> bool:
    sold = _most_units(sales, written.at_ms, known.at_ms + CLOCKS_MS)
    return written.quantity - sold <= known.quantity <= written.quantity


def _most_units(moves: Sequence[ChannelMove], after_ms: int, until_ms: int) -> int:
    """What may have been sold between these times."""
    return sum(one.units for one in moves if one.units > 0 and one.at_ms <= until_ms and one.may_follow(after_ms))


def _sure_units(moves: Sequence[ChannelMove], after_ms: int, until_ms: int) -> int:
    """What was sold between these times, as the marketplace's clock has it."""
    return sum(one.units for one in moves if one.units > 0 and after_ms < one.at_ms <= until_ms)
