"""What learners say and teachers answer, by HTTP: kept once, in force at once, taken back to the byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from segue import sample
from segue.features.iso_weeks import week_of
from segue.service.http.said import statement_bodies as said

Headers = Callable[[str], dict[str, str]]
Call = Callable[..., Any]
ME = "/v1/learners/student-3"


@pytest.fixture
def call(client: httpx.Client, headers: Headers) -> Call:
    """Return a function that calls with the key of a scope, and returns the JSON of an answer 200."""

    def called(
        path: str, body: dict[str, Any] | None = None, *, scope: str = "backend", status: int = 200
    ) -> Any:
        method = "GET" if body is None else "POST"
        found = client.request(method, path, json=body, headers=headers(scope))
        assert found.status_code == status, found.text
        return found.json()

    return called


def listed(call: Call) -> list[dict[str, Any]]:
    """Return the lists that count, as the page and every export read them."""
    return [one for one in call(f"{ME}/lists")["lists"] if one["current"]]


def test_a_goal_is_previewed_kept_once_in_force_and_taken_back_to_the_byte(call: Call) -> None:
    call("/v1/recommend", {"learner": "student-3", "k": 6})
    before = listed(call)
    goal = {"goal": {"skills": ["unit-rates"], "due": "2030-06-30T00:00:00Z"}}
    seen = said.PreviewAnswer.model_validate(call(f"{ME}/statements/preview", goal))
    assert listed(call) == before, "a preview stores nothing"
    kept = call(f"{ME}/statements", goal | {"now": seen.now})
    assert kept["playlist_id"] == seen.playlist_id
    assert call(f"{ME}/statements", goal | {"now": seen.now}) == kept
    weekly = [one for one in listed(call) if one["surface"] == "weekly"]
    assert [step["resource"] for step in weekly[0]["steps"]] == seen.after
    standing = said.StandingAnswer.model_validate(call(f"{ME}/statements"))
    assert standing.goal
    assert (standing.goal.skills, standing.last) == (["unit-rates"], kept["statement_id"])
    call(f"{ME}/statements/{kept['statement_id']}/undo", {})
    assert listed(call) == before
    assert call(f"{ME}/statements")["goal"] is None


def test_who_claims_everything_opens_nothing_gated_is_believed_less_and_undo_restores_the_bytes(
    call: Call, client: httpx.Client, headers: Headers
) -> None:
    week = {"learners": ["student-3"], "week": week_of(datetime.now(UTC), "UTC"), "by": "t1"}
    call("/v1/class-weeks/draw", week, scope="teacher")
    before = client.get(f"{ME}/lists", headers=headers("backend")).content
    catalogue = sample.load()
    gated = {
        one.resource_id
        for one in catalogue.resources
        if "prerequisites" in call(f"{ME}/why-not?resource={one.resource_id}")["rules"]
    }
    assert gated, "the class must have something that is gated"
    made = []
    for skill in catalogue.skills:
        claim = {"claim": {"skill": skill.skill_id, "says": "know"}}
        made.append(call(f"{ME}/statements", claim)["statement_id"])
        if len(made) % 7 == 0:
            shown = next(one for one in listed(call) if one["surface"] == "weekly")["steps"]
            assert not gated & {step["resource"] for step in shown}
    asked = call("/v1/recommend", {"learner": "student-3", "k": 10, "fresh": True})
    relaxed = {step["resource"] for step in asked["steps"] if step["relaxed"]}
    assert not gated & {step["resource"] for step in asked["steps"]} - relaxed
    for statement in reversed(made):
        call(f"{ME}/statements/{statement}/undo", {})
    after = [one for one in call(f"{ME}/lists")["lists"] if one["surface"] == "weekly"]
    assert after == json.loads(before)["lists"], "the list before it all, as it was"
    for n, skill in enumerate(catalogue.skills[:3]):
        call(f"{ME}/statements", {"claim": {"skill": skill.skill_id, "says": "know"}})
        task = call(f"{ME}/check?skill={skill.skill_id}")["tasks"][0]
        failed = {"id": f"f{n}", "learner": "student-3", "resource": task, "score": 0.0}
        call("/v1/events", {"events": [failed | {"time": datetime.now(UTC).isoformat()}]})
    assert call(f"{ME}/statements")["trust"] <= 0.2


def test_a_claim_is_settled_by_a_check_and_interests_are_kept(call: Call) -> None:
    call(f"{ME}/statements", {"claim": {"skill": "unit-rates", "says": "know"}})
    check = said.CheckAnswer.model_validate(call(f"{ME}/check?skill=unit-rates"))
    assert check.claim
    assert check.claim.status == "open"
    moment = datetime.now(UTC).isoformat()
    event = {"id": "c1", "learner": "student-3", "resource": check.tasks[0], "score": 0.0, "time": moment}
    call("/v1/events", {"events": [event]})
    assert call(f"{ME}/check?skill=unit-rates")["claim"]["status"] == "failed"
    assert call(f"{ME}/statements")["trust"] < 1
    void = {"id": "v1", "kind": "other", "learner": "student-3", "resource": check.tasks[0], "time": moment}
    call("/v1/events", {"events": [void | {"voids": "c1"}]})
    assert call(f"{ME}/check?skill=unit-rates")["claim"]["status"] == "open", "a voided check settles nothing"
    tags = [line["tag"] for line in call(f"{ME}/profile")["interests"] if line["stated"]]
    call(f"{ME}/statements", {"interests": ["sports"]})
    stated = [line["tag"] for line in call(f"{ME}/profile")["interests"] if line["stated"]]
    assert stated == ["sports"] != tags
    assert call(f"{ME}/check?skill=nothing", status=404)["error"]["code"] == "no_skill"
    both = {"claim": {"skill": "unit-rates", "says": "know"}, "interests": []}
    call(f"{ME}/statements", both, status=422)
    call(f"{ME}/statements", {"claim": {"skill": "unit-rates", "says": "know"}}, scope="teacher", status=403)


def test_a_step_is_exchanged_finished_and_taken_back(call: Call) -> None:
    step = call("/v1/recommend", {"learner": "student-3", "mode": "menu"})["steps"][0]
    path = f"/v1/decisions/{step['decision_id']}"
    other = call(f"{path}/another", {})["resource"]
    assert other in step["menu"]
    assert other != step["resource"]
    assert call(path)["resource"] == other
    assert call(f"{path}/another", {}) == {"resource": None}, "one pick a step"
    assert call(f"{path}/take-back", {"said": "choice"}) == {"undone": True}
    assert call(path)["resource"] == step["resource"]
    for _ in range(2):
        assert call(f"{path}/done", {}) == {"stored": True}
        assert call(f"{path}/done", {}) == {"stored": False}
        assert call(path)["state"] == "done"
        assert call(f"{path}/take-back", {"said": "completion"}) == {"undone": True}
        assert call(path)["state"] == "open"
    call(f"{path}/rating", {"rating": 0.0})
    call(f"{path}/rating", {"rating": 1.0}, status=409)
    call(f"{path}/take-back", {"said": "rating"})
    call(f"{path}/rating", {"rating": 1.0})
    assert call(path)["rating"] == 1.0
    assert call(f"{path}/take-back", {"said": "completion"}) == {"undone": False}


def test_a_plan_is_reviewed_once_and_served_as_the_learners_own(call: Call) -> None:
    steps = [{"resource": "trail-mix-talk"}, {"activity": "Draw a table", "minutes": 15}]
    body = {"steps": steps, "now": datetime.now(UTC).isoformat()}
    plan = call(f"{ME}/plans", body)["statement_id"]
    assert call(f"{ME}/plans", body)["statement_id"] == plan
    found = said.OwnPlansAnswer.model_validate(call(f"{ME}/plans")).plans[0]
    assert (found.plan_id, found.verdict, len(found.steps)) == (plan, "waiting", 2)
    yes = {"by": "t1", "accept": True, "note": "Good"}
    review = call(f"/v1/plans/{plan}/review", yes, scope="teacher")
    assert call(f"/v1/plans/{plan}/review", yes, scope="teacher") == review
    no = {"by": "t2", "accept": False}
    assert call(f"/v1/plans/{plan}/review", no, scope="teacher", status=409)["error"]["code"] == "answered"
    mine = next(one for one in listed(call) if one["id"] == review["playlist_id"])
    assert [step["resource"] for step in mine["steps"]] == ["trail-mix-talk"]
    call(f"/v1/reviews/{review['statement_id']}/undo", {"by": "t1"}, scope="teacher")
    assert review["playlist_id"] not in {one["id"] for one in listed(call)}
    again = call(f"/v1/plans/{plan}/review", yes, scope="teacher")
    assert again["statement_id"] != review["statement_id"]
    call(f"/v1/plans/{plan}/review", yes, scope="backend", status=403)
    call(f"{ME}/plans", {"steps": [{}]}, status=422)


def test_what_is_asked_waits_is_answered_and_the_answer_taken_back(call: Call) -> None:
    ask = {"kind": "talk", "about": "unit-rates"}
    asked = call(f"{ME}/requests", ask)["statement_id"]
    assert call(f"{ME}/requests", ask)["statement_id"] == asked
    yes = {"by": "t1", "accept": True, "note": "Tuesday"}
    for _ in range(2):  # answered, taken back, and answered once more
        kept = call(f"/v1/requests/{asked}/answer", yes, scope="teacher")
        assert call(f"/v1/requests/{asked}/answer", yes, scope="teacher") == kept
        line = said.AskedListAnswer.model_validate(call(f"{ME}/requests")).requests[0]
        assert (line.answer, line.note, line.answer_id) == ("accepted", "Tuesday", kept["statement_id"])
        call(f"/v1/answers/{kept['statement_id']}/undo", {"by": "t1"}, scope="teacher")
        assert call(f"{ME}/requests")["requests"][0]["answer"] == ""
    call(f"{ME}/requests", {"kind": "contest", "about": "nothing"}, status=422)
    call(f"{ME}/statements/{asked}/undo", {})
    assert call(f"{ME}/requests")["requests"] == []
    call(f"/v1/requests/{asked}/answer", yes, scope="teacher", status=409)


def test_a_classes_week_is_drawn_approved_and_given_a_must_do_once(call: Call) -> None:
    week = week_of(datetime.now(UTC), "UTC")
    body = {"learners": ["student-3", "student-4"], "week": week, "by": "t1"}
    assert call("/v1/class-weeks/draw", body, scope="teacher") == {"done": 2, "declined": 0}
    assert call("/v1/class-weeks/draw", body, scope="teacher")["done"] == 0
    must = body | {"resource": "trail-mix-talk"}
    put = call("/v1/class-weeks/must-do", must, scope="teacher")["done"]
    none = {"done": 0, "declined": 0, "without": []}
    assert call("/v1/class-weeks/must-do", must, scope="teacher") == none
    states = [step["state"] for one in listed(call) for step in one["steps"]]
    assert states.count("pinned") == 1 or put < 2
    assert call("/v1/class-weeks/approve", body, scope="teacher")["done"] > 0
    assert all(step["approved"] for one in listed(call) for step in one["steps"])
    assert call("/v1/class-weeks/approve", body, scope="teacher")["done"] == 0
