"""What the ledger does by the clock, beside its loop: forgetting what is old, and making the reports."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from inventory_domain.clock import Clock
from inventory_ledger import tables
from inventory_ledger.forgetting import forget
from inventory_ledger.metrics import LedgerMetrics
from inventory_ledger.reports.making import kept, make
from inventory_ledger.reports.model import ReportKind, last_period
from inventory_ledger.settings import LedgerSettings, time_of_day

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
        for kind, time, days in (
            (ReportKind.DAILY, self._settings.daily_report_at, "mon-sun"),
            (ReportKind.WEEKLY, self._settings.weekly_report_at, "mon"),
        ):
            hour, minute = time_of_day(time) or (5, 0)  # checked when the settings were read
            self._scheduler.add_job(self.report, "cron", [kind], day_of_week=days, hour=hour, minute=minute)
        self._scheduler.add_job(self.catch_up)
        self._scheduler.start()

    def stop(self) -> None:
        """End; a chore that is under way is finished first."""
        self._scheduler.shutdown(wait=True)

    def catch_up(self) -> None:
        """Make the newest reports that are not there, as after a night without a ledger; none of an empty one."""
        today = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).date()
        try:
            with self._engine.connect() as connection:
                empty = connection.execute(select(tables.listings.c.listing_id).limit(1)).first() is None
                missing = [kind for kind in ReportKind if kept(connection, kind, last_period(kind, today).name) is None]
        except SQLAlchemyError as error:
            log.error("reports could not be looked up", extra={"error": str(error).partition("\n")[0]})
            return
        for kind in [] if empty else missing:
            self.report(kind)

    def report(self, kind: ReportKind) -> None:
        """Make and keep the report of the newest period that is over."""
        now_ms = self._clock.now_ms()
        period = last_period(kind, datetime.fromtimestamp(now_ms / 1000, UTC).date())
        try:
            make(self._engine, period, now_ms, self._settings.again)
        except SQLAlchemyError as error:
            facts = {"kind": kind.value, "period": period.name, "error": str(error).partition("\n")[0]}
            log.error("a report could not be made", extra=facts)
            return
        self._metrics.reports.labels(kind.value).inc()
        log.info("report made", extra={"kind": kind.value, "period": period.name})

    def forget(self) -> None:
        """Delete what is older than the settings keep."""
        try:
            done = forget(self._engine, self._settings, self._clock.now_ms())
        except SQLAlchemyError as error:
            log.error("old rows could not be deleted", extra={"error": str(error).partition("\n")[0]})
            return
        for name, count in done.rows.items():
            self._metrics.forgotten.labels(name).inc(count)
