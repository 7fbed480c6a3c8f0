"""What was seen at a marketplace, and where it differs from what it should show: the values that are written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from inventory_domain.identifiers import ChannelId, ListingId, NodeId, Sku


class ObservedBy(Enum):
    """How we know: a full PULL, a READ of one listing, a FEED_REPORT, or a SIGNAL (a hint only: it asks for a read)."""

    PULL = "pull"
    READ = "read"
    FEED_REPORT = "feed-report"
    SIGNAL = "signal"


@dataclass(frozen=True, slots=True)
class Observation:
    """What a marketplace showed for a listing. `quantity` None: not listed, or it did not say."""

    listing_id: ListingId
    sku: Sku
    channel: ChannelId
    quantity: int | None
    nodes: Mapping[NodeId, int]
    observed_by: ObservedBy
    as_of_ms: int
    observed_at_ms: int
    evidence: str


class Cause(Enum):
    """Why a listing shows something else, as far as the evidence goes.

    MANUAL_CHANGE: somebody set a number that we did not send. LATE_PROCESSING: an older write of ours came to be
    live after a newer one, or the newest takes longer than it may. ORDER_NOT_IN_SOURCE: the channel sold units that
    the source has not reported. RETURN: a cancelled order's units are on sale again. OWN_LOST_PUSH: what was shown
    before our newest write, which had no effect. ANOTHER_WRITER: corrections do not hold. GHOST: shown, and not ours
    to sell.
    """

    MANUAL_CHANGE = "manual-change"
    LATE_PROCESSING = "late-processing"
    ORDER_NOT_IN_SOURCE = "order-not-in-source"
    RETURN = "return"
    OWN_LOST_PUSH = "own-lost-push"
    ANOTHER_WRITER = "another-writer"
    GHOST = "ghost"
    UNKNOWN = "unknown"


class Action(Enum):
    """What is done about a discrepancy.

    WAIT: under-shown once; acted on when it is read again, unchanged, after the source's order delay. RESTATE: the
    engine is asked for a new version. ESCALATE: the same, once more and paged, because the last one did not hold.
    STOP: no more corrections, somebody else writes. WRITE_DUE: a newer target waits to be sent anyway. REPORT: nobody
    but a person can mend it. VERIFIED: the correction holds. CLEARED: explained by what came to be known since, or
    a ghost that is none any more.
    """

    WAIT = "wait"
    RESTATE = "restate"
    ESCALATE = "escalate"
    STOP = "stop"
    WRITE_DUE = "write-due"
    REPORT = "report"
    VERIFIED = "verified"
    CLEARED = "cleared"


class Severity(Enum):
    """Who is told: NOTE goes into the records, INVESTIGATE alerts, PAGE wakes somebody."""

    NOTE = "note"
    INVESTIGATE = "investigate"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A listing outside the range it may show by now; delta is observed minus the nearest end of the range.

    `cause`, `action` and `severity` are the values of the enums above. `judged_version` is the target's version that
    is wrong at the marketplace, `corrections` how many were made so far in this case, which began at `since_ms`.
    """

    listing_id: ListingId
    sku: Sku
    channel: ChannelId
    expected_low: int
    expected_high: int
    observed: int
    delta: int
    cause: str
    action: str
    observed_at_ms: int
    severity: str = ""
    evidence: str = ""
    judged_version: int = 0
    corrections: int = 0
    since_ms: int = 0
    observed_by: str = ""


class CyclePhase(Enum):
    """How far a reconciliation came. INCOMPLETE: the pull did not reach its end, so nothing was concluded from it."""

    PULLING = "pulling"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"


ANNOUNCES: Final = "announced to delivery: "


@dataclass(frozen=True, slots=True)
class ReconciliationCycle:
    """One record of `channel.reconciliations.<m>`: a channel's reconciliation, while it runs and when it has ended.

    One that `announces` is no reconciliation: it tells delivery that calls of pulls or looks are made by the channel's
    account from soon on.

    `listings` are those the catalog has for the channel, `found` those seen so far, `judged` those that could be
    compared, `missing` those the marketplace did not name, `ghosts` those that it shows and the catalog does not have.
    """

    channel: ChannelId
    phase: CyclePhase
    started_at_ms: int
    at_ms: int
    listings: int
    found: int
    judged: int
    missing: int
    ghosts: int
    discrepancies: int
    corrections: int
    reason: str

    @property
    def announces(self) -> bool:
        """Whether delivery is told to leave the pulls their part of a rate, and nobody else is told anything."""
        return self.reason.startswith(ANNOUNCES)


def announcement(channel: ChannelId, now_ms: int, why: str) -> ReconciliationCycle:
    """The record that announces it."""
    return ReconciliationCycle(channel, CyclePhase.PULLING, now_ms, now_ms, 0, 0, 0, 0, 0, 0, 0, f"{ANNOUNCES}{why}")
