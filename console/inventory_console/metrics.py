"""Every metric of the console, in one place. Labels are commands and results; never an operator, never a SKU."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class ConsoleMetrics:
    """The metrics of one console process, on a registry that is handed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.actions = Counter(
            "inventory_sync_console_actions_total",
            "What operators did: signing in, and commands to channels.",
            ["action", "result"],
            registry=registry,
        )
