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


def lent_operations(adapter: MarketplaceAdapter) -> frozenset[str]:
    """The shared ones whose answers do not tell what is left: pulls are announced, and delivery uses their part of the
    rate while there are none. Elsewhere pulls stop above a reserve, and need no part of their own."""
    return frozenset() if adapter.traits.tells_what_is_left else shared_operations(adapter)


def day_for_delivery(adapter: MarketplaceAdapter, operation: str, pull_share: float) -> float:
    """The part of the operation's day that delivery may use: what pulls do not use now they may need before its end."""
    return 1.0 - pull_share if operation in shared_operations(adapter) else 1.0


def delivery_limits(adapter: MarketplaceAdapter, pull_share: float) -> tuple[OperationLimit, ...]:
    """The account's limits as delivery may use them while nobody pulls."""
    return tuple(
        _less(limit, day_for_delivery(adapter, limit.operation, pull_share)) for limit in adapter.traits.limits
    )


def _less(limit: OperationLimit, day: float) -> OperationLimit:
    if limit.per_day is None or day == 1.0:
        return limit
    return replace(limit, per_day=max(1, int(limit.per_day * day)))
