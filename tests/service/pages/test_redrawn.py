"""A list that is drawn anew within its week: what was done stays done, and what a teacher put in stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from segue import sample
from segue.features.iso_weeks import week_of
from segue.workspace.workspace import Workspace

Call, Link, Browse, Press = (Callable[..., Any],) * 4
WHO = "student-3"
SURFACES = ("weekly", "lti")


@pytest.fixture
def begun(call: Call, link: Link, browse: Browse, press: Press) -> Any:
    """A learner's week: two steps are done, and a teacher has swapped another."""
    week = browse(link("learner", WHO))
    for n in range(2):
        week = press(week, "done", where={"step": ids(call)[n]})
    taken = {step["resource"] for step in in_force(call)}
    new = next(r.resource_id for r in sample.load().resources if r.resource_id not in taken)
    call(f"/v1/decisions/{ids(call)[3]}/override", {"action": "swap", "by": "t1", "resource": new})
    return browse(week_page(week))


def week_page(page: Any) -> str:
    return str(page.url).rpartition("/")[0] + "/week"


def in_force(call: Call) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = call(f"/v1/learners/{WHO}/lists")["lists"][0]["steps"]
    return steps


def ids(call: Call) -> list[str]:
    return [step["decision_id"] for step in in_force(call)]


def counted(school: Path) -> tuple[int, int]:
    """What the gradebook would be told of this week: done, of."""
    now = datetime.now(UTC)
    with Workspace.open(school, environment={}) as space:
        week = week_of(now, space.time_zone)
        found = space.published([WHO], week, surfaces=SURFACES, now=now)[WHO]
    return len(found.done), len(found.resources)


def test_i_know_this_keeps_what_is_done_and_what_the_teacher_put_in(
    begun: Any, call: Call, browse: Browse, press: Press, *, school: Path, link: Link
) -> None:
    done = [item for item in begun.items if item.endswith(", done")]
    (swapped,) = (step["resource"] for step in in_force(call) if step["state"] == "swapped")
    assert counted(school) == (2, 6)
    asked = press(begun, "know", where={"step": ids(call)[4]})
    assert "Your list is drawn anew" in asked.text
    week = browse(week_page(asked))
    assert [item for item in week.items if item.endswith(", done")] == done
    assert "2 of 6 done" in week.text
    assert swapped in {step["resource"] for step in in_force(call)}
    assert counted(school) == (2, 6)
    monday = str(browse(link("teacher", "t1", class_id="7b")).url).rpartition("/")[0] + "/monday"
    assert set(week.items) <= set(browse(monday).items), "the teacher sees the same steps"
    press(asked, "undo")
    assert browse(week_page(asked)).items == begun.items


def test_an_undone_swap_is_undone_in_the_list_drawn_since(
    begun: Any, call: Call, browse: Browse, press: Press, *, school: Path
) -> None:
    step = next(step for step in in_force(call) if step["state"] == "swapped")
    asked = press(begun, "know", where={"step": ids(call)[4]})
    (stays,) = (s for s in in_force(call) if s["resource"] == step["resource"])
    assert stays["state"] == "pinned"
    others = {s["resource"] for s in in_force(call)} - {step["resource"]}
    assert step["instead_of"] not in others
    call(f"/v1/overrides/{step['override_id']}/undo", {"by": "t1"})
    back = next(s for s in in_force(call) if s["decision_id"] == stays["decision_id"])
    assert (back["resource"], back["state"]) == (step["instead_of"], "open")
    assert {s["resource"] for s in in_force(call)} == others | {step["instead_of"]}
    week = browse(week_page(asked))
    assert not any(item.startswith(step["title"]) for item in week.items)
    assert any(item.startswith(back["title"]) for item in week.items)
    assert counted(school) == (2, 6)
    done = press(week, "done", where={"step": back["decision_id"]})
    assert "3 of 6 done" in done.text
    assert counted(school) == (3, 6)


def test_what_was_done_before_its_swap_was_undone_stays_done(
    begun: Any, call: Call, browse: Browse, press: Press
) -> None:
    step = next(step for step in in_force(call) if step["state"] == "swapped")
    week = browse(week_page(press(begun, "know", where={"step": ids(call)[4]})))
    (stays,) = (s for s in in_force(call) if s["resource"] == step["resource"])
    press(week, "done", where={"step": stays["decision_id"]})
    call(f"/v1/overrides/{step['override_id']}/undo", {"by": "t1"})
    assert "3 of 6 done" in browse(week_page(week)).text
    assert step["resource"] in {s["resource"] for s in in_force(call) if s["state"] == "done"}


def test_an_approved_plan_takes_nothing_from_what_was_done(begun: Any, call: Call, browse: Browse) -> None:
    done = [item for item in begun.items if item.endswith(", done")]
    plan = {"steps": [{"resource": "rate-race"}], "now": datetime.now(UTC).isoformat()}
    made = call(f"/v1/learners/{WHO}/plans", plan)["statement_id"]
    call(f"/v1/plans/{made}/review", {"by": "t1", "accept": True})
    items = browse(week_page(begun)).items
    assert items[:2] == done
    assert len(items) == 3


def test_a_preview_shows_what_is_still_to_do(begun: Any, call: Call, browse: Browse, press: Press) -> None:
    me = browse(week_page(begun).replace("/week", "/me"))
    shown = press(me, "preview", where={"kind": "goal"}, skill="unit-rates")
    saved = press(shown, "save")
    assert "2 of 6 done" in browse(week_page(saved)).text
    done = {item.rpartition(", ")[0] for item in begun.items if item.endswith(", done")}
    assert not any(title in shown.text for title in done)
