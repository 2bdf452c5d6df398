"""Moodle's standard log (rows of `logstore_standard_log`, as CSV, JSON or NDJSON) as events.

Written from Moodle's documentation of its events; not yet tried on the log of a real site. A row names the
course module by `contextinstanceid`; the resource is `cm:<that>`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from segue.lms.records import source_records as base
from segue.lms.records.source_records import Event, Json, Mode, RefusedError, Report, Source, parse
from segue.lms.records.untrusted_values import (
    digest,
    instant,
    learner_id,
    number,
    obj,
    score_of,
    text,
    type_name,
)

KINDS = {
    "course_module_viewed": "view",
    "attempt_viewed": "view",
    "attempt_started": "view",
    "attempt_submitted": "completion",
    "assessable_submitted": "completion",
    "course_module_completion_updated": "completion",
    "user_enrolment_created": "enrol",
    "user_graded": "attempt",
    "hint_viewed": "hint",
}
"""Kinds by the last part of `eventname`; other events are skipped and counted."""
MODULE_LEVEL = 70


def read(source: Source, mode: Mode = "strict") -> tuple[Iterator[Event], Report]:
    """Return the events of log rows and the report they fill."""
    if isinstance(source, str | Path) and Path(source).suffix.lower() == ".csv":
        report = Report()
        return base.translated(_csv(Path(source), report), mode, translate, report), report
    return base.read(source, mode, translate=translate)


def _csv(path: Path, report: Report) -> Iterator[Json]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as handle:
            yield from csv.DictReader(handle)
    except (OSError, csv.Error):
        report.refuse(RefusedError("file cannot be read as CSV"))


def translate(row: Json, _: Mode, report: Report) -> Iterator[Event]:
    """Yield the event of one log row, if it teaches something.

    Raises
    ------
    RefusedError
        When it is no log row, or does not say who did what.
    """
    if not isinstance(row, dict) or not text(row.get("eventname")):
        raise RefusedError("a row of the standard log must be an object with eventname")
    name = text(row["eventname"]).rpartition("\\")[2]
    kind = KINDS.get(name)
    if kind is None or text(row.get("anonymous")) == "1" or _acting_for_another(row):
        report.skip(type_name(name) if kind is None else "anonymous or logged in as another")
        return
    other = _other(row.get("other"))
    if name == "course_module_completion_updated" and not number(other.get("completionstate")):
        report.skip("completion taken back")
        return
    yield _event(row, kind, other, report)


def _acting_for_another(row: dict[str, Json]) -> bool:
    real = text(row.get("realuserid"))
    return real not in ("", "0", "NULL", "\\N") and real != text(row.get("userid"))


def _other(value: Json) -> dict[str, Json]:
    """Return the payload, which Moodle writes as JSON (or, in old sites, as serialised PHP: then nothing)."""
    if not isinstance(value, str):
        return obj(value)
    try:
        return obj(parse(value))
    except RefusedError:
        return {}


def _event(row: dict[str, Json], kind: str, other: dict[str, Json], report: Report) -> Event:
    related = text(row.get("relateduserid"))
    about = (
        related if related not in ("", "0", "NULL", "\\N") else row.get("userid")
    )  # a grade is the student's
    module = number(row.get("contextlevel")) == MODULE_LEVEL
    course = text(row.get("courseid"))
    place = f"cm:{text(row.get('contextinstanceid'))}" if module else f"course:{course}"
    learner = learner_id(about)
    if learner in ("", "0", "-1") or place in ("cm:", "course:"):
        raise RefusedError("a row of the standard log must say who (userid) and where (contextinstanceid)")
    score = None
    if kind == "attempt":
        high = other.get("grademax", other.get("maxgrade"))
        score = score_of(report, raw=other.get("finalgrade"), low=other.get("grademin"), high=high)
        kind = "other" if score is None else kind
    time = number(row.get("timecreated"))
    event: Event = {
        "kind": kind,
        "learner": learner,
        "resource": place,
        "score": score,
        "time": instant(time if time is not None else row.get("timecreated")),
        "id": "",
        "class": course,
    }
    number_of_row = text(row.get("id"))
    event["id"] = f"log:{number_of_row}" if number_of_row else digest(*event.values(), row["eventname"])
    return event
