"""Requests made from the OpenAPI document: no 5xx, no answer that it does not describe, bad data refused.

The quick run tries four of each operation, and `pytest -m slow tests/service/test_fuzz.py` 2,000 in parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

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
        asked = client.post("/v1/recommend", json={"learner": "student-3", "mode": "menu"}, headers=sent)
        decision = asked.json()["steps"][0]["decision_id"]
        act = {"action": "approve", "by": "t1"}
        acted = client.post(f"/v1/decisions/{decision}/override", json=act, headers=sent)
        known = {
            "learner": "student-3",
            "class_id": "7b",
            "decision": decision,
            "override_id": acted.json()["override_id"],
        }
        schema = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json", timeout=120)

        def attempt(n: int, part: slice = slice(None)) -> Answers:
            results: list[Any] = list(schema.get_all_operations())[part]
            return {
                one.label: attempt_one(one, sent, known, n) for one in (result.ok() for result in results)
            }

        yield attempt
        assert client.get("/readyz").status_code == 200


def attempt_one(operation: Any, sent: dict[str, str], known: dict[str, str], n: int) -> set[int]:
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
            case.path_parameters = {name: known.get(name, "nobody") for name in case.path_parameters or {}}
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
