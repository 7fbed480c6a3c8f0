"""What the processes of one system are called, in settings, logs and metrics."""

from __future__ import annotations

from typing import Final

from inventory_domain.identifiers import Marketplace

ENGINE: Final = "engine"
LEDGER: Final = "ledger"
CONSOLE: Final = "console"
RECONCILE: Final = "reconcile"
SIGNALS: Final = "signals"


def process_of(marketplace: Marketplace) -> str:
    """The name of the marketplace's delivery process."""
    return f"deliver-{marketplace}"
