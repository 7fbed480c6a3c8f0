"""Alerts on the calls of a day."""

from __future__ import annotations

from typing import Final

from deploy.sources.alert import Alert, Example

RECONCILE: Final = "inventory_sync_reconcile"


def quota_alerts() -> tuple[Alert, ...]:
    """On schedules of pulls that a daily quota does not suffice for any more."""
    needed = f"max by (account) ({RECONCILE}_calls_needed_per_day)"
    allowed = f"max by (account) ({RECONCILE}_calls_allowed_per_day)"
    return (
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
