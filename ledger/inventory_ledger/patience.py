"""Waiting for what comes back by itself: a database or a registry that is away for a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError

from inventory_domain.errors import InventorySyncError
from inventory_schemas.registry import RegistryUnavailable

RETRY_S: Final = 1.0

T = TypeVar("T")
log = logging.getLogger(__name__)


class DatabaseAway(InventorySyncError):
    """The database could not be written to for as long as the settings wait. Nothing is lost: Kafka has it all."""


def patiently(
    act: Callable[[], T],
    limit_s: float,
    stopped: threading.Event,
    failed: Callable[[], None],
    *,
    retry_s: float = RETRY_S,
) -> T:
    """What the act gives, tried again while the database or the registry is away, for at most so long. Blocks.

    `failed` is told each time. A commit whose answer was lost may have gone through: its repetition is refused then,
    since the positions have moved; the process ends, and its successor goes on behind them.

    Raises:
        DatabaseAway: the limit is over, or the process is to stop.
    """
    deadline = time.monotonic() + limit_s
    while True:
        try:
            return act()
        except (OperationalError, InterfaceError, RegistryUnavailable) as error:
            failed()
            why = str(error).partition("\n")[0]
            if time.monotonic() > deadline or stopped.is_set():
                raise DatabaseAway(f"nothing could be written: {why}") from error
            log.warning("the ledger waits", extra={"error": why})
            stopped.wait(retry_s)
