"""What teachers do with a step holds at once and everywhere, until it is undone or ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from segue.engine.explanations.own_plan import PlanStep
from segue.engine.requests.request import Request
from segue.features.catalogue import Catalogue
from segue.features.iso_weeks import week_of
from segue.workspace.dialogue.own_plans import plans_of, propose_plan
from segue.workspace.operations import integrity as doctor
from segue.workspace.playlists.answering import Ask
from segue.workspace.playlists.published_playlists import ShownList
from segue.workspace.playlists.step_feedback import NOTHING_PUT_IN, StepChange
from segue.workspace.privacy import learner_rights as privacy
from segue.workspace.reports.frames import decision_frame
from segue.workspace.storage import schema
from segue.workspace.storage.errors import DeclinedError

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
PUPIL, WEEK = "pupil-001", "2026-W48"
School = Any  # the class in conftest.py


def drawn(school: School, *, now: datetime = MONDAY, k: int = 5, request_no: int = 0) -> ShownList:
    ask = Ask(surface="weekly", week=WEEK, request_no=request_no)
    given = school.space.recommend(Request(PUPIL, now, k=k), ask=ask)
    return next(one for one in listed(school, now) if one.id == given.playlist_id)


def listed(school: School, now: datetime = MONDAY) -> list[ShownList]:
    found: list[ShownList] = school.space.lists(PUPIL, now=now)
    return found


def shown(school: School) -> tuple[str, ...]:
    found: tuple[str, ...] = school.space.published([PUPIL], WEEK)[PUPIL].resources
    return found


def test_a_removed_step_is_gone_everywhere_and_comes_back_when_undone(school: School) -> None:
    step = drawn(school).steps[1]
    act, new = school.space.override(step.decision_id, StepChange("remove", "t1", "too_hard"), now=MONDAY)
    assert new
    assert step.resource not in shown(school)
    (current,) = [one for one in listed(school) if one.current]
    assert [s.state for s in current.steps].count("removed") == 1
    assert step.resource not in [s.resource for s in current.todo]
    champion, asking = school.space.asking([PUPIL], now=MONDAY)
    assert asking[PUPIL].why_not(champion.recommender, step.resource).rules
    seen = champion.recommender.recommend(asking[PUPIL].said, rng=np.random.default_rng(0))
    near = school.space.alternatives(PUPIL, seen, now=MONDAY)
    assert step.resource not in {*(s.resource for s in seen.steps), *(name for name, _ in near)}
    later = [drawn(school, now=MONDAY + timedelta(hours=n), k=10, request_no=n) for n in range(1, 9)]
    assert step.resource not in {s.resource for one in later for s in one.steps}
    assert school.space.undo_override(act, by="t2", now=MONDAY)
    assert not school.space.undo_override(act, by="t2", now=MONDAY)
    first = next(one for one in listed(school) if one.steps[1].decision_id == step.decision_id)
    assert first.steps[1].state == "open"
    (record,) = school.space.overrides(PUPIL)
    assert record.teacher == school.space.pseudonym_of_teacher("t1")
    assert record.undone_by == school.space.pseudonym_of_teacher("t2")
    assert "t1" not in record.teacher


def test_a_removal_ends_when_it_was_told_to(school: School) -> None:
    step = drawn(school).steps[0]
    until = MONDAY + timedelta(days=1)
    school.space.override(step.decision_id, StepChange("remove", "t1", until=until), now=MONDAY)
    request = Request(PUPIL, MONDAY, candidates=(step.resource,), k=1, fill=True)
    assert not school.space.recommend(request).playlist.steps
    again = school.space.recommend(replace(request, now=until)).playlist
    assert [s.resource for s in again.steps] == [step.resource]
    with pytest.raises(DeclinedError, match="must lie ahead"):
        school.space.override(step.decision_id, StepChange("pin", "t1", until=MONDAY), now=MONDAY)


def test_a_swap_shows_the_other_resource_and_estimation_leaves_it_out(school: School) -> None:
    before = drawn(school)
    step = before.steps[2]
    inside = {s.resource for s in before.steps}
    other = next(r.resource_id for r in school.space.catalogue().resources if r.resource_id not in inside)
    school.space.override(step.decision_id, StepChange("swap", "t1", resource=other), now=MONDAY)
    _, after = school.space.decision(step.decision_id, now=MONDAY)
    assert (after.state, after.resource, after.instead_of) == ("swapped", other, step.resource)
    assert "teacher" in after.why
    assert shown(school)[2] == other
    with school.space.store.read() as connection:
        frame = decision_frame(connection).set_index("decision_id")
    assert frame["overridden"].sum() == 1
    assert frame.loc[step.decision_id, "overridden"]
    school.space.learn(now=MONDAY + timedelta(days=40))
    with school.space.store.read() as connection:
        query = select(schema.rewards.c.status).where(schema.rewards.c.decision_id == step.decision_id)
        assert connection.execute(query).scalars().all() == ["overridden"]
    assert school.well()


def test_a_pinned_step_stands_in_the_next_list_too(school: School) -> None:
    step = drawn(school).steps[4]
    school.space.override(step.decision_id, StepChange("pin", "t1"), now=MONDAY)
    again = drawn(school, now=MONDAY + timedelta(hours=3), request_no=5)
    assert again.steps[0].resource == step.resource
    assert again.steps[0].state == "pinned"
    assert not school.space.published(["nobody"], WEEK)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_same_said_again_is_kept_once_and_another_end_is_not_lost(school: School) -> None:
    step = drawn(school).steps[0]
    pin = StepChange("pin", "t1")
    act, _ = school.space.override(step.decision_id, pin, now=MONDAY)
    assert school.space.override(step.decision_id, pin, now=MONDAY) == (act, False)
    school.space.undo_override(act, by="t1", now=MONDAY)
    first, later = (StepChange("remove", "t1", until=MONDAY + timedelta(days=n)) for n in (1, 3))
    for change in (first, later):
        assert school.space.override(step.decision_id, change, now=MONDAY)[1]
    request = Request(PUPIL, MONDAY + timedelta(days=2), candidates=(step.resource,), k=1, fill=True)
    assert not school.space.recommend(request).playlist.steps


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_puts_nothing_in_takes_no_resource(school: School) -> None:
    found = drawn(school)
    for action in NOTHING_PUT_IN:
        change = StepChange(action, "t1", resource=found.steps[2].resource)
        with pytest.raises(DeclinedError, match="puts nothing in"):
            school.space.override(found.steps[0].decision_id, change, now=MONDAY)
    assert listed(school)[0].steps[0].state == "open"


def test_a_second_teacher_does_not_silently_replace_the_first(school: School) -> None:
    step = drawn(school).steps[0]
    remove = StepChange("remove", "t1", "done_in_class")
    act, _ = school.space.override(step.decision_id, remove, now=MONDAY)
    assert school.space.override(step.decision_id, remove, now=MONDAY) == (act, False)
    with pytest.raises(DeclinedError, match="another teacher removed this step") as caught:
        school.space.override(step.decision_id, StepChange("approve", "t2"), now=MONDAY)
    assert (caught.value.kind, caught.value.code) == ("conflict", "overridden")
    school.space.undo_override(act, by="t2", now=MONDAY)
    school.space.override(step.decision_id, StepChange("approve", "t2"), now=MONDAY)
    assert listed(school)[0].steps[0].approved
    with school.space.store.read() as connection:
        assert not decision_frame(connection)["overridden"].any()  # approved is still the engine's choice


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_swap_that_cannot_be_is_refused_in_a_sentence(school: School) -> None:
    found = drawn(school)
    step, other = found.steps[0], found.steps[1]
    school.space.override(other.decision_id, StepChange("remove", "t1"), now=MONDAY)

    def refused(match: str, resource: str | None) -> None:
        with pytest.raises(DeclinedError, match=match):
            school.space.override(step.decision_id, StepChange("swap", "t1", resource=resource), now=MONDAY)

    refused("needs the resource", None)
    refused("unknown resource", "no-such-thing")
    refused("in this list already", found.steps[2].resource)
    refused("taken out for this learner", other.resource)
    catalogue = school.space.catalogue()
    named = {s.resource for s in found.steps}
    last = next(r for r in catalogue.resources if r.resource_id not in named)
    closed = replace(last, available_until=MONDAY - timedelta(days=1))
    edges = [tuple(catalogue.skills[i].skill_id for i in pair) for pair in catalogue.prerequisites]
    changed = Catalogue.build(
        [closed if r is last else r for r in catalogue.resources], list(catalogue.skills), edges
    )
    school.space.set_catalogue(changed)
    refused("not open at the time", last.resource_id)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_acts_go_with_the_learner(school: School) -> None:
    step = drawn(school).steps[0]
    school.space.override(step.decision_id, StepChange("remove", "t1"), now=MONDAY)
    kept = privacy.export(school.space, PUPIL)
    assert [act["action"] for act in kept["overrides"]] == ["remove"]
    assert "teacher" not in kept["overrides"][0]
    assert privacy.erase(school.space, PUPIL, now=MONDAY).rows["overrides"] == 1
    assert school.count("overrides") == 0
    assert all(finding.well for finding in doctor.examine(school.space))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_interest_stated_later_takes_the_place_of_the_first(school: School) -> None:
    def stated() -> set[str]:
        found = school.space.profile(PUPIL, now=MONDAY)
        return {line.tag for line in found.interests if line.stated}

    school.space.set_interests(PUPIL, ["sports", "music"], now=MONDAY)
    assert stated() == {"sports", "music"}
    school.space.set_interests(PUPIL, [], now=MONDAY + timedelta(minutes=1))
    assert stated() == set()
    with pytest.raises(DeclinedError, match="no tag 'unicorns'"):
        school.space.set_interests(PUPIL, ["unicorns"], now=MONDAY)


def test_the_week_of_the_lists(school: School) -> None:
    drawn(school)
    assert {one.week for one in listed(school)} == {week_of(MONDAY, school.space.time_zone)}
    assert school.space.lists(PUPIL, now=MONDAY, week="2026-W40") == []
    assert school.space.lists("a stranger", now=MONDAY) == []


def test_a_plan_of_ones_own_is_checked_against_what_a_teacher_took_out(school: School) -> None:
    first, second = drawn(school).steps[:2]

    def kinds(*resources: str) -> set[tuple[str, str]]:
        propose_plan(school.space, PUPIL, [PlanStep(one) for one in resources], now=MONDAY)
        (plan,) = plans_of(school.space, [PUPIL], now=MONDAY)
        return {(plan.steps[found.step].resource, found.kind) for found in plan.check.blocked}

    assert kinds(first.resource, second.resource) == set()
    school.space.override(first.decision_id, StepChange("remove", "t1", "too_hard"), now=MONDAY)
    assert {resource for resource, _ in kinds(first.resource, second.resource)} == {first.resource}
    assert {resource for resource, _ in kinds(first.resource)} == {first.resource}
