"""Requests made from the OpenAPI document: no 5xx, no answer that it does not describe, bad data refused.

The quick run tries four of each operation, and `pytest -m slow tests/service/test_fuzz.py` 2,000 in parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi import checks

Headers = Callable[[str], dict[str, str]]
Serving = Callable[..., AbstractContextManager[httpx.Client]]
Answers = dict[str, set[int]]
PARTS = 16
SKILL = "unit-rates"
LONGEST_URL = 30_000  # with the rest of the head 32 kB
CHECKS: list[CheckFunction] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


@pytest.fixture
def attempt(school: Path, serving: Serving, headers: Headers) -> Iterator[Callable[..., Answers]]:
    """Return a function that tries each operation (of a part) so often, validly and brokenly: its answers."""
    sent = headers("admin")
    with serving(school) as client:
        known = known_in(client, sent)
        schema = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json", timeout=120)

        def attempt(n: int, part: slice = slice(None)) -> Answers:
            results: list[Any] = list(schema.get_all_operations())[part]
            return {
                one.label: attempt_one(one, sent, known, n) for one in (result.ok() for result in results)
            }

        yield attempt
        assert client.get("/readyz").status_code == 200


def known_in(client: httpx.Client, sent: dict[str, str]) -> Known:
    """Return ids that the store knows: by the names of fields, those of statements by path."""

    def post(path: str, body: dict[str, object]) -> dict[str, Any]:
        answer = client.post(path, json=body, headers=sent)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    step = post("/v1/recommend", {"learner": "student-3", "mode": "menu"})["steps"][0]
    act = post(f"/v1/decisions/{step['decision_id']}/override", {"action": "approve", "by": "t1"})
    said = "/v1/learners/student-3"
    claim = post(f"{said}/statements", {"claim": {"skill": SKILL, "says": "know"}})["statement_id"]
    plans = [
        post(f"{said}/plans", {"steps": [{"resource": one}]})["statement_id"]
        for one in ("trail-mix-talk", "pizza-fairly")
    ]
    wishes = [
        post(f"{said}/requests", {"kind": "talk", "about": skill})["statement_id"]
        for skill in (SKILL, "percents")
    ]
    yes = {"by": "t1", "accept": True}
    of_paths = {
        "/v1/learners/{learner}/statements": claim,
        "/v1/plans/": plans[0],
        "/v1/reviews/": post(f"/v1/plans/{plans[1]}/review", yes)["statement_id"],
        "/v1/requests/": wishes[0],
        "/v1/answers/": post(f"/v1/requests/{wishes[1]}/answer", yes)["statement_id"],
    }
    return Known(
        {
            "learner": "student-3",
            "learners": ["student-3", "student-4"],
            "class_id": "7b",
            "decision": step["decision_id"],
            "override_id": act["override_id"],
            "resource": step["resource"],
            "skill": SKILL,
            "version": client.get("/v1/models", headers=sent).json()["models"][0]["version"],
        },
        of_paths,
    )


class Known(NamedTuple):
    """Ids by the names of fields and parameters; those of statements by how the path begins."""

    names: Mapping[str, Any]
    statements: Mapping[str, str]

    def on_path(self, path: str, names: Iterable[str]) -> dict[str, str]:
        """Return the parameters of a path."""
        said = next((one for begin, one in self.statements.items() if path.startswith(begin)), "nobody")
        return {name: said if name == "statement" else self.names.get(name, "nobody") for name in names}

    def within(self, value: Any) -> Any:
        """Return what is sent, with ids in the place of made-up ones of the same kind."""
        if isinstance(value, list):
            return [self.within(one) for one in value]
        if not isinstance(value, dict):
            return value
        alike = {name: one for name, one in self.names.items() if type(value.get(name)) is type(one)}
        return {name: alike.get(name, self.within(one)) for name, one in value.items()}


def attempt_one(operation: Any, sent: dict[str, str], known: Known, n: int) -> set[int]:
    modes = schemathesis.GenerationMode
    seen: set[int] = set()

    @settings(
        max_examples=n,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=st.one_of(
            operation.as_strategy(generation_mode=modes.POSITIVE),
            operation.as_strategy(generation_mode=modes.NEGATIVE),
        ),
        someone=st.booleans(),
    )
    def check(case: Any, someone: bool) -> None:
        made_up = {name: value for name, value in (case.headers or {}).items() if name.lower() not in sent}
        case.headers = {**made_up, **sent}
        if someone:  # a made-up id is hardly ever one that the store knows
            case.path_parameters = known.on_path(operation.path, case.path_parameters or {})
            case.query, case.body = known.within(case.query), known.within(case.body)
        response = case.call(timeout=120)
        if "authorization" not in response.request.headers:  # the case is one that drops it
            assert response.status_code == 401
            return
        if response.status_code in (400, 431) and len(response.request.url) > LONGEST_URL:
            return  # refused with its head, before there is an operation
        if response.status_code == 404 and b'"no_route"' in (response.content or b""):
            return  # an id such as ".." leads to another path
        case.validate_response(response, checks=CHECKS)
        seen.add(response.status_code)

    check()
    assert seen, operation.label
    assert 401 not in seen, operation.label
    return seen


def test_a_few_of_every_operation(attempt: Callable[..., Answers]) -> None:
    """So few requests can miss the valid ones of a wide document: most operations show both answers."""
    answered = attempt(4)
    one_sided = [label for label, seen in answered.items() if len(seen) == 1 and seen != {200}]
    assert len(one_sided) <= len(answered) // 10, one_sided


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_many_of_every_operation(attempt: Callable[..., Answers], part: int) -> None:
    answered = attempt(2_000, slice(part, None, PARTS))
    assert {label: seen for label, seen in answered.items() if len(seen) == 1 and seen != {200}} == {}
