"""Alerts on the sources of the input: those that fall silent, and what they do not tell of."""

from __future__ import annotations

from typing import Final

from deploy.sources.alert import Alert, Example

ENGINE: Final = "inventory_sync_engine"


def source_alerts() -> tuple[Alert, ...]:
    """From what the engine shows of each source."""
    return (
        Alert(
            "SourceOverdue",
            f"max by (source) ({ENGINE}_source_overdue_partitions) > 0",
            "0m",
            "page",
            "{{ $labels.source }} has said nothing past its limit: soon its stock counts as zero",
            "source-silent",
            Example(
                {f'{ENGINE}_source_overdue_partitions{{source="erp"}}': "0x5 3x10 0x10"},
                "10m",
                ("4m", "20m"),
                {"source": "erp"},
            ),
        ),
        Alert(
            "SourceSilent",
            f"max by (source) ({ENGINE}_source_silent_partitions) > 0",
            "0m",
            "page",
            "{{ $labels.source }} is silent past its limit: stock at its locations counts as zero",
            "source-silent",
            Example(
                {f'{ENGINE}_source_silent_partitions{{source="erp"}}': "0x5 3x10 0x10"},
                "10m",
                ("4m", "20m"),
                {"source": "erp"},
            ),
        ),
        Alert(
            "OrdersUnreported",
            f"sum({ENGINE}_overdue_sales) > 0",
            "15m",
            "ticket",
            "channels reported orders that the source never did: they are subtracted from every channel",
            "orders-unreported",
            Example({f"{ENGINE}_overdue_sales": "0x10 2x30 0x10"}, "30m", ("12m", "45m"), {}),
        ),
    )
