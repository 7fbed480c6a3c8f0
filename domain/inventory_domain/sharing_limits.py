"""Which limits of an account pulls share with pushes and single reads, and who may use how much of them."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.bulk import PullsInBackground, PullsListings
from inventory_domain.ports import MarketplaceAdapter, OperationLimit


def pulled_operations(adapter: MarketplaceAdapter) -> frozenset[str]:
    """The operations that a pull of the account's listings calls."""
    found: set[str] = set()
    if isinstance(adapter, PullsListings):
        found.add(adapter.pull_traits.operation)
    if isinstance(adapter, PullsInBackground):
        traits = adapter.background_pull_traits
        found |= {traits.start.operation, traits.poll.operation}
    return frozenset(found)


def shared_operations(adapter: MarketplaceAdapter) -> frozenset[str]:
    """Those that pushes or single reads call too."""
    traits = adapter.traits
    return pulled_operations(adapter) & {traits.push_operation, traits.read_operation}


def kept_for_delivery(adapter: MarketplaceAdapter, operation: str, pull_share: float) -> tuple[float, float]:
    """The part of the operation's rate, and of its day, that delivery may use while pulls may use `pull_share`.

    Where answers tell what is left, pulls stop above a reserve, and no part of the rate lies idle between two pulls.
    A day's quota is split in any case: what pulls do not use today they may need before its end.
    """
    if operation not in shared_operations(adapter):
        return 1.0, 1.0
    day = 1.0 - pull_share
    return (1.0 if adapter.traits.tells_what_is_left else day), day


def delivery_limits(adapter: MarketplaceAdapter, pull_share: float) -> tuple[OperationLimit, ...]:
    """The account's limits as delivery may use them."""
    return tuple(
        _less(limit, *kept_for_delivery(adapter, limit.operation, pull_share)) for limit in adapter.traits.limits
    )


def _less(limit: OperationLimit, rate: float, day: float) -> OperationLimit:
    if (rate, day) == (1.0, 1.0):
        return limit
    per_day = None if limit.per_day is None else max(1, int(limit.per_day * day))
    return replace(limit, rate_per_s=limit.rate_per_s * rate, burst=max(1.0, limit.burst * rate), per_day=per_day)
