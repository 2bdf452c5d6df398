"""Moodle's standard log: rows as JSON and as CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from segue.lms.moodle import standard_log as moodle
from segue.lms.records.source_records import Event, ReadReport

ROW: dict[str, Any] = {
    "id": "17",
    "eventname": "\\mod_quiz\\event\\course_module_viewed",
    "contextlevel": "70",
    "contextinstanceid": "42",
    "userid": "5",
    "courseid": "3",
    "relateduserid": "",
    "anonymous": "0",
    "other": "null",
    "timecreated": "1772442000",
    "ip": "CANARY",
}


def taken(source: Any) -> tuple[list[Event], ReadReport]:
    stream, report = moodle.read(source)
    return list(stream), report


def one(source: Any) -> Event:
    events, report = taken(source)
    assert not report.refused
    (event,) = events
    return event


def test_a_view_names_its_module_and_nothing_personal() -> None:
    event = one(ROW)
    assert (event["kind"], event["learner"], event["resource"]) == ("view", "5", "cm:42")
    assert (event["time"], event["class"]) == ("2026-03-02T09:00:00+00:00", "3")
    assert "CANARY" not in json.dumps(event)


def test_a_grade_is_the_students_and_needs_its_maximum() -> None:
    grade = ROW | {"eventname": "\\core\\event\\user_graded", "relateduserid": "9"}
    alone = one(grade | {"other": json.dumps({"finalgrade": 7})})
    assert (alone["kind"], alone["score"], alone["learner"]) == ("other", None, "9")
    scored = one(grade | {"other": json.dumps({"finalgrade": 7, "grademax": 10})})
    assert (scored["kind"], scored["score"]) == ("attempt", 0.7)


def test_anonymous_rows_and_staff_acting_as_a_student_teach_nothing() -> None:
    rows = [ROW | {"anonymous": "1"}, ROW | {"realuserid": "2"}, ROW | {"eventname": "\\core\\event\\x_y"}]
    events, report = taken(rows)
    assert not events
    assert sum(report.skipped.values()) == 3


def test_a_csv_is_read_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(ROW))
        writer.writeheader()
        writer.writerows([ROW, ROW | {"userid": "0"}, ROW | {"eventname": ""}])
    events, report = taken(path)
    assert [len(events), sum(report.refused.values())] == [1, 2]
