"""Alerts on what marketplaces tell of their own accord: that they were asked to tell it, and still are."""

from __future__ import annotations

from typing import Final

from deploy.sources.alert import Alert, Example

SIGNALS: Final = "inventory_sync_signals"


def signals_alerts() -> tuple[Alert, ...]:
    """From what the processes that take signals see of each account's subscriptions, once an hour."""
    account = {"account": "shop"}
    return (
        Alert(
            "SubscriptionsMissing",
            f"max by (account) ({SIGNALS}_subscriptions_missing) > 0",
            "0m",
            "ticket",
            "{{ $labels.account }}: the marketplace does not tell all that it should, orders perhaps",
            "subscriptions-missing",
            Example(
                {f'{SIGNALS}_subscriptions_missing{{account="shop"}}': "0x10 2x60 0x10"},
                "30m",
                ("9m", "75m"),
                account,
            ),
        ),
        Alert(
            "SubscriptionsUnseen",
            # Seen once an hour, by each process: two looks in a row were to no avail.
            f"min by (account) ({SIGNALS}_subscriptions_unseen_seconds) > 10800",
            "0m",
            "ticket",
            "{{ $labels.account }}: whether the marketplace still tells what it should cannot be seen",
            "subscriptions-missing",
            Example(
                {f'{SIGNALS}_subscriptions_unseen_seconds{{account="shop"}}': "0+60x200 0+60x20"},
                "190m",
                ("179m", "210m"),
                account,
            ),
        ),
    )
