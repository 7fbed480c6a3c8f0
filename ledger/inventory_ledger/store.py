"""The ledger's database: batches in, exactly once; old rows out; everything away to be built anew."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    bindparam,
    create_engine,
    delete,
    event,
    insert,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL

from inventory_domain.errors import ConfigError, ConfigFault, OwnershipLost
from inventory_ledger import address, tables
from inventory_ledger.batch import Batch, Place, Row

SQLITE_WAIT_S: Final = 30.0
COPIED_FROM: Final = 50  # rows from which a COPY is cheaper than an INSERT
KEYS_MAX: Final = 500  # values in one IN list, below SQLite's bound of old
BUILT: Final = tuple(table for table in tables.metadata.sorted_tables if table not in (tables.reports, tables.offsets))
"""Tables that come from the topics alone."""

log = logging.getLogger(__name__)


def database_url(given: str) -> URL:
    """The URL for SQLAlchemy; `postgresql://` and `postgres://` are both understood.

    Raises:
        ConfigError: it is no URL of SQLite or PostgreSQL.
    """
    kind = address.kind_of(given)
    if kind is None:
        text = "must be like sqlite:///ledger.db or postgresql://user:password@host/database"
        raise ConfigError([ConfigFault("ledger.url", text)])
    return make_url(given).set(drivername="postgresql+psycopg" if kind == address.POSTGRESQL else address.SQLITE)


def opened(given: str) -> Engine:
    """The database of this URL. Nothing is asked yet."""
    url = database_url(given)
    if url.drivername != address.SQLITE:
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    engine = create_engine(url, connect_args={"timeout": SQLITE_WAIT_S})

    @event.listens_for(engine, "connect")
    def _prepare(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]  # sqlite3's own connection
        cursor.execute("PRAGMA journal_mode=WAL")  # whoever asks does not wait for whoever writes
        cursor.execute("PRAGMA synchronous=NORMAL")  # a transaction is whole after a crash, which is all that is needed
        cursor.close()

    return engine


class Store:
    """The tables, for the one who writes them. All calls block; each is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._copies = engine.dialect.name == address.POSTGRESQL

    def positions(self) -> dict[Place, int]:
        """Up to where each partition is in the tables, exclusive."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(tables.offsets))
            return {(row.topic, row.partition): row.next_offset for row in rows}

    def write(self, batch: Batch) -> None:
        """Make a batch part of the tables, its positions with it: all of it or nothing, and never twice.

        Raises:
            OwnershipLost: somebody else moved one of the positions meanwhile; nothing of the batch is written.
        """
        with self._engine.begin() as connection:
            # 1. The positions first: whoever is late is refused before he has written anything.
            self._move(connection, batch)
            # 2. What was forgotten, before what is true now: a listing may come back in the same batch.
            for table, keys in batch.removed.items():
                _remove(connection, table, keys)
            for table, rows in batch.appends.items():
                self._append(connection, table, rows)
            for table, by_key in batch.replaced.items():
                if by_key:
                    self._replace(connection, table, list(by_key.values()))
            if batch.listings_of:
                _replace_listings(connection, batch.listings_of)

    def clear(self) -> None:
        """Forget everything that came from the topics, and every position. Reports stay."""
        with self._engine.begin() as connection:
            for table in (*BUILT, tables.offsets):
                connection.execute(delete(table))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for questions."""
        with self._engine.connect() as connection:
            yield connection

    def _move(self, connection: Connection, batch: Batch) -> None:
        offsets = tables.offsets
        first = [(place, ends) for place, (begins, ends) in sorted(batch.moves.items()) if begins is None]
        further = [(place, begins, ends) for place, (begins, ends) in sorted(batch.moves.items()) if begins is not None]
        moved = 0
        if first:
            given = [{"topic": topic, "partition": number, "next_offset": ends} for (topic, number), ends in first]
            made = self._insert(offsets).values(given).on_conflict_do_nothing()
            moved += connection.execute(made, execution_options={"preserve_rowcount": True}).rowcount
        if further:
            here = (offsets.c.topic == bindparam("of_topic")) & (offsets.c.partition == bindparam("of_partition"))
            step = update(offsets).where(here & (offsets.c.next_offset == bindparam("begins")))
            steps = [
                {"of_topic": topic, "of_partition": number, "begins": begins, "next_offset": ends}
                for (topic, number), begins, ends in further
            ]
            # All in one go, and their order is the same for everybody: two writers wait for each other at most once.
            moved += connection.execute(step, steps).rowcount
        if moved != len(batch.moves):
            raise OwnershipLost(
                f"{len(batch.moves) - moved} of {len(batch.moves)} partitions are not where this batch begins any "
                "more: another ledger writes to this database"
            )

    def _append(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        if self._copies and len(rows) >= COPIED_FROM:
            _copy(connection, table.name, table, rows)
        else:
            names = [column.name for column in table.columns]
            connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])

    def _replace(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        names = [column.name for column in table.columns]
        if self._copies and len(rows) >= COPIED_FROM:
            staged = f"staged_{table.name}"
            connection.execute(
                text(f"CREATE TEMPORARY TABLE IF NOT EXISTS {staged} (LIKE {table.name}) ON COMMIT DELETE ROWS")
            )
            _copy(connection, staged, table, rows)
            source = select(text("*")).select_from(text(staged))
            connection.execute(self._newest(table, self._insert(table).from_select(names, source)))
            return
        given = [dict(zip(names, row, strict=True)) for row in rows]
        connection.execute(self._newest(table, self._insert(table)), given)

    def _insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        return postgresql.insert(table) if self._copies else sqlite.insert(table)

    def _newest(self, table: Table, statement: postgresql.Insert | sqlite.Insert) -> postgresql.Insert | sqlite.Insert:
        """Replace what is there unless it is newer; a state that a channel was in stays as it was first said."""
        keys = [column.name for column in table.primary_key.columns]
        if table is tables.channel_states:
            return statement.on_conflict_do_nothing(index_elements=keys)
        given = statement.excluded
        values = {column.name: given[column.name] for column in table.columns if column.name not in keys}
        newer = given.appended_at_ms >= table.c.appended_at_ms
        return statement.on_conflict_do_update(index_elements=keys, set_=values, where=newer)


def _copy(connection: Connection, name: str, table: Table, rows: Sequence[Row]) -> None:
    """PostgreSQL's own way for many rows: three to four times as fast as the quickest INSERT."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    cursor = connection.connection.cursor()
    try:
        with cursor.copy(f"COPY {name} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    finally:
        cursor.close()


def _remove(connection: Connection, table: Table, keys: Mapping[Row, int]) -> None:
    (key,) = table.primary_key.columns
    newer = table.c.appended_at_ms <= bindparam("until_ms")
    given = [{"removed_key": row[0], "until_ms": at_ms} for row, at_ms in keys.items()]
    connection.execute(delete(table).where((key == bindparam("removed_key")) & newer), given)


def _replace_listings(connection: Connection, listings_of: Mapping[str, Sequence[Row]]) -> None:
    table = tables.product_listings
    skus = list(listings_of)
    for start in range(0, len(skus), KEYS_MAX):
        connection.execute(delete(table).where(table.c.sku.in_(skus[start : start + KEYS_MAX])))
    names = [column.name for column in table.columns]
    rows = [dict(zip(names, row, strict=True)) for rows in listings_of.values() for row in rows]
    if rows:
        connection.execute(insert(table), rows)
