"""A real PostgreSQL for tests: a given one, else a container, else the server that comes as a package.

INVENTORY_SYNC_TEST_POSTGRESQL gives the URL of a server where databases may be created.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from testcontainers.core.container import DockerContainer

from inventory_ledger.store import database_url
from tests.support.broker import docker_answers
from tests.support.commands import wait_until

IMAGE = "postgres:16-alpine"
ASKED = "asked_for_passwords"
"""Members of this role need their passwords; the server that comes as a package lets everybody else in without."""


@contextmanager
def running_postgresql() -> Iterator[str]:
    """The URL of a server, for as long as the block runs."""
    given = os.environ.get("INVENTORY_SYNC_TEST_POSTGRESQL")
    if given:
        yield given
    elif docker_answers():
        with _container() as url:
            yield url
    else:
        with _package() as url:
            yield url


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """The URL of an empty database on the server, dropped afterwards."""
    name = f"t{uuid.uuid4().hex[:12]}"
    admin = create_engine(database_url(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


@contextmanager
def database_with_password(server: str, password: str) -> Iterator[str]:
    """The URL of an empty database whose owner has this password in it, and is let in with no other."""
    owner = f"o{uuid.uuid4().hex[:12]}"
    admin = create_engine(database_url(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        if not connection.execute(text(f"SELECT 1 FROM pg_roles WHERE rolname = '{ASKED}'")).first():
            connection.execute(text(f"CREATE ROLE {ASKED} NOLOGIN"))
        connection.execute(text(f"CREATE ROLE {owner} LOGIN PASSWORD '{password}' IN ROLE {ASKED}"))
    try:
        with new_database(server) as url:
            with admin.connect() as connection:
                connection.execute(text(f"ALTER DATABASE {make_url(url).database} OWNER TO {owner}"))
            yield make_url(url).set(username=owner, password=password).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP ROLE {owner}"))
        admin.dispose()


def rows_of(url: str) -> Iterator[tuple[str, bytes]]:
    """Every table with all that is in it."""
    engine = create_engine(database_url(url))
    with engine.connect() as connection:
        for name in inspect(engine).get_table_names():
            rows = connection.execute(text(f'SELECT * FROM "{name}"')).all()
            yield f"table {name}", repr(rows).encode()
    engine.dispose()


@contextmanager
def _container() -> Iterator[str]:
    container = DockerContainer(IMAGE).with_exposed_ports(5432).with_envs(POSTGRES_PASSWORD="test")
    with container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(5432)
        url = f"postgresql://postgres:test@{host}:{port}/postgres"
        wait_until(lambda: _answers(url), "PostgreSQL answers", 120)
        yield url


@contextmanager
def _package() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells of a missing run-time folder, and of what its own imports do
        try:
            import pgserver
        except ImportError:
            pytest.skip("needs PostgreSQL: Docker, or INVENTORY_SYNC_TEST_POSTGRESQL with a server's URL")
        folder = Path(tempfile.mkdtemp(prefix="inventory-sync-pg-"))
        server = pgserver.get_server(folder / "data")
    try:
        _ask_for_passwords(server.get_uri(), folder / "data" / "pg_hba.conf")
        yield server.get_uri()
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server.cleanup()
        atexit.unregister(server._cleanup)  # done, and its folder is gone
        shutil.rmtree(folder, ignore_errors=True)


def _ask_for_passwords(url: str, rules: Path) -> None:
    """Of the members of that role alone."""
    rules.write_text(f"local all +{ASKED} scram-sha-256\n{rules.read_text()}")
    engine = create_engine(database_url(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


def _answers(url: str) -> bool:
    engine = create_engine(database_url(url))
    try:
        with engine.connect():
            return True
    except OperationalError:
        return False
    finally:
        engine.dispose()
