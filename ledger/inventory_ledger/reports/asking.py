"""Questions that both reports ask of the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Row, case, exists, func, select

from inventory_domain.reconciliation import Action
from inventory_ledger import tables
from inventory_ledger.reports.model import DAY_MS, Cell, Plot, Sheet
from inventory_ledger.reports.plots import bars

ROWS_MAX: Final = 200
SETTLED: Final = (Action.VERIFIED.value, Action.CLEARED.value)
"""Steps that end a case: what was seen then is as it should be, so it is no drift."""
CORRECTING: Final = (Action.RESTATE.value, Action.ESCALATE.value)
NOT_HELD: Final = (Action.ESCALATE.value, Action.STOP.value)
NO_STOCK: Final = "no-stock"
SPEEDS_S: Final = (1, 5, 15, 60, 300, 900, 3_600)


def sheet(key: str, title: str, note: str, columns: Sequence[str], rows: Sequence[tuple[Cell, ...]]) -> Sheet:
    """A sheet of at most so many rows; those beyond are counted."""
    return Sheet(key, title, note, tuple(columns), rows[:ROWS_MAX], max(0, len(rows) - ROWS_MAX))


def channels(connection: Connection) -> list[str]:
    """Every channel that anything is known of, sorted."""
    found: set[str] = set()
    for table in (tables.channels, tables.listings, tables.product_listings):
        found.update(connection.execute(select(table.c.channel).distinct()).scalars())
    return sorted(found)


def drift_plot(
    connection: Connection, title: str, from_ms: int, until_ms: int, slice_ms: int, names: Sequence[str]
) -> Plot:
    """Units of drift over the time, by channel."""
    labels, values = drift_by_time(connection, from_ms, until_ms, slice_ms, names)
    return Plot(title, "units off what was expected, by channel", bars(labels, values, "units"), tuple(values))


def drift_by_time(
    connection: Connection, from_ms: int, until_ms: int, slice_ms: int, names: Sequence[str]
) -> tuple[list[str], dict[str, list[int]]]:
    """Units of drift seen in each slice of the time, by channel; labels and values.

    A case counts once in a slice, by the most that it was off, however many steps it took.
    """
    table = tables.discrepancies
    slice_ = (table.c.observed_at_ms - from_ms) // slice_ms
    within = (table.c.observed_at_ms >= from_ms) & (table.c.observed_at_ms < until_ms)
    cases = (
        select(table.c.channel, slice_.label("slice"), func.max(func.abs(table.c.delta)).label("units"))
        .where(within, table.c.action.not_in(SETTLED))
        .group_by(table.c.channel, "slice", table.c.listing_id, table.c.since_ms)
        .subquery()
    )
    question = select(cases.c.channel, cases.c.slice, func.sum(cases.c.units)).group_by(cases.c.channel, cases.c.slice)
    count = (until_ms - from_ms) // slice_ms
    values = {name: [0] * count for name in names}
    for channel, index, units in connection.execute(question):
        values.setdefault(channel, [0] * count)[int(index)] += int(units)
    form = "%m-%d" if slice_ms >= DAY_MS else "%H:%M"
    labels = [datetime.fromtimestamp((from_ms + slice_ms * n) / 1000, UTC).strftime(form) for n in range(count)]
    return labels, values


def oversold(connection: Connection, from_ms: int, until_ms: int) -> dict[str, tuple[int, int]]:
    """Orders that a channel cancelled for lack of stock, and their units, by channel."""
    found: dict[str, tuple[int, int]] = {}
    for row in cancelled(connection, from_ms, until_ms):
        orders, units = found.get(row.channel, (0, 0))
        found[row.channel] = orders + 1, units + row.units
    return found


def cancelled(connection: Connection, from_ms: int, until_ms: int) -> Sequence[Row[tuple[object, ...]]]:
    """The cancellations for lack of stock that were told of within that time, the newest first.

    By when they were told: one that is told of days later belongs to no report else. Of one that was told of again, as
    its event id says, the first time counts.
    """
    table, before = tables.changes, tables.changes.alias("before")
    within = (table.c.appended_at_ms >= from_ms) & (table.c.appended_at_ms < until_ms)
    told_before = exists().where(
        before.c.sku == table.c.sku,
        before.c.event_id == table.c.event_id,
        before.c.record_partition == table.c.record_partition,
        before.c.record_offset < table.c.record_offset,
    )
    question = select(table).where(within, table.c.kind == "SaleCancelled", table.c.reason == NO_STOCK, ~told_before)
    return connection.execute(question.order_by(table.c.occurred_at_ms.desc())).all()


def units_at_risk(connection: Connection) -> dict[str, tuple[int, int]]:
    """Now: listings that may be showing more than they should, and by how many units, by channel.

    A listing whose number was never confirmed counts as a listing, without units: nobody knows how many.
    """
    now, seen = tables.listings, tables.exposures
    over = seen.c.highest_units - now.c.quantity
    exceeds = (seen.c.highest_units.is_(None)) | (over > 0)
    question = (
        select(now.c.channel, func.count(), func.sum(case((over > 0, over), else_=0)))
        .join(seen, seen.c.listing_id == now.c.listing_id)
        .where(exceeds)
        .group_by(now.c.channel)
    )
    return {str(channel): (int(count), int(units or 0)) for channel, count, units in connection.execute(question)}


def attempts(connection: Connection, from_ms: int, until_ms: int) -> dict[str, dict[str, int]]:
    """How many attempts came to what, by channel and outcome."""
    table = tables.outcomes
    within = (table.c.answered_at_ms >= from_ms) & (table.c.answered_at_ms < until_ms)
    question = (
        select(table.c.channel, table.c.outcome, func.count()).where(within).group_by(table.c.channel, table.c.outcome)
    )
    found: dict[str, dict[str, int]] = {}
    for channel, outcome, count in connection.execute(question):
        found.setdefault(channel, {})[outcome] = int(count)
    return found


def speeds(connection: Connection, from_ms: int, until_ms: int) -> dict[str, tuple[int | None, int | None]]:
    """Within how many seconds half, and 95 of 100, of the changes were taken, by channel; None: later than that."""
    table = tables.outcomes
    took_ms = table.c.answered_at_ms - table.c.changed_at_ms
    within = (table.c.answered_at_ms >= from_ms) & (table.c.answered_at_ms < until_ms)
    counts = [func.sum(case((took_ms <= bound * 1_000, 1), else_=0)) for bound in SPEEDS_S]
    question = (
        select(table.c.channel, func.count(), *counts)
        .where(within, table.c.outcome.in_(("applied", "accepted")), table.c.mask.is_(None))
        .group_by(table.c.channel)
    )
    return {
        str(channel): (_bound(total, below, 0.5), _bound(total, below, 0.95))
        for channel, total, *below in connection.execute(question)
    }


def _bound(total: int, below: Sequence[int], share: float) -> int | None:
    return next((bound for bound, count in zip(SPEEDS_S, below, strict=True) if count >= total * share), None)


def total(values: Mapping[str, tuple[int, int]], place: int) -> int:
    """The sum over all channels."""
    return sum(pair[place] for pair in values.values())
