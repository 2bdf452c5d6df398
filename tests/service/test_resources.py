"""The catalogue over HTTP: a running service follows every change from the next list on."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from segue.cli.main import app
from segue.service.http import response_schemas as answers
from tests.service.conftest import fresh, headers, school, secrets, serving, template  # noqa: F401

Headers = Callable[[str], dict[str, str]]
Call = Callable[..., dict[str, Any]]
NEW = "https://lms.example.org/item/7 a"


@pytest.fixture
def call(client: httpx.Client, headers: Headers) -> Call:  # noqa: F811
    def send(method: str, path: str = "", status: int = 200, scope: str = "backend", **more: Any) -> Any:
        address = path if path.startswith("/v1") else "/v1/resources" + (f"/{path}" if path else "")
        response = client.request(method, address, headers=headers(scope), **more)
        assert response.status_code == status, response.text
        return response.json()

    return send


def drawn(call: Call, **asked: Any) -> list[str]:
    found = call("POST", "/v1/recommend", json={"learner": "student-3", "k": 1, "fill": True} | asked)
    return [step["resource"] for step in found["steps"]]


def test_one_resource_is_read_as_it_stands(
    call: Call,
    client: httpx.Client,
    headers: Headers,  # noqa: F811
) -> None:
    path = NEW.replace("/", "%2F").replace(":", "%3A").replace(" ", "%20")
    call("GET", path, status=404)
    call("PUT", path, json={"title": "Rates on the road", "kind": "game"})
    read = call("GET", path, scope="teacher")
    answers.ResourceLine.model_validate(read)
    assert (read["id"], read["title"], read["retired"]) == (NEW, "Rates on the road", False)
    assert read in call("GET", "/v1/resources?limit=1000")["resources"]
    address = f"/v1/resources/{path}"
    mine = headers("backend")
    tag = client.get(address, headers=mine).headers["etag"]
    assert client.get(address, headers=mine | {"if-none-match": tag}).status_code == 304
    call("PATCH", path, json={"minutes": 25})
    call("DELETE", path)
    after = client.get(address, headers=mine | {"if-none-match": tag})
    assert after.status_code == 200
    assert after.json() == read | {"minutes": 25.0, "retired": True}
    assert client.get(address, headers=headers("analyst")).status_code == 403


def test_a_resource_put_today_is_recommended_tried_changed_and_retired_today(call: Call) -> None:
    call("POST", "/v1/recommend", json={"learner": "student-3"})  # the model is in memory by now
    path = NEW.replace("/", "%2F").replace(":", "%3A").replace(" ", "%20")
    body = {"title": "Rates on the road", "skills": ["unit-rates"], "difficulty": 3.0, "kind": "game"}
    made = call("PUT", path, json=body)
    answers.ResourceAnswer.model_validate(made)
    assert (made["id"], made["new"], made["retired"]) == (NEW, True, False)
    assert drawn(call, candidates=[NEW]) == [NEW]
    assert drawn(call, pins=[NEW], learner="student-4") == [NEW]
    why = call("POST", "/v1/learners/student-3/why-not", json={"resource": NEW}, scope="teacher")
    assert why["sentence"]
    event = {"id": "n1", "learner": "student-3", "resource": NEW, "score": 1, "time": "2026-11-24T10:00:00Z"}
    before = call("GET", "/v1/learners/student-3/profile")["attempts"]
    assert call("POST", "/v1/events", json={"events": [event]})["accepted"] == 1
    assert call("GET", "/v1/learners/student-3/profile")["attempts"] == before + 1
    changed = call("PATCH", path, json={"minutes": 25})
    assert (changed["minutes"], changed["title"]) == (25, "Rates on the road")
    shown = call("POST", "/v1/recommend", json={"learner": "student-5", "k": 1, "pins": [NEW]})
    assert shown["steps"][0]["minutes"] == 25
    assert call("DELETE", path) == {"retired": True, "changed": True}
    assert call("DELETE", path) == {"retired": True, "changed": False}
    assert drawn(call, candidates=[NEW], learner="student-6") == []
    lists = call("GET", "/v1/learners/student-5/lists")["lists"]
    assert [step["state"] for step in lists[0]["steps"]] == ["removed"]
    assert call("POST", f"{path}/restore") == {"retired": False, "changed": True}
    assert drawn(call, candidates=[NEW], learner="student-7") == [NEW]


Asked = Callable[..., dict[str, Any]]


@pytest.fixture
def asked(call: Call) -> Asked:
    def ask(learner: str = "student-3", **more: Any) -> dict[str, Any]:
        return call("POST", "/v1/recommend", json={"learner": learner, "k": 3} | more)

    return ask


def names(found: dict[str, Any]) -> list[str]:
    return [step["resource"] for step in found["steps"]]


def act(call: Call, step: dict[str, Any], action: str, **more: Any) -> dict[str, Any]:
    said = {"action": action, "by": "t1"} | more
    return call("POST", f"/v1/decisions/{step['decision_id']}/override", scope="teacher", json=said)


@pytest.mark.parametrize("action", ["approve", "pin", "remove", "swap"])
def test_a_list_that_a_teacher_has_acted_on_stands_when_the_catalogue_changes(
    call: Call, asked: Asked, action: str
) -> None:
    mine, theirs = asked(), asked("student-4")
    spare = next(
        one["id"]
        for one in call("GET")["resources"]
        if one["id"] not in (*names(mine), *names(theirs)) and not one["retired"]
    )
    act(call, mine["steps"][0], action, **({"resource": spare} if action == "swap" else {}))
    stands = asked()
    assert stands["playlist_id"] == mine["playlist_id"]
    for body in ({"minutes": 41}, {"minutes": 42}):
        call("PATCH", names(mine)[1], json=body)
        assert (asked()["playlist_id"], names(asked())) == (mine["playlist_id"], names(stands))
    assert asked()["steps"][-2]["minutes"] == 42
    assert asked("student-4")["playlist_id"] != theirs["playlist_id"], "nobody has acted on it"
    call("DELETE", names(mine)[1])
    left = [name for name in names(stands) if name != names(mine)[1]]
    assert (asked()["playlist_id"], names(asked())) == (mine["playlist_id"], left)
    call("POST", f"{names(mine)[1]}/restore")
    assert names(asked()) == names(stands)
    anew = asked(fresh=True)["playlist_id"]
    call("PATCH", names(mine)[1], json={"minutes": 43})
    assert asked()["playlist_id"] not in (mine["playlist_id"], anew)
    last = asked(fresh=True)
    act(call, last["steps"][0], "approve")
    call("PATCH", names(mine)[1], json={"minutes": 44})
    assert asked()["playlist_id"] == last["playlist_id"]
    event = {"id": "e1", "learner": "student-3", "resource": names(last)[0], "score": 1}
    call("POST", "/v1/events", json={"events": [event | {"time": "2026-11-24T10:00:00Z"}]})
    assert asked()["playlist_id"] != last["playlist_id"], "something was learnt of the learner"


def test_a_list_stands_no_more_when_the_act_is_undone_or_all_its_steps_are_gone(
    call: Call, asked: Asked
) -> None:
    mine = asked(k=2)
    made = act(call, mine["steps"][0], "approve")
    call("PUT", "new-one", json={"skills": ["unit-rates"]})
    assert asked(k=2)["playlist_id"] == mine["playlist_id"]
    for name in names(mine):
        call("DELETE", name)
    others = asked(k=2)
    assert len(names(others)) == 2
    assert asked(k=2)["playlist_id"] == others["playlist_id"]
    for name in names(mine):
        call("POST", f"{name}/restore")
    call("POST", f"/v1/overrides/{made['override_id']}/undo", scope="teacher", json={"by": "t1"})
    assert asked(k=2)["playlist_id"] != mine["playlist_id"]


def test_what_no_list_rests_on_redraws_none(call: Call, asked: Asked) -> None:
    mine = asked()
    words = {"title": "Another title", "url": "https://lms.example.org/moved"}
    call("PATCH", names(mine)[0], json=words)
    again = asked()
    assert (again["playlist_id"], names(again)) == (mine["playlist_id"], names(mine))
    assert {key: again["steps"][0][key] for key in words} == words
    call("PATCH", names(mine)[0], json={"difficulty": 5.0})
    assert asked()["playlist_id"] != mine["playlist_id"]


def test_the_catalogue_is_read_page_by_page(call: Call) -> None:
    found, after = [], {}
    while True:
        page = call("GET", params={"limit": 70} | after, scope="teacher")
        answers.ResourcesAnswer.model_validate(page)
        found += page["resources"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert len(found) == len({one["id"] for one in found}) > 140
    assert call("GET", params={"after": "nothing"}, status=404)["error"]["code"] == "no_resource"


def test_what_cannot_be_is_refused_in_a_sentence(call: Call) -> None:
    assert call("PATCH", "nothing", json={"title": "x"}, status=404)["error"]["code"] == "no_resource"
    assert call("DELETE", "nothing", status=404)["error"]["code"] == "no_resource"
    assert call("PUT", "bad", json={"url": "javascript:x"}, status=422)["error"]["code"] == "not_an_address"
    assert call("PUT", "bad", json={"minutes": 0}, status=422)["error"]["code"] == "not_valid"
    assert call("PUT", "bad", json={"retired": True}, status=422)["error"]["code"] == "not_valid"
    never = {"available_from": "2026-12-02T00:00:00Z", "available_until": "2026-12-01T00:00:00Z"}
    assert call("PUT", "bad", json=never, status=422)["error"]["code"] == "never_open"
    call("PUT", "bad", json={"available_from": never["available_from"]})
    end = {"available_until": never["available_until"]}
    assert call("PATCH", "bad", json=end, status=422)["error"]["code"] == "never_open"
    for language in ("en US", "en-", " en"):
        said = call("PUT", "bad", json={"language": language}, status=422)["error"]["message"]
        assert said == "language: must be a language as BCP 47 writes it, such as en or en-US"
    assert call("PATCH", "bad", json={"language": "en_US"})["language"] == "en-US"
    call("DELETE", "bad")
    call("PUT", "bad", json={}, status=403, scope="teacher")


def test_a_service_follows_what_a_command_changes(
    school: Path,  # noqa: F811
    headers: Headers,  # noqa: F811
    serving: Callable[..., AbstractContextManager[httpx.Client]],  # noqa: F811
) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["catalogue", *words])
        assert done.exit_code == 0, done.output
        return done.output

    with serving(school) as client:

        def steps() -> list[str]:
            asked = {"learner": "student-9", "k": 1, "fresh": True, "candidates": ["road-rates"]}
            found = client.post("/v1/recommend", json=asked, headers=headers("backend")).json()
            if "error" in found:
                return [found["error"]["code"]]
            return [step["resource"] for step in found["steps"]]

        assert steps() == ["not_in_catalogue"]
        said = run("set", str(school), "road-rates", "--title", "Road rates", "--skill", "unit-rates")
        assert "road-rates was added" in said
        assert steps() == ["road-rates"]
        assert "road-rates is retired" in run("retire", str(school), "road-rates")
        assert steps() == []
        assert re.search(r"^road-rates +retired ", run("list", str(school)), re.MULTILINE)
        assert "road-rates is back" in run("restore", str(school), "road-rates")
        assert "road-rates was changed" in run("set", str(school), "road-rates", "--minutes", "7")
        assert steps() == ["road-rates"]
