"""Every POST may be sent again under its key, by who did not hear the answer: nothing more is stored."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from segue.service.app import create_app
from segue.service.http.rate_limits import ServiceLimits
from segue.workspace.storage.schema import metadata

Headers = Callable[[str], dict[str, str]]
MEMORY = {"counters", "documents", "learner_states", "replies"}  # what is derived, or kept once for each name
TEACHER, WEEK = {"by": "teacher-4"}, {"learners": ["student-3", "student-4"], "week": "2026-W48"}
PAIR = {"learners": ["student-3", "student-4"]}
EVENT = {"id": "e1", "learner": "student-3", "resource": "pizza-fairly", "score": 0.5, "seq": 9_000}
SCORE = {"learner": "student-3", "criterion": "reasoning", "rater": "teacher-4", "score": 0.75}
SLOT = {"slot": "mon-1", "role": "teacher", "begins": "2026-11-23T08:00:00Z", "capacity": 1}
XAPI = {
    "id": "6690e6c9-3ef0-4ed3-8b37-7f3964730bee",
    "actor": {"account": {"homePage": "https://lms.example", "name": "student-3"}},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
    "object": {"id": "pizza-fairly"},
    "timestamp": "2026-11-24T08:00:00Z",
}
CALIPER = {
    "@context": "http://purl.imsglobal.org/ctx/caliper/v1p2",
    "id": "urn:uuid:3a648e68-f00d-4c08-aa59-8738e1884f2c",
    "type": "ViewEvent",
    "actor": {"id": "student-3", "type": "Person"},
    "action": "Viewed",
    "object": {"id": "pizza-fairly", "type": "Document"},
    "eventTime": "2026-11-24T08:00:00.000Z",
}
ONLY_ASKS = {"statements/preview", "why-not", "what-if", "feedback-due", "talks", "project", "dry-run"}
Call = tuple[str, str, Any]
CALLS: tuple[Call, ...] = (  # in an order that makes sense: who answers, what, with which body
    ("backend", "recommend", {"learner": "student-3", "k": 3}),
    ("backend", "recommend:batch", {"requests": [{"learner": "student-4", "k": 3}]}),
    ("backend", "events", {"events": [EVENT]}),
    ("backend", "xapi/statements", XAPI),
    ("backend", "caliper", CALIPER),
    ("backend", "decisions/{menu}/choice", {"resource": "{picked}"}),
    ("backend", "decisions/{decision}/rating", {"rating": 0.75}),
    ("backend", "decisions/{decision}/done", {}),
    ("backend", "decisions/{decision}/take-back", {"said": "completion"}),
    ("teacher", "decisions/{decision}/override", {**TEACHER, "action": "remove"}),
    ("teacher", "overrides/{override_id}/undo", TEACHER),
    ("backend", "decisions/{other}/another", {}),
    ("backend", "learners/student-3/statements", {"claim": {"skill": "unit-rates", "says": "know"}}),
    ("backend", "learners/student-3/statements/{statement}/undo", {}),
    ("backend", "learners/student-3/plans", {"steps": [{"resource": "trail-mix-talk"}]}),
    ("teacher", "plans/{statement}/review", {**TEACHER, "accept": True}),
    ("teacher", "reviews/{statement}/undo", TEACHER),
    ("backend", "learners/student-3/requests", {"kind": "talk", "about": "unit-rates"}),
    ("teacher", "requests/{statement}/answer", {**TEACHER, "accept": True}),
    ("teacher", "answers/{statement}/undo", TEACHER),
    ("teacher", "class-weeks/draw", {**WEEK, **TEACHER}),
    ("teacher", "class-weeks/approve", {**WEEK, **TEACHER}),
    ("teacher", "class-weeks/must-do", {**WEEK, **TEACHER, "resource": "rate-race"}),
    ("teacher", "classes/7b/groups", {**PAIR, "project": "bridge", "size": 2, "keep": True}),
    ("teacher", "classes/7b/reviews", {**PAIR, "work": "essay-1", "each": 1, "keep": True}),
    ("teacher", "classes/7b/feedback", {**PAIR, **TEACHER, "kind": "talk", "minutes": 5}),
    ("teacher", "classes/7b/feedback", {**PAIR, **TEACHER, "now": "2026-11-24T09:00:00Z"}),
    (
        "teacher",
        "classes/7b/feedback-undo",
        {"learner": PAIR["learners"][0], **TEACHER, "at": "2026-11-24T09:00:00Z"},
    ),
    ("teacher", "classes/7b/places", {**WEEK, "slots": [SLOT], "keep": True}),
    ("teacher", "classes/7b/rubric", {"work": "x", "rubric": {"reasoning": "rate-race"}, "scores": [SCORE]}),
    ("teacher", "classes/7b/axes", {"fixed": {"content:visual": 0.2}}),
    ("admin", "resources/rate-race/restore", None),
    ("admin", "models/{model}/activate", None),
)


def n_rows(folder: Path) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(folder / "segue.db")) as store:
        tables = set(metadata.tables) - MEMORY
        return {name: store.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in sorted(tables)}


def filled(sent: Any, known: dict[str, str]) -> Any:
    if isinstance(sent, str):
        for name, value in known.items():
            sent = sent.replace(f"{{{name}}}", value)
        return sent
    return {name: filled(value, known) for name, value in sent.items()} if isinstance(sent, dict) else sent


def test_what_is_sent_twice_is_stored_once(client: httpx.Client, school: Path, headers: Headers) -> None:
    menu = {"learner": "student-4", "mode": "menu", "menu": 2}
    step = client.post("/v1/recommend", json=menu, headers=headers("backend")).json()["steps"][0]
    models = client.get("/v1/models", headers=headers("admin")).json()["models"]
    roster = {"learners": [{"id": who} for who in PAIR["learners"]]}
    assert client.put("/v1/classes/7b/roster", json=roster, headers=headers("backend")).status_code == 200
    known = {"menu": step["decision_id"], "picked": step["menu"][1], "model": models[0]["version"]}
    doubled = []
    for scope, path, body in CALLS:
        where, said = f"/v1/{filled(path, known)}", filled(body, known)
        key = headers(scope) | {"idempotency-key": f"of {path} {body}"}
        first = client.post(where, json=said, headers=key)
        assert first.status_code == 200, (path, first.text)
        told = first.json() if isinstance(first.json(), dict) else {}
        if path == "recommend":
            known |= {"decision": told["steps"][0]["decision_id"], "other": told["steps"][1]["decision_id"]}
        known |= {"override_id": told["override_id"]} if "override_id" in told else {}
        before = n_rows(school)
        again = client.post(where, json=said, headers=key)
        assert again.status_code in (200, 409), (path, again.text)
        after = n_rows(school)
        if before != after:
            doubled.append((path, {name: after[name] - n for name, n in before.items() if after[name] != n}))
        known |= {"statement": told["statement_id"]} if "statement_id" in told else {}
    assert not doubled, "\n".join(map(str, doubled))


def test_a_key_is_for_one_request(client: httpx.Client, headers: Headers) -> None:
    key = headers("backend") | {"idempotency-key": "k"}
    path = "/v1/learners/student-3/statements"
    claim = {"claim": {"skill": "unit-rates", "says": "know"}}
    first = client.post(path, json=claim, headers=key).json()
    assert client.post(path, json=claim, headers=key).json() == first
    other = client.post(path, json={"goal": {"skills": ["unit-rates"]}}, headers=key)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "key_used")
    drawn = client.post("/v1/recommend", json={"learner": "student-3"}, headers=key)
    assert (drawn.status_code, drawn.json()["error"]["code"]) == (409, "key_used")
    assert client.post(path, json=claim, headers=headers("backend")).json() != first


def test_every_post_is_sent_twice() -> None:
    paths = create_app([], limits=ServiceLimits()).openapi()["paths"]
    posts = {path.removeprefix("/v1/") for path, methods in paths.items() if "post" in methods}
    shapes = {tuple("*" if "{" in part else part for part in path.split("/")) for path in posts}
    sent = {tuple(path.split("/")) for _, path, _ in CALLS}
    unsent = {
        shape
        for shape in shapes
        if "/".join(part for part in shape[-2:] if part != "*") not in ONLY_ASKS
        and shape[-1] not in ONLY_ASKS
        and not any(
            len(one) == len(shape) and all(b in ("*", a) for a, b in zip(one, shape, strict=True))
            for one in sent
        )
    }
    assert unsent == set()
