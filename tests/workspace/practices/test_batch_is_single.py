"""A week drawn for a class at once, and one by one: the same lists, and the same practices after them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segue import sample
from segue.batch.from_workspace import weekly
from segue.batch.plan import WeeklyPlan
from segue.engine.explanations.own_plan import PlanStep
from segue.engine.practices.projects import Milestone
from segue.engine.practices.slots import Slot, broken_slots
from segue.engine.requests.request import Request
from segue.features.events.event_records import check, identify
from segue.workspace.dialogue.own_plans import plans_of, propose_plan
from segue.workspace.operations import integrity as doctor
from segue.workspace.playlists.answering import Ask
from segue.workspace.practices.feedback_given import feedback_waiting, note_given, talks_due
from segue.workspace.practices.group_work import form_groups, pair_reviews
from segue.workspace.practices.placements import listed_steps, place_week
from segue.workspace.practices.project_work import ProjectPart, project_states
from segue.workspace.practices.rubric_scores import RubricScore, accept_scores, keep_scores
from segue.workspace.practices.teaching_manners import axes_of, fix_manners
from segue.workspace.practices.work_pace import paces_of
from segue.workspace.privacy import learner_rights
from segue.workspace.records.rosters.enrolments import Enrolment, put_roster
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
WEEK, LATER = "2026-W48", timedelta(days=1)
NAMES = [f"l{n:02d}" for n in range(10)]
CRITERION = {"reasoning": "trail-mix-talk"}
SLOTS = [
    Slot("home", "home", NOW, 10),
    Slot("desk", "teacher", NOW + timedelta(hours=20), 3),
    Slot("station", "station", NOW + timedelta(hours=22), 4),
]


@pytest.fixture(scope="module")
def schools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Workspace]]:
    """Return a school whose week was drawn at once, on two processes, and its copy, drawn one by one."""
    folder = tmp_path_factory.mktemp("alike")
    space = Workspace.init(folder / "batch", environment={}, configuration=Configuration())
    space.set_catalogue(sample.load())
    rng, some = np.random.default_rng(6), space.catalogue().resources[:40]
    rows = [
        {
            "learner": name,
            "resource": some[int(rng.integers(40))].resource_id,
            "score": float(rng.random() < 0.6),
        }
        | {"time": NOW - timedelta(hours=11 * n + 2), "seconds": 300.0 * float(np.exp(rng.normal(0, 0.4)))}
        for name in NAMES
        for n in range(8)
    ]
    frame = pd.DataFrame(rows)
    found = check(frame, range(len(frame)), resources=space.catalogue().resource_index)
    space.add_events(identify(found.events))
    with space.store.write() as connection:
        put_roster(connection, space.keyring, "7b", [Enrolment(n, "7b") for n in NAMES[:6]], now=NOW)
    scores = [
        RubricScore(name, "essay", "reasoning", f"rater-{at}", float(rng.uniform(0.3, 0.9)))
        for name in NAMES
        for at in range(2)
    ]
    keep_scores(space, "7b", scores, now=NOW - LATER)
    accept_scores(space, "7b", "essay", CRITERION, names=NAMES, now=NOW - LATER)
    space.fit(now=NOW)
    fix_manners(space, "7b", {"content:visual": 0.2})
    space.close()
    shutil.copytree(folder / "batch", folder / "single")
    if (folder / "batch.key").exists():
        shutil.copy(folder / "batch.key", folder / "single.key")
    both = [Workspace.open(folder / name, environment={}) for name in ("batch", "single")]
    plan = WeeklyPlan(WEEK, NOW, both[0].configuration.seed, k=5)
    weekly(both[0], plan, folder / "out", roster=NAMES, workers=2)
    for name in NAMES:
        both[1].recommend_many([Request(name, NOW, k=5)], ask=Ask(surface="weekly", week=WEEK))
    yield both[0], both[1]
    for each in both:
        each.close()


def placed(space: Workspace) -> Any:
    steps = listed_steps(space, NAMES, WEEK, now=NOW)
    drawn = place_week(space, "7b", steps, SLOTS, week=WEEK, now=NOW, flipped=True, keep=True)
    assert broken_slots([one for one in drawn if one.taken], steps, SLOTS, flipped=True) == []
    return drawn


def planned(space: Workspace) -> Any:
    early = space.catalogue().resources[-1].resource_id
    propose_plan(space, NAMES[0], [PlanStep(early), PlanStep("", "draw it", 20.0)], now=NOW)
    return [(one.steps, one.check) for one in plans_of(space, NAMES, now=NOW, minutes=15.0)]


def project(space: Workspace) -> Any:
    some = [one.resource_id for one in space.catalogue().resources[:2]]
    parts = [ProjectPart(Milestone(name, NOW + LATER, 30.0), name) for name in some]
    return project_states(
        space, "7b", parts, started=NOW - 20 * LATER, minutes_a_week=60.0, now=NOW, names=NAMES
    )


def feedback(space: Workspace) -> Any:
    note_given(space, "7b", "feedback", NAMES[:3], by="t", now=NOW)
    return feedback_waiting(space, "7b", names=NAMES, now=NOW + LATER), talks_due(
        space, "7b", minutes=20, names=NAMES, now=NOW
    )


PRACTICES: dict[str, Callable[[Workspace], Any]] = {
    "lists": lambda s: [s.lists(name, now=NOW) for name in NAMES],
    "places": placed,
    "groups": lambda s: form_groups(
        s, "7b", "bridge", names=NAMES, size=3, roles=("a", "b"), now=NOW, keep=True
    ),
    "reviews": lambda s: pair_reviews(s, "7b", "essay", NAMES, each=2, now=NOW, keep=True),
    "feedback and talks": feedback,
    "projects": project,
    "pace": lambda s: paces_of(s, "7b", NAMES, now=NOW),
    "scores": lambda s: accept_scores(s, "7b", "essay", CRITERION, names=NAMES, now=NOW),
    "axes": lambda s: axes_of(s, "7b"),
    "own plans": planned,
}


@pytest.mark.parametrize("practice", PRACTICES)
def test_a_practice_is_the_same_after_a_batch_and_after_single_calls(
    schools: tuple[Workspace, Workspace], practice: str
) -> None:
    batch, single = (PRACTICES[practice](space) for space in schools)
    assert batch
    assert batch == single


def test_the_facts_are_the_same_and_the_checker_is_content(schools: tuple[Workspace, Workspace]) -> None:
    assert doctor.digest(schools[0]) == doctor.digest(schools[1])
    for space in schools:
        assert [finding for finding in doctor.examine(space) if not finding.well] == []
    weights = [event["weight"] for event in learner_rights.export(schools[0], NAMES[1])["events"]]
    assert sum(weight is not None for weight in weights) == 1, "what a disputed score counts is exported"
