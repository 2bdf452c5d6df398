"""kill -9: a real process is killed in the middle, run again, and nothing is lost or counted twice."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segue import sample
from segue.batch import from_workspace as weekly
from segue.batch.parts.output import RECORD
from segue.batch.plan import WeeklyPlan
from segue.batch.rebuild import rebuild
from segue.batch.weekly_job import Week, weekly_job
from segue.engine.practices.slots import Slot
from segue.experiments.simulation.simulated_class import SimulatedClass
from segue.features.iso_weeks import start_of
from segue.workspace import workspace
from segue.workspace.operations import integrity as doctor
from segue.workspace.operations.backup import backup
from segue.workspace.practices.feedback_given import note_given
from segue.workspace.practices.group_work import form_groups, pair_reviews
from segue.workspace.practices.placements import listed_steps, place_week
from segue.workspace.practices.rubric_scores import RubricScore, accept_scores, keep_scores
from segue.workspace.privacy import learner_rights as privacy
from segue.workspace.privacy import retention as purging
from segue.workspace.sources import learning
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.workspace import Workspace

pytestmark = pytest.mark.journey

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
KEY = {"SEGUE_KEY": "11" * 32}
School = Any  # the class in conftest.py
Work = Callable[[Workspace], object]
MOMENTS = [0.3, 0.7]  # --kills 100 makes it a hundred


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Cut the work into many transactions, so that there are many moments to be killed between."""
    kills: int = request.config.getoption("--kills")
    if kills > 1:
        monkeypatch.setitem(globals(), "MOMENTS", [(i + 0.5) / kills for i in range(kills)])
    monkeypatch.setattr(workspace, "BLOCK_EVENTS", 20)
    monkeypatch.setattr(learning, "BLOCK_LEARNERS", 1)
    monkeypatch.setattr(weekly, "BLOCK", 2)
    monkeypatch.setattr(weekly, "FOLD_BLOCK", 1)
    monkeypatch.setattr(purging, "BLOCK", 1)


@pytest.fixture
def copy(school: School, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Path]:
    """Return what makes a copy of the school's workspace, database and all."""
    path: Path = school.space.path

    def make(name: str) -> Path:
        school.space.close()  # PostgreSQL copies a database only while nobody is connected
        target = tmp_path / name
        shutil.copytree(path, target)
        file = target / "workspace.json"
        configuration = json.loads(file.read_text())
        if configuration["database"]:
            fresh = request.getfixturevalue("new_postgresql")
            configuration["database"] = fresh(configuration["database"])
            file.write_text(json.dumps(configuration))
        return target

    return make


def in_a_process(path: Path, work: Work, *, kill_after: float | None = None) -> float:
    """Do `work` on a workspace in a child process, killed after some seconds; return how long it lived."""
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            space = Workspace.open(path, environment=KEY)
            work(space)
            space.close()
            code = 0
        finally:
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if kill_after is None:
        assert status == 0
    return time.perf_counter() - began


def what_is_there(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return the canonical digest and every output file."""
    space = Workspace.open(path, environment=KEY)
    assert [f for f in doctor.examine(space) if not f.well] == []
    digest = doctor.digest(space)
    space.close()
    files = sorted(f for f in (path / "out").rglob("*.*") if f.is_file())
    return digest, {str(f.relative_to(path)): f.read_bytes() for f in files if f.name != RECORD}


def hold(copy: Callable[[str], Path], work: Work) -> None:
    """Compare runs killed at several moments, then run again, with one that was left alone."""
    whole = copy("whole")
    seconds = in_a_process(whole, work)
    expected = what_is_there(whole)
    for moment in MOMENTS:
        path = copy(f"killed-{moment}")
        in_a_process(path, work, kill_after=moment * seconds)
        in_a_process(path, work)
        assert what_is_there(path) == expected


def test_import(school: School, copy: Callable[[str], Path]) -> None:
    rng = np.random.default_rng(5)
    room = SimulatedClass(sample.load(), 12, rng=rng, began=MONDAY, class_id="class-2")
    codes = [resource.resource_id for resource in sample.load().resources]
    lists = {name: list(rng.permutation(codes)[:30]) for name in room.learners["learner"]}
    events = school.checked(room.answer(lists, now=MONDAY)).assign(learner=lambda f: "new-" + f["learner"])
    hold(copy, lambda space: space.add_events(events))


def test_learn(school: School, copy: Callable[[str], Path]) -> None:
    school.study()
    school.study(MONDAY + timedelta(days=7))
    hold(copy, lambda space: space.learn(now=MONDAY + timedelta(days=14)))


def test_weekly(school: School, copy: Callable[[str], Path]) -> None:
    plan = WeeklyPlan("2026-W48", start_of("2026-W48", "Europe/Paris"), "segue", k=5)
    roster = [*school.roster, "new-1", "new-2", "new-3"]
    hold(copy, lambda space: weekly.weekly(space, plan, space.path / "out", roster=roster))


@pytest.mark.parametrize(
    ("database", "skip"),
    [
        ("sqlite", ("fit",)),
        pytest.param("sqlite", (), marks=pytest.mark.slow),
        pytest.param("postgresql", (), marks=pytest.mark.slow),
    ],
    indirect=["database"],
)
def test_week(school: School, copy: Callable[[str], Path], skip: tuple[str, ...]) -> None:
    school.study()
    asked = Week("2026-W49", roster=school.roster, k=3, skip=skip)

    def work(space: Workspace) -> None:
        weekly_job(space, asked, space.path / "out", workers=1)

    hold(copy, work)


def test_practices(school: School, copy: Callable[[str], Path]) -> None:
    """Groups, reviews, feedback, places, scores: kept once, whatever the moment, and none by half."""
    now, roster = MONDAY + timedelta(days=1), school.roster
    slots = [Slot("desk", "teacher", now + timedelta(days=1), 3), Slot("home", "home", now, 30)]
    works = [RubricScore(who, "essay", "reasoning", by, 0.5) for who in roster for by in ("t1", "t2")]
    shows = {"reasoning": school.space.catalogue().resources[0].resource_id}

    def work(space: Workspace) -> None:
        for project in ("bridges", "maps"):
            form_groups(space, "class-1", project, names=roster, size=4, now=now, keep=True)
        pair_reviews(space, "class-1", "essay", roster, each=2, now=now, keep=True)
        note_given(space, "class-1", "feedback", roster, by="t1", now=now)
        keep_scores(space, "class-1", works, now=now, rubric=shows)
        accept_scores(space, "class-1", "essay", shows, names=roster, now=now)
        steps = listed_steps(space, roster, week="2026-W48", now=now)
        place_week(space, "class-1", steps, slots, week="2026-W48", now=now, keep=True)

    school.decide(MONDAY)
    hold(copy, work)


def test_rebuild(school: School, copy: Callable[[str], Path]) -> None:
    school.study()
    school.space.learn(now=MONDAY + timedelta(days=7))
    expected = school.digest()
    hold(copy, rebuild)
    assert school.digest() == expected


def test_fit(school: School, copy: Callable[[str], Path]) -> None:
    school.study()
    hold(copy, lambda space: space.fit(now=MONDAY + timedelta(days=7)))


def test_purge(school: School, copy: Callable[[str], Path]) -> None:
    school.study()
    school.space.learn(now=MONDAY + timedelta(days=60))
    school.study(MONDAY + timedelta(days=60))
    hold(copy, lambda space: purging.purge(space, before=MONDAY + timedelta(days=50)))


def test_erase(school: School, copy: Callable[[str], Path]) -> None:
    school.study()
    school.space.learn(now=MONDAY + timedelta(days=7))

    def erase(space: Workspace) -> None:
        with contextlib.suppress(WorkspaceError):  # killed at the very end: nothing is left to do
            privacy.erase(space, "pupil-003", now=MONDAY + timedelta(days=7))
        assert not privacy.finish_erasures(space, now=MONDAY + timedelta(days=7))

    hold(copy, erase)


def test_backup(school: School, copy: Callable[[str], Path]) -> None:
    school.study()
    expected = school.digest()

    def back_up(space: Workspace) -> None:
        target = space.path.with_name(f"{space.path.name}-copy")
        if not target.exists():
            backup(space, target)

    path = copy("whole")
    seconds = in_a_process(path, back_up)
    for moment in MOMENTS:
        path = copy(f"killed-{moment}")
        in_a_process(path, back_up, kill_after=moment * seconds)
        in_a_process(path, back_up)
        assert what_is_there(path.with_name(f"killed-{moment}-copy"))[0] == expected
        assert what_is_there(path)[0] == expected


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # it is the pool that is tested
def test_a_lost_worker_is_replaced(school: School, tmp_path: Path) -> None:
    plan = WeeklyPlan("2026-W48", start_of("2026-W48", "Europe/Paris"), "segue", k=3)
    alone = weekly.weekly(school.space, plan, tmp_path / "alone")
    killed: list[int] = []

    def kill_one() -> None:
        while not (children := multiprocessing.active_children()):
            time.sleep(0.005)
        killed.append(children[0].pid or 0)
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill_one)
    thread.start()
    many = weekly.weekly(school.space, plan, tmp_path / "many", workers=2)
    thread.join()
    assert killed
    assert (many.learners, many.complete) == (alone.learners, True)
    assert (tmp_path / "many/playlists.csv").read_bytes() == (tmp_path / "alone/playlists.csv").read_bytes()
