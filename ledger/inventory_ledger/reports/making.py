"""Makes reports and keeps them: one of each kind and period, the newest making wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from inventory_ledger import address, tables
from inventory_ledger.reports.daily import daily
from inventory_ledger.reports.model import Again, Period, Report, ReportKind, last_period, period_of
from inventory_ledger.reports.weekly import weekly
from inventory_ledger.reports.writing import figures_as_json, page, rows_as_csv

MISSED_MAX: Final = {ReportKind.DAILY: 7, ReportKind.WEEKLY: 1}


@dataclass(frozen=True, slots=True)
class Kept:
    """A report as it is kept: the page, its rows as CSV, its figures as JSON."""

    kind: ReportKind
    period: str
    made_at_ms: int
    page: str
    rows: str
    figures: str


def make(engine: Engine, period: Period, now_ms: int, again: Again) -> Kept:
    """Make the report of this period from the tables as they are now, and keep it in place of an older one."""
    with engine.connect() as connection:
        if period.kind is ReportKind.DAILY:
            report = daily(connection, period, now_ms, again)
        else:
            report = weekly(connection, period, now_ms)
    kept = written(report)
    values = {
        "kind": kept.kind.value,
        "period": kept.period,
        "made_at_ms": kept.made_at_ms,
        "page": kept.page,
        "rows": kept.rows,
        "figures": kept.figures,
    }
    # Ledgers that share the work make it at the same moment: neither may stand in the other's way.
    into = postgresql.insert if engine.dialect.name == address.POSTGRESQL else sqlite.insert
    keys = [column.name for column in tables.reports.primary_key.columns]
    with engine.begin() as connection:
        connection.execute(into(tables.reports).values(values).on_conflict_do_update(index_elements=keys, set_=values))
    return kept


def written(report: Report) -> Kept:
    """The report written down, without keeping it."""
    period = report.period
    return Kept(period.kind, period.name, report.made_at_ms, page(report), rows_as_csv(report), figures_as_json(report))


def kept(connection: Connection, kind: ReportKind, period: str) -> Kept | None:
    """The report of that kind that is kept under this first day; None when there is none."""
    table = tables.reports
    row = connection.execute(select(table).where(table.c.kind == kind.value, table.c.period == period)).first()
    return None if row is None else Kept(kind, row.period, row.made_at_ms, row.page, row.rows, row.figures)


def missing(connection: Connection, kind: ReportKind, today: date) -> Sequence[Period]:
    """Periods that are over and of which no report is kept that was made after their end, the oldest first.

    The newest one, and those since the last one that is kept, as after days without a ledger. The audit tells of what
    is now, so of no week but the last.
    """
    made = [
        (period_of(kind, date.fromisoformat(first)), at_ms)
        for one, first, at_ms in list_kept(connection)
        if one is kind
    ]
    whole = {period.first for period, at_ms in made if at_ms >= period.until_ms}
    found: list[Period] = []
    period = last_period(kind, today)
    while period.first not in whole and len(found) < MISSED_MAX[kind]:
        found.append(period)
        period = period_of(kind, period.first - timedelta(days=1))
    known = bool(found) and any(first < found[-1].first for first in whole)
    return found[::-1] if known else found[:1]


def list_kept(connection: Connection) -> Sequence[tuple[ReportKind, str, int]]:
    """Kind, first day and time of making of each report that is kept, the newest first."""
    table = tables.reports
    question = select(table.c.kind, table.c.period, table.c.made_at_ms).order_by(table.c.period.desc(), table.c.kind)
    return [(ReportKind(kind), period, made) for kind, period, made in connection.execute(question)]
