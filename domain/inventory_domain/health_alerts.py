"""What of a channel's health somebody must be told, as it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from inventory_domain.health import ChannelHealth, ChannelState
from inventory_domain.identifiers import ChannelId


class Severity(Enum):
    """PAGE: somebody must act now. WARNING: somebody must look. INFO: it is over, or an operator did it."""

    PAGE = "page"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to tell. `name` is constant and names its page in docs/runbooks; `text` is for people."""

    name: str
    severity: Severity
    channel: ChannelId
    text: str
    at_ms: int
    epoch: int
    by: str


_STATES: Final[Mapping[ChannelState, tuple[str, Severity]]] = {
    ChannelState.STOPPED: ("channel-stopped", Severity.PAGE),
    ChannelState.NOT_LIVE: ("channel-not-live", Severity.PAGE),
    ChannelState.OUTAGE: ("known-outage", Severity.WARNING),
    ChannelState.PAUSED: ("channel-paused", Severity.INFO),
    ChannelState.RESTORING: ("channel-restored", Severity.INFO),
}
"""What is told of a channel that comes into one of these states, with the reason that it has."""


def alerts(before: ChannelHealth, after: ChannelHealth, at_ms: int) -> list[Alert]:
    """What this change of a channel's health is worth telling; nothing when it only goes on."""
    found = []

    def tell(name: str, severity: Severity, text: str) -> None:
        found.append(Alert(name, severity, after.channel, text, at_ms, after.epoch, after.by))

    changed = after.state is not before.state
    if after.credentials_lost and not before.credentials_lost:
        tell("credentials-lost", Severity.PAGE, after.reason)
    elif changed and after.state is ChannelState.FAILING:
        tell("channel-failing", Severity.WARNING, after.reason)
    if after.warned and not before.warned and after.stop_at_ms is not None:
        left_s = max(0, after.stop_at_ms - at_ms) / 1000
        tell("stop-sale-near", Severity.PAGE, f"stop-sale in {left_s:.0f} s unless something goes through")
    if after.not_ready is not None and before.not_ready is None and not after.is_not_live:
        tell("zero-ends-listings", Severity.PAGE, after.not_ready)
    if after.flooded_ms is not None and before.flooded_ms is None:
        text = "more writes are refused for good than bad data can be: rises wait until an operator resumes the channel"
        tell("dead-letter-flood", Severity.PAGE, text)
    if changed and after.state in _STATES:
        tell(*_STATES[after.state], after.reason)
    elif changed and after.state is ChannelState.SELLING:
        text = "whole again" if before.state is ChannelState.RESTORING else after.reason
        tell("channel-sells", Severity.INFO, text)
    return found
