"""How an answer becomes an outcome: one table per marketplace, read from the top, the first row that fits decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from inventory_adapters.http import NoAnswer
from inventory_domain.bulk import CallFailed, CheckAnswer, FailureKind
from inventory_domain.identifiers import ListingId
from inventory_domain.outcomes import (
    GROUP_REFUSED,
    UNRECOGNIZED,
    LimitSeen,
    Outage,
    PushOutcome,
    Rejected,
    Throttled,
    Transient,
    Unauthorized,
)
from inventory_domain.ports import NotListed, ReadAnswer

Kind = type[Throttled] | type[Transient] | type[Outage] | type[Unauthorized] | type[Rejected]

UNREADABLE: Final = "unreadable-answer"  # a page of HTML, or cut off, where JSON belongs
NOT_FOUND: Final = "listing-not-found"
CONSENT_LOST: Final = "consent-lost"
ERROR_LENGTH_MAX: Final = 300

_NAMES: Final[Mapping[Kind, FailureKind]] = {
    Throttled: "throttled",
    Transient: "transient",
    Outage: "outage",
    Unauthorized: "unauthorized",
    Rejected: "rejected",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRule:
    """One row: an answer with this status (or in this range) and one of these codes means this outcome.

    A row without codes fits any. A code that ends in `*` stands for all that begin so. `readable=False` fits only a
    body that is not the JSON it should be. `new_token`: the token is to be replaced and the call repeated, once.
    """

    then: Kind
    reason: str
    status: int | range | None = None
    codes: tuple[str, ...] = ()
    readable: bool | None = None
    new_token: bool = False

    def fits(self, facts: Facts) -> bool:
        """Whether the row is about this answer."""
        if isinstance(self.status, int) and facts.status != self.status:
            return False
        if isinstance(self.status, range) and facts.status not in self.status:
            return False
        if self.readable is not None and facts.readable is not self.readable:
            return False
        return not self.codes or any(_code_fits(code, facts.codes) for code in self.codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an answer, or one row of it, says of a failure. No code and a status of success: there is none."""

    status: int
    codes: tuple[str, ...] = ()
    error: str | None = None
    readable: bool = True

    def is_success(self) -> bool:
        """Whether nothing failed."""
        return 200 <= self.status < 300 and self.readable and not self.codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a call, or one row of it, was not done: everything of an outcome but the listing and the operation."""

    then: Kind
    reason: str
    status: int | None = None
    error: str | None = None
    request_id: str | None = None
    effect_unknown: bool = False
    seen: LimitSeen | None = None
    new_token: bool = False

    def outcome(self, listing_id: ListingId, api: str) -> PushOutcome:
        """The failure as the outcome of this listing's push."""
        return self.then(
            listing_id=listing_id,
            api=api,
            reason=self.reason,
            request_id=self.request_id,
            status=self.status,
            error=self.error,
            effect_unknown=self.effect_unknown,
            seen=self.seen,
        )

    def check_answer(self, listing_id: ListingId, api: str) -> CheckAnswer:
        """The failure as the answer to a check, which leaves no effect open."""
        return self.then(
            listing_id=listing_id,
            api=api,
            reason=self.reason,
            request_id=self.request_id,
            status=self.status,
            error=self.error,
            seen=self.seen,
        )

    def call_failed(self, api: str) -> CallFailed:
        """The failure of a call that is about no single listing."""
        return CallFailed(
            kind=_NAMES[self.then],
            api=api,
            reason=self.reason,
            request_id=self.request_id,
            status=self.status,
            error=self.error,
            effect_unknown=self.effect_unknown,
            seen=self.seen,
        )

    def read_answer(self, listing_id: ListingId, api: str) -> ReadAnswer:
        """The failure as the answer to a read: an unknown listing is `NotListed`, and no effect is left open."""
        if self.reason == NOT_FOUND:
            return NotListed(
                listing_id=listing_id, api=api, reason=self.reason, request_id=self.request_id, seen=self.seen
            )
        return self.then(
            listing_id=listing_id,
            api=api,
            reason=self.reason,
            request_id=self.request_id,
            status=self.status,
            error=self.error,
            seen=self.seen,
        )


def judge(rules: Sequence[FailureRule], facts: Facts, *, writes: bool) -> Failure:
    """What the table says of a failed answer; what it does not know is Transient and `unrecognized`.

    A server that failed (5xx) or said nothing readable may have applied a write all the same; one that refused did not.
    """
    for rule in rules:
        if rule.fits(facts):
            break
    else:
        rule = FailureRule(then=Transient, reason=UNRECOGNIZED)
    refused = 400 <= facts.status < 500 or rule.then in (Rejected, Throttled, Unauthorized)
    return Failure(
        then=rule.then,
        reason=rule.reason,
        status=facts.status,
        error=facts.error,
        effect_unknown=writes and not refused,
        new_token=rule.new_token,
    )


def no_answer(lost: NoAnswer, *, writes: bool) -> Failure:
    """The failure of a call that nobody answered."""
    return Failure(then=Transient, reason=lost.reason, effect_unknown=writes and lost.sent)


def refused_here(reason: str, error: str) -> Failure:
    """A push that must not, or cannot, reach the wire."""
    return Failure(then=Rejected, reason=reason, error=error)


def of_group(failure: Failure, size: int) -> Failure:
    """What the refusal of a whole call means for each listing of a group.

    One bad row may have refused the others with it, so nobody is given up for it: each is to be pushed alone. So it is
    with what no rule knows, which makes a dead letter of whoever gets it often.
    """
    if size == 1 or not (failure.then is Rejected or failure.reason == UNRECOGNIZED):
        return failure
    return replace(failure, then=Transient, reason=GROUP_REFUSED)


def shortened(texts: Iterable[object]) -> str | None:
    """These words as one line of bounded length, nothing when there are none."""
    text = "; ".join(str(each) for each in texts if each not in (None, ""))
    text = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * ERROR_LENGTH_MAX]).strip()
    if not text:
        return None
    return text if len(text) <= ERROR_LENGTH_MAX else text[: ERROR_LENGTH_MAX - 1] + "…"


def _code_fits(pattern: str, codes: tuple[str, ...]) -> bool:
    if pattern.endswith("*"):
        return any(code.startswith(pattern[:-1]) for code in codes)
    return pattern in codes
