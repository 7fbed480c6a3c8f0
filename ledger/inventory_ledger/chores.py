"""What the ledger does by the clock, beside its loop: forgetting what is old, and making the reports."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from inventory_domain.clock import Clock
from inventory_ledger import tables
from inventory_ledger.forgetting import forget
from inventory_ledger.metrics import LedgerMetrics
from inventory_ledger.reports.making import make, missing
from inventory_ledger.reports.model import ReportKind, last_period
from inventory_ledger.settings import LedgerSettings, time_of_day

FORGET_EVERY_MIN = 10
WAIT_S = 60
LATE_S_MAX = 3_600  # a chore that the machine slept through is done once it wakes, within this

log = logging.getLogger(__name__)


class Chores:
    """Runs on threads of its own; a chore that fails is logged and done again at its next time.

    `complete_until_ms` says up to which time everything is in the tables, None where all that there was is: a report
    of a time that is not in them yet would say that there was nothing.
    """

    def __init__(
        self,
        engine: Engine,
        settings: LedgerSettings,
        metrics: LedgerMetrics,
        clock: Clock,
        complete_until_ms: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._complete_until_ms = complete_until_ms
        self._waiting: set[ReportKind] = set()
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
        """Make the reports that are not there, as after a night without a ledger; none of an empty one."""
        try:
            with self._engine.connect() as connection:
                empty = connection.execute(select(tables.listings.c.listing_id).limit(1)).first() is None
                kinds = [kind for kind in ReportKind if missing(connection, kind, self._today())]
        except SQLAlchemyError as error:
            log.error("reports could not be looked up", extra={"error": str(error).partition("\n")[0]})
            return
        for kind in [] if empty else kinds:
            self.report(kind)

    def report(self, kind: ReportKind) -> None:
        """Make and keep the report of the newest period that is over, and those before it that are not there.

        While the tables are not that far, it is tried again every minute.
        """
        last = last_period(kind, self._today())
        complete_ms = self._complete_until_ms()
        if complete_ms is not None and complete_ms < last.until_ms:
            if kind not in self._waiting:
                log.info("a report waits for its records", extra={"kind": kind.value, "period": last.name})
            self._waiting.add(kind)
            again = datetime.now(UTC) + timedelta(seconds=WAIT_S)
            self._scheduler.add_job(self.report, "date", [kind], run_date=again, id=kind.value, replace_existing=True)
            return
        self._waiting.discard(kind)
        period = last
        try:
            with self._engine.connect() as connection:
                periods = missing(connection, kind, self._today())
            for period in periods or [last]:
                make(self._engine, period, self._clock.now_ms(), self._settings.again)
                self._metrics.reports.labels(kind.value).inc()
                log.info("report made", extra={"kind": kind.value, "period": period.name})
        except SQLAlchemyError as error:
            facts = {"kind": kind.value, "period": period.name, "error": str(error).partition("\n")[0]}
            log.error("a report could not be made", extra=facts)

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).date()

    def forget(self) -> None:
        """Delete what is older than the settings keep."""
        try:
            done = forget(self._engine, self._settings, self._clock.now_ms())
        except SQLAlchemyError as error:
            log.error("old rows could not be deleted", extra={"error": str(error).partition("\n")[0]})
            return
        for name, count in done.rows.items():
            self._metrics.forgotten.labels(name).inc(count)
