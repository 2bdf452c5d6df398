"""What an administrator asks: models put in charge and back, and everything stored, page by page."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue.workspace.workspace import Workspace
from tests.service.conftest import NOW, history
from tests.service.lti_platform import until

Headers = Callable[[str], dict[str, str]]


def pages(client: httpx.Client, path: str, name: str, mine: dict[str, str], **query: Any) -> list[Any]:
    rows, after = [], None
    while True:
        asked = query if after is None else query | {"after": after}
        found = client.get(path, params=asked, headers=mine)
        assert found.status_code == 200, found.text
        rows += found.json()[name]
        if (after := found.json()["next"]) is None:
            return rows
        assert found.json()[name]


def test_an_erasure_beside_a_reader_holds_up_nobody(
    client: httpx.Client, headers: Headers, school: Path
) -> None:
    """As beside a backup or a report; the log is emptied once the reader has ended."""
    asked = {"learner": "student-4", "k": 2}
    mine = client.post("/v1/recommend", json=asked, headers=headers("backend")).json()["playlist_id"]
    log = school / "segue.db-wal"
    with contextlib.closing(sqlite3.connect(school / "segue.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        erased = client.delete("/v1/learners/student-4", headers=headers("admin"), timeout=30)
        assert "a reader holds the write-ahead log" in erased.json()["certificate"]["disk"]
        others = asked | {"learner": "student-5"}
        assert client.post("/v1/recommend", json=others, headers=headers("backend"), timeout=20).is_success
        assert mine.encode() in log.read_bytes()
    until(lambda: log.stat().st_size == 0)
    assert mine.encode() not in (school / "segue.db").read_bytes()


@pytest.fixture
def school(school: Path) -> Path:
    """The school with a second model, which decides."""
    space = Workspace.open(school, environment={})
    more = history()
    space.add_events(more.assign(event_id="again-" + more["event_id"], score=1 - more["score"]))
    space.fit(now=NOW + timedelta(days=1))
    space.close()
    return school


def test_a_model_is_rolled_back_and_put_in_charge_again(client: httpx.Client, headers: Headers) -> None:
    mine = headers("admin")
    models = client.get("/v1/models", headers=mine).json()["models"]
    assert [one["current"] for one in models] == [True, False]
    new, old = (one["version"] for one in models)
    asked = {"learner": "student-3", "k": 3, "fresh": True}

    def deciding() -> str:
        found = client.post("/v1/recommend", json=asked, headers=headers("backend")).json()
        assert not found["degraded"]
        model: str = client.get(
            f"/v1/decisions/{found['steps'][0]['decision_id']}", headers=headers("backend")
        ).json()["model"]
        return model

    first = deciding()
    for version, same in ((old, False), (new, True)):
        done = client.post(f"/v1/models/{version}/activate", headers=mine)
        assert done.json() == {"version": version, "activated": True}, done.text
        assert (deciding() == first) is same
        kept = client.get("/v1/models", headers=mine).json()["models"]
        assert [one["version"] for one in kept if one["current"]] == [version]
    assert client.post(f"/v1/models/{new}/activate", headers=mine).json()["activated"] is False
    assert client.post("/v1/models/abcdef0123/activate", headers=mine).status_code == 404
    assert client.post("/v1/models/..%2fx/activate", headers=mine).status_code in (404, 422)
    assert client.post(f"/v1/models/{old}/activate", headers=headers("backend")).status_code == 403


def test_a_model_that_saw_who_was_erased_is_not_put_in_charge_again(
    client: httpx.Client, headers: Headers
) -> None:
    mine = headers("admin")
    first = client.get("/v1/models", headers=mine).json()["models"][0]["version"]
    client.post("/v1/recommend", json={"learner": "student-3", "k": 1}, headers=mine)  # which keeps the model
    assert client.delete("/v1/learners/student-4", headers=mine).is_success
    kept = {one["version"]: one["current"] for one in client.get("/v1/models", headers=mine).json()["models"]}
    assert kept.pop(first) is False
    refused = client.post(f"/v1/models/{first}/activate", headers=mine)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "erased_since")
    assert [client.post(f"/v1/models/{name}/activate", headers=mine).is_success for name in kept] == [True]


def test_everything_stored_is_told_once_page_by_page(client: httpx.Client, headers: Headers) -> None:
    mine = headers("admin")
    for learner in ("student-3", "student-4"):
        for k in (2, 3, 4):
            client.post("/v1/recommend", json={"learner": learner, "k": k}, headers=headers("backend"))
    events = pages(client, "/v1/events", "events", mine, limit=300)
    assert len({row["number"] for row in events}) == len(events) == 1500
    decisions = pages(client, "/v1/decisions", "decisions", mine, limit=7)
    assert len({row["decision_id"] for row in decisions}) == len(decisions) == 18
    learners = pages(client, "/v1/learners", "learners", mine, limit=10)
    assert len(learners) == 30
    assert not any("student" in row["learner"] for row in learners)
    lists = pages(client, "/v1/learners/student-3/lists", "lists", headers("backend"), limit=2)
    assert len({one["id"] for one in lists}) == len(lists) == 3
    assert client.get("/v1/events?after=x", headers=mine).status_code == 422
    assert client.get("/v1/events", headers=headers("analyst")).status_code == 403
    wrong = client.get("/v1/learners/student-3/lists?after=none", headers=headers("backend"))
    assert wrong.status_code == 422


def test_a_page_goes_on_where_it_was_while_others_write(client: httpx.Client, headers: Headers) -> None:
    ask = {"learner": "student-3", "k": 2}
    for _ in range(2):
        client.post("/v1/recommend", json=ask | {"fresh": True}, headers=headers("backend"))
    path, mine = "/v1/learners/student-3/lists", headers("backend")
    first = client.get(path, params={"limit": 1}, headers=mine).json()
    client.post("/v1/recommend", json=ask | {"fresh": True}, headers=mine)
    second = client.get(path, params={"limit": 1, "after": first["next"]}, headers=mine).json()
    assert second["lists"][0]["id"] != first["lists"][0]["id"]
    assert second["next"] is None


def test_models_over_a_changed_catalogue_are_listed_with_their_sizes_from_their_text_alone(
    client: httpx.Client, headers: Headers, school: Path
) -> None:
    mine = headers("admin")

    def listed() -> list[tuple[bool, int, int]]:
        found = client.get("/v1/models", headers=mine).json()["models"]
        return [(one["readable"], one["resources"], one["skills"]) for one in found]

    (_, resources, skills), first = listed()
    client.put("/v1/resources/new", json={"skills": ["of-its-own"]}, headers=mine).raise_for_status()
    client.post("/v1/recommend", json={"learner": "x", "k": 1}, headers=mine).raise_for_status()
    assert listed() == [(True, resources + 1, skills + 1), (True, resources, skills), first]
    arrays = max(school.glob("models/*/arrays.npz"), key=lambda path: path.stat().st_mtime)
    arrays.rename(arrays.with_name("gone"))
    assert listed() == [(False, 0, 0), (False, 0, 0), first]
