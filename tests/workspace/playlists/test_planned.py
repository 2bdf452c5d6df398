"""One next step beside the list of the week: what stands there is not drawn a second time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from segue.engine.requests.request import Request
from segue.workspace.playlists.answering import Ask
from segue.workspace.playlists.step_feedback import StepChange

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
PUPIL = "pupil-001"
School = Any  # the class in conftest.py


def weekly(school: School, k: int = 6) -> list[Any]:
    """Draw the list of the week and return its steps."""
    given = school.space.recommend(Request(PUPIL, MONDAY, k=k), ask=Ask(surface="weekly"))
    found = next(one for one in school.space.lists(PUPIL, now=MONDAY) if one.id == given.playlist_id)
    return list(found.steps)


def planned(school: School, k: int = 1) -> set[str]:
    """Return what the request would leave out."""
    return set(school.space.asking([PUPIL], now=MONDAY, k=k)[1][PUPIL].record.planned)


def next_steps(school: School, **changes: Any) -> set[str]:
    request = replace(Request(PUPIL, MONDAY, k=1), **changes)
    asks = [Ask(request_no=n) for n in range(12)]
    return {school.space.recommend(request, ask=ask).playlist.steps[0].resource for ask in asks}


def test_a_next_step_is_none_that_stands_in_the_list_of_the_week(school: School) -> None:
    before = next_steps(school)
    standing = {step.resource for step in weekly(school)}
    assert before & standing  # drawn alone they would come
    assert not next_steps(school) & standing
    assert planned(school) == standing
    assert planned(school, k=3) == set()
    champion, asked = school.space.asking([PUPIL], now=MONDAY, k=1)
    found = asked[PUPIL].why_not(champion.recommender, min(standing))
    assert "planned" in found.rules


def test_it_comes_all_the_same_where_nothing_else_is_left(school: School) -> None:
    (first, *_) = weekly(school)
    assert next_steps(school, candidates=(first.resource,)) == {first.resource}


def test_what_a_teacher_put_in_is_planned_and_what_is_of_another_week_is_not(school: School) -> None:
    first, *others = weekly(school)
    standing = {first.resource, *(step.resource for step in others)}
    other = min(next_steps(school) - standing)
    school.space.override(first.decision_id, StepChange("swap", "t1", "too_hard", other), now=MONDAY)
    assert planned(school) == {*standing, other}
    assert other not in next_steps(school)
    later = school.space.asking([PUPIL], now=MONDAY + timedelta(7), k=1)[1][PUPIL]
    assert not later.record.planned
