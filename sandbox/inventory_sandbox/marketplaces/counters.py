"""What the sandbox has seen: calls by outcome, and writes that nobody may make."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final

MAX_VIOLATIONS_KEPT: Final = 1_000
"""Violations kept in full; all are counted."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A write, accepted or refused, of a listing whose quantity is never written."""

    at: float
    marketplace: str
    key: str
    kind: str
    api: str
    request_id: str
    quantity: int | None
    accepted: bool


class Counters:
    """Counts since the start or the last reset."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str, int]] = Counter()
        self.throttled: Counter[str] = Counter()
        self.faults: Counter[tuple[str, str]] = Counter()
        self.violation_count = 0
        self.violations: deque[Violation] = deque(maxlen=MAX_VIOLATIONS_KEPT)

    def reset(self) -> None:
        """Sets all counts to 0 and forgets the violations."""
        self.calls.clear()
        self.throttled.clear()
        self.faults.clear()
        self.violation_count = 0
        self.violations.clear()

    def violated(self, violation: Violation) -> None:
        """Records a write that nobody may make."""
        self.violation_count += 1
        self.violations.append(violation)
