"""The engine's alert on records that came in and are nowhere: promise P4, that everything is accounted for."""

from __future__ import annotations

from typing import Final

from deploy.sources.alert import Alert, Example

ENGINE: Final = "inventory_sync_engine"


def accounting_alerts() -> tuple[Alert, ...]:
    """Zero while all is well, also under load: what waits for its commit is counted as under way."""
    read = f"sum by (topic) ({ENGINE}_records_read_total)"
    done = f"(sum by (topic) ({ENGINE}_records_total) or 0 * {read})"
    left = f"(sum by (topic) ({ENGINE}_records_under_way) or 0 * {read})"
    topic = '{topic="inventory.changes"}'
    applied = '{topic="inventory.changes",effect="applied"}'
    return (
        Alert(
            "RecordsUnaccounted",
            f"abs({read} - {done} - {left}) > 0",
            "10m",
            "ticket",
            "{{ $labels.topic }}: records were read and it is not known what became of them: a bug of ours",
            "records-unaccounted",
            Example(
                {
                    f"{ENGINE}_records_read_total{topic}": "500x5 702x20 1000x30",
                    f"{ENGINE}_records_under_way{topic}": "500x5 200x20 0x30",
                    f"{ENGINE}_records_total{applied}": "0x5 500x20 1000x30",
                },
                "20m",
                ("12m", "30m"),
                {"topic": "inventory.changes"},
            ),
        ),
    )
