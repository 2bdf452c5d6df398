"""Who was erased or opted out stays on the LMS's roster: the class goes on, and the learner reads why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Link, Browse, Press, Call = (Callable[..., Any],) * 4
SIX = [f"student-{n}" for n in range(6)]


@pytest.fixture
def gone(call: Call) -> None:
    call("/v1/learners/student-3", method="DELETE")
    call("/v1/learners/student-4/opt-out", {"opted_out": True}, method="PUT")


@pytest.mark.usefixtures("gone")
def test_a_class_with_one_who_was_erased_has_its_lists_drawn(
    link: Link, browse: Browse, press: Press, call: Call
) -> None:
    teacher = browse(link("teacher", "t1", class_id="7b"))
    monday = browse(f"{str(teacher.url).rpartition('/')[0]}/monday")
    assert "The lists are drawn" in press(monday, "draw").text
    assert len(call("/v1/learners/student-5/lists")["lists"]) == 1
    asked = {"learners": SIX, "week": "2026-W40", "by": "t1"}
    assert call("/v1/class-weeks/draw", asked) == {"done": 4, "declined": 0}
    assert call("/v1/class-weeks/draw", asked) == {"done": 0, "declined": 0}


@pytest.mark.usefixtures("gone")
def test_feedback_is_not_due_for_whom_it_cannot_be_kept(call: Call) -> None:
    due = call("/v1/classes/7b/feedback-due", {"learners": SIX})["due"]
    assert {one["learner"] for one in due} == {*SIX} - {"student-3", "student-4"}
    assert call("/v1/classes/7b/feedback", {"learners": SIX, "by": "t1"}) == {"kept": 4}
    assert not call("/v1/classes/7b/feedback-due", {"learners": SIX})["due"]


def test_who_was_erased_reads_so_on_an_open_page(link: Link, browse: Browse, call: Call) -> None:
    week = browse(link("learner", "student-3"))
    call("/v1/learners/student-3", method="DELETE")
    for name in ("week", "print"):
        page = browse(f"{str(week.url).rpartition('/')[0]}/{name}")
        assert page.response.status_code == 409
        assert "Ask your teacher what to do next" in page.text
