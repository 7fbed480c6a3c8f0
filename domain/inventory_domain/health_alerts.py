"""What of a channel's health somebody must be told, as it changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

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
    if not changed:
        return found
    if after.state is ChannelState.STOPPED:
        tell("channel-stopped", Severity.PAGE, after.reason)
    elif after.state is ChannelState.OUTAGE:
        tell("known-outage", Severity.WARNING, after.reason)
    elif after.state is ChannelState.PAUSED:
        tell("channel-paused", Severity.INFO, after.reason)
    elif after.state is ChannelState.RESTORING:
        tell("channel-restored", Severity.INFO, after.reason)
    elif after.state is ChannelState.SELLING:
        text = "whole again" if before.state is ChannelState.RESTORING else after.reason
        tell("channel-sells", Severity.INFO, text)
    return found
