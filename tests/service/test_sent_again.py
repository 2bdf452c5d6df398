"""What is sent again: one decision for one key, one event for one id, and a word where the two differ."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from segue import sample
from segue.service.http.api_keys import KeyRing
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.schema import decisions
from segue.workspace.workspace import Workspace
from tests.service.conftest import fresh, headers, school, secrets, serving, template  # noqa: F401

Headers = Callable[[str], dict[str, str]]
EVENT = {"id": "e1", "learner": "student-3", "resource": "pizza-fairly", "score": 0.5, "tags": ["sports"]}
EVENT |= {"time": "2026-11-24T10:00:00Z"}


def n_decided(folder: Path) -> int:
    with Workspace.open(folder, environment={}) as space, space.store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(decisions)).scalar_one())


@pytest.fixture
def ask(client: httpx.Client, headers: Headers) -> Callable[..., httpx.Response]:  # noqa: F811
    def post(key: str, path: str = "recommend", scope: str = "backend", **body: Any) -> httpx.Response:
        sent = headers(scope) | {"idempotency-key": key}
        return client.post(f"/v1/{path}", json={"learner": "student-3", "k": 2} | body, headers=sent)

    return post


def test_a_key_brings_the_same_answer_without_a_second_decision(
    ask: Callable[..., httpx.Response],
    school: Path,  # noqa: F811
) -> None:
    first = ask("one", fresh=True)
    assert first.status_code == 200, first.text
    assert ask("one", fresh=True).content == first.content
    assert n_decided(school) == 2
    other = ask("two", fresh=True)
    assert other.json()["playlist_id"] != first.json()["playlist_id"]
    assert ask("one", fresh=True, scope="teacher").json()["playlist_id"] != first.json()["playlist_id"]
    wrong = ask("one", fresh=True, k=3)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (409, "key_used")
    assert ask("x" * 201).status_code == 422
    assert n_decided(school) == 6


def test_a_key_sent_by_many_at_once_is_decided_on_once(
    ask: Callable[..., httpx.Response],
    school: Path,  # noqa: F811
) -> None:
    def one(number: int) -> bytes:
        key = "all" if number % 2 else f"own {number}"
        while (answer := ask(key, fresh=True)).status_code == 503:  # a busy service asks to be asked again
            pass
        return answer.content

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(one, range(16)))
    assert len(set(found[1::2])) == 1
    assert n_decided(school) == 2 * 9


def test_a_key_of_a_batch_is_one_of_each_request(
    client: httpx.Client,
    headers: Headers,  # noqa: F811
    school: Path,  # noqa: F811
) -> None:
    asked = {"requests": [{"learner": f"student-{n}", "k": 2, "fresh": True} for n in range(3)]}
    sent = headers("backend") | {"idempotency-key": "batch"}
    found = [client.post("/v1/recommend:batch", json=asked, headers=sent).json() for _ in range(2)]
    assert found[0] == found[1]
    assert n_decided(school) == 6


def test_a_key_goes_with_its_learner(
    ask: Callable[..., httpx.Response],
    client: httpx.Client,
    headers: Headers,  # noqa: F811
) -> None:
    ask("mine")
    gone = client.delete("/v1/learners/student-3", headers=headers("admin")).json()
    assert gone["certificate"]["rows"]["replies"] == 1
    assert ask("mine").status_code == 409


def test_an_id_sent_again_with_other_content_is_a_conflict(
    client: httpx.Client,
    headers: Headers,  # noqa: F811
) -> None:
    def send(*events: dict[str, Any]) -> list[str]:
        found = client.post("/v1/events", json={"events": list(events)}, headers=headers("backend")).json()
        words = [one["verdict"] for one in found["verdicts"]]
        assert found["conflicts"] == words.count("conflict")
        assert all(
            ("other content" in v["reason"]) == (v["verdict"] == "conflict") for v in found["verdicts"]
        )
        return words

    assert send(EVENT, EVENT, EVENT | {"score": 0.75}) == ["accepted", "repeat", "conflict"]
    changed = ({"score": 1.0}, {"learner": "student-4"}, {"resource": "rate-race"}, {"completed": True})
    later = {"time": "2026-11-24T10:00:01Z"}
    assert send(*(EVENT | change for change in (*changed, later))) == ["conflict"] * 5
    assert send(EVENT | {"seq": 7}, EVENT | {"tags": ["sports", "unheard of"]}) == ["repeat", "repeat"]
    right = {"id": "e2", "score": 1.0, "supersedes": "e1"}
    assert send(EVENT | right, EVENT | right, EVENT | right | {"supersedes": "e0"}) == [
        "accepted",
        "repeat",
        "conflict",
    ]


def test_a_service_of_two_days_ago_forgets(
    serving: Callable[..., AbstractContextManager[httpx.Client]],  # noqa: F811
    school: Path,  # noqa: F811
    headers: Headers,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = headers("backend") | {"idempotency-key": "old"}
    body = {"learner": "student-3", "k": 2, "fresh": True}
    with serving(school) as client:
        first = client.post("/v1/recommend", json=body, headers=sent).json()
        monkeypatch.setattr("segue.workspace.storage.replies.KEPT_SECONDS", -1.0)
        again = client.post("/v1/recommend", json=body, headers=sent).json()
    assert first["playlist_id"] != again["playlist_id"]


@pytest.fixture
def shared(
    new_postgresql: Callable[..., str],
    template: Path,  # noqa: F811
    secrets: dict[str, str],  # noqa: F811
    tmp_path: Path,
) -> Path:
    """A workspace that several processes may serve, with the template's keys."""
    folder = tmp_path / "shared"
    space = Workspace.init(folder, environment={}, configuration=Configuration(database=new_postgresql()))
    space.set_catalogue(sample.load())
    space.close()
    shutil.copy(KeyRing(template).path, KeyRing(folder).path)
    assert secrets
    return folder


def test_workers_decide_on_a_key_once_and_store_it_with_the_decision(
    serving: Callable[..., AbstractContextManager[httpx.Client]],  # noqa: F811
    headers: Headers,  # noqa: F811
    shared: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two processes that share PostgreSQL, at once; a key that cannot be kept leaves no decision."""
    body = {"learner": "student-3", "k": 2, "fresh": True}
    with serving(shared) as one, serving(shared) as two, ThreadPoolExecutor(8) as people:

        def ask(place: int) -> httpx.Response:
            sent = headers("backend") | {"idempotency-key": f"key {place // 4}"}
            asked = (one, two)[place % 2]
            while (answer := asked.post("/v1/recommend", json=body, headers=sent)).status_code == 503:
                pass
            return answer

        found = [answer.content for answer in people.map(ask, range(24))]
        assert [len({*found[at : at + 4]}) for at in range(0, 24, 4)] == [1] * 6
        assert len({*found}) == 6
        assert n_decided(shared) == 2 * 6
        with monkeypatch.context() as broken:
            broken.setattr("segue.service.tenant.recommend_and_store.keep_replies", None)
            assert ask(24).status_code == 500
        assert n_decided(shared) == 2 * 6
        assert ask(24).status_code == 200
