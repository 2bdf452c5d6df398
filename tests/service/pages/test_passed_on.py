"""A suggestion that the teacher accepts reaches classmates: few at once, no names, nothing gated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from segue import sample

Headers = Callable[[str], dict[str, str]]
CLASS = [f"student-{n}" for n in range(1, 5)]
ME, MATE = "/v1/learners/student-1", "/v1/learners/student-4"


def test_an_accepted_suggestion_is_seen_by_classmates_until_it_is_taken_back(
    client: httpx.Client, headers: Headers, link: Any, browse: Any
) -> None:
    def call(path: str, body: dict[str, Any] | None = None, *, scope: str = "teacher") -> Any:
        method = "GET" if body is None else "POST"
        found = client.request(method, path, json=body, headers=headers(scope))
        assert found.status_code == 200, found.text
        return found.json()

    def seen(who: str) -> list[str]:
        return [one["resource"] for one in call(f"{who}/suggestions")["suggestions"]]

    def passed_on(resource: str, when: datetime) -> str:
        asked = call(f"{ME}/requests", {"kind": "suggestion", "about": resource}, scope="backend")
        body = {"by": "t1", "accept": True, "class_id": "7b", "learners": CLASS, "now": when.isoformat()}
        kept = call(f"/v1/requests/{asked['statement_id']}/answer", body)
        assert call(f"/v1/requests/{asked['statement_id']}/answer", body) == kept, "kept once"
        return str(kept["statement_id"])

    rules = {
        one.resource_id: call(f"{MATE}/why-not?resource={one.resource_id}")["rules"]
        for one in sample.load().resources
    }
    browse(link("learner", "student-4"))  # what the week has drawn is not suggested beside it
    listed = {step["resource"] for one in call(f"{MATE}/lists")["lists"] for step in one["steps"]}
    free = [name for name, said in rules.items() if not said and name not in listed]
    gated = free[4]
    tried = {"id": "t", "learner": "student-4", "resource": gated, "score": 1.0}
    call("/v1/events", {"events": [tried | {"time": datetime.now(UTC).isoformat()}]}, scope="backend")
    assert "repeat spacing" in call(f"{MATE}/why-not?resource={gated}")["rules"]
    later = next(name for name, said in rules.items() if said == ["role of the slot"] and name not in listed)
    now = datetime.now(UTC)
    passed_on(free[3], now - timedelta(days=15))
    answers = [passed_on(name, now - timedelta(minutes=9 - n)) for n, name in enumerate([*free[:3], gated])]
    assert seen(MATE) == [free[2], free[1]], "the two newest; none that is gated or old"
    assert seen(ME) == [], "not to who suggested it"
    late = passed_on(later, now)
    assert seen(MATE) == [later, free[2]], "also what is no beginning of a list"
    call(f"/v1/answers/{late}/undo", {"by": "t1"})
    page = browse(link("learner", "student-4")).text
    assert "From a classmate" in page
    assert "student-1" not in page
    call(f"/v1/answers/{answers[2]}/undo", {"by": "t1"})
    assert seen(MATE) == [free[1], free[0]]
    asked = {"learner": "student-4", "k": 1, "candidates": [free[3]]}
    (step,) = call("/v1/recommend", asked, scope="backend")["steps"]
    passed_on(step["resource"], now)
    assert step["resource"] in seen(MATE)
    call(f"/v1/decisions/{step['decision_id']}/override", {"action": "remove", "by": "t1"})
    assert step["resource"] not in seen(MATE), "what a teacher took out for a learner comes back by no door"
