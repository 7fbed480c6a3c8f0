"""Alerts on the calls of a day."""

from __future__ import annotations

from typing import Final

from deploy.sources.alert import Alert, Example

DELIVERY: Final = "inventory_sync_delivery"
RECONCILE: Final = "inventory_sync_reconcile"


def quota_alerts() -> tuple[Alert, ...]:
    """On quotas that end before their day, and on schedules of pulls that they do not suffice for any more."""
    quota = f"min by (account, operation) ({DELIVERY}_quota_lasts_seconds)"
    day = f"max by (account, operation) ({DELIVERY}_quota_day_left_seconds)"
    account = {"account": "ebay", "operation": "inventory"}
    named = '{account="ebay",operation="inventory"}'
    needed = f"max by (account) ({RECONCILE}_calls_needed_per_day)"
    allowed = f"max by (account) ({RECONCILE}_calls_allowed_per_day)"
    return (
        Alert(
            "QuotaRunsOut",
            f"{quota} < {day}",
            "15m",
            "page",
            "{{ $labels.account }}: at this pace the quota of {{ $labels.operation }} ends before its day does",
            "quota-runs-out",
            Example(
                {
                    f"{DELIVERY}_quota_lasts_seconds{named}": "90000x5 1800x30 90000x10",
                    f"{DELIVERY}_quota_day_left_seconds{named}": "36000x60",
                },
                "25m",
                ("10m", "40m"),
                account,
            ),
        ),
        Alert(
            "PullsOverQuota",
            f"{needed} > {allowed}",
            "5m",
            "ticket",
            "{{ $labels.account }}: its listings are more than can be compared so often within a day's calls",
            "pulls-over-quota",
            Example(
                {
                    f'{RECONCILE}_calls_needed_per_day{{account="ebay-main"}}': "900x10 1200x20 900x20",
                    f'{RECONCILE}_calls_allowed_per_day{{account="ebay-main"}}': "1000x50",
                },
                "20m",
                ("9m", "40m"),
                {"account": "ebay-main"},
            ),
        ),
    )
