"""Statements and envelopes over HTTP: stored once, names left out, the bad told apart from the good."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from segue import sample

CANARY = "zebedee.quillfeather"
RESOURCE = sample.load().resources[0].url


def statement(**changes: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "actor": {"name": CANARY, "account": {"homePage": "https://lms.example", "name": "student-3"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
        "object": {"id": RESOURCE},
        "result": {"score": {"scaled": 0.75}},
        "timestamp": "2026-11-24T09:00:00Z",
    } | changes


@pytest.fixture
def post(client: httpx.Client, headers: Any) -> Any:
    return lambda body, path="xapi/statements", scope="backend": client.post(
        f"/v1/{path}", json=body, headers=headers(scope)
    )


def test_a_statement_is_stored_once_if_the_catalogue_has_its_resource(post: Any) -> None:
    sent = [statement(), statement(object={"id": "https://lms.example/nowhere"})]
    first = post(sent)
    assert first.status_code == 200
    assert sorted(v["verdict"] for v in first.json()["verdicts"]) == ["accepted", "rejected"]
    again = post(sent).json()
    assert (again["accepted"], again["repeats"], again["rejected"]) == (0, 1, 1)


def test_a_bad_statement_is_refused_and_the_good_one_kept(post: Any) -> None:
    answer = post([statement(), statement(actor={"mbox": 7})]).json()
    assert answer["accepted"] == 1
    assert sum(answer["refused"].values()) == 1


def test_nothing_but_bad_statements_is_an_error_with_the_reason(post: Any) -> None:
    answer = post(statement(actor={"mbox": 7}))
    assert answer.status_code == 422
    assert "actor" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b'{"a": NaN}', 400), (b"\xff", 400), (b"1", 422)])
def test_what_is_no_document_is_refused(client: httpx.Client, headers: Any, body: bytes, status: int) -> None:
    sent = headers("backend") | {"content-type": "application/json"}
    for path in ("xapi/statements", "caliper"):
        assert client.post(f"/v1/{path}", content=body, headers=sent).status_code == status


def test_a_teacher_may_not_send_statements(post: Any) -> None:
    assert post(statement(), scope="teacher").status_code == 403


def test_no_name_of_a_person_reaches_the_store(post: Any, school: Path) -> None:
    assert post(statement()).json()["accepted"] == 1
    for path in school.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes()


def test_a_standard_client_finds_a_record_store(client: httpx.Client, headers: Any) -> None:
    key = headers("backend")["authorization"].partition(" ")[2]
    version = {"X-Experience-API-Version": "1.0.3"}
    assert "1.0.3" in client.get("/v1/xapi/about").json()["version"]
    asked = client.options("/v1/xapi/statements", headers={"origin": "https://player.example"})
    assert asked.status_code == 204
    assert "PUT" in asked.headers["access-control-allow-methods"]
    sent = [statement(), statement()]
    posted = client.post("/v1/xapi/statements", json=sent, auth=("segue", key), headers=version)
    assert posted.json() == [part["id"] for part in sent]
    assert posted.headers["x-experience-api-version"] == "1.0.3"
    one = statement()
    where = f"/v1/xapi/statements?statementId={one['id']}"
    assert client.put(where, json=one, auth=("segue", key), headers=version).status_code == 204
    again = client.post("/v1/xapi/statements", json=one, headers=headers("backend")).json()
    assert again["repeats"] == 1
    other = one | {"result": {"score": {"scaled": 0.25}}}
    refused = client.put(where, json=other, auth=("segue", key), headers=version)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    refused = client.post("/v1/xapi/statements", json=[other], auth=("segue", key), headers=version)
    assert refused.status_code == 409
    wrong = client.put("/v1/xapi/statements?statementId=x", json=one, auth=("segue", key), headers=version)
    assert wrong.status_code == 400
    assert client.put(where, json=one, auth=("segue", "nonsense")).status_code == 401


def test_a_record_store_takes_all_statements_or_none(client: httpx.Client, headers: Any) -> None:
    def store(method: str, body: Any, version: str = "1.0.3", **where: str) -> httpx.Response:
        said = headers("backend") | {"X-Experience-API-Version": version}
        return client.request(method, "/v1/xapi/statements", json=body, headers=said, params=where)

    good = statement()
    for wrong in (statement(actor={}), statement(timestamp="2199-01-01T00:00:00Z"), 5):
        refused = store("POST", [good, wrong])
        assert refused.status_code == 400, refused.text
        assert "nothing is stored" in refused.json()["error"]["message"]
    assert store("PUT", statement(id="x", actor={}), statementId="x").status_code == 400
    for version in ("0.95", "1.1.0", "nonsense", ""):
        assert store("POST", good, version).status_code == 400
        assert store("PUT", good, version, statementId=good["id"]).status_code == 400
    told = client.post("/v1/xapi/statements", json=good, headers=headers("backend")).json()
    assert told["accepted"] == 1  # so it was not stored before
    elsewhere = statement(object={"id": "https://lms.example/nowhere"})
    assert store("POST", [good, elsewhere], "2.0.0").json() == [good["id"], elsewhere["id"]]
