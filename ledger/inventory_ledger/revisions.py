"""Which version the tables of a database have, and which this program needs.

Asked without Alembic, which takes a tenth of a second to load and which only migrations need.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, inspect, text

NEEDED: Final = "0002"  # the newest in migrations/versions


def present(connection: Connection) -> str | None:
    """The version that the database has; None: it has no tables yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found
