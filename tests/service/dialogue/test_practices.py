"""What a class does together, by HTTP: the examples of the documentation work, what is kept is kept once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from segue.features.iso_weeks import week_of
from segue.service.http.said import practice_bodies as practice

Headers = Callable[[str], dict[str, str]]
Call = Callable[..., Any]
SIX = [f"student-{n}" for n in range(6)]


@pytest.fixture
def call(client: httpx.Client, headers: Headers) -> Call:
    """Return a function that asks about class 7b with a teacher's key."""

    def called(path: str, body: dict[str, Any], *, scope: str = "teacher", status: int = 200) -> Any:
        found = client.post(f"/v1/classes/7b/{path}", json=body, headers=headers(scope))
        assert found.status_code == status, found.text
        return found.json()

    return called


def test_groups_and_reviews_are_kept_and_vary(call: Call) -> None:
    body = {"project": "bridge", "size": 2, "roles": ["speaker"], "learners": SIX, "keep": True}
    made = practice.GroupsAnswer.model_validate(call("groups", body))
    assert sorted(who for group in made.groups for who in group.members) == SIX
    assert all("speaker" in group.roles for group in made.groups)
    assert call("groups", body) == made.model_dump(mode="json"), "kept groups are returned as they are"
    other = call("groups", body | {"project": "tower"})["groups"]
    pairs = {frozenset(g["members"]) for g in other} & {frozenset(g.members) for g in made.groups}
    assert not pairs
    handed = {"work": "essay", "learners": SIX[:4], "each": 1, "keep": True}
    first = practice.PairsAnswer.model_validate(call("reviews", handed)).pairs
    assert all(pair.reviewer != pair.author for pair in first)
    assert sorted(pair.reviewer for pair in first) == SIX[:4]
    assert call("groups", {"project": "x", "size": 9, "learners": SIX[:2]}, status=422)["error"]["message"]
    assert call("groups", {"project": "x"}, status=404)["error"]["code"] == "no_class"
    call("groups", body, scope="backend", status=403)


def test_feedback_given_is_kept_once_and_due_no_more(call: Call) -> None:
    asked = {"learners": SIX}
    assert len(practice.DueAnswer.model_validate(call("feedback-due", asked)).due) == 6
    given = {"learners": SIX[:1], "by": "t1", "kind": "talk", "now": datetime.now(UTC).isoformat()}
    assert call("feedback", given) == {"kept": 1}
    assert call("feedback", given) == {"kept": 0}
    assert len(call("feedback-due", asked)["due"]) == 5
    talks = practice.TalksAnswer.model_validate(call("talks", asked | {"minutes": 10, "asked": SIX[5:]}))
    assert len(talks.talks) == 2
    assert talks.talks[0].learner == SIX[5]


def test_feedback_that_was_noted_by_mistake_is_due_again(call: Call) -> None:
    asked, now = {"learners": SIX}, datetime.now(UTC).isoformat()
    call("feedback", {"learners": SIX[:2], "by": "t1", "now": now})
    back = {"learner": SIX[0], "by": "t1", "at": now}
    assert call("feedback-undo", back | {"by": "t2"}, status=404)["error"]["code"] == "no_feedback"
    assert call("feedback-undo", back) == {"undone": True}
    assert [one["learner"] for one in call("feedback-due", asked)["due"]].count(SIX[0]) == 1
    assert SIX[1] not in {one["learner"] for one in call("feedback-due", asked)["due"]}
    assert call("feedback-undo", back) == {"undone": True}, "said again it changes nothing"


def test_places_never_pass_capacity_and_tell_their_probabilities(
    call: Call, client: httpx.Client, headers: Headers
) -> None:
    now = datetime.now(UTC)
    week = week_of(now, "UTC")
    slots = [{"slot": "mon", "role": "independent", "begins": now.isoformat(), "capacity": 2}]
    body = {"learners": SIX, "week": week, "slots": slots}
    assert call("places", body, status=404)["error"]["code"] == "no_class", "no lists yet"
    drawn = {"learners": SIX, "week": week, "by": "t1"}
    client.post("/v1/class-weeks/draw", json=drawn, headers=headers("teacher"))
    found = practice.PlacesAnswer.model_validate(call("places", body))
    places = found.places
    assert sum(place.taken for place in places) == 2
    assert all(0 < place.probability <= 1 for place in places)
    assert call("places", body) == found.model_dump()
    assert "stands there twice" in call("places", body | {"slots": slots * 2}, status=422)["error"]["message"]


def test_a_project_says_who_stands_still_and_rubrics_become_evidence(
    call: Call, client: httpx.Client, headers: Headers
) -> None:
    began = datetime.now(UTC) - timedelta(days=30)
    part = {"name": "plan", "due": (began + timedelta(days=7)).isoformat(), "minutes": 60}
    body = {"learners": SIX, "started": began.isoformat(), "parts": [part | {"resource": "trail-mix-talk"}]}
    found = practice.ProjectAnswer.model_validate(call("project", body)).learners
    assert len(found) == 6
    assert any(line.stalled and line.why for line in found)
    score = {"learner": "student-1", "criterion": "reasoning", "rater": "t1", "score": 0.75}
    rubric = {"work": "poster", "rubric": {"reasoning": "trail-mix-talk"}, "scores": [score]}
    before = client.get("/v1/learners/student-1/profile", headers=headers("teacher")).json()["attempts"]
    once = rubric | {"now": datetime.now(UTC).isoformat()}
    accepted = practice.RubricAnswer.model_validate(call("rubric", once)).accepted
    assert [(one.learner, one.criterion) for one in accepted] == [("student-1", "reasoning")]
    call("rubric", once)
    after = client.get("/v1/learners/student-1/profile", headers=headers("teacher")).json()["attempts"]
    assert after == before + 1
    wrong = rubric | {"rubric": {"reasoning": "nothing"}}
    assert "no resource" in call("rubric", wrong, status=422)["error"]["message"]


def test_every_example_of_the_documentation_is_taken(
    client: httpx.Client, headers: Headers, call: Call
) -> None:
    document = client.get("/openapi.json").json()["paths"]
    for path, methods in document.items():
        if not path.startswith("/v1/classes/{class_id}/") or "post" not in methods:
            continue
        examples = methods["post"]["requestBody"]["content"]["application/json"]["examples"]
        for example in examples.values():
            nothing = path.endswith(("/places", "/feedback-undo"))  # no list in that week, no talk then
            status = 404 if nothing else 200
            call(path.rpartition("/")[2], example["value"], status=status)


def test_a_manner_is_fixed_for_a_class_and_left_to_outcomes_again(
    client: httpx.Client, headers: Headers, call: Call
) -> None:
    assert call("axes", {"fixed": {"content:visual": 0.2}}, status=404)["error"]["code"] == "no_class"
    rows = {"learners": [{"id": who} for who in SIX]}
    assert client.put("/v1/classes/7b/roster", json=rows, headers=headers("backend")).status_code == 200
    assert call("axes", {"fixed": {"content:nothing": 0.2}}, status=422)["error"]["code"] == "not_valid"
    assert call("axes", {"fixed": {"content:visual": 2}}, status=422)
    (line,) = practice.AxesAnswer.model_validate(call("axes", {"fixed": {"content:visual": -1.0}})).axes
    assert (line.axis, line.level, line.weight, line.low) == ("content", "visual", -1.0, None)

    def parts(who: str) -> set[bool]:
        body = {"learner": who, "k": 8}
        found = client.post("/v1/recommend", json=body, headers=headers("backend")).json()["steps"]
        return {"manner" in step["reasons"] for step in found}

    assert (parts(SIX[0]), parts("student-of-another-class")) == ({True}, {False})
    assert call("axes", {"fixed": {"content:visual": None}}) == {"axes": []}
    assert parts(SIX[0]) == {False}


def test_what_a_practice_cannot_use_is_refused_and_who_asked_is_found_by_either_name(
    call: Call, client: httpx.Client, headers: Headers
) -> None:
    members = {"learners": [{"id": who} for who in SIX]}
    client.put("/v1/classes/7b/roster", json=members, headers=headers("backend")).raise_for_status()
    first = call("talks", {"minutes": 5})["talks"][0]
    told = [call("talks", {"minutes": 5, "asked": [who]})["talks"][0] for who in SIX]
    assert all(talk["reason"] == "asked for a talk" for talk in told), (
        "by the LMS's ids, of the stored roster"
    )
    assert len({talk["learner"] for talk in told}) == len(SIX)
    assert first["reason"] != "asked for a talk"
    strangers = {"minutes": 5, "asked": ["nobody-known"]}
    assert "not of this class" in call("talks", strangers, status=422)["error"]["message"]
    score = {"learner": SIX[0], "criterion": "style", "rater": "t1", "score": 1.0}
    rubric = {"work": "w", "rubric": {"reasons": "pizza-fairly"}, "scores": [score]}
    assert "no criterion 'style'" in call("rubric", rubric, status=422)["error"]["message"]
