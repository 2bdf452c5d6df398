"""A learner of one course is not given another's work, by whichever door the list is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd

from segue.batch.from_workspace import weekly
from segue.batch.plan import Course, WeeklyPlan
from segue.engine.requests.request import Request
from segue.experiments.evaluation.logs.shadow_log import shadow_frame
from segue.features.events.event_records import check, identify
from segue.features.events.file_readers import read_catalogue
from segue.workspace.playlists.answering import Ask
from segue.workspace.records.rosters.enrolments import Enrolment, add_enrolments, unknown_courses
from tests.school import MONDAY, School

NEW = ("ada", "ben", "cleo", "dan")  # whose events name no class
ANEW = Ask(surface="service", request_no=None)


def split(school: School) -> dict[str, tuple[str, ...]]:
    """Give every third resource to arts, every third to maths; return the courses of each."""
    catalogue = school.space.catalogue()
    whose = ((), ("arts",), ("maths",))
    changed = [replace(r, courses=whose[i % 3]) for i, r in enumerate(catalogue.resources)]
    school.space.set_catalogue(replace(catalogue, resources=tuple(changed)))
    return {r.resource_id: r.courses for r in changed}


def enrol(school: School, *rows: Enrolment) -> None:
    with school.space.store.write() as connection:
        add_enrolments(connection, school.space.keyring, rows)


def courses_in(school: School, who: str, of: dict[str, tuple[str, ...]], **more: object) -> set[str]:
    request = replace(Request(who, MONDAY, k=20, fill=True), **more)  # type: ignore[arg-type]
    found = school.space.recommend(request, ask=ANEW)
    return {course for step in found.playlist.steps for course in of[step.resource]}


def test_rosters_say_which_courses_a_learner_takes(school: School) -> None:
    of, (one, two, three, four) = split(school), NEW
    assert courses_in(school, one, of) == {"arts", "maths"}  # nothing is known: no limit
    enrol(
        school,
        Enrolment(one, "maths"),
        Enrolment(two, "maths"),
        Enrolment(two, "arts", ends=MONDAY - timedelta(1)),
        Enrolment(three, "another"),
        Enrolment(four, "arts", role="teacher"),
    )
    assert courses_in(school, one, of) == {"maths"}  # a new list, though nothing was learnt since
    assert courses_in(school, two, of) == {"maths"}
    assert courses_in(school, three, of) == set()
    assert courses_in(school, four, of) == {"arts", "maths"}
    assert courses_in(school, one, of, courses=("arts",)) == {"arts"}  # what the request says counts
    pinned = next(name for name, courses in of.items() if courses == ("arts",))
    assert "arts" in courses_in(school, one, of, pins=(pinned,))
    asking = school.space.asking([one, "nobody"], now=MONDAY)[1]
    assert (asking[one].said.courses, asking["nobody"].said.courses) == (("maths",), None)
    found = school.space.recommend(Request(one, MONDAY, k=3, candidates=(pinned,)), ask=ANEW).playlist
    assert found.notes == ("no step is possible: course left no candidate",)
    near = school.space.alternatives(one, found, now=MONDAY)
    assert {course for name, _ in near for course in of[name]} == {"maths"}


def test_without_a_roster_the_classes_of_the_events_do(school: School) -> None:
    of, who = split(school), school.roster[0]
    row = {"learner": who, "resource": next(iter(of)), "score": 1.0, "time": MONDAY, "class_id": "arts"}
    school.space.add_events(identify(check(pd.DataFrame([row]), [1], resources=of).events))
    assert courses_in(school, who, of) == {"arts"}


def test_the_week_obeys(school: School, tmp_path: Path) -> None:
    of, (one, two, three) = split(school), NEW[:3]
    enrol(school, Enrolment(one, "maths"), Enrolment(two, "maths"))

    def given(plan: WeeklyPlan, out: str, **more: object) -> dict[str, set[str]]:
        weekly(school.space, plan, tmp_path / out, roster=[one, two, three], workers=1, **more)  # type: ignore[arg-type]
        rows = pd.read_csv(tmp_path / out / "playlists.csv")
        return {who: {c for r in mine for c in of[r]} for who, mine in rows.groupby("learner")["resource"]}

    plan = WeeklyPlan("2026-W48", MONDAY, "seed", 20)
    both = {"arts", "maths"}
    assert given(plan, "out") == {one: {"maths"}, two: {"maths"}, three: both}
    classes = {two: ["arts"], three: ["arts", "maths"]}  # a roster given counts, where it names classes
    assert given(plan, "out", classes=classes) == {one: {"maths"}, two: {"arts"}, three: both}
    champion = school.space.known([])[0].recommender
    shadow = shadow_frame(school.space, champion, questions=[Request("", MONDAY, k=20)])
    assert len(shadow) == len(shadow.dropna(subset="target")) > 20  # each list is known again by its question
    shared = replace(plan, courses=(Course("arts", 60.0), Course("maths", 60.0)))
    weekly(school.space, shared, tmp_path / "shared", roster=[three], classes=classes, workers=1)
    rows = pd.read_csv(tmp_path / "shared" / "playlists.csv")
    assert set(rows["course"]) == both
    assert all(of[r] in ((), (course,)) for r, course in zip(rows["resource"], rows["course"], strict=True))


def test_a_course_that_is_no_class_is_said(school: School) -> None:
    with school.space.store.read() as connection:
        assert unknown_courses(connection, school.space.keyring, ["arts"]) == ["arts"]
    enrol(school, Enrolment("ada", "arts"))
    with school.space.store.read() as connection:
        assert unknown_courses(connection, school.space.keyring, ["arts", "maths"]) == ["maths"]


def test_a_file_names_courses(tmp_path: Path) -> None:
    path = tmp_path / "resources.csv"
    path.write_text("id,Course\na,arts\nb,\nb,maths\nb,arts;maths\n", "utf-8")
    read = read_catalogue(path, names={path: {"id": "resource_id"}})
    assert {r.resource_id: r.courses for r in read.catalogue.resources} == {
        "a": ("arts",),
        "b": ("maths", "arts"),
    }
    assert read.dropped == ()
