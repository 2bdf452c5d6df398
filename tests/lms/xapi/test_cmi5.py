"""cmi5: what the profile adds to xAPI."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from segue.lms.records.source_records import Event, ReadReport
from segue.lms.xapi import cmi5

PASSED: dict[str, Any] = {
    "id": "8f87ccde-bb56-4c2e-ab83-44982ef22df0",
    "actor": {"account": {"homePage": "https://school.example", "name": "4711"}},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
    "object": {"id": "https://lms.example/session/99"},
    "result": {"score": {"scaled": 0.8}, "success": True, "duration": "PT90S"},
    "context": {
        "registration": "ec531277-b57b-4c15-8d91-d292c5b2b8f7",
        "contextActivities": {
            "category": [{"id": cmi5.CATEGORY}, {"id": cmi5.MOVE_ON}],
            "grouping": [{"id": "https://publisher.example/unit/1"}],
        },
        "extensions": {cmi5.SESSION: "s1"},
    },
    "timestamp": "2026-03-02T09:00:00Z",
}


def taken(source: Any) -> tuple[list[Event], ReadReport]:
    stream, report = cmi5.read(source)
    return list(stream), report


def test_a_passed_unit_is_an_attempt_at_what_its_publisher_calls_it() -> None:
    (event,), report = taken(PASSED)
    assert not report.refused
    assert (event["kind"], event["score"], event["seconds"]) == ("attempt", 0.8, 90.0)
    assert event["resource"] == "https://publisher.example/unit/1"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("actor", {"mbox": "mailto:a@b.org"}),
        ("timestamp", ""),
        ("result", {"success": False, "duration": "PT1S"}),
        ("result", {"success": True}),
        ("verb", {"id": "http://adlnet.gov/expapi/verbs/initialized"}),
    ],
)
def test_broken_rules_are_refused(place: str, value: Any) -> None:
    events, report = taken(PASSED | {place: value})
    assert not events
    assert sum(report.refused.values()) == 1


def test_waived_and_satisfied_are_not_the_learners_doing() -> None:
    for verb in ("waived", "satisfied"):
        statement = copy.deepcopy(PASSED) | {"verb": {"id": f"https://w3id.org/xapi/adl/verbs/{verb}"}}
        del statement["result"]["score"]
        events, report = taken(statement)
        assert not events
        assert report.skipped[verb] == 1


def test_other_statements_are_read_as_xapi() -> None:
    plain = {name: PASSED[name] for name in ("id", "actor", "verb", "object", "timestamp")}
    (event,), report = taken(plain)
    assert not report.refused
    assert event["resource"] == "https://lms.example/session/99"
