"""Brings a database to the tables of this version, from whichever version it has."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from inventory_domain.errors import InventorySyncError

SCRIPTS: Final = Path(__file__).parent / "migrations"
LOCK: Final = 731_403_881  # one migration at a time, however many ledgers start at once


class LedgerTooNew(InventorySyncError):
    """The database was written by a newer version of the ledger, which this one must not touch."""


def revisions(engine: Engine) -> tuple[str | None, str]:
    """The version that the database has (None: none yet), and the one that this program needs."""
    with engine.connect() as connection:
        return _present(connection), _needed()


def migrate(engine: Engine) -> tuple[str | None, str]:
    """Bring the database to this version; says from which to which. Repeating it changes nothing. Blocks.

    Raises:
        LedgerTooNew: it has a version that this program does not know.
    """
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    scripts, needed = ScriptDirectory.from_config(config), _needed()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        present = _present(connection)
        if present == needed:
            return present, needed
        known = {script.revision for script in scripts.walk_revisions()}
        if present is not None and present not in known:
            raise LedgerTooNew(
                f"the ledger's database has version {present}, which this program does not know (it knows {needed}): "
                "run the newer program, or name another database"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return present, needed


def _present(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _needed() -> str:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    head = ScriptDirectory.from_config(config).get_current_head()
    assert head is not None
    return head
