"""The database's address as text, read without the database library: every process reads the settings file."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
_KINDS: Final = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "postgres": POSTGRESQL}


def kind_of(url: str) -> str | None:
    """SQLITE or POSTGRESQL; None for an address of neither."""
    scheme, separator, _ = url.partition("://")
    return _KINDS.get(scheme.partition("+")[0]) if separator else None


def password_of(url: str) -> str | None:
    """The password in the address, as it is meant; None where there is none."""
    password = urlsplit(url).password
    return unquote(password) if password else None


def passwords_of(url: str) -> tuple[str, ...]:
    """The password in every form that it may be written in: as in the address, and as it is meant."""
    written, meant = urlsplit(url).password, password_of(url)
    return tuple(dict.fromkeys(one for one in (written, meant) if one))


def file_of(url: str) -> str | None:
    """SQLite's file; None for a database in memory and for another kind."""
    path = url.partition("://")[2].removeprefix("/").partition("?")[0]
    return path if kind_of(url) == SQLITE and path and path != ":memory:" else None


def shown(url: str) -> str:
    """The address for people: with *** in place of a password."""
    password = urlsplit(url).password
    return url.replace(f":{password}@", ":***@", 1) if password else url
