"""Open edX: tracking records say the same as the statements Open edX's own routing makes of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segue.lms.openedx import reader as openedx
from segue.lms.records.source_records import Event, ReadReport
from segue.lms.records.untrusted_values import instant

PROBLEM = "block-v1:edX+D+1+type@problem+block@3fc5"
CHECK: dict[str, Any] = {
    "name": "problem_check",
    "timestamp": "2026-03-02T09:00:00.9+00:00",
    "context": {
        "course_id": "course-v1:edX+D+1",
        "user_id": 3,
        "username": "CANARY",
        "event_source": "server",
    },
    "data": {"problem_id": PROBLEM, "grade": 1, "max_grade": 2, "attempts": 4, "success": "incorrect"},
}


def change(place: str, **values: Any) -> dict[str, Any]:
    """The record with properties of `data` or `context` set."""
    record = copy.deepcopy(CHECK)
    record[place] |= values
    return record


def browser() -> dict[str, Any]:
    record = copy.deepcopy(CHECK) | {
        "data": "input_3fc5_2_1%5B%5D=CANARY",
        "timestamp": "2026-03-02T09:00:00Z",
    }
    record["context"]["event_source"] = "browser"
    return record


def grade_book() -> dict[str, Any]:
    record = copy.deepcopy(CHECK) | {"name": "edx.grades.problem.submitted"}
    points = {"weighted_earned": 1, "weighted_possible": 2, "user_id": "3"}
    return record | {"data": {"problem_id": PROBLEM} | points}


def taken(source: Any) -> tuple[list[Event], ReadReport]:
    stream, report = openedx.read(source)
    return list(stream), report


def one(source: Any) -> Event:
    events, report = taken(source)
    assert not report.refused
    (event,) = events
    return event


def last(iri: str) -> str:
    return iri.rstrip("/").rpartition("/")[2]


def expected_score(result: dict[str, Any]) -> float | None:
    """The rule of scores, written apart from the reader's."""
    points = result.get("score", {})
    if points.get("max") == 0:
        return None
    if "scaled" in points:
        return float(points["scaled"])
    return float(result["success"]) if "success" in result else None


def test_every_record_says_what_its_statement_says(shared_data: Callable[[str], Path]) -> None:
    lines = (shared_data("lms/openedx") / "events.ndjson").read_text().splitlines()
    for row in map(json.loads, lines):
        event = one(row["tracking_event"])
        statement = row["xapi"][0] if isinstance(row["xapi"], list) else row["xapi"]
        if statement is None:
            continue
        deed = openedx.deed_of(row["tracking_event"])
        assert deed is not None
        assert deed.verb == last(statement["verb"]["id"]), row["name"]
        assert deed.object_type == last(statement["object"]["definition"]["type"]), row["name"]
        assert event["score"] == expected_score(statement.get("result", {})), row["name"]
        assert event["time"] == instant(statement["timestamp"]), row["name"]


def test_a_submission_is_one_attempt_whoever_records_it() -> None:
    events, report = taken([browser(), grade_book(), CHECK])
    assert [event["score"] for event in events if event["kind"] == "attempt"] == [0.5]
    assert {event["resource"] for event in events} == {PROBLEM}
    assert report.skipped["second record of a submission"] == 1
    again = copy.deepcopy(CHECK) | {"timestamp": "2026-03-02T09:00:05Z"}
    assert len(taken([CHECK, again])[0]) == 2  # the same record kind twice: two tries


def test_the_learner_is_whom_the_record_is_about_and_no_login_is_kept() -> None:
    assert one(change("data", user_id=9))["learner"] == "9"
    nameless = change("context", user_id=None)
    assert one(nameless)["learner"] not in ("", "CANARY")
    assert "CANARY" not in json.dumps([one(CHECK), one(nameless), one(browser())])


def test_attempt_number_and_class_are_kept() -> None:
    event = one(CHECK)
    assert (event["kind"], event["attempt_no"], event["class"]) == ("attempt", 4, "course-v1:edX+D+1")


def test_zero_maximum_gives_no_score() -> None:
    event = one(change("data", max_grade=0, grade=0))
    assert (event["kind"], event["score"]) == ("other", None)


def test_a_hint_is_a_hint_and_unknown_records_are_counted() -> None:
    hint = copy.deepcopy(CHECK) | {"name": "edx.problem.hint.demandhint_displayed"}
    assert one(hint)["kind"] == "hint"
    events, report = taken([{"event_type": "/courses/x", "name": ""}, {"name": "edx.bi.unknown"}])
    assert not events
    assert dict(report.skipped) == {"page": 1, "edx.bi.unknown": 1}


def test_records_without_name_learner_or_thing_are_refused() -> None:
    _, report = taken(
        [7, {}, {"name": "problem_check"}, {"name": "problem_check", "context": {"user_id": 3}}]
    )
    assert sum(report.refused.values()) == 4
