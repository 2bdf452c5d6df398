"""A full disk, a clock that steps back, a database that restarts, two processes on one workspace."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from typer.testing import CliRunner

from segue.batch import from_workspace as weekly
from segue.batch.parts import worker_pool as pool
from segue.batch.plan import WeeklyPlan
from segue.batch.rebuild import rebuild
from segue.cli.main import app
from segue.engine.requests.request import Request
from segue.features.iso_weeks import start_of
from segue.workspace import workspace
from segue.workspace.privacy import learner_rights as privacy
from segue.workspace.storage import schema
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.workspace import Workspace

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
KEY = {"SEGUE_KEY": "11" * 32}
School = Any  # the class in conftest.py


def fresh(school: School, name: str, n: int = 400) -> pd.DataFrame:
    """Return events like the class's, under ids of their own."""
    some = school.checked(school.room.events).iloc[:n]
    return some.assign(event_id=lambda frame: f"{name}-" + frame["event_id"])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_full_disk_loses_nothing_acknowledged(school: School) -> None:
    events = pd.concat([fresh(school, f"copy-{i}") for i in range(20)], ignore_index=True)
    before = school.count("events")

    def limit(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA max_page_count = 160")  # what SQLite calls a full disk

    space = Workspace.open(school.space.path, environment=KEY)
    event.listen(space.store.engine, "connect", limit)
    space.store.engine.dispose()
    with pytest.raises(OperationalError, match="full"):
        space.add_events(events)
    space.close()
    assert school.count("events") == before
    assert school.well()
    assert school.space.add_events(events).added == len(events)
    assert school.well()


def test_two_processes_on_one_workspace_lose_no_update(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "BLOCK_EVENTS", 40)
    before = school.count("events")
    path = school.space.path
    school.space.close()  # a child must not inherit connections

    def life(number: int) -> Callable[[], None]:
        def live() -> None:
            space = Workspace.open(path, environment=KEY)
            space.add_events(fresh(school, f"worker-{number}", 150))
            for i in range(10):
                space.recommend(
                    Request(school.roster[i % 8], MONDAY + timedelta(minutes=10 * i + number), k=3)
                )
            space.learn(now=MONDAY + timedelta(days=7))
            space.close()

        return live

    children = [fork(life(number)) for number in range(2)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    assert school.count("events") == before + 300
    assert school.count("playlists") == 20
    assert school.well()
    school.space.learn(now=MONDAY + timedelta(days=7))
    digest = school.digest()
    rebuild(school.space)
    assert school.digest() == digest


def fork(live: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            live()
            code = 0
        finally:
            os._exit(code)
    return child


def test_a_clock_that_steps_back_harms_nothing(school: School, tmp_path: Path) -> None:
    school.study()
    school.space.learn(now=MONDAY + timedelta(days=60))  # some rewards have matured, the others are censored
    rewarded = school.count("rewards")
    assert rewarded == school.count("decisions")
    earlier = MONDAY - timedelta(days=3)
    assert school.space.recommend(Request("pupil-001", earlier, k=3)).decision_ids
    school.study(earlier)
    plan = WeeklyPlan("2026-W47", start_of("2026-W47", "Europe/Paris"), "segue", k=3)
    assert weekly.weekly(school.space, plan, tmp_path / "out", roster=school.roster).complete
    school.space.learn(now=earlier)
    with school.space.store.read() as connection:
        status = connection.execute(select(schema.rewards.c.status).distinct()).scalars().all()
    assert set(status) == {"matured", "censored"}  # none is pending again
    assert school.well()
    digest = school.digest()
    rebuild(school.space)
    assert school.digest() == digest


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_clock_before_all_that_is_stored_puts_no_empty_model_in_charge(school: School) -> None:
    with school.space.store.write() as connection:
        ahead = schema.events.c.time + round(timedelta(days=20_000).total_seconds() * 1e6)
        connection.execute(schema.events.update().values(time=ahead))
    school.decide()
    before = sorted(school.space.models.iterdir())
    fitted = CliRunner(env=KEY).invoke(app, ["fit", str(school.space.path)])
    assert "is the clock right" in str(fitted.exception)
    assert sorted(school.space.models.iterdir()) == before
    said = CliRunner(env=KEY).invoke(app, ["fit", str(school.space.path), "--now", MONDAY.isoformat()])
    assert "(attempts 0," in said.output  # as it was then: nothing was known


def test_who_is_erased_while_others_decide_leaves_nothing(
    school: School, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    school.study()
    with school.space.store.write() as connection:
        connection.execute(schema.states.delete())

    run = pool.run

    def erased_meanwhile(work: Any, tasks: Any, **how: Any) -> Any:
        results = list(run(work, tasks, **how))
        with contextlib.suppress(WorkspaceError):
            privacy.erase(school.space, "pupil-003", now=MONDAY)
        yield from results

    monkeypatch.setattr(pool, "run", erased_meanwhile)
    plan = WeeklyPlan("2026-W48", start_of("2026-W48", "Europe/Paris"), "segue", k=3)
    weekly.weekly(school.space, plan, tmp_path / "out", roster=school.roster)
    assert school.well()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_database_whose_connections_are_cut_comes_back(school: School) -> None:
    school.decide()
    events = fresh(school, "cut")
    with school.space.store.read() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        )
    assert school.space.add_events(events).added == len(events)  # a stale connection is noticed, and replaced

    def cut_within() -> None:
        with school.space.store.write() as connection:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(DBAPIError):
        cut_within()
    assert school.space.add_events(events).repeats == len(events)
    assert school.well()
