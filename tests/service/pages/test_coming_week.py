"""The list of a coming week is looked at as of its beginning, whoever changes it and by whichever door."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from segue.features.iso_weeks import start_of, week_of

Call, Link, Browse, Press = (Callable[..., Any],) * 4
WHO = "student-3"
NEXT = week_of(datetime.now(UTC) + timedelta(days=7), "UTC")
MONDAY = start_of(NEXT, "UTC")
OPENS, CLOSES = "rate-race", "team-colours"


@pytest.fixture
def steps(call: Call) -> list[dict[str, Any]]:
    """Next week's list of one learner; one resource opens with that week, another closes before it."""
    call(f"/v1/resources/{OPENS}", {"available_from": MONDAY.isoformat()}, method="PATCH")
    before = MONDAY - timedelta(seconds=1)
    assert before > datetime.now(UTC)
    call(f"/v1/resources/{CLOSES}", {"available_until": before.isoformat()}, method="PATCH")
    call("/v1/class-weeks/draw", {"learners": [WHO], "week": NEXT, "by": "t1"})
    return next_week(call)


def next_week(call: Call) -> list[dict[str, Any]]:
    (found,) = call(f"/v1/learners/{WHO}/lists?week={NEXT}")["lists"]
    steps: list[dict[str, Any]] = found["steps"]
    return steps


@pytest.mark.parametrize("action", ["swap", "pin"])
def test_what_opens_with_the_week_can_be_put_in_and_what_closes_before_cannot(
    call: Call, steps: list[dict[str, Any]], action: str
) -> None:
    taken = {step["resource"] for step in steps}
    assert CLOSES not in taken
    free = [step["decision_id"] for step in steps if step["resource"] != OPENS]
    if OPENS not in taken:
        call(f"/v1/decisions/{free[0]}/override", {"action": action, "by": "t1", "resource": OPENS})
        assert next_week(call)[0]["resource"] == OPENS
        assert next_week(call)[0]["state"] == {"swap": "swapped", "pin": "pinned"}[action]
    refused = {"action": action, "by": "t1", "resource": CLOSES}
    call(f"/v1/decisions/{free[-1]}/override", refused, status=422)
    done = call("/v1/class-weeks/must-do", {"learners": [WHO], "week": NEXT, "by": "t1", "resource": CLOSES})
    assert done == {"done": 0, "declined": 1, "without": [WHO]}


def test_the_teachers_page_offers_what_is_open_in_that_week(
    steps: list[dict[str, Any]], link: Link, browse: Browse
) -> None:
    base = str(browse(link("teacher", "t1", class_id="7b")).url).rpartition("/")[0]
    monday = browse(f"{base}/monday?week={NEXT}").text
    assert f'<option value="{OPENS}">' in monday
    assert f'<option value="{CLOSES}">' not in monday
    step = steps[-1]["decision_id"]
    assert "is not open now" in browse(f"{base}/swap?step={step}&week={NEXT}&wanted={CLOSES}").text
    assert "is not open now" not in browse(f"{base}/swap?step={step}&week={NEXT}&wanted={OPENS}").text


def test_what_will_have_closed_by_then_is_left_out_at_once(call: Call, steps: list[dict[str, Any]]) -> None:
    gone = steps[0]["resource"]
    until = {"available_until": (MONDAY - timedelta(seconds=1)).isoformat()}
    call(f"/v1/resources/{gone}", until, method="PATCH")
    assert next_week(call)[0]["left_out"] == "closed"


def test_a_step_that_is_done_before_its_week_begins_is_done(call: Call, steps: list[dict[str, Any]]) -> None:
    said, tried, *_ = steps
    call(f"/v1/decisions/{said['decision_id']}/done", {})
    event = {"id": "early", "learner": WHO, "resource": tried["resource"], "score": 1.0}
    event |= {"time": datetime.now(UTC).isoformat(), "step": tried["decision_id"]}
    call("/v1/events", {"events": [event]})
    assert [step["state"] for step in next_week(call)][:3] == ["done", "done", "open"]
    call(f"/v1/decisions/{said['decision_id']}/take-back", {"said": "completion"})
    assert [step["state"] for step in next_week(call)][:3] == ["open", "done", "open"]
