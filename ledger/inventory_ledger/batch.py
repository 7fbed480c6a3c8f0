"""What one batch of records adds to the tables, with the positions that it moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Table

Value = str | int | bool | None
Row = tuple[Value, ...]
Place = tuple[str, int]
"""A topic and its partition."""


@dataclass(slots=True)
class Batch:
    """Rows by table, in the order of the table's columns.

    `appends` are new rows. `replaced` has one row per key, the newest of the batch; `removed` has keys that were
    forgotten, and is applied first. `moves` says for each partition where the batch begins (None: at the very first
    record of it) and where it ends. `read` and `unreadable` count records by topic.
    """

    appends: dict[Table, list[Row]] = field(default_factory=dict)
    replaced: dict[Table, dict[Row, Row]] = field(default_factory=dict)
    removed: dict[Table, dict[Row, int]] = field(default_factory=dict)
    listings_of: dict[str, list[Row]] = field(default_factory=dict)
    moves: dict[Place, tuple[int | None, int]] = field(default_factory=dict)
    read: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)

    @property
    def records(self) -> int:
        """How many records are in it."""
        return self.read.total()

    def append(self, table: Table, row: Row) -> None:
        """Add a row of its own."""
        rows = self.appends.get(table)
        if rows is None:
            rows = self.appends[table] = []
        rows.append(row)

    def replace(self, table: Table, key: Row, row: Row) -> None:
        """This is what is true of the key now, unless the batch has something newer: `row` ends in its time."""
        rows = self.replaced.setdefault(table, {})
        before = rows.get(key)
        if before is None or _time(before) <= _time(row):
            rows[key] = row

    def remove(self, table: Table, key: Row, at_ms: int) -> None:
        """Nothing is true of the key any more since that time."""
        before = self.replaced.get(table, {}).get(key)
        if before is not None:
            if _time(before) > at_ms:
                return
            del self.replaced[table][key]
        removed = self.removed.setdefault(table, {})
        removed[key] = max(at_ms, removed.get(key, 0))

    def rows(self) -> Mapping[str, int]:
        """How many rows go to each table."""
        counts = {table.name: len(rows) for table, rows in self.appends.items()}
        counts.update({table.name: len(rows) for table, rows in self.replaced.items() if rows})
        return counts


def _time(row: Row) -> int:
    return int(row[-1] or 0)
