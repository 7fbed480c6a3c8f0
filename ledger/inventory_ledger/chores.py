"""What the ledger does by the clock, beside its loop: forgetting what is old, and making the reports."""

from __future__ import annotations

import logging

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from inventory_domain.clock import Clock
from inventory_ledger.forgetting import forget
from inventory_ledger.metrics import LedgerMetrics
from inventory_ledger.settings import LedgerSettings

FORGET_EVERY_MIN = 10
LATE_S_MAX = 3_600  # a chore that the machine slept through is done once it wakes, within this

log = logging.getLogger(__name__)


class Chores:
    """Runs on threads of its own; a chore that fails is logged and done again at its next time."""

    def __init__(self, engine: Engine, settings: LedgerSettings, metrics: LedgerMetrics, clock: Clock) -> None:
        self._engine = engine
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": LATE_S_MAX}
        )

    def start(self) -> None:
        """Begin."""
        self._scheduler.add_job(self.forget, "interval", minutes=FORGET_EVERY_MIN)
        self._scheduler.start()

    def stop(self) -> None:
        """End; a chore that is under way is finished first."""
        self._scheduler.shutdown(wait=True)

    def forget(self) -> None:
        """Delete what is older than the settings keep."""
        try:
            done = forget(self._engine, self._settings, self._clock.now_ms())
        except SQLAlchemyError as error:
            log.error("old rows could not be deleted", extra={"error": str(error).partition("\n")[0]})
            return
        for name, count in done.rows.items():
            self._metrics.forgotten.labels(name).inc(count)
