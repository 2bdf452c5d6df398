"""What is refused: wrong keys, scopes, bodies, rates; and that one tenant never sees another."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from segue.service.http.api_keys import KeyRing
from segue.service.http.rate_limits import ServiceLimits
from segue.service.http.request_schemas import Body

Headers = Callable[[str], dict[str, str]]
Serving = Callable[..., AbstractContextManager[httpx.Client]]
DECISION = "0" * 32
SCOPES: dict[str, str] = {  # who may call what, beside admin
    "backend": """
        POST /v1/learners/{learner}/statements
        POST /v1/learners/{learner}/statements/{statement}/undo
        POST /v1/decisions/{decision}/another
        POST /v1/decisions/{decision}/done
        POST /v1/decisions/{decision}/take-back
        POST /v1/decisions/{decision}/choice
        POST /v1/decisions/{decision}/rating
        POST /v1/learners/{learner}/plans
        POST /v1/learners/{learner}/requests
        POST /v1/events
        POST /v1/caliper
        POST /v1/xapi/statements
        PUT /v1/resources/{resource}
        PATCH /v1/resources/{resource}
        DELETE /v1/resources/{resource}
        POST /v1/resources/{resource}/restore
    """,
    "teacher": """
        POST /v1/decisions/{decision}/override
        POST /v1/overrides/{override_id}/undo
        POST /v1/plans/{statement}/review
        POST /v1/reviews/{statement}/undo
        POST /v1/requests/{statement}/answer
        POST /v1/answers/{statement}/undo
        POST /v1/class-weeks/draw
        POST /v1/class-weeks/approve
        POST /v1/class-weeks/must-do
        GET /v1/policy
        POST /v1/policy/dry-run
        PUT /v1/policy
        POST /v1/classes/{class_id}/groups
        POST /v1/classes/{class_id}/reviews
        POST /v1/classes/{class_id}/feedback-due
        POST /v1/classes/{class_id}/feedback
        POST /v1/classes/{class_id}/feedback-undo
        POST /v1/classes/{class_id}/talks
        POST /v1/classes/{class_id}/places
        POST /v1/classes/{class_id}/project
        POST /v1/classes/{class_id}/rubric
        POST /v1/classes/{class_id}/axes
    """,
    "backend teacher": """
        GET /v1/learners/{learner}/statements
        POST /v1/learners/{learner}/statements/preview
        GET /v1/learners/{learner}/check
        GET /v1/learners/{learner}/plans
        GET /v1/learners/{learner}/requests
        GET /v1/learners/{learner}/suggestions
        POST /v1/recommend
        POST /v1/recommend:batch
        GET /v1/decisions/{decision}
        GET /v1/learners/{learner}/profile
        GET /v1/learners/{learner}/lists
        GET /v1/learners/{learner}/why-not
        POST /v1/learners/{learner}/why-not
        POST /v1/learners/{learner}/what-if
        PUT /v1/learners/{learner}/opt-out
        PUT /v1/learners/{learner}/interests
        PUT /v1/classes/{class_id}/roster
        GET /v1/resources
        GET /v1/resources/{resource}
    """,
    "teacher analyst": "GET /v1/classes/{class_id}",
    "analyst": "GET /metrics",
    "": """
        GET /v1/events
        GET /v1/decisions
        GET /v1/learners
        GET /v1/learners/{learner}/export
        DELETE /v1/learners/{learner}
        GET /v1/models
        POST /v1/models/{version}/activate
    """,
}
CALLS = {
    tuple(line.split()): scopes.split()
    for scopes, lines in SCOPES.items()
    for line in lines.strip().split("\n")
}
ASKED = {"why-not": {"resource": "rate-race"}, "check": {"skill": "ratios"}}


@pytest.fixture(scope="module")
def shared(
    template: Path, secrets: dict[str, str], serving: Serving, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A client of one service for all tests that change nothing."""
    del secrets  # made before the template is copied
    folder = tmp_path_factory.mktemp("shared") / "school"
    shutil.copytree(template, folder)
    shutil.copy(template.with_suffix(".key"), folder.with_suffix(".key"))
    with serving(folder) as client:
        yield client


def test_every_call_needs_a_key_of_its_scope(client: httpx.Client, headers: Headers) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    described = {
        (m.upper(), p) for p, calls in paths.items() if p.startswith(("/v1", "/metrics")) for m in calls
    }
    assert described == set(CALLS)
    for (method, template), scopes in CALLS.items():
        path = re.sub(r"{\w+}", DECISION, template)
        query = ASKED.get(path.rpartition("/")[2]) if method == "GET" else None
        body = None if method == "GET" else {}
        asked = partial(client.request, method, path, params=query, json=body)
        response = asked()
        assert response.status_code == 401, path
        assert response.headers["www-authenticate"] == "Bearer"
        for scope in ("backend", "teacher", "analyst"):
            assert (asked(headers=headers(scope)).status_code == 403) == (scope not in scopes), (
                template,
                scope,
            )
        assert asked(headers=headers("admin")).status_code != 403


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer x", "Basic abc", "Bearer segue_1_x", "Bearer \xe9", "bearer " + "x" * 5000],
)
def test_no_key(shared: httpx.Client, authorization: str) -> None:
    raw = [(b"authorization", authorization.encode("latin-1"))]
    response = shared.post("/v1/recommend", json={"learner": "a"}, headers=raw)
    assert response.status_code == 401
    assert "Bearer segue_" in response.json()["error"]["message"]


def test_a_revoked_key_is_refused_within_a_second(school: Path, serving: Serving) -> None:
    ring = KeyRing(school)
    key, secret = ring.create("short", ("backend",), now=datetime.now(UTC))
    with serving(school) as client:

        def status() -> int:
            sent = {"authorization": f"Bearer {secret}"}
            return client.post("/v1/recommend", json={"learner": "a"}, headers=sent).status_code

        assert status() == 200
        ring.revoke(key.key_id)
        for _ in range(20):
            time.sleep(0.05)
            if status() == 401:
                return
        pytest.fail("the key still works")


BODIES = {
    "not JSON": (b"{", 400),
    "empty": (b"", 400),
    "bad UTF-8": (b'{"learner": "\xff\xfe"}', 400),
    "lone surrogate": (b'{"learner": "\\ud800"}', 400),
    "NUL": (b'{"learner": "a\\u0000"}', 422),
    "NaN": (b'{"learner": "a", "minutes": NaN}', 422),
    "Infinity": (b'{"learner": "a", "minutes": Infinity}', 422),
    "overflow": (b'{"learner": "a", "minutes": 1e999}', 422),
    "huge integer": (b'{"learner": "a", "k": 1' + b"0" * 4000 + b"}", 422),
    "deep": (b'{"learner": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "deep object": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400),
    "a list": (b"[]", 422),
    "unknown field": (b'{"learner": "a", "name": "Ada"}', 422),
    "wrong type": (b'{"learner": 7}', 422),
    "naive time": (b'{"learner": "a", "now": "2026-11-24T10:00:00"}', 422),
    "another century": (b'{"learner": "a", "now": "9999-12-31T23:59:59Z"}', 422),
    "epoch in ms": (b'{"learner": "a", "now": 99999999999999}', 422),
    "k": (b'{"learner": "a", "k": 51}', 422),
    "true for a number": (b'{"learner": "a", "k": true}', 422),
    "text for a number": (b'{"learner": "a", "k": "3"}', 422),
    "half a step": (b'{"learner": "a", "k": 2.5}', 422),
    "text for minutes": (b'{"learner": "a", "minutes": "30"}', 422),
    "a number for yes": (b'{"learner": "a", "fill": 1}', 422),
    "text for no": (b'{"learner": "a", "explain": "no"}', 422),
    "no candidates": (b'{"learner": "a", "candidates": []}', 422),
    "unknown skill": (b'{"learner": "a", "goal": {"skills": ["telepathy"]}}', 422),
    "dial": (b'{"learner": "a", "dials": {"pace": 2}}', 422),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_cannot_be_meant(shared: httpx.Client, headers: Headers, name: str) -> None:
    content, status = BODIES[name]
    sent = headers("backend") | {"content-type": "application/json"}
    response = shared.post("/v1/recommend", content=content, headers=sent)
    assert response.status_code == status, response.text
    message = response.json()["error"]["message"]
    assert 10 < len(message) < 300
    assert "Ada" not in message


def test_a_whole_number_may_be_written_with_a_point(shared: httpx.Client, headers: Headers) -> None:
    """As programs write it whose numbers are all of one kind."""
    content = b'{"learner": "student-1", "k": 3.0}'
    response = shared.post("/v1/recommend", content=content, headers=headers("backend"))
    assert len(response.json()["steps"]) == 3, response.text


def bodies(of: type[Body] = Body) -> Iterator[type[Body]]:
    for body in of.__subclasses__():
        yield body
        yield from bodies(body)


def plain_fields(body: type[Body]) -> Iterator[tuple[str, str]]:
    """Yield each field of a body that is a number, or true or false, and which of them."""
    for name, field in body.model_json_schema()["properties"].items():
        for one in field.get("anyOf", [field]):
            if one.get("type") in ("integer", "number", "boolean"):
                yield name, one["type"]


def test_no_body_takes_text_for_a_number_or_a_number_for_yes(shared: httpx.Client) -> None:
    assert shared.get("/healthz").status_code == 200  # every route is there, and with it every body
    fields = {(body, name, kind) for body in bodies() for name, kind in plain_fields(body)}
    assert {"k", "score", "seq", "fill", "size", "capacity", "accept"} <= {name for _, name, _ in fields}
    for body, name, kind in fields:
        for wrong in ('"3"', '"true"', "1" if kind == "boolean" else "true"):
            with pytest.raises(ValidationError) as caught:
                body.model_validate_json(f'{{"{name}": {wrong}}}')
            assert name in {fault["loc"][0] for fault in caught.value.errors()}, (body, name, wrong)


def test_a_body_of_faults_alone_is_refused_as_one(shared: httpx.Client, headers: Headers) -> None:
    def answer(path: str, body: str) -> tuple[int, str]:
        said = headers("backend") | {"content-type": "application/json"}
        found = shared.post(f"/v1/{path}", content=body, headers=said)
        return found.status_code, found.text if found.status_code == 200 else found.json()["error"]["message"]

    ones = ",".join("1" * 900_000)
    status, message = answer("recommend", f'{{"learner": "ada", "candidates": [{ones}]}}')
    assert (status, message.partition(":")[0]) == (422, "900001 values are not valid")
    assert answer("events", f'{{"events": [{ones}]}}') == (
        422,
        "events: List should have at most 1000 items, not 900000",
    )
    assert answer("events", f'{{"events": [{"null," * 1000}null]}}')[0] == 422
    status, told = answer("events", f'{{"events": [{"null," * 999}null]}}')
    assert (status, json.loads(told)["rejected"]) == (200, 1000)


def test_a_change_that_depends_on_what_was_read_is_not_made_all_the_same(
    shared: httpx.Client, headers: Headers
) -> None:
    where, sent = "/v1/resources/pizza-fairly", headers("backend")
    read = shared.get(where, headers=sent)
    for name, tag in (("if-match", read.headers["etag"]), ("if-match", '"another"'), ("if-none-match", "*")):
        refused = shared.put(where, json={"title": "Mine"}, headers=sent | {name: tag})
        assert (refused.status_code, refused.json()["error"]["code"]) == (412, "condition")
    assert shared.get(where, headers=sent).json() == read.json()


def test_refusals_are_put_in_words(shared: httpx.Client, headers: Headers) -> None:
    for path, body, words in (
        ("recommend", {"learner": "a\x00b"}, "learner: must not hold control characters"),
        (
            "recommend",
            {"learner": "a", "candidates": []},
            "candidates: List should have at least 1 item, not 0",
        ),
        (
            "class-weeks/draw",
            {"learners": ["a"], "week": "next", "by": "b"},
            "week: must be a week such as 2026-W48",
        ),
    ):
        method = "PUT" if path.startswith("resources") else "POST"
        refused = shared.request(method, f"/v1/{path}", json=body, headers=headers("admin"))
        assert refused.status_code == 422
        assert refused.json()["error"]["message"].startswith(words), refused.text


def test_ten_megabytes(shared: httpx.Client, headers: Headers) -> None:
    big = b'{"learner": "' + b"a" * 10_000_000 + b'"}'
    announced = shared.post("/v1/recommend", content=big, headers=headers("backend"))
    assert announced.status_code == 413
    pieces = (big[i : i + 65_536] for i in range(0, len(big), 65_536))
    try:
        untold = shared.post("/v1/recommend", content=pieces, headers=headers("backend")).status_code
    except httpx.WriteError:  # the server has hung up before all was sent
        untold = 413
    assert untold == 413
    assert shared.get("/healthz").status_code == 200


def test_another_content_type(shared: httpx.Client, headers: Headers) -> None:
    sent = headers("backend") | {"content-type": "text/xml"}
    response = shared.post("/v1/events", content=b"<events/>", headers=sent)
    assert response.status_code == 415
    assert "application/json" in response.json()["error"]["message"]
    packed = headers("backend") | {"content-type": "application/json", "content-encoding": "gzip"}
    response = shared.post("/v1/recommend", content=gzip.compress(b"{}"), headers=packed)
    assert (response.status_code, response.json()["error"]["code"]) == (415, "packed")


def test_a_body_that_stops_coming(school: Path, serving: Serving, headers: Headers) -> None:
    key = headers("backend")["authorization"]
    begun = f"POST /v1/recommend HTTP/1.1\r\nhost: x\r\nauthorization: {key}\r\ncontent-length: 20\r\n\r\n{{"
    with serving(school, limits=ServiceLimits(body_seconds=0.2)) as client:
        address = (client.base_url.host, client.base_url.port or 80)
        with socket.create_connection(address, timeout=20) as waiting:
            waiting.sendall(begun.encode())
            assert b" 408 " in waiting.recv(65_536)


def test_rates_are_kept_a_key(school: Path, serving: Serving, headers: Headers) -> None:
    with serving(school, limits=ServiceLimits(rate=0.01, burst=3)) as client:
        asked = [client.get("/metrics", headers=headers("analyst")) for _ in range(4)]
        assert [r.status_code for r in asked] == [200, 200, 200, 429]
        assert 1 <= int(asked[-1].headers["retry-after"]) <= 100
        assert client.get("/metrics", headers=headers("admin")).status_code == 200


def test_paths_and_methods_that_are_not_there(shared: httpx.Client, headers: Headers) -> None:
    assert shared.get("/v1/nothing", headers=headers("admin")).json()["error"]["code"] == "no_route"
    assert shared.put("/v1/recommend", headers=headers("admin")).status_code == 405
    long = shared.get(f"/v1/learners/{'x' * 201}/profile", headers=headers("admin"))
    assert long.status_code == 422
    assert "learner" in long.json()["error"]["message"]


def test_one_tenant_never_sees_another(school: Path, fresh: Path, serving: Serving, headers: Headers) -> None:
    ring = KeyRing(fresh)
    for key in ring.keys:
        ring.revoke(key.key_id)
    _, secret = ring.create("other", ("admin",), now=datetime.now(UTC))
    other = {"authorization": f"Bearer {secret}"}
    with serving(school, fresh) as client:
        mine = client.post("/v1/recommend", json={"learner": "student-3"}, headers=headers("backend")).json()
        for path in ("learners/student-3/profile", "learners/student-3/export", "classes/7b"):
            assert client.get(f"/v1/{path}", headers=headers("admin")).status_code == 200
            assert client.get(f"/v1/{path}", headers=other).status_code == 404
        assert client.delete("/v1/learners/student-3", headers=other).status_code == 404
        decision = f"/v1/decisions/{mine['steps'][0]['decision_id']}/rating"
        assert client.post(decision, json={"rating": 1}, headers=other).status_code == 404
        assert client.post(decision, json={"rating": 1}, headers=headers("backend")).status_code == 200
        assert 'route="/v1/recommend"' not in client.get("/metrics", headers=other).text
        assert (
            json.dumps(mine["model"])
            not in client.post("/v1/recommend", json={"learner": "student-3"}, headers=other).text
        )
