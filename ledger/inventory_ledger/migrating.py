"""Brings a database to the tables of this version, from whichever version it has."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from inventory_domain.errors import InventorySyncError
from inventory_ledger.revisions import NEEDED, present

SCRIPTS: Final = Path(__file__).parent / "migrations"
LOCK: Final = 731_403_881  # one migration at a time, however many ledgers start at once


class LedgerTooNew(InventorySyncError):
    """The database was written by a newer version of the ledger, which this one must not touch."""


def migrate(engine: Engine) -> tuple[str | None, str]:
    """Bring the database to this version; says from which to which. Repeating it changes nothing. Blocks.

    Raises:
        LedgerTooNew: it has a version that this program does not know.
    """
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        version = present(connection)
        if version == NEEDED:
            return version, NEEDED
        known = {script.revision for script in scripts.walk_revisions()}
        if version is not None and version not in known:
            raise LedgerTooNew(
                f"the ledger's database has version {version}, which this program does not know (it knows {NEEDED}): "
                "run the newer program, or name another database"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, NEEDED)
    return version, NEEDED
