"""What became of one target that was pushed: one value per answer that the world may give, never an exception."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from inventory_domain.identifiers import ChannelId, ListingId, Sku

# The reason of a Transient whose call was refused for another listing of its group: it is to be pushed alone.
GROUP_REFUSED: Final = "group-refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSeen:
    """What an answer said of a limit: how often a call is allowed, how many are left, when there will be more.

    Where calls differ in what they cost: `cost` is what this one took, `cost_max` what had to be left for it to be
    taken at all.
    """

    operation: str
    rate_per_s: float | None = None
    burst: float | None = None
    remaining: float | None = None
    wait_s: float | None = None
    cost: float | None = None
    cost_max: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The facts that every outcome has.

    `reason` is short and constant (a metric label); `error` is the marketplace's own words, without secrets and
    shortened. `effect_unknown`: the write may have been applied although it failed, so it stays open until it is read.
    """

    listing_id: ListingId
    api: str
    reason: str
    request_id: str | None = None
    status: int | None = None
    error: str | None = None
    effect_unknown: bool = False
    seen: LimitSeen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied(Outcome):
    """Proven live: buyers see the new number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Outcome):
    """Taken by the marketplace and not live yet: it settles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled(Outcome):
    """Too many calls. Not a failure: the target goes back into the queue and the throttle learns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transient(Outcome):
    """This call failed and the same call may work later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage(Outcome):
    """The marketplace says of itself that it is down: the channel's matter, not the listing's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unauthorized(Outcome):
    """Our credentials are refused, also after one refresh: the channel's matter, not the listing's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Outcome):
    """This will never work as it is: a dead letter."""


UNRECOGNIZED = "unrecognized"  # the reason of an answer that no rule of an adapter knows
NOT_KNOWN_YET: Final = "not-known-yet"  # the reason of a listing that is unknown, which an index that is behind may say

# Reasons of a Transient that are permanent after a few tries: time may heal them, and if it does not, nothing will.
BOUNDED_REASONS: Final = frozenset({UNRECOGNIZED, NOT_KNOWN_YET})

PushOutcome = Applied | Accepted | Throttled | Transient | Outage | Unauthorized | Rejected


def kind_of(outcome: Outcome) -> str:
    """The outcome's name as it stands in topics, metrics and logs: `applied`, `accepted`, ..."""
    return type(outcome).__name__.lower()


def proves_path(outcome: Outcome) -> bool:
    """Whether the way to the marketplace works: it answered the call itself, if only to refuse this listing."""
    return isinstance(outcome, Applied | Accepted | Rejected)


def counts_against_channel(outcome: Outcome) -> bool:
    """Whether the outcome is a failure of the channel; being throttled says nothing either way.

    Nor does a call that was refused for one of its listings: each of them is pushed alone, and that says it.
    """
    return isinstance(outcome, Transient | Outage | Unauthorized) and outcome.reason != GROUP_REFUSED


def given_up(outcome: PushOutcome, failures_before: int, attempts_max: int) -> PushOutcome:
    """The outcome itself, or a rejection once an answer with one of the `BOUNDED_REASONS` came too often in a row.

    `failures_before` counts the failures in a row before this one.
    """
    if not isinstance(outcome, Transient) or outcome.reason not in BOUNDED_REASONS:
        return outcome
    if failures_before + 1 < attempts_max:
        return outcome
    return Rejected(
        listing_id=outcome.listing_id,
        api=outcome.api,
        reason=outcome.reason,
        request_id=outcome.request_id,
        status=outcome.status,
        error=outcome.error,
        effect_unknown=outcome.effect_unknown,
        seen=outcome.seen,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOutcome:
    """One record of `listing.outcomes`: an attempt with its times (milliseconds since 1970) and what became of it.

    `changed_at_ms` is when the change behind the target occurred, so `answered_at_ms` minus it is how long the change
    took to be taken by the marketplace. `outcome` is the name that `kind_of` gives.
    """

    listing_id: ListingId
    sku: Sku
    channel: ChannelId
    version: int
    attempt: int
    quantity: int
    mask: str | None
    outcome: str
    reason: str
    api: str
    request_id: str | None
    status: int | None
    error: str | None
    changed_at_ms: int
    committed_at_ms: int
    sent_at_ms: int
    answered_at_ms: int
