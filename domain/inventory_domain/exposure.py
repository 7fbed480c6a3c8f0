"""What a marketplace may be showing: not what we wrote last, but the highest of all that may be live."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ListingId, NodeId, Sku
from inventory_domain.outcomes import Accepted, Applied, Outcome, Rejected, counts_against_channel
from inventory_domain.second_look import SecondLook

SINGLE = "single"  # the path of a call that sets quantities at once
FEED = "feed"  # the path of a file that is worked on later

OPEN_ATTEMPTS_MAX = 50  # attempts of one listing that may be open; beyond it the oldest are folded into the worst one


class Proof(Enum):
    """How we know a confirmed number."""

    READ = "read"
    ANSWER = "answer"
    ASSUMED = "assumed"


class AttemptState(Enum):
    """How far an attempt came. SENT has no answer yet, or none that tells whether it had an effect."""

    SENT = "sent"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"


class Result(Enum):
    """What is known of the last attempt. FAILED may be tried again; OVER_SHOWN was seen above what was sent;
    UNDER_SHOWN is a sampled rise that was not taken, as its reads have shown: see `second_look`."""

    OPEN = "open"
    APPLIED = "applied"
    ACCEPTED = "accepted"
    FAILED = "failed"
    REJECTED = "rejected"
    OVER_SHOWN = "over-shown"
    UNDER_SHOWN = "under-shown"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A number that the marketplace was known to show at that time."""

    quantity: int
    version: int
    at_ms: int
    proof: Proof


@dataclass(frozen=True, slots=True)
class Attempt:
    """A write that may be live: committed before it is sent, and open until it is settled or seen.

    `settles_by_ms` is when it must be live if it was taken at all. `fall`: only a read closes it, since it was below
    what may have been shown then, or may be applied after a newer one that went another way. `feed_id` is the
    marketplace's, none while it is not known; `feed_row` counts the rows of a feed from 1. `sampled`: a rise that was
    chosen to be read. `look_again_ms`: a read after its settling time did not show it, and it is read once more then.
    """

    number: int
    version: int
    quantity: int
    nodes: Mapping[NodeId, int]
    mask: str | None
    path: str
    feed_id: str | None
    sent_at_ms: int
    settles_by_ms: int
    state: AttemptState
    fall: bool
    feed_row: int = 0
    feed_size: int = 0
    sampled: bool = False
    look_again_ms: int = 0

    @property
    def read_due_ms(self) -> int:
        """When it is to be read, or taken for live."""
        return self.look_again_ms or self.settles_by_ms

    @property
    def needs_read(self) -> bool:
        """Whether only a read closes it."""
        return self.fall or self.sampled or self.state is not AttemptState.ACCEPTED

    @property
    def in_feed(self) -> bool:
        """Whether it is a row of a feed of which no report came yet."""
        return self.path == FEED and self.state is AttemptState.SENT


@dataclass(frozen=True, slots=True)
class LastAttempt:
    """The newest attempt, open or not; what is due is derived from it. `failures` in a row since one went through.

    `falling_since_ms`: since when something below what may be shown is being tried, none when this is no fall.
    `unseen`: how often a rise to this version was not taken.
    """

    number: int
    version: int
    quantity: int
    nodes: Mapping[NodeId, int]
    mask: str | None
    at_ms: int
    result: Result
    failures: int = 0
    path: str = SINGLE
    falling_since_ms: int | None = None
    unseen: int = 0


@dataclass(frozen=True, slots=True)
class Exposure:
    """What one listing may be showing. `confirmed` is None until it was known once: that counts as infinite."""

    listing_id: ListingId
    sku: Sku
    confirmed: Confirmed | None = None
    last: LastAttempt | None = None
    open: tuple[Attempt, ...] = field(default=())

    def units(self) -> int | None:
        """The highest number that may be on sale; None when it is not known and so without bound."""
        if self.confirmed is None:
            return None
        return max(self.confirmed.quantity, *(attempt.quantity for attempt in self.open), 0)

    def read_due_ms(self) -> int | None:
        """When the listing must be read: the first settling time of an attempt that only a read can close."""
        return min([attempt.read_due_ms for attempt in self.open if attempt.needs_read], default=None)

    def feed_row(self) -> Attempt | None:
        """The row of a feed that has no report yet; there is at most one."""
        return next((attempt for attempt in reversed(self.open) if attempt.in_feed), None)

    def feed_lands_by_ms(self) -> int:
        """Until when a feed under way may still set a number of the listing; 0: none may."""
        rows = [one for one in self.open if one.path == FEED and one.state is not AttemptState.ACCEPTED]
        return max((one.settles_by_ms for one in rows), default=0)

    def falling_since_ms(self) -> int | None:
        """Since when a fall is tried that is not known to be live; None when there is none."""
        units, last = self.units(), self.last
        return last.falling_since_ms if last is not None and units is not None and units > last.quantity else None

    def settles_ms(self) -> int | None:
        """When the first open attempt is over its settling time, whatever it takes to close it."""
        return min((attempt.read_due_ms for attempt in self.open), default=None)


def begin(
    exposure: Exposure,
    *,
    version: int,
    quantity: int,
    nodes: Mapping[NodeId, int],
    mask: str | None,
    path: str,
    now_ms: int,
    settles_by_ms: int,
    feed_row: int = 0,
    feed_size: int = 0,
    sampled: bool = False,
) -> tuple[Exposure, Attempt]:
    """Note an attempt that is about to be sent. It counts from now on, whether its request arrives or not.

    What is open and went another way may be applied after it: from now on only a read closes that.

    Raises:
        InvariantBroken: the version is older than that of the last attempt (P2: no step back).
    """
    last = exposure.last
    if last is not None and version < last.version:
        raise InvariantBroken(f"listing {exposure.listing_id}: attempt with version {version} after {last.version}")
    units = exposure.units()
    attempt = Attempt(
        number=last.number + 1 if last else 1,
        version=version,
        quantity=quantity,
        nodes=nodes,
        mask=mask,
        path=path,
        feed_id=None,
        sent_at_ms=now_ms,
        settles_by_ms=settles_by_ms,
        state=AttemptState.SENT,
        fall=units is None or quantity < units,
        feed_row=feed_row,
        feed_size=feed_size,
        sampled=sampled,
    )
    falling_ms = None
    if units is not None and quantity < units:
        falling_ms = exposure.falling_since_ms() or now_ms
    failures = last.failures if last else 0
    unseen = last.unseen if last is not None and (last.version, last.mask) == (version, mask) else 0
    newest = LastAttempt(
        attempt.number, version, quantity, nodes, mask, now_ms, Result.OPEN, failures, path, falling_ms, unseen
    )
    before = tuple([one if one.path == path or one.fall else replace(one, fall=True) for one in exposure.open])
    return replace(exposure, last=newest, open=_bounded((*before, attempt))), attempt


def is_sampled(listing_id: ListingId, version: int, percent: float) -> bool:
    """Whether a rise to this version is to be read back; the same for whoever asks, whenever."""
    return zlib.crc32(f"{listing_id}|{version}".encode()) % 10_000 < percent * 100


def submitted(exposure: Exposure, number: int, feed_id: str, settles_by_ms: int) -> Exposure:
    """The marketplace has the feed that the attempt is a row of, and this is its id there."""
    row = next((one for one in exposure.open if one.number == number), None)
    if row is None:
        return exposure
    return _replaced(exposure, replace(row, feed_id=feed_id, settles_by_ms=settles_by_ms))


def _bounded(attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """At most so many open attempts; the two oldest become one that is as bad as the worse of them."""
    while len(attempts) > OPEN_ATTEMPTS_MAX:
        first, second = attempts[0], attempts[1]
        worst = replace(
            second,
            quantity=max(first.quantity, second.quantity),
            settles_by_ms=max(first.settles_by_ms, second.settles_by_ms),
            state=AttemptState.UNKNOWN,
            fall=True,
        )
        attempts = (worst, *attempts[2:])
    return attempts


def conclude(exposure: Exposure, number: int, outcome: Outcome, now_ms: int, settles_by_ms: int) -> Exposure:
    """Note what became of an attempt. An answer for one that is no longer open changes nothing.

    An answer that comes after a read has closed its attempt opens it again, since it may have its effect only now.
    """
    attempt = next((one for one in exposure.open if one.number == number), None)
    if attempt is None:
        last = exposure.last
        if last is None or last.number != number or last.result is not Result.OPEN:
            return exposure
        attempt = _reopened(last, settles_by_ms)
        exposure = replace(exposure, open=_bounded((*exposure.open, attempt)))
    if isinstance(outcome, Applied):
        confirmed = Confirmed(attempt.quantity, attempt.version, now_ms, Proof.ANSWER)
        still = tuple(one for one in exposure.open if one.number > number or _may_land_late(one, attempt))
        return _with_result(replace(exposure, confirmed=confirmed, open=still), number, Result.APPLIED)
    if isinstance(outcome, Accepted):
        settling = replace(attempt, state=AttemptState.ACCEPTED, settles_by_ms=settles_by_ms)
        return _with_result(_replaced(exposure, settling), number, Result.ACCEPTED)
    result = Result.REJECTED if isinstance(outcome, Rejected) else Result.FAILED
    failed = counts_against_channel(outcome) or result is Result.REJECTED
    if outcome.effect_unknown:
        unknown = replace(attempt, state=AttemptState.UNKNOWN)
        return _with_result(_replaced(exposure, unknown), number, result, failed=failed)
    return _with_result(_without(exposure, number), number, result, failed=failed)


def _reopened(last: LastAttempt, settles_by_ms: int) -> Attempt:
    """As far as it is known: without its path, so that it is never taken for one of a row, and only a read ends it."""
    return Attempt(
        number=last.number,
        version=last.version,
        quantity=last.quantity,
        nodes=last.nodes,
        mask=last.mask,
        path="",
        feed_id=None,
        sent_at_ms=last.at_ms,
        settles_by_ms=settles_by_ms,
        state=AttemptState.SENT,
        fall=True,
    )


def withdraw(exposure: Exposure, number: int) -> Exposure:
    """Take back an attempt whose request was never sent: it cannot be live, and what it stood for is due again."""
    return _with_result(_without(exposure, number), number, Result.FAILED, failed=False)


def _without(exposure: Exposure, number: int) -> Exposure:
    return replace(exposure, open=tuple(one for one in exposure.open if one.number != number))


def _may_land_late(older: Attempt, newer: Attempt) -> bool:
    """An older attempt of which nobody knows whether it arrived, or that went another way, may be applied after it."""
    in_order = older.state is AttemptState.ACCEPTED and older.path == newer.path
    return older.number < newer.number and not in_order


def _replaced(exposure: Exposure, attempt: Attempt) -> Exposure:
    return replace(exposure, open=tuple(attempt if one.number == attempt.number else one for one in exposure.open))


def _with_result(exposure: Exposure, number: int, result: Result, *, failed: bool = False) -> Exposure:
    """`failed` counts one more failure in a row; being throttled or never sent neither counts nor ends the row."""
    last = exposure.last
    if last is None or last.number != number:
        return exposure
    failures = last.failures + int(failed) if result in (Result.FAILED, Result.REJECTED) else 0
    return replace(exposure, last=replace(last, result=result, failures=failures))


def observe(exposure: Exposure, quantity: int, asked_at_ms: int, second_look: SecondLook | None = None) -> Exposure:
    """Note what a read showed that was asked for at that time. Without a second look an unseen rise is given up.

    Attempts past their settling time are closed by it. One that is not yet due is closed early only when the number
    seen can have come from no other write. Seen above what was last sent with nothing open any more: it is sent again.
    A read that was asked for before the present number was confirmed says nothing new.
    """
    if exposure.confirmed is not None and exposure.confirmed.at_ms >= asked_at_ms:
        return exposure
    last = exposure.last
    version = last.version if last else 0
    seen_live = _seen_live(exposure, quantity)
    still = tuple(
        one for one in exposure.open if one.settles_by_ms > asked_at_ms and not (seen_live and one.number <= seen_live)
    )
    confirmed = Confirmed(quantity, version, asked_at_ms, Proof.READ)
    if second_look is not None and (unseen := _unseen(exposure, quantity, asked_at_ms)) is not None:
        return _not_seen(replace(exposure, confirmed=confirmed, open=still), exposure, unseen, second_look)
    after = replace(exposure, confirmed=confirmed, open=still)
    if last is None or last.result in (Result.OPEN, Result.FAILED, Result.REJECTED):
        return after
    if quantity > last.quantity and not still:
        return replace(after, last=replace(last, result=Result.OVER_SHOWN))
    return after


def _unseen(exposure: Exposure, quantity: int, asked_at_ms: int) -> Attempt | None:
    """The newest attempt, if it is a sampled rise that should be live and the number seen is not above what was there
    before it. A number in between has come of it and of sales."""
    newest, known, last = exposure.open[-1] if exposure.open else None, exposure.confirmed, exposure.last
    if newest is None or known is None or last is None or newest.number != last.number:
        return None
    sampled = newest.sampled and not newest.fall and newest.state is AttemptState.ACCEPTED
    overdue = newest.settles_by_ms <= asked_at_ms and newest.read_due_ms <= asked_at_ms
    return newest if sampled and overdue and quantity <= known.quantity and quantity < newest.quantity else None


def _not_seen(after: Exposure, before: Exposure, unseen: Attempt, second_look: SecondLook) -> Exposure:
    """It stays open, since it may yet come, whether it is sent again or not."""
    assert after.confirmed is not None and before.confirmed is not None and before.last is not None
    asked_at_ms = after.confirmed.at_ms
    equal = after.confirmed == replace(before.confirmed, at_ms=asked_at_ms)
    waiting = replace(unseen, look_again_ms=second_look.due_ms(unseen.sent_at_ms, asked_at_ms))
    after = replace(after, open=(*(one for one in after.open if one.number != unseen.number), waiting))
    if not second_look.not_taken(unseen.sent_at_ms, asked_at_ms, equal_again=bool(unseen.look_again_ms) and equal):
        return after
    last = replace(before.last, result=Result.UNDER_SHOWN, unseen=before.last.unseen + 1)
    return replace(after, last=last)


def _seen_live(exposure: Exposure, quantity: int) -> int | None:
    """The number of the newest attempt, if what was read can only be that one, live ahead of its settling time."""
    if not exposure.open or exposure.confirmed is None:
        return None
    newest = exposure.open[-1]
    others = {one.quantity for one in exposure.open[:-1]} | {exposure.confirmed.quantity}
    in_order = all(one.state is AttemptState.ACCEPTED and one.path == newest.path for one in exposure.open)
    # Sales lower what is shown too, so the number seen may be an older one less what was sold, and an open attempt
    # above it may still land.
    none_higher = all(one.quantity <= quantity for one in exposure.open)
    seen = in_order and none_higher and quantity == newest.quantity and quantity not in others
    return newest.number if seen else None


def settle(exposure: Exposure, now_ms: int) -> Exposure:
    """Close accepted rises that are past their settling time and were not chosen to be read: they are assumed."""
    settled = [one for one in exposure.open if not one.needs_read and one.settles_by_ms <= now_ms]
    if not settled:
        return exposure
    newest = settled[-1]
    still = tuple(one for one in exposure.open if one not in settled)
    known = exposure.confirmed
    if known is not None and known.quantity > newest.quantity:
        return replace(exposure, open=still)  # more was confirmed since: a rise goes below nothing that was known then
    return replace(exposure, confirmed=Confirmed(newest.quantity, newest.version, now_ms, Proof.ASSUMED), open=still)
