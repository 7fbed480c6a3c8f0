"""The ledger's database, for those who only ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from inventory_domain.errors import InventorySyncError
from inventory_ledger import address
from inventory_ledger.revisions import NEEDED, present
from inventory_ledger.store import opened


class LedgerNotReady(InventorySyncError):
    """There is no ledger to ask: the database is not there, or has not this version's tables."""


@contextmanager
def database(url: str) -> Iterator[Engine]:
    """The database for as long as the block runs.

    Raises:
        LedgerNotReady: it does not answer.
    """
    engine = opened(url)
    try:
        with answering(url):
            yield engine
    finally:
        engine.dispose()


@contextmanager
def answering(url: str) -> Iterator[None]:
    """What the block asks of the database of this address is answered.

    Raises:
        LedgerNotReady: it is not, and why: nobody is there, or a login is refused.
    """
    try:
        yield
    except OperationalError as error:
        why = str(error.orig).partition("\n")[0]
        raise LedgerNotReady(f"the ledger's database at {address.shown(url)} does not answer: {why}") from error


@contextmanager
def asked(url: str) -> Iterator[Connection]:
    """A connection for questions, for as long as the block runs.

    Raises:
        LedgerNotReady: the database does not answer, or has other tables than this program needs.
    """
    found(url)
    with database(url) as engine:
        check(engine)
        with engine.connect() as connection:
            yield connection


def found(url: str) -> None:
    """Raise LedgerNotReady where the database is a file that is not there: asking would make an empty one."""
    file = address.file_of(url)
    if file is not None and not Path(file).exists():
        raise LedgerNotReady(f"there is no ledger at {address.shown(url)}; `inventory-sync ledger` makes and fills it")


def check(engine: Engine) -> None:
    """Raise LedgerNotReady unless the database has the tables of this version."""
    with engine.connect() as connection:
        version = present(connection)
    if version != NEEDED:
        raise LedgerNotReady(
            f"the ledger's tables have version {version or 'none'} and this program needs {NEEDED}: "
            "`inventory-sync ledger migrate` brings them there"
        )
