"""What Shopify's answers say of its limits: each holds the whole state of the shop's bucket of cost points."""

from __future__ import annotations

from collections.abc import Callable

from inventory_adapters.bodies import mapping, number
from inventory_adapters.http import Answer
from inventory_adapters.waits import WAIT_S_MAX, wait_s
from inventory_domain.clock import Clock
from inventory_domain.outcomes import LimitSeen


def seen_by(clock: Clock) -> Callable[[Answer, str], LimitSeen | None]:
    """A reader of answers. What waits to be paid for says how long; a gateway's `Retry-After` may be a date."""
    return lambda answer, operation: _seen(answer, operation, clock.now_ms())


def _seen(answer: Answer, operation: str, now_ms: int) -> LimitSeen | None:
    """The shop's bucket and what the call took of it; a refused one also says how long until it could be paid for."""
    body = mapping(answer.json()) if answer.is_json() else {}
    cost = mapping(mapping(body.get("extensions")).get("cost"))
    bucket = mapping(cost.get("throttleStatus"))
    available, rate_per_s = number(bucket.get("currentlyAvailable")), number(bucket.get("restoreRate"))
    requested = number(cost.get("requestedQueryCost"))
    retry_s = wait_s(answer.header("Retry-After"), now_ms)
    if not bucket and retry_s is None:
        return None
    if retry_s is None and available is not None and requested is not None and rate_per_s and available < requested:
        retry_s = min((requested - available) / rate_per_s, WAIT_S_MAX)
    return LimitSeen(
        operation=operation,
        rate_per_s=rate_per_s,
        burst=number(bucket.get("maximumAvailable")),
        remaining=available,
        wait_s=retry_s,
        cost=number(cost.get("actualQueryCost")),
        cost_max=requested,
    )
