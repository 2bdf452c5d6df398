"""Lines of Moodle's log report, which says in English what happened, as rows of the standard log."""

from __future__ import annotations

import re
from datetime import datetime

from segue.lms.records.source_records import Json

COLUMNS = {
    "time": "time",
    "eventcontext": "context",
    "eventname": "name",
    "description": "description",
    "origin": "origin",
}
NAMES = {
    "course module viewed": "course_module_viewed",
    "quiz attempt viewed": "attempt_viewed",
    "quiz attempt started": "attempt_started",
    "quiz attempt submitted": "attempt_submitted",
    "a submission has been submitted.": "assessable_submitted",
    "course activity completion updated": "course_module_completion_updated",
    "user enrolled in course": "user_enrolment_created",
    "user unenrolled from course": "user_enrolment_deleted",
    "user graded": "user_graded",
}
"""English names of events in the report to the last part of their class names."""
TIMES = (
    "%d/%m/%y, %H:%M:%S", "%d/%m/%y, %H:%M", "%d/%m/%Y, %H:%M:%S", "%d/%m/%Y, %H:%M",
    "%d %B %Y, %I:%M:%S %p", "%d %B %Y, %I:%M %p", "%d %b %Y, %H:%M:%S", "%d %b %Y, %H:%M",
)  # fmt: skip
_USER = re.compile(r"[Tt]he user with id '(-?\d{1,18})'")
_AFFECTED = re.compile(r"(?:for|the) (?:the )?user with id '(\d{1,18})'")
_MODULE = re.compile(r"course module(?: with)? id '(\d{1,18})'")
_COURSE = re.compile(r"course with id '(\d{1,18})'")
_ITEM = re.compile(r"grade item with id '(\d{1,18})'")


def log_row(row: dict[str, str]) -> dict[str, Json]:
    """Return a line of the report as a row of the log, as far as its description says it.

    >>> said = "The user with id '5' viewed the 'quiz' activity with course module id '12'."
    >>> row = log_row({"name": "Course module viewed", "time": "2/03/26, 10:15", "description": said})
    >>> row["userid"], row["contextinstanceid"], row["timecreated"]
    ('5', '12', '2026-03-02T10:15:00')
    """
    said = row.get("description", "")[:2000]
    user, module, course, item = (
        found[1] if (found := pattern.search(said)) else "" for pattern in (_USER, _MODULE, _COURSE, _ITEM)
    )
    others = [name for name in _AFFECTED.findall(said) if name != user]
    name = row.get("name", "").strip()
    made: dict[str, Json] = {
        "eventname": "\\report\\" + NAMES.get(name.lower(), "event"),
        "userid": user,
        "relateduserid": others[0] if others else "",
        "courseid": course,
        "timecreated": _moment(row.get("time", "")),
        "other": {"itemid": item} if item else {},
    }
    return made | ({"contextlevel": 70, "contextinstanceid": module} if module else {})


def _moment(shown: str) -> str:
    """Return a time of the report as ISO 8601 without zone, day before month; '' when it is none."""
    bare = " ".join(shown.split())
    for form in TIMES:
        try:
            return datetime.strptime(bare, form).isoformat()
        except ValueError:
            continue
    return bare
