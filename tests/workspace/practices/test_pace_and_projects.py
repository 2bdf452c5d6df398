"""Pace, projects and axes of a class from its records, and the commands that show all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from segue import sample
from segue.batch.from_workspace import weekly
from segue.batch.plan import WeeklyPlan
from segue.cli.main import app
from segue.engine.practices.pace import paced_minutes
from segue.engine.practices.projects import Milestone
from segue.engine.requests.request import Goal, Request
from segue.features.events.event_records import check, identify
from segue.workspace.playlists.answering import Ask
from segue.workspace.practices.project_work import ProjectPart, project_states
from segue.workspace.practices.work_pace import paces_of
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = [f"l{n:02d}" for n in range(8)]
SLOW = NAMES[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A class in which the first learner takes three times as long as the others."""
    path = tmp_path_factory.mktemp("pace")
    space = Workspace.init(path / "school", environment={}, configuration=Configuration())
    space.set_catalogue(sample.load())
    rng = np.random.default_rng(5)
    some = space.catalogue().resources[:30]
    rows = []
    for name in NAMES:
        for n in range(12):
            work = some[int(rng.integers(30))]
            seconds = work.minutes * 60 * (3.0 if name == SLOW else 1.0) * float(np.exp(rng.normal(0, 0.2)))
            rows.append(
                {"learner": name, "resource": work.resource_id, "score": float(rng.random() < 0.6)}
                | {"time": NOW - timedelta(hours=20 * n + 1), "seconds": seconds}
            )
    frame = pd.DataFrame(rows)
    found = check(frame, range(len(frame)), resources=space.catalogue().resource_index)
    space.add_events(identify(found.events))
    space.fit(now=NOW)
    space.close()
    (path / "roster.csv").write_text("learner,class\n" + "".join(f"{name},g\n" for name in NAMES))
    return path


@pytest.fixture
def space(folder: Path) -> Iterator[Workspace]:
    opened = Workspace.open(folder / "school", environment={})
    yield opened
    opened.close()


def test_slower_learners_get_fewer_steps_towards_the_same_goal(space: Workspace) -> None:
    paces = paces_of(space, "g", NAMES, now=NOW)
    assert paces[0].learner == SLOW
    assert paces[0].factor > 2.0 * paces[1].factor
    goal = Goal((space.catalogue().skills[3].skill_id,), NOW + 20 * DAY)
    asked = Request(SLOW, NOW, k=8, minutes=90.0, goal=goal)
    paced = replace(asked, minutes=paced_minutes(90.0, paces[0].factor))
    champion, known = space.known([SLOW])
    drawn = [
        champion.recommender.recommend(
            Request(SLOW, NOW, state=known[SLOW], k=8, minutes=one.minutes, goal=one.goal),
            rng=np.random.default_rng(0),
        )
        for one in (asked, paced)
    ]
    assert 0 < len(drawn[1].steps) < len(drawn[0].steps)


def test_the_weekly_batch_keeps_each_learner_s_own_minutes_as_the_single_call_does(
    space: Workspace, tmp_path: Path
) -> None:
    plan = WeeklyPlan("2026-W48", NOW, space.configuration.seed, k=8, minutes=90.0)
    weekly(space, plan, tmp_path / "plain", roster=NAMES)
    weekly(space, replace(plan, paced=True), tmp_path / "paced", roster=NAMES)
    plain, paced = (pd.read_csv(tmp_path / name / "playlists.csv") for name in ("plain", "paced"))
    steps = [table.groupby("learner").size() for table in (plain, paced)]
    assert 0 < steps[1][SLOW] < steps[0][SLOW], "fewer steps"
    quick = [name for name in NAMES if name != SLOW]
    assert steps[1][quick].mean() > steps[1][SLOW]
    factor = {one.learner: round(one.factor, 3) for one in paces_of(space, "", NAMES, now=NOW)}
    asked = [Request(name, NOW, k=8, minutes=90.0 / factor[name]) for name in NAMES]
    single = space.recommend_many(asked, ask=Ask(surface="weekly", week="2026-W48"))
    for name, one in zip(NAMES, single, strict=True):
        mine = [table[table["learner"] == name]["resource"].tolist() for table in (plain, paced)]
        assert [step.resource for step in one.playlist.steps] == mine[1]
        assert mine[0][0] == mine[1][0], "the same objective comes first"


def test_a_project_stands_still_where_nothing_happens(space: Workspace) -> None:
    some = [one.resource_id for one in space.catalogue().resources[100:102]]
    parts = [
        ProjectPart(Milestone("draft", NOW - DAY, 30.0), some[0]),
        ProjectPart(Milestone("show", NOW + 14 * DAY, 40.0), some[1]),
    ]
    frame = pd.DataFrame(
        [{"learner": NAMES[2], "resource": some[0], "score": 0.9, "time": NOW - timedelta(hours=3)}]
    )
    found = check(frame, range(1), resources=space.catalogue().resource_index)
    space.add_events(identify(found.events))
    states = project_states(
        space, "g", parts, started=NOW - 9 * DAY, minutes_a_week=60.0, now=NOW, names=NAMES
    )
    by = {one.learner: one for one in states}
    assert (by[NAMES[2]].done, by[NAMES[2]].stall.stalled, by[NAMES[2]].minutes) == (1, False, 20.0)
    assert all(one.stall.stalled for name, one in by.items() if name != NAMES[2])
    assert "overdue" in by[NAMES[1]].stall.sentence


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["class", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_class_is_named_by_any_roster_that_the_week_takes(folder: Path) -> None:
    rows = [
        f"{name},{'g' if at < 3 else 'h'},student,{'2020-01-01' if at == 1 else ''}"
        for at, name in enumerate(NAMES)
    ]
    bundle = folder / "enrollments.csv"
    bundle.write_text("userSourcedId,classSourcedId,role,endDate\n" + "\n".join(rows) + "\n")
    told = run("pace", str(folder / "school"), "--class", "g", "--roster", str(bundle), "--json")
    assert {one["learner"] for one in json.loads(told)} == {NAMES[0], NAMES[2]}


def test_every_command_answers_within_80_columns_and_as_json(folder: Path) -> None:
    school, roster = str(folder / "school"), str(folder / "roster.csv")
    catalogue = sample.load()
    (folder / "slots.csv").write_text(
        "slot,role,begins,capacity\nmon,teacher,2026-11-23T08:00:00Z,3\nhome,home,2026-11-22T16:00:00Z,8\n"
    )
    lists = [f"{name},{one.resource_id}\n" for name in NAMES for one in catalogue.resources[:4]]
    (folder / "lists.csv").write_text("learner,resource\n" + "".join(lists))
    (folder / "plan.csv").write_text(
        f"name,due,minutes,resource\ndraft,2026-12-01T08:00:00Z,30,{catalogue.resources[0].resource_id}\n"
    )
    (folder / "rubric.csv").write_text(f"criterion,resource\nreasons,{catalogue.resources[3].resource_id}\n")
    (folder / "scores.csv").write_text(
        "learner,criterion,rater,score\n"
        + "".join(f"{n},reasons,t{at % 2},{at % 4}\n" for at, n in enumerate(NAMES))
    )

    def file(name: str) -> str:
        return str(folder / f"{name}.csv")

    common = ["--class", "g", "--now", NOW.isoformat()]
    listed = ["--roster", roster]
    calls = [
        ["groups", school, *common, *listed, "--project", "fair", "--size", "4", "--role", "reads", "--keep"],
        ["reviews", school, *common, "--submitted", roster, "--work", "essay", "--keep"],
        ["feedback", school, *common, *listed],
        ["talks", school, *common, *listed, "--minutes", "20", "--asked", NAMES[5]],
        [
            "slots",
            school,
            *common,
            "--plan",
            file("slots"),
            "--week",
            "2026-W48",
            "--keep",
            "--lists",
            file("lists"),
        ],
        [
            "projects",
            school,
            *common,
            *listed,
            "--plan",
            file("plan"),
            "--started",
            "2026-11-20T08:00:00Z",
        ],
        [
            "scores",
            school,
            *common,
            *listed,
            "--work",
            "essay",
            "--rubric",
            file("rubric"),
            "--scores",
            file("scores"),
            "--max-score",
            "4",
        ],
        ["pace", school, *common, *listed],
        ["axes", school, "--class", "g"],
    ]
    for call in calls:
        text = run(*call)
        assert text.strip()
        assert max(map(len, text.splitlines())) <= 80, call
        told = json.loads(run(*call, "--json"))
        assert isinstance(told, list)
    slots = json.loads(run(*calls[4], "--json"))
    assert sum(one["taken"] for one in slots if one["slot_id"] == "mon") == 3
    assert "2 remembered" in run("given", school, NAMES[0], NAMES[1], *common, "--by", "t", "--talk")
    assert len(json.loads(run(*calls[2], "--json"))) == 6


def test_faults_of_the_input_are_one_sentence(folder: Path) -> None:
    (folder / "bad.csv").write_text("slot,role,begins,capacity\nmon,garden,2026-11-23T08:00:00Z,3\n")
    school = str(folder / "school")
    with pytest.raises(ValueError, match="a role is one of home"):
        run("slots", school, "--class", "g", "--plan", str(folder / "bad.csv"), "--week", "2026-W48")
    with pytest.raises(ValueError, match="no column name"):
        run(
            "projects",
            school,
            "--class",
            "g",
            "--plan",
            str(folder / "bad.csv"),
            "--started",
            NOW.isoformat(),
        )
