"""Who was erased or opted out stays on the LMS's roster: the class goes on, and the learner reads why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segue.workspace.operations.integrity import canonical
from segue.workspace.workspace import Workspace

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
    drawn = press(monday, "draw").text
    assert "The lists are drawn" in drawn
    assert "Draw the lists" not in drawn, "those who have none can have none, and the teacher reads why"
    assert "who are out of profiling or were erased: student-3, student-4" in " ".join(drawn.split())
    assert len(call("/v1/learners/student-5/lists")["lists"]) == 1
    asked = {"learners": SIX, "week": "2026-W40", "by": "t1"}
    assert call("/v1/class-weeks/draw", asked) == {"done": 4, "declined": 0}
    assert call("/v1/class-weeks/draw", asked) == {"done": 0, "declined": 0}


@pytest.mark.usefixtures("gone")
def test_a_roster_says_how_many_of_it_are_stored(call: Call) -> None:
    whole = {"learners": [{"id": name} for name in SIX]}
    assert call("/v1/classes/7b/roster", whole, method="PUT") == {"members": 4}


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


@pytest.mark.usefixtures("gone")
def test_who_opted_out_has_the_list_that_everybody_has_whoever_looks(
    link: Link, browse: Browse, school: Path
) -> None:
    own = browse(link("learner", "student-4"))
    assert own.items
    before = stored(school)
    assert browse(link("parent", "student-4", roster=("student-4",))).items == own.items
    teacher = browse(link("teacher", "t1", class_id="7b"))
    about = browse(f"{str(teacher.url).rpartition('/')[0]}/learner?who=4")
    seen = next(address for address in about.links if address.endswith("/week"))
    assert browse(seen).items == own.items
    assert "This learner is out of profiling" in browse(seen).text
    assert stored(school) == before
    assert not browse(link("parent", "student-5", roster=("student-5",))).items, "nobody else's is drawn"
    assert "out of profiling" not in browse(link("learner", "student-5")).text


@pytest.mark.usefixtures("gone")
def test_who_asks_about_a_learner_who_is_gone_reads_that_nothing_is_kept(link: Link, browse: Browse) -> None:
    class_page = str(browse(link("teacher", "t1", class_id="7b")).url).rpartition("/")[0]
    for place, why in ((3, "was erased"), (4, "This learner is out of profiling")):
        about = browse(f"{class_page}/learner?who={place}").text
        assert why in about
        assert "0 tries" not in about
    assert "This rests on" in browse(f"{class_page}/learner?who=5").text
    child = str(browse(link("parent", "student-4", roster=("student-4",))).url).rpartition("/")[0]
    refused = browse(f"{child}/me")
    assert refused.response.status_code == 409
    assert "This learner is out of profiling" in refused.text


def test_nothing_is_stored_of_who_opted_out_at_whichever_door(
    link: Link, browse: Browse, call: Call, school: Path
) -> None:
    browse(link("learner", "student-4"))
    step = call("/v1/learners/student-4/lists")["lists"][0]["steps"][0]["decision_id"]
    name, one = "/v1/learners/student-4", {"by": "t1"}
    act = call(f"/v1/decisions/{step}/override", one | {"action": "pin"})["override_id"]
    call(f"{name}/statements", {"goal": {"skills": ["unit-rates"]}})
    own = [{"resource": "pizza-fairly"}]
    first = call(f"{name}/plans", {"steps": own})["statement_id"]
    review = call(f"/v1/plans/{first}/review", one | {"accept": True})["statement_id"]
    plan = call(f"{name}/plans", {"steps": own})["statement_id"]
    talk = call(f"{name}/requests", {"kind": "talk", "about": "unit-rates"})["statement_id"]
    contest = call(f"{name}/requests", {"kind": "contest", "about": "unit-rates"})["statement_id"]
    answer = call(f"/v1/requests/{contest}/answer", one | {"accept": True})["statement_id"]
    call(f"{name}/opt-out", {"opted_out": True}, method="PUT")
    before = stored(school)
    for path, more in (
        (f"/v1/overrides/{act}/undo", {}),
        (f"/v1/decisions/{step}/override", {"action": "remove"}),
        (f"/v1/plans/{plan}/review", {"accept": True}),
        (f"/v1/plans/{plan}/review", {"accept": False}),
        (f"/v1/reviews/{review}/undo", {}),
        (f"/v1/requests/{talk}/answer", {"accept": True}),
        (f"/v1/answers/{answer}/undo", {}),
    ):
        assert call(path, one | more, status=409)["error"]["code"] == "opted_out", path
    assert stored(school) == before
    assert call(f"{name}/statements")["goal"] is None


def stored(school: Path) -> list[str]:
    with Workspace.open(school, environment={}) as space:
        return list(canonical(space))
