"""A draft is tried by HTTP, put in force, decides the next lists as was said, and is taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from segue.features.iso_weeks import week_of

Headers = Callable[[str], dict[str, str]]
CLASS = [f"student-{n}" for n in range(1, 7)]
DRAFT = {"weights": {"zone": 6.0}, "limits": {"per_skill": 1}}


def test_a_dry_run_says_which_lists_change_and_putting_the_version_back_restores_them(
    client: httpx.Client, headers: Headers
) -> None:
    teacher = headers("teacher")

    def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        found = client.request(method, path, json=body, headers=teacher)
        assert found.status_code == 200, found.text
        return found.json()

    now = datetime.now(UTC)
    shape = {"learners": CLASS, "week": week_of(now, "UTC"), "k": 6, "now": now.isoformat()}
    before = call("GET", "/v1/policy")
    seen = call("POST", "/v1/policy/dry-run", shape | {"draft": DRAFT})
    assert call("GET", "/v1/policy") == before, "a dry run stores nothing"
    assert seen["settings"]["limits.per_skill"] == [before["policy"]["limits"]["per_skill"], 1]
    assert seen["lists"] == len(CLASS)
    assert seen["share"] == len(seen["changed"]) / len(CLASS) > 0
    kept = call("PUT", "/v1/policy", {"draft": DRAFT, "by": "t1", "reason": "more variety"})
    assert kept["version"] == seen["version"]
    assert call("PUT", "/v1/policy", {"draft": DRAFT, "by": "t1"}) == kept, "kept once"
    back = {name: before["policy"][name] for name in ("weights", "limits")}
    other_way = call("POST", "/v1/policy/dry-run", shape | {"draft": back})
    assert other_way["changed"] == {who: [new, old] for who, (old, new) in seen["changed"].items()}
    assert (kept["history"][-1]["reason"], "t1" in str(kept["history"])) == ("more variety", False)
    undone = call("PUT", "/v1/policy", {"version": before["version"], "by": "t1"})
    assert (undone["version"], undone["policy"]) == (before["version"], before["policy"])
    assert call("POST", "/v1/policy/dry-run", shape | {"draft": DRAFT}) == seen


def test_a_draft_out_of_range_and_a_version_nobody_had_are_refused(
    client: httpx.Client, headers: Headers
) -> None:
    for body, status in (
        ({"draft": {"weights": {"zone": 99}}, "by": "t1"}, 422),
        ({"draft": {"colour": 1}, "by": "t1"}, 422),
        ({"draft": {"policy": {"name": "os:System"}}, "by": "t1"}, 422),
        ({"version": "0" * 12, "by": "t1"}, 404),
        ({"by": "t1"}, 422),
    ):
        found = client.put("/v1/policy", json=body, headers=headers("teacher"))
        assert (found.status_code, "message" in found.text or found.text) == (status, True), body
