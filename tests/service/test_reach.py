"""Keys with bounds: a teacher's classes, one learner, and no call that names nobody of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue.service import reach
from segue.service.app import create_app
from segue.service.http.api_keys import KeyRing
from segue.service.http.rate_limits import ServiceLimits
from segue.service.http.said.practice_bodies import EXAMPLES, PlacesBody, ProjectBody
from segue.workspace.workspace import Workspace

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
Headers = Callable[[str], dict[str, str]]
Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def bounded(
    template: Path,
    secrets: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    serving: Callable[..., AbstractContextManager[httpx.Client]],
) -> Iterator[Ask]:
    """A call by the key of somebody: "teacher" of 7b, "learner" student-3, or "admin"."""
    import shutil

    folder = tmp_path_factory.mktemp("reach") / "school"
    shutil.copytree(template, folder)
    shutil.copy(template.with_suffix(".key"), folder.with_suffix(".key"))
    with closing(Workspace.open(folder, environment={})) as space:
        digest = space.keyring.digest
        ring = KeyRing(folder)
        teacher = ring.create("t", ("teacher",), now=NOW, classes=[digest("class", "7b")])[1]
        learner = ring.create("l", ("learner",), now=NOW, learner=digest("learner", "student-3"))[1]
    who = {"teacher": teacher, "learner": learner, "admin": secrets["admin"]}
    with serving(folder) as client:

        def ask(by: str, method: str, path: str, body: Any = None) -> httpx.Response:
            return client.request(method, path, json=body, headers={"authorization": f"Bearer {who[by]}"})

        rows = [{"id": "student-3"}, {"id": "student-4"}]
        rows.append({"id": "student-5", "until": "2026-01-01T00:00:00Z"})
        assert ask("admin", "PUT", "/v1/classes/7b/roster", {"learners": rows}).status_code == 200
        yield ask


def _step(ask: Ask, learner: str) -> str:
    found = ask("admin", "POST", "/v1/recommend", {"learner": learner, "k": 2}).json()
    step: str = found["steps"][0]["decision_id"]
    return step


@pytest.mark.parametrize(
    ("by", "own", "other"),
    [
        ("teacher", "student-4", "student-6"),
        ("teacher", "student-3", "student-5"),
        ("teacher", "student-4", "no"),
        ("learner", "student-3", "student-4"),
        ("learner", "student-3", "no"),
    ],
)
def test_a_key_reaches_its_own_and_nobody_else(bounded: Ask, by: str, own: str, other: str) -> None:
    for path in ("profile", "lists", "statements", "plans"):
        assert bounded(by, "GET", f"/v1/learners/{own}/{path}").status_code == 200
        assert bounded(by, "GET", f"/v1/learners/{other}/{path}").status_code == 403
    assert bounded(by, "POST", "/v1/recommend", {"learner": own, "k": 2}).status_code == 200
    assert bounded(by, "POST", "/v1/recommend", {"learner": other, "k": 2}).status_code == 403
    assert bounded(by, "GET", f"/v1/decisions/{_step(bounded, own)}").status_code == 200
    if other != "no":
        assert bounded(by, "GET", f"/v1/decisions/{_step(bounded, other)}").status_code == 403


def test_a_teacher_acts_for_the_class_only(bounded: Ask) -> None:
    body = {"by": "t1", "action": "remove"}
    own, other = (_step(bounded, who) for who in ("student-4", "student-6"))
    act = bounded("teacher", "POST", f"/v1/decisions/{own}/override", body)
    assert act.status_code == 200, act.text
    assert bounded("teacher", "POST", f"/v1/decisions/{other}/override", body).status_code == 403
    theirs = bounded("admin", "POST", f"/v1/decisions/{other}/override", body).json()["override_id"]
    assert bounded("teacher", "POST", f"/v1/overrides/{theirs}/undo", {"by": "t1"}).status_code == 403
    mine = act.json()["override_id"]
    assert bounded("teacher", "POST", f"/v1/overrides/{mine}/undo", {"by": "t1"}).status_code == 200
    assert bounded("teacher", "GET", "/v1/classes/7b?learner=student-4").status_code == 200
    assert bounded("teacher", "GET", "/v1/classes/7b?learner=student-6").status_code == 403
    assert bounded("teacher", "GET", "/v1/classes/tiny").status_code == 403
    assert bounded("teacher", "GET", "/v1/resources").status_code == 200, "what there is to swap in"
    assert bounded("teacher", "GET", "/v1/resources/pizza-fairly").status_code == 200
    assert bounded("teacher", "PUT", "/v1/resources/new", {}).status_code == 403
    assert bounded("learner", "GET", "/v1/resources").status_code == 403
    assert bounded("learner", "GET", "/v1/resources/pizza-fairly").status_code == 403
    asked = {"requests": [{"learner": "student-4", "k": 1}, {"learner": "student-6", "k": 1}]}
    answers = bounded("teacher", "POST", "/v1/recommend:batch", asked).json()["answers"]
    assert "steps" in answers[0]
    assert answers[1]["error"]["code"] == "beyond_key"
    week = {"learners": ["student-4", "student-6"], "week": "2026-W48", "by": "t1"}
    assert bounded("teacher", "POST", "/v1/class-weeks/draw", week).status_code == 403


TWO = ["student-3", "student-4"]
PLAN = {"steps": [{"resource": "pizza-fairly", "minutes": 10}]}
SCORES = [{"learner": who, "criterion": "c", "rater": "t1", "score": 0.5} for who in TWO]
PRACTICES: dict[str, dict[str, Any]] = {
    "groups": {"project": "bridge", "size": 2, "learners": TWO},
    "reviews": {"work": "essay", "learners": TWO, "each": 1},
    "feedback-due": {"learners": TWO},
    "feedback": {"learners": TWO, "kind": "feedback", "by": "t1"},
    "talks": {"learners": TWO, "minutes": 10},
    "project": {**EXAMPLES[ProjectBody][0], "learners": TWO},
    "rubric": {"work": "essay", "rubric": {"c": "pizza-fairly"}, "scores": SCORES},
}


def with_stranger(call: str, body: dict[str, Any]) -> dict[str, Any]:
    if call == "rubric":
        return body | {"scores": [*SCORES, SCORES[0] | {"learner": "student-6"}]}
    return body | {"learners": [*TWO, "student-6"]}


@pytest.mark.parametrize("call", PRACTICES)
def test_a_teacher_practises_with_the_class_only(bounded: Ask, call: str) -> None:
    body = PRACTICES[call]
    path = f"/v1/classes/7b/{call}"
    assert bounded("teacher", "POST", f"/v1/classes/tiny/{call}", body).status_code == 403
    assert bounded("teacher", "POST", path, with_stranger(call, body)).status_code == 403
    found = bounded("teacher", "POST", path, body)
    assert found.status_code == 200, found.text
    assert bounded("learner", "POST", path, body).status_code == 403


def test_a_teacher_fixes_manners_of_the_class_only(bounded: Ask) -> None:
    body = {"fixed": {"content:visual": 0.1}}
    assert bounded("teacher", "POST", "/v1/classes/tiny/axes", body).status_code == 403
    assert bounded("teacher", "POST", "/v1/classes/7b/axes", body).status_code == 200
    assert bounded("learner", "POST", "/v1/classes/7b/axes", body).status_code == 403


def test_a_teacher_practises_by_names_within_the_class(bounded: Ask) -> None:
    talks = {"minutes": 10, "asked": ["student-6"]}
    assert bounded("teacher", "POST", "/v1/classes/7b/talks", talks).status_code == 403
    places = {**EXAMPLES[PlacesBody][0], "learners": ["student-4", "student-6"]}
    assert bounded("teacher", "POST", "/v1/classes/7b/places", places).status_code == 403


def test_a_teacher_answers_the_class_only(bounded: Ask) -> None:
    verdict = {"by": "t1", "accept": True}
    for kind, answer, undo in (("plans", "review", "reviews"), ("requests", "answer", "answers")):
        sent = PLAN if kind == "plans" else {"kind": "talk", "about": "unit-rates"}
        asked = {
            who: bounded("admin", "POST", f"/v1/learners/{who}/{kind}", sent).json()["statement_id"]
            for who in ("student-4", "student-6")
        }
        paths = {who: f"/v1/{kind}/{statement}/{answer}" for who, statement in asked.items()}
        assert bounded("teacher", "POST", paths["student-6"], verdict).status_code == 403
        assert bounded("learner", "POST", paths["student-4"], verdict).status_code == 403
        mine = bounded("teacher", "POST", paths["student-4"], verdict)
        assert mine.status_code == 200, mine.text
        theirs = bounded("admin", "POST", paths["student-6"], verdict).json()["statement_id"]
        assert bounded("teacher", "POST", f"/v1/{undo}/{theirs}/undo", {"by": "t1"}).status_code == 403
        own = mine.json()["statement_id"]
        assert bounded("teacher", "POST", f"/v1/{undo}/{own}/undo", {"by": "t1"}).status_code == 200
    assert bounded("teacher", "POST", "/v1/requests/nothing/answer", verdict).status_code == 403


def test_a_suggestion_goes_on_to_the_own_class_only(bounded: Ask) -> None:
    ask = {"kind": "suggestion", "about": "rate-race"}
    said = bounded("learner", "POST", "/v1/learners/student-3/requests", ask).json()["statement_id"]
    path, verdict = f"/v1/requests/{said}/answer", {"by": "t1", "accept": True}
    assert bounded("teacher", "POST", path, verdict | {"class_id": "tiny"}).status_code == 403
    stranger = verdict | {"class_id": "7b", "learners": ["student-6"]}
    assert bounded("teacher", "POST", path, stranger).status_code == 403
    assert bounded("teacher", "POST", path, verdict | {"class_id": "7b", "learners": TWO}).status_code == 200


def test_a_teacher_cannot_take_learners_into_the_class(bounded: Ask) -> None:
    more = {"learners": [{"id": "student-6"}]}
    assert bounded("teacher", "PUT", "/v1/classes/7b/roster", more).status_code == 403


def test_a_learner_rates_own_steps_only(bounded: Ask) -> None:
    own, other = (_step(bounded, who) for who in ("student-3", "student-4"))
    assert bounded("learner", "POST", f"/v1/decisions/{own}/rating", {"rating": 1}).status_code == 200
    assert bounded("learner", "POST", f"/v1/decisions/{other}/rating", {"rating": 1}).status_code == 403


def test_every_call_that_is_not_on_the_list_is_refused(bounded: Ask) -> None:
    """Also one that somebody adds later: bounds are opened call by call."""
    paths = create_app([], limits=ServiceLimits()).openapi()["paths"]
    calls = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    calls = {(method, path) for method, path in calls if path.startswith("/v1")}
    for by, opened in (("teacher", reach.OF_TEACHERS), ("learner", reach.OF_LEARNERS)):
        allowed = {(method, path.replace(":path", "")) for method, path in opened}
        assert allowed <= calls
        for method, path in sorted(calls - allowed):
            own = path.replace("{learner}", "student-3").replace("{class_id}", "7b")
            found = bounded(by, method, own.replace("{", "").replace("}", ""), {})
            assert found.status_code == 403, (by, method, path, found.text)


def test_bounds_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    with pytest.raises(ValueError, match="teacher alone"):
        ring.create("x", ("admin",), now=NOW, classes=[b"c"])
    with pytest.raises(ValueError, match="for one learner"):
        ring.create("x", ("learner",), now=NOW)
    with pytest.raises(ValueError, match="for one learner"):
        ring.create("x", ("learner", "backend"), now=NOW, learner=b"l")
