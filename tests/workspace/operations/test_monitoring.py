"""The alarms ring when something is wrong, and only then; the gate holds back a fit that has gone bad."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select

from segue.engine.recommender import Recommender
from segue.engine.requests.request import Request
from segue.workspace.operations import monitoring as drift
from segue.workspace.records.maintenance.recent_steps import liking
from segue.workspace.storage import schema

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
LATER = MONDAY + timedelta(days=7)
School = Any  # the class in conftest.py
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "FEWEST", 10)


def found(school: School, now: datetime = LATER) -> dict[str, drift.Alarm]:
    return {alarm.name: alarm for alarm in drift.alarms(school.space, now=now)}


def test_with_nothing_to_go_by_no_alarm_rings(school: School) -> None:
    alarms = found(school)
    assert list(alarms) == ["calibration", "reward", "censored share", "support", "pleasing"]
    assert not any(alarm.rings for alarm in alarms.values())


def test_calibration_rings_when_the_class_does_much_worse_than_foreseen(school: School) -> None:
    school.study()
    gap = found(school)["calibration"].value
    with school.space.store.write() as connection:
        late = schema.events.c.time >= round(MONDAY.timestamp() * 1e6)
        connection.execute(
            schema.events.update().where(late, schema.events.c.kind == "attempt").values(score=0.0)
        )
    alarm = found(school)["calibration"]
    assert alarm.rings
    assert alarm.value > gap


def test_censored_share_rings_when_nothing_comes_back(school: School) -> None:
    school.decide()
    month = MONDAY + timedelta(days=40)
    school.space.learn(now=month)
    assert found(school, month)["censored share"].rings


def test_reward_rings_on_a_fall_beyond_noise(school: School) -> None:
    school.study()
    school.space.learn(now=LATER)
    school.study(MONDAY + timedelta(days=35))
    school.space.learn(now=MONDAY + timedelta(days=42))
    now = MONDAY + timedelta(days=42)
    late = schema.playlists.c.time >= round((MONDAY + timedelta(days=30)).timestamp() * 1e6)
    with school.space.store.write() as connection:
        ids = select(schema.decisions.c.decision_id).join(
            schema.playlists, schema.playlists.c.playlist_id == schema.decisions.c.playlist_id
        )
        fresh = schema.rewards.c.decision_id.in_(ids.where(late)) & schema.rewards.c.value.is_not(None)
        connection.execute(schema.rewards.update().where(fresh).values(value=-0.9))
    assert found(school, now)["reward"].rings


def test_the_gate_lets_a_sound_fit_pass_and_holds_a_broken_one(school: School) -> None:
    school.study()
    challenger = school.space.challenger(now=LATER)
    assert not drift.gate(school.space, challenger, now=LATER).rings
    kernel = challenger.kernel
    upside_down = replace(kernel.success, weights=-kernel.success.weights, intercept=-3.0)
    broken = Recommender(replace(kernel, success=upside_down), challenger.fitted)
    passage = drift.gate(school.space, broken, now=LATER)
    assert passage.rings
    assert np.isfinite(passage.value)


def test_steps_done_and_ratings_count_as_liking(school: School) -> None:
    school.study()
    until = round((LATER + timedelta(days=9)).timestamp() * 1e6)
    with school.space.store.read() as connection:
        before = liking(connection, until)
        no_lists = liking(connection, 0)  # what events themselves say was offered
        resource = connection.execute(select(schema.decisions.c.resource)).scalars().first()
    assert sum(o for o, _ in no_lists.values()) < sum(o for o, _ in before.values())
    assert 0.0 < sum(liked for _, liked in before.values()) <= sum(offered for offered, _ in before.values())
    with school.space.store.write() as connection:
        row = dict(connection.execute(select(schema.events)).mappings().first())
        row |= {"number": 10**6, "event_id": b"r" * 16, "kind": "rating", "resource": resource}
        connection.execute(
            schema.events.insert().values(row | {"score": 0.25, "step": "", "completed": None})
        )
    with school.space.store.read() as connection:
        after = liking(connection, until)
    assert after[resource] == (before[resource][0] + 1.0, before[resource][1] + 0.25)


def test_what_is_done_without_naming_its_step_is_liked_too(school: School) -> None:
    given = school.space.recommend(Request(school.roster[0], MONDAY, k=2))
    first, second = (step.resource for step in given.playlist.steps)
    until = round((MONDAY + timedelta(days=40)).timestamp() * 1e6)
    with school.space.store.read() as connection:
        before = liking(connection, until)
    rows = [(first, 2, school.roster[0]), (second, 29, school.roster[0]), (second, 2, school.roster[1])]
    rows.append((first, 35, school.roster[0]))  # done again when the reward could come no more
    did = [{"resource": r, "learner": who, "score": 1.0, "time": MONDAY + timedelta(d)} for r, d, who in rows]
    school.space.add_events(school.checked(pd.DataFrame(did)))
    with school.space.store.read() as connection:
        after = liking(connection, until)
    assert after[first] == (before[first][0], before[first][1] + 1.0)
    assert after[second] == before[second]
