"""Moodle's standard log (rows of `logstore_standard_log`, or the log report's CSV) as events.

Written from Moodle's documentation of its events; not yet tried on the log of a real site. A row names the
course module by `contextinstanceid`; the resource is `cm:<that>`. A grade in the log has neither maximum nor
module: the tables beside the log say them (``segue.lms.moodle.companions``), so the source may also be a
folder or ZIP with the log, `grade_items`, `course_modules` and `role_assignments` as CSV or JSON, or one
JSON object with a list for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from segue.lms.moodle.companions import Companions
from segue.lms.moodle.log_report import COLUMNS, log_row
from segue.lms.moodle.php_values import unserialised
from segue.lms.records import source_records as base
from segue.lms.records.delimited import columns_said, named_rows, plain_name, rows_of
from segue.lms.records.safe_archive import Files, open_files
from segue.lms.records.source_records import Event, Json, Mode, ReadReport, RecordRefusedError, Source, parse
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
    "user_enrolment_deleted": "enrol",
    "user_graded": "attempt",
    "grade_deleted": "attempt",
    "hint_viewed": "hint",
}
"""Kinds by the last part of `eventname`; other events are skipped and counted."""
LOG_COLUMNS = (
    "id eventname contextlevel contextinstanceid userid courseid relateduserid anonymous other timecreated "
    "realuserid objectid"
)
MODULE_LEVEL = 70
NOBODY = ("", "0", "NULL", "\\N")
GUEST = "1"


def read(source: Source, mode: Mode = "strict") -> tuple[Iterator[Event], ReadReport]:
    """Return the events of log rows and the report they fill."""
    companions, report = Companions(), ReadReport()
    rows = _rows(source, companions, report)
    return base.translated(rows, mode, partial(_translate, companions=companions), report), report


def _rows(source: Source, companions: Companions, report: ReadReport) -> Iterator[Json]:
    if isinstance(source, str | Path):
        path = Path(source)
        try:
            if path.is_dir() or path.suffix.lower() == ".zip":
                yield from _bundle(open_files(path), companions, report)
                return
            if path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv", ".txt")):
                yield from _table(path, report)
                return
        except RecordRefusedError as refusal:
            report.refuse(refusal)
            return
        except OSError:
            report.refuse(RecordRefusedError("file cannot be read as CSV"))
            return
    for document in base.documents(source, report):
        tables = document if isinstance(document, dict) and "eventname" not in document else {}
        logs = [name for name, rows in tables.items() if isinstance(rows, list) and "log" in name]
        if not logs:
            yield document
            continue
        for name, rows in tables.items():
            if name not in logs and isinstance(rows, list):
                companions.add(name, rows)
        for name in logs:
            yield from tables[name]


def _bundle(files: Files, companions: Companions, report: ReadReport) -> Iterator[Json]:
    """Yield the rows of the logs of a bundle, after the tables beside them were read."""
    logs = []
    for name in files.names:
        stem = name.rpartition("/")[2].lower()
        content = files.read(name)
        rows = _json_rows(content) if stem.endswith(".json") else _plain_rows(content)
        if "log" in stem:
            logs.append((stem, content))
        elif not companions.add(stem, rows):
            report.warnings["file beside the log that is no table of ours"] += 1
    for stem, content in logs:
        yield from _json_rows(content) if stem.endswith(".json") else _table(content, report)


def _json_rows(content: bytes) -> list[Json]:
    document = parse(content.decode("utf-8-sig", "replace"))
    return document if isinstance(document, list) else [document]


def _plain_rows(content: bytes) -> list[dict[str, str]]:
    header, *rows = list(rows_of(content)) or [[]]
    names = [plain_name(name) for name in header]
    return [dict(zip(names, row, strict=False)) for row in rows]


def _table(source: bytes | Path, report: ReadReport) -> Iterator[Json]:
    rows = rows_of(source)
    header = next(rows, [])
    found = {plain_name(name) for name in header}
    if {"eventname", "userid"} <= found:
        names = {plain_name(name): name for name in LOG_COLUMNS.split()}
        yield from named_rows(header, rows, names)
    elif "description" in found:
        report.warnings["times of the report have no zone: taken as UTC, day before month"] = 1
        yield from (log_row(row) for row in named_rows(header, rows, COLUMNS))
    else:
        said = columns_said(header, ("eventname", "userid", "contextinstanceid", "timecreated"))
        if lost := sum(1 for _ in rows):
            report.refuse(RecordRefusedError(f"{lost} rows gave nothing: {said}"))


def translate(row: Json, mode: Mode, report: ReadReport) -> Iterator[Event]:
    """Yield the event of one log row by itself, if it teaches something."""
    yield from _translate(row, mode, report, companions=Companions())


def _translate(row: Json, _: Mode, report: ReadReport, *, companions: Companions) -> Iterator[Event]:
    """Yield the event of one log row, if it teaches something.

    Raises
    ------
    RecordRefusedError
        When it is no log row, or does not say who did what.
    """
    if not isinstance(row, dict) or not text(row.get("eventname")):
        raise RecordRefusedError("a row of the standard log must be an object with eventname")
    name = text(row["eventname"]).rpartition("\\")[2]
    if name == "role_assigned":
        companions.add("role", [{"roleid": row.get("objectid"), "userid": row.get("relateduserid"),
                                 "courseid": row.get("courseid")}])  # fmt: skip
    other = _other(row.get("other"))
    reason = _nothing(row, name, other, companions)
    if reason:
        report.skip(reason)
        return
    yield _event(row, name, other, report, companions)


def _nothing(row: dict[str, Json], name: str, other: dict[str, Json], companions: Companions) -> str:
    """Return why a row teaches nothing; '' when it does."""
    if name not in KINDS:
        return type_name(name)
    if text(row.get("anonymous")) == "1" or _acting_for_another(row):
        return "anonymous or logged in as another"
    who = _about(row)
    if who == GUEST:
        return "guest"
    if companions.teaches(who, text(row.get("courseid"))):
        return "view or grade of someone who teaches"
    if name == "course_module_completion_updated" and not number(other.get("completionstate")):
        return "completion taken back" if other else ""
    return ""


def _acting_for_another(row: dict[str, Json]) -> bool:
    real = text(row.get("realuserid"))
    return real not in NOBODY and real != text(row.get("userid"))


def _about(row: dict[str, Json]) -> str:
    """Return whom a row is about: a grade is the student's, not the teacher's who gave it."""
    related = text(row.get("relateduserid"))
    return related if related not in NOBODY else text(row.get("userid"))


def _other(value: Json) -> dict[str, Json]:
    """Return the payload, which Moodle writes as JSON or, in old sites, as serialised PHP."""
    if not isinstance(value, str):
        return obj(value)
    if value[:2] == "a:":
        return obj(unserialised(value[:100_000]))
    try:
        return obj(parse(value))
    except RecordRefusedError:
        return {}


def _event(
    row: dict[str, Json], name: str, other: dict[str, Json], report: ReadReport, companions: Companions
) -> Event:
    module = number(row.get("contextlevel")) == MODULE_LEVEL
    course, item = text(row.get("courseid")), companions.items.get(text(other.get("itemid")))
    place = f"cm:{text(row.get('contextinstanceid'))}" if module else f"course:{course}"
    place = item.resource if item and not module else place
    learner = learner_id(_about(row))
    if learner in ("", "0", "-1") or place in ("cm:", "course:"):
        raise RecordRefusedError(
            "a row of the standard log must say who (userid) and where (contextinstanceid)"
        )
    event = base.new_event(KINDS[name], learner, place, _time(row.get("timecreated")), place=course)
    if KINDS[name] == "attempt":
        high = other.get("grademax", other.get("maxgrade", item.high if item else None))
        low = other.get("grademin", item.low if item else None)
        event["score"] = score_of(report, raw=other.get("finalgrade"), low=low, high=high)
        event["kind"] = "other" if event["score"] is None else "attempt"
    row_number = text(row.get("id"))
    event["id"] = f"log:{row_number}" if row_number else digest(*event.values(), row["eventname"])
    if KINDS[name] == "attempt" and text(other.get("itemid")):
        emptied = "finalgrade" in other and number(other["finalgrade"]) is None
        key = digest("grade", learner, text(other["itemid"]))
        if name == "grade_deleted" or emptied:
            event |= {"key": key, "removed": True}
        elif event["score"] is not None:
            event["key"] = key
    if KINDS[name] == "enrol":
        event["role"] = "student"
        if name == "user_enrolment_deleted":
            event |= {"removed": True, "until": event["time"]}
    return event


def _time(value: Json) -> str | None:
    """Return when: epoch seconds, also as text, or ISO 8601."""
    seconds = number(value)
    return instant(seconds if seconds is not None else value)
