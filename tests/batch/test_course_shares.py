"""A learner's week shared among courses: the total holds, need decides, nothing comes twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.batch import from_workspace as weekly
from segue.batch.course_shares import shares
from segue.batch.plan import Course, WeeklyPlan
from segue.features.iso_weeks import start_of

School = Any  # the class in conftest.py
Classes = dict[str, list[str]]
WEEK = "2026-W48"
RATIO, RATE = ("ratio-language", "equivalent-ratios"), ("unit-rates", "rate-problems", "percents")
some = st.lists(st.tuples(st.integers(0, 300), st.floats(0.1, 1)), min_size=1, max_size=6)


@given(courses=some, total=st.floats(0, 1000))
def test_shares_add_up_and_none_is_more_than_its_course_gives(
    courses: list[tuple[float, float]], total: float
) -> None:
    minutes, needs = (np.array(column, dtype=float) for column in zip(*courses, strict=True))
    given = shares(minutes, needs, total)
    assert given.sum() == pytest.approx(min(total, minutes.sum()))
    assert (given >= 0).all()
    assert (given <= minutes + 1e-9).all()
    open_ = given < minutes - 1e-6  # those not served in full get the same per minute and need
    rate = given[open_] / (minutes * needs)[open_]
    assert np.allclose(rate, rate[:1] if len(rate) else 0.0)


def plan(school: School, *, minutes: float | None, courses: tuple[Course, ...]) -> WeeklyPlan:
    return WeeklyPlan(WEEK, start_of(WEEK, "Europe/Paris"), "segue", 12, minutes, courses)


def run(
    school: School, out: Path, asked: WeeklyPlan, classes: dict[str, list[str]], **how: Any
) -> pd.DataFrame:
    assert weekly.weekly(school.space, asked, out, roster=school.roster, classes=classes, **how).complete
    return pd.read_csv(out / "playlists.csv", dtype={"course": "str"}, keep_default_na=False)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_week_is_shared_and_its_total_holds(school: School, tmp_path: Path) -> None:
    courses = (Course("ratio", 60.0, RATIO), Course("rate", 90.0, RATE), Course("all", 45.0))
    both, one, none = school.roster[:3]
    classes = {both: ["rate", "ratio", "all"], one: ["rate"], none: ["unknown"]}
    asked = plan(school, minutes=100.0, courses=courses)
    table = run(school, tmp_path / "out", asked, classes)
    minutes = table.groupby(["learner", "course"])["minutes"].sum()
    assert table.groupby("learner")["minutes"].sum().max() <= 100.0
    assert set(minutes[both].index) == {"ratio", "rate", "all"}
    assert minutes[both].sum() > 80.0  # it is used
    for course in courses:
        assert minutes.xs(course.class_id, level="course").max() <= course.minutes
    assert set(minutes[one].index) == {"rate"}
    assert set(minutes[none].index) == {""}
    assert not table.duplicated(["learner", "resource"]).any()
    assert table.groupby("learner").size().max() <= 12
    skills = {r.resource_id: set(r.skills) for r in school.space.catalogue().resources}
    assert all(skills[r] & set(RATE) for r in table.loc[table["course"] == "rate", "resource"])
    mine = table[table["learner"] == both]
    order = pd.Categorical(mine["course"], [c.class_id for c in courses])
    following = school.space.published([both], WEEK)[both].resources
    assert following == tuple(mine.assign(course=order).sort_values(["course", "position"])["resource"])
    assert school.well()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_course_that_needs_more_gets_more(school: School, tmp_path: Path) -> None:
    now = start_of(WEEK, "Europe/Paris") - timedelta(hours=2)
    catalogue = school.space.catalogue()
    easy = [r.resource_id for r in catalogue.resources if set(r.skills) & set(RATIO)]
    rows = [
        {"event_id": f"good-{i}", "learner": "new", "resource": easy[i % len(easy)], "score": 1.0}
        | {"time": (now + timedelta(minutes=i)).isoformat()}
        for i in range(60)
    ]
    school.space.add_events(school.checked(pd.DataFrame(rows)))
    school.roster = ["new"]
    courses = (Course("ratio", 100.0, RATIO), Course("rate", 100.0, RATE))
    table = run(
        school, tmp_path / "out", plan(school, minutes=100.0, courses=courses), {"new": ["ratio", "rate"]}
    )
    minutes = table.groupby("course")["minutes"].sum()
    assert minutes["rate"] > minutes["ratio"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_workers_and_order_of_classes_change_no_byte(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weekly, "BLOCK", 3)
    courses = (Course("ratio", 60.0, RATIO), Course("all", 60.0))
    asked = plan(school, minutes=80.0, courses=courses)
    one = run(school, tmp_path / "one", asked, {n: ["all", "ratio"] for n in school.roster})
    two = run(school, tmp_path / "two", asked, {n: ["ratio", "all"] for n in school.roster}, workers=2)
    pd.testing.assert_frame_equal(one, two)
    stored = school.count("playlists")
    run(school, tmp_path / "again", asked, {n: ["ratio", "all"] for n in school.roster})
    assert school.count("playlists") == stored == 2 * len(school.roster)
