"""Canvas live events: two payload formats, one learner, nothing that names a person."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segue.lms.canvas import reader as canvas
from segue.lms.records.source_records import Event, ReadReport

ROOT = "21070000000000001"
LEARNER = "21070000000000048"
URN = "urn:instructure:canvas"


def plain(name: str, metadata: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    about = {"event_name": name, "event_time": "2026-03-02T09:00:00Z", "root_account_id": ROOT}
    personal = {
        "user_login": "CANARY",
        "user_sis_id": "CANARY",
        "client_ip": "CANARY",
        "user_agent": "CANARY",
    }
    return {"metadata": about | personal | metadata, "body": body}


def taken(source: Any) -> tuple[list[Event], ReadReport]:
    stream, report = canvas.read(source)
    return list(stream), report


def one(source: Any) -> Event:
    events, report = taken(source)
    assert not report.refused
    (event,) = events
    return event


def test_every_example_of_the_documentation_is_read(shared_data: Callable[[str], Path]) -> None:
    lines = (shared_data("lms/canvas-live-events") / "events.ndjson").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    kinds = {}
    for row in rows:
        event = one(row["payload"])
        kinds[row["name"]] = event["kind"]
        shown = json.dumps(event)
        for personal in (
            "Isaac",
            "oxana@",
            "Leibniz",
            "user@domain",
            "ABC.123",
            "93.184",
            "Mozilla",
            "Test Sub",
        ):
            assert personal not in shown
    assert kinds == {
        "grade_change": "attempt",
        "submission_created": "completion",
        "learning_outcome_result_created": "attempt",
        "enrollment_created": "enrol",
        "course_progress": "other",
    }


def test_a_grade_is_the_students_in_both_formats_and_for_local_and_global_ids() -> None:
    grade = {"assignment_id": "355", "student_id": "48", "score": 5, "points_possible": 1, "user_id": "48"}
    local = plain("grade_change", {"user_id": "21070000000000987"}, grade)
    known = plain("grade_change", {}, grade | {"student_id": LEARNER, "assignment_id": "21070000000000355"})
    attempt = {
        "id": f"{URN}:submission:1",
        "type": "Attempt",
        "assignee": {"id": f"{URN}:user:{LEARNER}", "type": "Person"},
        "assignable": {"id": f"{URN}:assignment:21070000000000355", "type": "AssignableDigitalResource"},
    }
    envelope = {
        "sensor": "http://school.example/",
        "data": [
            {
                "id": "urn:uuid:1",
                "type": "GradeEvent",
                "action": "Graded",
                "actor": {"id": f"{URN}:user:21070000000000987", "type": "Person"},
                "object": attempt,
                "generated": {"type": "Score", "scoreGiven": 5, "maxScore": 1, "attempt": attempt},
                "eventTime": "2026-03-02T09:00:00.000Z",
            }
        ],
    }
    events = [one(local), one(known), one(envelope)]
    assert {event["learner"] for event in events} == {LEARNER}
    assert {event["resource"] for event in events} == {"assignment:21070000000000355"}
    assert {event["score"] for event in events} == {1.0}
    assert taken([local, known, envelope])[1].clipped == 3


def test_a_submission_in_a_caliper_envelope_is_its_assignments() -> None:
    submitted = {
        "id": "urn:uuid:2",
        "type": "AssignableEvent",
        "action": "Submitted",
        "actor": {"id": f"{URN}:user:{LEARNER}", "type": "Person"},
        "object": {
            "type": "Attempt",
            "assignable": {"id": f"{URN}:assignment:7"},
            "count": 3,
            "body": "CANARY",
        },
        "eventTime": "2026-03-02T09:00:00.000Z",
    }
    event = one(submitted)
    assert (event["kind"], event["resource"], event["attempt_no"]) == ("completion", "assignment:7", 3)
    assert "CANARY" not in json.dumps(event)


def test_an_enrolment_in_a_caliper_envelope_is_a_students() -> None:
    about = {"user_id": "48", "course_id": "565", "type": "StudentEnrollment", "user_name": "CANARY"}
    created: dict[str, Any] = {
        "id": "urn:uuid:3",
        "type": "Event",
        "action": "Created",
        "actor": {"id": f"{URN}:user:21070000000000987", "type": "Person"},
        "object": {"id": f"{URN}:enrollment:1", "type": "Entity"},
        "eventTime": "2026-03-02T09:00:00.000Z",
    }
    created["object"]["extensions"] = {"com.instructure.canvas": about}
    event = one(created)
    assert (event["kind"], event["learner"], event["class"]) == ("enrol", LEARNER, "21070000000000565")
    roles = {"type": "Membership", "member": f"{URN}:user:48", "organization": f"{URN}:course:5"}
    assert one(created | {"object": roles | {"roles": ["Learner"]}})["learner"] == "48"
    assert not taken(created | {"object": roles | {"roles": ["Instructor"]}})[0]


def test_an_outcome_scores_percent_and_above_it_is_clipped() -> None:
    body = {
        "user_uuid": "u1",
        "associated_asset_type": "Assignment",
        "associated_asset_id": "9",
        "attempt": 2,
    }
    events, report = taken(plain("learning_outcome_result_created", {}, body | {"percent": 1.5}))
    assert (events[0]["score"], events[0]["attempt_no"], report.clipped) == (1.0, 2, 1)


def test_only_students_are_learners() -> None:
    teacher = plain("enrollment_created", {}, {"type": "TeacherEnrollment", "user_id": "3", "course_id": "5"})
    reading = {"asset_type": "wiki_page", "asset_id": "5", "role": "TeacherEnrollment"}
    looked = plain("asset_accessed", {"user_id": "3"}, reading)
    events, report = taken([teacher, looked, plain("logged_in", {}, {})])
    assert not events
    assert sum(report.skipped.values()) == 3
    seen = one(plain("asset_accessed", {"user_id": "3"}, reading | {"role": "StudentEnrollment"}))
    assert (seen["kind"], seen["resource"]) == ("view", "wiki_page:21070000000000005")


def test_what_is_no_live_event_is_refused() -> None:
    events, report = taken([{}, 3, plain("grade_change", {}, {}), {"metadata": {"event_name": "x"}}])
    assert not events
    assert sum(report.refused.values()) == 4
