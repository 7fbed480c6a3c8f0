"""What we or our input got wrong, grouped by what the catcher does. What a marketplace answers is a value.

InventorySyncError
├── ConfigError          the start stops, and all faults of the configuration are shown together
├── BadRecord            one record goes to the dead letters with its reason; everything around it goes on
│   ├── UndecodableRecord    its bytes cannot be read
│   └── InvalidRecord        it can be read, and says something that cannot be
├── OwnershipLost        another process has taken the partition over: this one ends at once, uncommitted
└── InvariantBroken      a bug of ours: the process ends before it commits
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class InventorySyncError(Exception):
    """The root: catch it only at the edge of a command, to print a sentence and not a traceback."""


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """One thing that is wrong in a configuration: where (such as `channels.amazon-us.buffer.percent`) and why."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class ConfigError(InventorySyncError):
    """The configuration cannot be used. `faults` holds every fault that was found, never only the first."""

    def __init__(self, faults: Sequence[ConfigFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(str(fault) for fault in self.faults))


class BadRecord(InventorySyncError):
    """A record that can never be applied. `reason` is a short constant (a metric label), the message has the facts."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class UndecodableRecord(BadRecord):
    """The bytes are not what the topic's schema says."""


class InvalidRecord(BadRecord):
    """The record is well-formed, and a field of it has a value that cannot be; the message names both."""


class OwnershipLost(InventorySyncError):
    """A commit was refused because another process owns the partition now. Nothing may be sent after this."""


class InvariantBroken(InventorySyncError):
    """Something that cannot happen has happened; going on could show stock that is not there."""
