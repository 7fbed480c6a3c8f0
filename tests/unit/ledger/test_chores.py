"""What the ledger does by the clock, and how long it waits for a database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from inventory_domain.errors import OwnershipLost
from inventory_ledger.chores import Chores
from inventory_ledger.metrics import LedgerMetrics
from inventory_ledger.migrating import migrate
from inventory_ledger.patience import DatabaseAway, patiently
from inventory_ledger.reports.making import list_kept, make
from inventory_ledger.reports.model import Again, ReportKind, period_of
from inventory_ledger.store import Store, opened
from tests.support.ledger import settings_for, write_all
from tests.support.ledger_month import a_month, at


@dataclass
class Fixed:
    """A clock that stands."""

    at_ms: int

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_s(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        return None


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = opened(f"sqlite:///{tmp_path / 'ledger.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


def chores_of(engine: Engine, registry: CollectorRegistry) -> Chores:
    month = a_month()
    return Chores(engine, settings_for(month.topics), LedgerMetrics(registry), Fixed(at(29)))


def reports(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        return [(kind.value, period) for kind, period, _ in list_kept(connection)]


def test_a_report_is_of_the_newest_period_that_is_over(engine: Engine) -> None:
    write_all(Store(engine), a_month())
    metrics = CollectorRegistry()

    chores_of(engine, metrics).report(ReportKind.DAILY)

    assert reports(engine) == [("daily", "2026-11-24")]
    assert metrics.get_sample_value("inventory_sync_ledger_reports_total", {"kind": "daily"}) == 1


def test_a_night_without_a_ledger_is_made_up_for_once(engine: Engine) -> None:
    write_all(Store(engine), a_month())
    metrics = CollectorRegistry()
    chores = chores_of(engine, metrics)

    chores.catch_up()
    chores.catch_up()

    assert sorted(reports(engine)) == [("daily", "2026-11-24"), ("weekly", "2026-11-16")]
    assert metrics.get_sample_value("inventory_sync_ledger_reports_total", {"kind": "daily"}) == 1


def test_a_report_waits_until_its_time_is_in_the_tables(engine: Engine) -> None:
    """A ledger that starts after a night without one has yet to read it: its report would say that nothing was."""
    write_all(Store(engine), a_month())
    complete: list[int | None] = [at(20)]
    settings, metrics = settings_for(a_month().topics), LedgerMetrics(CollectorRegistry())
    chores = Chores(engine, settings, metrics, Fixed(at(29)), lambda: complete[-1])

    chores.catch_up()
    chores.report(ReportKind.DAILY)
    early = reports(engine)
    waiting = {job.args for job in chores._scheduler.get_jobs()}
    complete.append(at(24))
    chores.report(ReportKind.DAILY)

    # The week before is over for long.
    assert early == [("weekly", "2026-11-16")]
    assert waiting == {(ReportKind.DAILY,)}
    assert ("daily", "2026-11-24") in reports(engine)


def test_days_without_a_ledger_are_made_up_for(engine: Engine) -> None:
    """And what was made before a day was over is made anew; a ledger that is new has no days before."""
    write_all(Store(engine), a_month())
    settings, metrics = settings_for(a_month().topics), LedgerMetrics(CollectorRegistry())
    for day, made_ms in ((23, at(5)), (25, at(12, -1))):
        make(engine, period_of(ReportKind.DAILY, date(2026, 11, day)), made_ms, Again())

    Chores(engine, settings, metrics, Fixed(at(29, -3))).report(ReportKind.DAILY)

    with engine.connect() as connection:
        made = {period: made_ms for kind, period, made_ms in list_kept(connection) if kind is ReportKind.DAILY}
    assert {period: made_ms == at(29, -3) for period, made_ms in made.items()} == {
        "2026-11-23": False,
        **dict.fromkeys(["2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27"], True),
    }


def test_an_empty_ledger_has_nothing_to_report(engine: Engine) -> None:
    chores_of(engine, CollectorRegistry()).catch_up()

    assert reports(engine) == []


def test_forgetting_is_counted(engine: Engine) -> None:
    write_all(Store(engine), a_month())
    metrics = CollectorRegistry()
    chores = Chores(engine, settings_for(a_month().topics), LedgerMetrics(metrics), Fixed(at(0, -100)))

    chores.forget()

    assert metrics.get_sample_value("inventory_sync_ledger_rows_forgotten_total", {"table": "outcomes"}) == 18


class Flaky:
    """Fails so often, then gives an answer."""

    def __init__(self, failures: int) -> None:
        self.left = failures

    def __call__(self) -> str:
        if self.left:
            self.left -= 1
            raise OperationalError("INSERT", None, Exception("server closed the connection"))
        return "written"


def test_a_database_that_comes_back_is_waited_for() -> None:
    told: list[int] = []

    answer = patiently(Flaky(3), 60, threading.Event(), lambda: told.append(1), retry_s=0)

    assert answer == "written"
    assert len(told) == 3


def test_one_that_stays_away_ends_the_wait_with_its_reason() -> None:
    with pytest.raises(DatabaseAway, match="server closed the connection"):
        patiently(Flaky(1_000_000), 0, threading.Event(), lambda: None, retry_s=0)


def test_a_process_that_is_to_stop_does_not_wait() -> None:
    stopped = threading.Event()
    stopped.set()

    with pytest.raises(DatabaseAway):
        patiently(Flaky(1), 60, stopped, lambda: None)


def test_a_position_that_somebody_moved_is_never_tried_again() -> None:
    tries: list[int] = []

    def refused() -> None:
        tries.append(1)
        raise OwnershipLost("moved")

    with pytest.raises(OwnershipLost):
        patiently(refused, 60, threading.Event(), lambda: None)
    assert tries == [1]
