"""Whether a channel can be vouched for, folded from what its workers report. One owner per marketplace runs this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from inventory_domain.identifiers import ChannelId

FAILURES_IN_A_ROW = 3  # design.md section 4: three in a row on a channel, no success between


class ChannelState(Enum):
    """SELLING: writes go through. FAILING: at least three failures in a row and no success since."""

    SELLING = "selling"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """What one worker saw on one channel since its last report.

    `failures_since_success` counts this worker's failures after its last success (all of them when it had none);
    `last_success_ms` is None until it had one.
    """

    channel: ChannelId
    worker: str
    at_ms: int
    successes: int
    failures: Mapping[str, int]
    failures_since_success: int
    last_success_ms: int | None
    backlog: int
    quota_used: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """A channel's state as everybody sees it. The epoch grows at each stop and each restore."""

    channel: ChannelId
    state: ChannelState
    epoch: int
    since_ms: int
    failures_in_a_row: int
    last_success_ms: int | None
    reason: str
    by: str


def new_channel(channel: ChannelId, now_ms: int) -> ChannelHealth:
    """A channel of which nothing is known yet: it sells until it fails."""
    return ChannelHealth(channel, ChannelState.SELLING, 1, now_ms, 0, None, "no report yet", "system")


def fold(health: ChannelHealth, report: ChannelReport, threshold: int = FAILURES_IN_A_ROW) -> ChannelHealth:
    """The channel's health after one more report of one of its workers."""
    if report.successes:
        in_a_row = report.failures_since_success
    else:
        in_a_row = health.failures_in_a_row + sum(report.failures.values())
    known = [at for at in (health.last_success_ms, report.last_success_ms) if at is not None]
    after = replace(health, failures_in_a_row=in_a_row, last_success_ms=max(known, default=None))
    state = ChannelState.FAILING if in_a_row >= threshold else ChannelState.SELLING
    if state is health.state:
        return after
    if state is ChannelState.FAILING:
        worst = max(report.failures, key=lambda kind: report.failures[kind], default="failure")
        return replace(after, state=state, since_ms=report.at_ms, reason=f"{in_a_row} failures in a row: {worst}")
    return replace(after, state=state, since_ms=report.at_ms, reason="writes go through again")
