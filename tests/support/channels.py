"""Builders of what a channel's health is made from."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.health import ChannelHealth, ChannelReport, HealthRules, new_channel
from inventory_domain.identifiers import ChannelId, EventId
from inventory_domain.operations import OperatorAction, OperatorCommand

CHANNEL = ChannelId("harbor-us")
RULES = HealthRules()
START_MS = 1_700_000_000_000


def at(seconds: float) -> int:
    """Milliseconds since 1970 of so many seconds after the start."""
    return START_MS + round(seconds * 1000)


def a_channel(**changes: object) -> ChannelHealth:
    """A channel that sells since the start."""
    return replace(new_channel(CHANNEL, START_MS), **changes)


def a_report(
    seconds: float = 0.0,
    *,
    successes: int = 0,
    failures: int = 0,
    kind: str = "transient",
    since_success: int | None = None,
    rounds: int = 1,
    probes_failed: int = 0,
    reads_answered: int = 0,
    worker: str = "w1",
    epoch: int = 1,
    listings: int = 1,
    unsettled: int = 0,
    last_success_ms: int | None = None,
) -> ChannelReport:
    """`since_success` None: all failures came after the last success."""
    return ChannelReport(
        channel=CHANNEL,
        worker=worker,
        at_ms=at(seconds),
        successes=successes,
        failures={kind: failures} if failures else {},
        failures_since_success=failures if since_success is None else since_success,
        last_success_ms=at(seconds) if successes and last_success_ms is None else last_success_ms,
        backlog=0,
        quota_used={},
        rounds=rounds if failures else 0,
        probes_failed=probes_failed,
        reads_answered=reads_answered,
        epoch=epoch,
        listings=listings,
        unsettled=unsettled,
    )


def a_command(
    action: OperatorAction, seconds: float = 0.0, *, falls_too: bool = False, by: str = "ann", why: str = "audit"
) -> OperatorCommand:
    """What an operator asks of the channel."""
    return OperatorCommand(EventId(f"c-{action.value}-{seconds}"), CHANNEL, action, by, why, at(seconds), falls_too)
