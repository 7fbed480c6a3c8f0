"""What an operator asks of a channel."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from inventory_domain.identifiers import ChannelId, EventId


class OperatorAction(Enum):
    """The acts there are on a channel."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP_SALE = "stop-sale"
    RESTORE = "restore"
    RECONCILE = "reconcile"
    RELEASE_MASS_CHANGE = "release-mass-change"
    HOLD_MASS_CHANGE = "hold-mass-change"


@dataclass(frozen=True, slots=True)
class OperatorCommand:
    """One record of `operator.commands`: what, by whom and why. `falls_too`: a pause that holds even falls.
    `until_ms`: how long a mass change is to be held."""

    command_id: EventId
    channel: ChannelId
    action: OperatorAction
    by: str
    why: str
    at_ms: int
    falls_too: bool = False
    until_ms: int | None = None
