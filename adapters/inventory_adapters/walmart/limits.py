"""What Walmart's answers say of its limits: calls left, and when there will be more."""

from __future__ import annotations

from collections.abc import Callable

from inventory_adapters.http import Answer
from inventory_adapters.waits import count, wait_s
from inventory_domain.clock import Clock
from inventory_domain.outcomes import LimitSeen


def seen_by(clock: Clock) -> Callable[[Answer, str], LimitSeen | None]:
    """A reader of answers. The refill time comes as seconds, as a time since 1970, or as an ISO date."""

    def seen(answer: Answer, operation: str) -> LimitSeen | None:
        now_ms = clock.now_ms()
        remaining = count(answer.header("x-current-token-count"))
        if answer.status == 429:
            remaining = 0.0
        wait = wait_s(answer.header("Retry-After"), now_ms)
        if wait is None:
            wait = wait_s(answer.header("X-Next-Replenishment-Time"), now_ms)
        if remaining is None and wait is None:
            return None
        return LimitSeen(operation=operation, remaining=remaining, wait_s=wait)

    return seen
