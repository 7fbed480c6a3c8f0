"""What is worth a word of an account: a day's quota that is small beside what a takeover counts as used, and fewer
connections than calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from inventory_domain.identifiers import AccountId

if TYPE_CHECKING:
    from inventory_adapters.accounts import AccountSettings

TAKEOVERS_LEAST: Final = 10  # a day may well see so many: an upgrade of a few workers, and a node that is drained


def quota_words(accounts: Mapping[AccountId, AccountSettings], report_interval_s: float) -> list[str]:
    """Quotas of which a few takeovers leave nothing, each with its path."""
    words = []
    for name, account in sorted(accounts.items()):
        for limit in account.limits:
            counted = limit.burst + limit.rate_per_s * report_interval_s
            if limit.per_day is not None and limit.per_day < TAKEOVERS_LEAST * counted:
                words.append(
                    f"accounts.{name}.limits.{limit.operation}.per_day: {limit.per_day} calls; whoever takes over "
                    f"partitions counts up to {counted:.0f} of them as used, unreported (burst, and rate_per_s for "
                    "delivery.report_interval_s), so what is due may wait for the next day"
                )
    return words


def connection_words(accounts: Mapping[AccountId, AccountSettings], calls_at_once: int) -> list[str]:
    """Accounts that have fewer connections than delivery has calls under way, each with its path."""
    return [
        f"accounts.{name}.connections_max: {account.calls.connections_max} connections; delivery has up to "
        f"{calls_at_once} calls under way (delivery.requests_in_flight_max and reads_in_flight_max), and those beyond "
        "fail (no-free-connection) when the marketplace is slow"
        for name, account in sorted(accounts.items())
        if account.calls.connections_max < calls_at_once
    ]
