"""Retention: rows older than they are kept for go, in slices, and what is still true never does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Engine, Table, delete, exists, false, func, select

from inventory_ledger import tables
from inventory_ledger.settings import LedgerSettings

DAY_MS: Final = 86_400_000
SLICE_MS: Final = 3_600_000  # so that one deletion holds its locks only shortly
SLICES_MAX: Final = 24  # of one table and one round; the rest follows in the next one

HISTORY: Final = (tables.changes, tables.sku_states, tables.targets, tables.outcomes, tables.observations)
KEPT: Final = (
    tables.discrepancies,
    tables.sku_commands,
    tables.operator_commands,
    tables.channel_states,
    tables.dead_letters,
    tables.letter_decisions,
    tables.reconciliations,
    tables.unreadable,
)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What one round deleted, by table, and whether there is more to delete."""

    rows: Mapping[str, int]
    more: bool


def forget(engine: Engine, settings: LedgerSettings, now_ms: int) -> Forgotten:
    """Delete what is older than the settings keep, at most so much that it is done within seconds. Blocks."""
    counts: dict[str, int] = {}
    more = False
    limits = [(table, settings.history_days) for table in HISTORY] + [(table, settings.kept_days) for table in KEPT]
    for table, days in limits:
        deleted, left = _forget(engine, table, table.c.appended_at_ms, now_ms - days * DAY_MS)
        counts[table.name] = deleted
        more = more or left
    deleted, left = _forget(engine, tables.reports, tables.reports.c.made_at_ms, now_ms - settings.kept_days * DAY_MS)
    counts[tables.reports.name] = deleted
    return Forgotten({name: count for name, count in counts.items() if count}, more or left)


def _forget(engine: Engine, table: Table, time: ColumnElement[int], before_ms: int) -> tuple[int, bool]:
    deleted, kept = 0, _still_true(table)
    past = time < before_ms
    for _ in range(SLICES_MAX):
        with engine.begin() as connection:
            oldest = connection.execute(
                select(func.min(time)).where(past & ~kept if kept is not None else past)
            ).scalar()
            if oldest is None:
                return deleted, False
            slice_ = (time >= oldest) & (time < min(oldest + SLICE_MS, before_ms))
            gone = delete(table).where(slice_ & ~kept if kept is not None else slice_)
            deleted += connection.execute(gone).rowcount
    return deleted, True


def _still_true(table: Table) -> ColumnElement[bool]:
    """Rows that are kept at any age: the newest target of a listing and the newest positions of a SKU."""
    if table is tables.targets:
        now = tables.listings
        return exists().where((now.c.listing_id == table.c.listing_id) & (now.c.version == table.c.version))
    if table is tables.sku_states:
        newer = table.alias("newer")
        return ~exists().where((newer.c.sku == table.c.sku) & (newer.c.record_offset > table.c.record_offset))
    return false()
