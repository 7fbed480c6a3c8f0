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
        Alert(
            "SignalsQueueFailing",
            # It is read at least once a minute however often that failed.
            f"sum by (account) (increase({SIGNALS}_queue_failures_total[30m])) > 20",
            "0m",
            "ticket",
            "{{ $labels.account }}: the queue of what the marketplace tells cannot be read",
            "subscriptions-missing",
            Example(
                {f'{SIGNALS}_queue_failures_total{{account="amazon"}}': "0x10 1+1x60 61x60"},
                "50m",
                ("9m", "120m"),
                {"account": "amazon"},
            ),
        ),
        Alert(
            "SignalsRefused",
            f"sum by (account) (increase({SIGNALS}_messages_refused_total[1h])) > 20 unless on (account) "
            f"sum by (account) (increase({SIGNALS}_messages_taken_total[1h])) > 0",
            "0m",
            "ticket",
            "{{ $labels.account }}: all that the marketplace tells is refused: by its secret, perhaps",
            "subscriptions-missing",
            Example(
                {
                    f'{SIGNALS}_messages_refused_total{{account="shop", reason="not-genuine"}}': "0+1x200",
                    f'{SIGNALS}_messages_taken_total{{account="shop", topic="orders/create"}}': "0+1x30 30x100 30+1x70",
                },
                "120m",
                ("60m", "180m"),
                account,
            ),
        ),
    )
