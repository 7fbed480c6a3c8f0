"""The version of the ledger's tables, asked without Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from inventory_ledger.migrating import SCRIPTS, migrate
from inventory_ledger.revisions import NEEDED, present
from inventory_ledger.store import opened


def test_what_is_needed_is_the_newest_that_alembic_can_bring() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))

    assert ScriptDirectory.from_config(config).get_heads() == [NEEDED]


def test_what_a_database_has_is_what_alembic_says_it_has(tmp_path: Path) -> None:
    """Before the first migration, after it, and where a migration back left the table of versions empty."""
    engine = opened(f"sqlite:///{tmp_path / 'ledger.db'}")
    found = []

    with engine.connect() as connection:
        found.append((present(connection), MigrationContext.configure(connection).get_current_revision()))
    migrate(engine)
    with engine.begin() as connection:
        found.append((present(connection), MigrationContext.configure(connection).get_current_revision()))
        connection.execute(text("DELETE FROM alembic_version"))
        found.append((present(connection), MigrationContext.configure(connection).get_current_revision()))
    engine.dispose()

    assert found == [(None, None), (NEEDED, NEEDED), (None, None)]
