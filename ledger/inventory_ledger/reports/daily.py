"""The daily review: what drifted, what drifts again and again, which corrections did not hold, what was oversold."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, case, distinct, func, select

from inventory_domain.reconciliation import Cause, CyclePhase
from inventory_ledger import tables
from inventory_ledger.reports import asking
from inventory_ledger.reports.asking import CORRECTING, NOT_HELD, SETTLED, sheet
from inventory_ledger.reports.model import DAY_MS, Again, Cell, Figure, Period, Report, Sheet, Tone
from inventory_ledger.telling import clock

HOUR_MS: Final = 3_600_000
TREND_DAYS: Final = 28


def daily(connection: Connection, period: Period, made_at_ms: int, rule: Again) -> Report:
    """The review of that day."""
    begin, end = period.from_ms, period.until_ms
    names = asking.channels(connection)
    drifted, again, not_held = (
        _drifted(connection, begin, end),
        _again(connection, end, rule),
        _not_held(connection, begin, end),
    )
    looked_at = _reconciled(connection, begin, end, names)
    unseen = sum(not row[1] for row in looked_at.rows)
    by_channel = _by_channel(connection, begin, end, names)
    sold, risk = asking.oversold(connection, begin, end), asking.units_at_risk(connection)
    first = end - TREND_DAYS * DAY_MS
    figures = (
        Figure("cases", "cases of drift", drifted.count, _tone(drifted.count)),
        Figure("again", "drift again and again", again.count, _tone(again.count)),
        Figure("not_held", "corrections that did not hold", not_held.count, _tone(not_held.count)),
        Figure("units_at_risk", "units at risk now", asking.total(risk, 1), _tone(asking.total(risk, 1))),
        Figure("channels_not_reconciled", "channels that no reconciliation reached the end of", unseen, _tone(unseen)),
        Figure("units_oversold", "units really oversold", asking.total(sold, 1), _tone(asking.total(sold, 1))),
    )
    plots = (
        asking.drift_plot(connection, "Drift by the hour", begin, end, HOUR_MS, names),
        asking.drift_plot(connection, f"Drift over {TREND_DAYS} days", first, end, DAY_MS, names),
    )
    sheets = (by_channel, looked_at, drifted, again, not_held, _oversold(connection, begin, end))
    return Report(period, made_at_ms, figures, plots, sheets)


def _tone(count: int) -> Tone:
    return Tone.BAD if count else Tone.GOOD


def _by_channel(connection: Connection, begin: int, end: int, names: list[str]) -> Sheet:
    table = tables.discrepancies
    within = (table.c.observed_at_ms >= begin) & (table.c.observed_at_ms < end)
    drift = {
        row.channel: row
        for row in connection.execute(
            select(
                table.c.channel,
                func.count(distinct(table.c.listing_id)).label("listings"),
                func.max(table.c.delta).label("over"),
                func.min(table.c.delta).label("under"),
            )
            .where(within, table.c.action.not_in(SETTLED))
            .group_by(table.c.channel)
        )
    }
    made = select(table.c.channel, func.count()).where(within, table.c.action.in_(CORRECTING)).group_by(table.c.channel)
    corrected = {str(channel): int(count) for channel, count in connection.execute(made)}
    sold, risk = asking.oversold(connection, begin, end), asking.units_at_risk(connection)
    tried, speed = asking.attempts(connection, begin, end), asking.speeds(connection, begin, end)
    rows = []
    for name in sorted({*names, *drift, *sold, *tried}):
        found, outcomes = drift.get(name), tried.get(name, {})
        taken = outcomes.get("applied", 0) + outcomes.get("accepted", 0)
        rows.append(
            (
                name,
                found.listings if found else 0,
                max(0, found.over) if found else 0,
                max(0, -found.under) if found else 0,
                corrected.get(name, 0),
                risk.get(name, (0, 0))[1],
                sold.get(name, (0, 0))[1],
                taken,
                sum(outcomes.values()) - taken,
                speed.get(name, (None, None))[0],
                speed.get(name, (None, None))[1],
            )
        )
    columns = (
        "channel",
        "listings_drifted",
        "over_shown_units_max",
        "under_shown_units_max",
        "corrections",
        "units_at_risk_now",
        "units_oversold",
        "attempts_taken",
        "attempts_not_taken",
        "half_taken_within_s",
        "95_of_100_taken_within_s",
    )
    return sheet("channels", "By channel", "What each channel's day was like.", columns, rows)


def _drifted(connection: Connection, begin: int, end: int) -> Sheet:
    """Each case once, as it was last seen in the day."""
    table = tables.discrepancies
    within = (table.c.observed_at_ms >= begin) & (table.c.observed_at_ms < end)
    last: dict[tuple[str, int], tuple[str | int | float | None, ...]] = {}
    for row in connection.execute(select(table).where(within).order_by(table.c.observed_at_ms)):
        one = (row.listing_id, row.since_ms)
        if row.action in SETTLED:
            # It is as it should be again: how it was stays, with how it ended. A ghost that is gone names no case.
            ghost = row.cause == Cause.GHOST.value
            for ended in [case for case in last if case == one or (ghost and case[0] == row.listing_id)]:
                last[ended] = (*last[ended][:-1], row.action)
            continue
        last[one] = (
            row.channel,
            row.sku,
            row.listing_id,
            clock(row.observed_at_ms),
            row.expected_low,
            row.expected_high,
            row.observed,
            row.delta,
            row.cause,
            row.severity,
            row.action,
        )
    rows = sorted(last.values(), key=lambda row: -abs(int(str(row[7]))))
    columns = (
        "channel",
        "sku",
        "listing_id",
        "last_seen",
        "expected_low",
        "expected_high",
        "observed",
        "delta",
        "cause",
        "severity",
        "now",
    )
    note = "Each listing that showed something else than it could by then; the largest difference first."
    return sheet("drifted", "What drifted", note, columns, rows)


def _reconciled(connection: Connection, begin: int, end: int, names: list[str]) -> Sheet:
    """Each channel with its reconciliations that began in the day: what was not looked at cannot have drifted."""
    table = tables.reconciliations
    within = (table.c.started_at_ms >= begin) & (table.c.started_at_ms < end)
    complete = case((table.c.phase == CyclePhase.COMPLETE.value, 1), else_=0)
    counts = [func.sum(column * complete) for column in (table.c.discrepancies, table.c.corrections)]
    last = func.max(table.c.started_at_ms * complete)
    most = [func.max(column * complete) for column in (table.c.judged, table.c.missing, table.c.ghosts)]
    question = select(table.c.channel, func.sum(complete), func.count(), last, *most, *counts)
    counted = connection.execute(question.where(within).group_by(table.c.channel))
    found = {str(channel): [int(one) for one in numbers] for channel, *numbers in counted}
    rows: list[tuple[Cell, ...]] = []
    for name in sorted({*names, *found}):
        ended, all_, at_ms, *numbers = found.get(name, (0, 0, 0, 0, 0, 0, 0, 0))
        whole = int(ended)
        rows.append(
            (name, whole, int(all_) - whole, clock(int(at_ms)) if whole else "", *(int(one) for one in numbers))
        )
    columns = (
        "channel",
        "reached_their_end",
        "did_not",
        "last_began",
        "listings_compared_max",
        "listings_missing_max",
        "ghosts_max",
        "discrepancies",
        "corrections",
    )
    note = "Reconciliations that began in the day. One that does not reach its end changes nothing and says nothing."
    return sheet("reconciliations", "Reconciliations", note, columns, rows)


def _again(connection: Connection, end: int, rule: Again) -> Sheet:
    table = tables.discrepancies
    within = (table.c.observed_at_ms >= end - rule.days * DAY_MS) & (table.c.observed_at_ms < end)
    day = (table.c.observed_at_ms // DAY_MS).label("day")
    cases = func.count(distinct(table.c.since_ms)).label("cases")
    often = (
        select(table.c.channel, table.c.sku, table.c.listing_id, cases, func.count(distinct(day)))
        .where(within, table.c.action.not_in(SETTLED))
        .group_by(table.c.channel, table.c.sku, table.c.listing_id)
        .having(cases >= rule.cases)
        .order_by(cases.desc(), table.c.listing_id)
    )
    found = [tuple(row) for row in connection.execute(often)]
    units: dict[str, dict[int, int]] = {str(row[2]): {} for row in found[: asking.ROWS_MAX]}
    cause: dict[str, str] = {}
    steps = select(table).where(within, table.c.action.not_in(SETTLED), table.c.listing_id.in_(units))
    for step in connection.execute(steps.order_by(table.c.observed_at_ms)):
        of_case = units[step.listing_id]
        of_case[step.since_ms] = max(of_case.get(step.since_ms, 0), abs(step.delta))
        cause[step.listing_id] = step.cause
    rows = [(*row, sum(units.get(str(row[2]), {}).values()), cause.get(str(row[2]))) for row in found]
    columns = ("channel", "sku", "listing_id", "cases", "days", "units_in_all", "last_cause")
    note = (
        f"Listings with at least {rule.cases} cases of their own in {rule.days} days: the same SKU on the same channel."
    )
    return sheet("again", "Again and again", note, columns, rows)


def _not_held(connection: Connection, begin: int, end: int) -> Sheet:
    table = tables.discrepancies
    within = (table.c.observed_at_ms >= begin) & (table.c.observed_at_ms < end)
    question = select(table).where(within, table.c.action.in_(NOT_HELD)).order_by(table.c.observed_at_ms.desc())
    rows = [
        (
            row.channel,
            row.sku,
            row.listing_id,
            clock(row.observed_at_ms),
            row.corrections,
            row.delta,
            row.cause,
            row.evidence,
            row.action,
        )
        for row in connection.execute(question)
    ]
    columns = ("channel", "sku", "listing_id", "seen", "corrections", "delta", "cause", "evidence", "action")
    note = "A correction was made and the listing differs again. After a set number they stop: somebody else writes."
    return sheet("not_held", "Corrections that did not hold", note, columns, rows)


def _oversold(connection: Connection, begin: int, end: int) -> Sheet:
    rows = [
        (row.channel, row.sku, row.order_id, row.units, clock(row.occurred_at_ms))
        for row in asking.cancelled(connection, begin, end)
    ]
    note = "Orders that a channel took and that were cancelled for lack of stock, as they were told of in the day."
    return sheet("oversold", "Really oversold", note, ("channel", "sku", "order_id", "units", "cancelled"), rows)
