"""Figures of reports where records come late, twice or not at all: nothing is missing and nothing is told twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from inventory_domain.changes import SaleCancelled
from inventory_domain.identifiers import ChannelId, EventId, OrderId
from inventory_domain.reconciliation import ObservedBy
from inventory_ledger.migrating import migrate
from inventory_ledger.reports.asking import ROWS_MAX
from inventory_ledger.reports.daily import daily
from inventory_ledger.reports.model import Again, Report, ReportKind, period_of
from inventory_ledger.reports.weekly import weekly
from inventory_ledger.settings import Feed
from inventory_ledger.store import Store, opened
from inventory_schemas.records import (
    DISCREPANCY,
    INVENTORY_CHANGE,
    LISTING_OBSERVATION,
    LISTING_OUTCOME,
    LISTING_TARGET,
    PRODUCT,
)
from tests.support.ledger import (
    Tape,
    a_change,
    a_discrepancy,
    a_product,
    a_target,
    an_observation,
    an_outcome,
    encoded,
    topic_of,
    write_all,
)
from tests.support.ledger_month import DAY, at

Plant = Callable[[Tape], None]


def reported(tmp_path: Path, kind: ReportKind, plant: Plant) -> Report:
    """The report of the day, or of its week, from a ledger that has what is planted."""
    engine = opened(f"sqlite:///{tmp_path / 'ledger.db'}")
    migrate(engine)
    tape = Tape()
    plant(tape)
    write_all(Store(engine), tape)
    period = period_of(kind, DAY)
    with engine.connect() as connection:
        made_ms = at(29, -5)
        report = (
            daily(connection, period, made_ms, Again())
            if kind is ReportKind.DAILY
            else weekly(connection, period, made_ms)
        )
    engine.dispose()
    return report


def add(tape: Tape, feed: Feed, value: bytes, at_ms: int) -> None:
    tape.add(topic_of(tape.topics, feed), "k", value, at_ms=at_ms)


def drifted(tape: Tape, at_ms: int, **changes: object) -> None:
    given = {"observed_at_ms": at_ms, "since_ms": at_ms, **changes}
    add(tape, Feed.DISCREPANCIES, encoded(DISCREPANCY, a_discrepancy(**given)), at_ms)  # type: ignore[arg-type]


def rows(report: Report, key: str) -> list[Mapping[str, object]]:
    (found,) = [one for one in report.sheets if one.key == key]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def figure(report: Report, key: str) -> object:
    return next(one.value for one in report.figures if one.key == key)


def cancelled(tape: Tape, told_ms: int, occurred_ms: int, event: str) -> None:
    kind = SaleCancelled(ChannelId("ebay-us"), OrderId(f"o-{event}"), 2, "no-stock")
    change = a_change(kind, event_id=EventId(event), location=None, sequence=None, occurred_at_ms=occurred_ms)
    add(tape, Feed.CHANGES, encoded(INVENTORY_CHANGE, change), told_ms)


def test_an_oversell_counts_once_however_often_it_is_told_and_on_the_day_on_which_it_is(tmp_path: Path) -> None:
    def plant(tape: Tape) -> None:
        cancelled(tape, at(20, 1), at(20, 1), "yesterday")
        cancelled(tape, at(1), at(20, 1), "yesterday")  # sent again, or replayed
        cancelled(tape, at(6), at(22, 3), "late")  # reports of the day on which it was are long made
        cancelled(tape, at(7), at(7), "today")
        cancelled(tape, at(8), at(7), "today")

    review = reported(tmp_path, ReportKind.DAILY, plant)

    assert figure(review, "units_oversold") == 4
    assert [one["order_id"] for one in rows(review, "oversold")] == ["o-today", "o-late"]


def test_a_case_counts_once_by_the_most_that_it_was_off(tmp_path: Path) -> None:
    """One that shows too little is waited for before it is corrected: two steps of one case."""

    def plant(tape: Tape) -> None:
        for hour, action, delta in ((9, "wait", -6), (10, "restate", -6), (10.5, "escalate", -4)):
            drifted(tape, at(hour), action=action, delta=delta, since_ms=at(9), cause="unknown")
        for hour in (12, 14):
            drifted(tape, at(hour), delta=5, cause="another-writer" if hour == 14 else "own-lost-push")

    review = reported(tmp_path, ReportKind.DAILY, plant)

    (again,) = rows(review, "again")
    assert (again["cases"], again["units_in_all"], again["last_cause"]) == (3, 16, "another-writer")
    assert "10:00, amazon-us: 6 units" in review.plots[0].svg
    assert "11-24, amazon-us: 16 units" in review.plots[1].svg


def test_a_figure_counts_what_its_sheet_leaves_out(tmp_path: Path) -> None:
    def plant(tape: Tape) -> None:
        for number in range(ROWS_MAX + 1):
            for hour in (1, 2, 3):
                drifted(tape, at(hour), sku=f"A-{number}", action="escalate")

    review = reported(tmp_path, ReportKind.DAILY, plant)

    assert figure(review, "again") == ROWS_MAX + 1
    assert figure(review, "not_held") == figure(review, "cases") == 3 * (ROWS_MAX + 1)


@pytest.mark.parametrize(("ended", "now"), [(False, "report"), (True, "cleared")])
def test_a_ghost_that_is_gone_is_not_told_as_if_it_was_there(tmp_path: Path, ended: bool, now: str) -> None:
    """The record that it is gone names no case: it is of the ghost, whatever number that had."""

    def plant(tape: Tape) -> None:
        drifted(tape, at(9), cause="ghost", action="report")
        if ended:
            drifted(tape, at(13), cause="ghost", action="cleared", delta=0, observed=0)

    review = reported(tmp_path, ReportKind.DAILY, plant)

    assert [one["now"] for one in rows(review, "drifted")] == [now]


@pytest.mark.parametrize(
    ("later", "ghosts"),
    [
        ({}, ["amazon-us/A-1"]),
        ({"action": "cleared", "delta": 0, "observed": 0}, []),
        ({"action": "report", "observed": 3, "delta": 3}, ["amazon-us/A-1"]),
    ],
)
def test_a_ghost_is_one_in_each_audit_until_it_is_gone(
    tmp_path: Path, later: dict[str, object], ghosts: list[str]
) -> None:
    """It is reported when it is found and when its number changes, not again at each pull."""

    def plant(tape: Tape) -> None:
        drifted(tape, at(9, 30), cause="ghost", action="report")
        if later:
            drifted(tape, at(9, 1), cause="ghost", **later)

    audit = reported(tmp_path, ReportKind.WEEKLY, plant)

    assert [one["listing_id"] for one in rows(audit, "ghosts")] == ghosts


def test_a_mapping_that_never_synced_is_told_of_though_the_catalog_is_sent_anew_each_night(tmp_path: Path) -> None:
    def plant(tape: Tape) -> None:
        for sku, computed_ms in (("OLD", at(9, 2)), ("NEW", at(28, -5))):
            target = a_target(sku=sku, version=computed_ms, computed_at_ms=computed_ms)
            add(tape, Feed.TARGETS, encoded(LISTING_TARGET, target), computed_ms)
            tape.add(topic_of(tape.topics, Feed.PRODUCTS), sku, encoded(PRODUCT, a_product(sku=sku)), at_ms=at(27, -5))

    audit = reported(tmp_path, ReportKind.WEEKLY, plant)

    assert [one["sku"] for one in rows(audit, "never_synced")] == ["OLD"]


def test_the_audit_goes_by_the_newest_attempt_and_by_what_was_last_seen(tmp_path: Path) -> None:
    """A listing that came back counts its attempts anew; a signal shows nothing; a report tells of an hour before."""

    def plant(tape: Tape) -> None:
        for sku in ("BACK", "HINTED", "SHOWN"):
            tape.add(topic_of(tape.topics, Feed.PRODUCTS), sku, encoded(PRODUCT, a_product(sku=sku)), at_ms=at(0, 20))
        for attempt, hour, outcome in ((57, 8, "rejected"), (1, 12, "applied")):
            tried = an_outcome(sku="BACK", attempt=attempt, committed_at_ms=at(hour), outcome=outcome, reason="x")
            add(tape, Feed.OUTCOMES, encoded(LISTING_OUTCOME, tried), at(hour))
        for sku, quantity, by, as_of, seen in (
            ("HINTED", None, ObservedBy.READ, 8, 8),
            ("HINTED", None, ObservedBy.SIGNAL, 9, 9),
            ("SHOWN", 4, ObservedBy.READ, 12, 12),
            ("SHOWN", None, ObservedBy.PULL, 11, 13),
        ):
            found = an_observation(
                sku=sku, quantity=quantity, observed_by=by, as_of_ms=at(as_of), observed_at_ms=at(seen)
            )
            add(tape, Feed.OBSERVATIONS, encoded(LISTING_OBSERVATION, found), at(seen))

    audit = reported(tmp_path, ReportKind.WEEKLY, plant)

    assert [one["sku"] for one in rows(audit, "missing")] == ["HINTED"]
