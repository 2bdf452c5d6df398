"""What people say happened when they said it: not in the year 2190, by no call that takes a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from segue.features.iso_weeks import week_of

Call = Callable[..., Any]
LATE = "2190-01-01T00:00:00Z"
STEP, ME = "/v1/decisions/{step}", "/v1/learners/student-3"
SAID: list[tuple[str, dict[str, Any]]] = [
    (f"{STEP}/done", {"time": LATE}),
    (f"{STEP}/rating", {"rating": 1.0, "time": LATE}),
    (f"{STEP}/another", {"time": LATE}),
    (f"{STEP}/choice", {"resource": "rate-race", "time": LATE}),
    (f"{STEP}/take-back", {"said": "rating", "time": LATE}),
    (f"{STEP}/override", {"action": "remove", "by": "t1", "time": LATE}),
    ("/v1/overrides/none/undo", {"by": "t1", "time": LATE}),
    (f"{ME}/statements", {"claim": {"skill": "unit-rates", "says": "know"}, "now": LATE}),
    (f"{ME}/plans", {"steps": [{"resource": "rate-race"}], "now": LATE}),
    (f"{ME}/requests", {"kind": "talk", "about": "unit-rates", "now": LATE}),
    ("/v1/class-weeks/approve", {"learners": ["student-3"], "week": "2026-W48", "by": "t1", "now": LATE}),
    ("/v1/classes/7b/feedback", {"learners": ["student-3"], "by": "t1", "now": LATE}),
    ("/v1/policy", {"version": "none", "by": "t1", "now": LATE}),
]


@pytest.mark.parametrize(("path", "body"), SAID, ids=[path.rpartition("/")[2] for path, _ in SAID])
def test_what_is_dated_in_the_future_is_refused_in_a_sentence_and_not_kept(
    call: Call, client: httpx.Client, headers: Any, path: str, body: dict[str, Any]
) -> None:
    (step,) = call("/v1/recommend", {"learner": "student-3", "k": 1})["steps"]
    before = call(f"{ME}/export")
    method = "PUT" if path == "/v1/policy" else "POST"
    path = path.format(step=step["decision_id"])
    found = client.request(method, path, json=body, headers=headers("admin"))
    assert found.status_code == 422, found.text
    assert "lies in the future" in found.json()["error"]["message"]
    assert call(f"{ME}/export") == before


def test_a_swap_puts_something_else_in(call: Call) -> None:
    (step,) = call("/v1/recommend", {"learner": "student-3", "k": 1})["steps"]
    change = {"action": "swap", "by": "t1", "resource": step["resource"]}
    refused = call(f"/v1/decisions/{step['decision_id']}/override", change, status=422)
    assert "stands here already" in refused["error"]["message"]
    call(f"/v1/decisions/{step['decision_id']}/override", change | {"action": "pin"})


def test_what_cannot_be_obeyed_is_refused_or_said(call: Call) -> None:
    twice = {"learners": [{"id": "ada"}, {"id": "ada", "role": "teacher"}]}
    assert (
        "stands here twice"
        in call("/v1/classes/x/roster", twice, method="PUT", status=422)["error"]["message"]
    )
    call(f"{ME}/lists?week=2026-W60", status=422)
    call("/v1/resources/new", {"difficulty": 1e300}, method="PUT", status=422)
    made = call("/v1/resources/new", {"skills": ["unit-rates", "unit-rates"]}, method="PUT")
    assert made["skills"] == ["unit-rates"]
    asked = {"learner": "student-3", "k": 2, "interests": ["sports", "nothing-of-ours"]}
    assert "no tag 'nothing-of-ours'" in " ".join(call("/v1/recommend", asked)["notes"])
    assert not call("/v1/recommend", {"learner": "student-3", "k": 2, "interests": ["sports"]})["notes"]


def test_why_not_knows_the_list_of_the_week(call: Call) -> None:
    week = week_of(datetime.now(UTC), "UTC")
    call("/v1/class-weeks/draw", {"learners": ["student-3"], "week": week, "by": "t1"})
    (found,) = call(f"{ME}/lists")["lists"]
    wanted = found["steps"][0]["resource"]
    assert call("/v1/recommend", {"learner": "student-3", "mode": "next"})["steps"][0]["resource"] != wanted
    asked = {"resource": wanted, "mode": "next", "k": 1}
    assert call(f"{ME}/why-not", asked)["rules"] == ["planned"]
