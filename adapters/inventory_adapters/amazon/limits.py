"""What Amazon's answers say of its limits: the rate on good days, and nothing at all with a 429."""

from __future__ import annotations

from inventory_adapters.http import Answer
from inventory_adapters.waits import count
from inventory_domain.outcomes import LimitSeen


def seen(answer: Answer, operation: str) -> LimitSeen | None:
    """The account's rate for this operation. A 429 has no header: the bucket was empty, that is all it says."""
    if answer.status == 429:
        return LimitSeen(operation=operation, remaining=0.0)
    rate_per_s = count(answer.header("x-amzn-RateLimit-Limit"))
    return LimitSeen(operation=operation, rate_per_s=rate_per_s) if rate_per_s else None
