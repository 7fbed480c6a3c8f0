"""What eBay's answers say of its limits: next to nothing; a refusal may tell how long to wait."""

from __future__ import annotations

from collections.abc import Callable

from inventory_adapters.http import Answer
from inventory_adapters.waits import wait_s
from inventory_domain.clock import Clock
from inventory_domain.outcomes import LimitSeen


def seen_by(clock: Clock) -> Callable[[Answer, str], LimitSeen | None]:
    """A reader of answers: a 429 means that nothing is left, for as long as `Retry-After` says, if it does."""

    def seen(answer: Answer, operation: str) -> LimitSeen | None:
        wait = wait_s(answer.header("Retry-After"), clock.now_ms())
        if answer.status != 429 and wait is None:
            return None
        remaining = 0.0 if answer.status == 429 else None
        return LimitSeen(operation=operation, remaining=remaining, wait_s=wait)

    return seen
