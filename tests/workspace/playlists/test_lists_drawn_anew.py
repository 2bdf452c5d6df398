"""A list that is drawn anew stands from then on, and the tenth costs no more than the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from segue.engine.requests.request import Request
from segue.workspace.playlists import lists_given_again
from segue.workspace.playlists.answering import Ask
from segue.workspace.playlists.step_feedback import StepChange

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
School = Any  # the class in conftest.py


def test_the_tenth_list_drawn_anew_looks_at_as_little_as_the_second(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    name_it = lists_given_again.under_name

    def counted(*named: Any, **how: Any) -> Any:
        looked.append("a name")
        return name_it(*named, **how)

    monkeypatch.setattr(lists_given_again, "under_name", counted)

    def asked(minute: int, *, fresh: bool) -> tuple[str, int]:
        looked.clear()
        request = Request("pupil-001", MONDAY + timedelta(minutes=minute), k=3)
        given = school.space.recommend(request, ask=Ask(request_no=None, fresh=fresh))
        return given.playlist_id, len(looked)

    made = [asked(minute, fresh=True) for minute in range(10)]
    names = [name for name, _ in made]
    assert len(set(names)) == 10
    assert {count for _, count in made} == {1}
    assert [asked(20 + minute, fresh=False) for minute in range(2)] == [(names[9], 1)] * 2
    assert asked(4, fresh=True)[0] == names[4], "as of the same moment it is the same"


def test_a_list_that_a_teacher_has_acted_on_stands_over_a_changed_catalogue(school: School) -> None:
    def asked() -> Any:
        return school.space.recommend(Request("pupil-001", MONDAY, k=3), ask=Ask(request_no=None))

    first = asked()
    *others, last = [step.resource for step in first.playlist.steps]
    school.space.override(first.decision_ids[0], StepChange("approve", "t1"), now=MONDAY)
    school.space.change_resource(others[0], {"minutes": 41.0})
    assert asked().playlist_id == first.playlist_id
    school.space.retire_resource(last)
    stands = asked()
    assert [step.resource for step in stands.playlist.steps] == others
    assert (stands.playlist_id, len(stands.decision_ids)) == (first.playlist_id, 2)
    school.space.fit(now=MONDAY)
    assert asked().playlist_id != first.playlist_id
