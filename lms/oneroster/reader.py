"""OneRoster CSV bundles (a folder or a ZIP) as enrolments, grades and resources.

Strict mode keeps to OneRoster 1.2; lenient mode also takes 1.1 and what real systems export: other cases and
orders of names, no manifest, missing columns, School Data Sync 1 and 2. Of people only ids, roles and classes
are kept; names, logins, addresses, passwords, demographics and comments are dropped as a row is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from segue.features.catalogue import Resource
from segue.lms.oneroster.rows import read_rows, refuse
from segue.lms.oneroster.rules import check
from segue.lms.oneroster.tables import TABLES
from segue.lms.records.safe_archive import Files, open_files
from segue.lms.records.source_records import Event, Json, Mode, RefusedError, Report, Source, parse
from segue.lms.records.untrusted_values import digest, instant, learner_id, score_of

Row = dict[str, str]
KEPT = {
    "academicSessions": "title type startDate endDate parentSourcedId schoolYear",
    "classes": "title grades courseSourcedId schoolSourcedId termSourcedIds subjects subjectCodes",
    "courses": "title courseCode grades orgSourcedId subjects subjectCodes",
    "enrollments": "classSourcedId schoolSourcedId userSourcedId role beginDate endDate",
    "lineItems": "title assignDate dueDate classSourcedId categorySourcedId resultValueMin resultValueMax",
    "lineItemLearningObjectiveIds": "lineItemSourcedId source learningObjectiveId",
    "orgs": "name type parentSourcedId",
    "resources": "vendorResourceId title roles importance",
    "classResources": "classSourcedId resourceSourcedId",
    "courseResources": "courseSourcedId resourceSourcedId",
    "results": "lineItemSourcedId studentSourcedId scoreStatus score scoreDate classSourcedId",
    "roles": "userSourcedId role orgSourcedId beginDate endDate",
    "users": "role grades",
}
"""Columns kept of each table, besides sourcedId, status and dateLastModified; of other tables only ids."""
_FILES = {name.lower(): name for name in TABLES}
_FILES |= {
    "school": "orgs",
    "section": "classes",
    "student": "users",
    "teacher": "users",
}  # School Data Sync 1
_FILES |= {"studentenrollment": "enrollments", "teacherroster": "enrollments"}
_ALIASES = {
    "sis id": "sourcedId",
    "id": "sourcedId",
    "school sis id": "schoolSourcedId",
    "section name": "title",
    "section sis id": "classSourcedId",
    "orgsourcedid": "orgSourcedId",
    "grade": "grades",
}


@dataclass
class Bundle:
    """What a bundle says: rows by table, with personal columns already dropped."""

    tables: dict[str, list[Row]] = field(default_factory=dict)

    def rows(self, table: str) -> list[Row]:
        """Return the rows of a table that are not marked as deleted or inactive."""
        gone = ("tobedeleted", "inactive")
        return [row for row in self.tables.get(table, ()) if row.get("status", "").lower() not in gone]

    def enrolments(self) -> pd.DataFrame:
        """Return who is in which class: learner, class_id, role, and from/until (UTC, NaT when open)."""
        rows = [
            {
                "learner": learner_id(row.get("userSourcedId")),
                "class_id": row.get("classSourcedId", ""),
                "role": row.get("role", "").lower(),
                "from": instant(row.get("beginDate")),
                "until": instant(row.get("endDate")),
            }
            for row in self.rows("enrollments")
        ]
        frame = pd.DataFrame(rows, columns=["learner", "class_id", "role", "from", "until"])
        for name in ("from", "until"):
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
        return frame

    def resources(self) -> list[Resource]:
        """Return line items and resources as things to do; a line item's CASE objectives are its skills."""
        skills: dict[str, list[str]] = {}
        for row in self.rows("lineItemLearningObjectiveIds"):
            objective = row.get("learningObjectiveId", "").removeprefix("urn:uuid:")
            skills.setdefault(row.get("lineItemSourcedId", ""), []).append(objective)
        items = [
            Resource(row["sourcedId"], row.get("title", ""), skills=tuple(skills.get(row["sourcedId"], ())))
            for row in self.rows("lineItems")
            if row.get("sourcedId")
        ]
        taken = {item.resource_id for item in items}
        others = [
            row for row in self.rows("resources") if row.get("sourcedId") and row["sourcedId"] not in taken
        ]
        return items + [Resource(row["sourcedId"], row.get("title", ""), kind="lesson") for row in others]


def read(source: Source, mode: Mode = "strict") -> tuple[Iterator[Event], Report]:
    """Return the events of a bundle (student enrolments, graded results) and the report they fill."""
    report = Report()
    bundle = open_bundle(source, mode, report)
    return _events(bundle, report), report


def open_bundle(source: Source, mode: Mode, report: Report) -> Bundle:
    """Return what a bundle says; in strict mode nothing when it breaks a rule (the report names it)."""
    if not isinstance(source, str | Path):
        refuse(report, "package.unreadable", "a OneRoster bundle is given by the path of its folder or ZIP")
        return Bundle()
    path = Path(source)
    try:
        files = open_files(path) if path.exists() else Files((), path, zipped=False)
        bundle = _strict(files, report) if mode == "strict" else _lenient(files, report)
    except (RefusedError, OSError) as problem:
        code = problem.code if isinstance(problem, RefusedError) else "package.unreadable"
        refuse(report, code, str(problem) if isinstance(problem, RefusedError) else "bundle cannot be read")
        return Bundle()
    for name, rows in bundle.tables.items():
        report.counts[name] += len(rows)
    return bundle


def _strict(files: Files, report: Report) -> Bundle:
    tables = check(files, report)
    if report.codes:
        return Bundle()
    return Bundle({name: [_kept(name, row) for row in table.rows] for name, table in tables.items()})


def _kept(table: str, row: Row) -> Row:
    names = ["sourcedId", "status", "dateLastModified", *KEPT.get(table, "").split()]
    return {name: row[name] for name in names if row.get(name)}


def _lenient(files: Files, report: Report) -> Bundle:
    bundle = Bundle()
    for name in files.names:
        stem, _, kind = name.rpartition("/")[2].lower().rpartition(".")
        table = _FILES.get(stem)
        if kind == "csv" and table is not None:
            _add_rows(bundle, stem, files.read(name), report)
        elif kind == "json" and table is not None:
            _add_description(table, files.read(name), report)
        elif stem != "manifest":
            report.warnings["file that OneRoster does not name"] += 1
    if not files.has("manifest.csv"):
        report.warnings["no manifest.csv"] += 1
    if not bundle.tables and not report.counts:
        refuse(report, "package.no_tables", "bundle has no table of OneRoster or School Data Sync")
    return bundle


def _add_rows(bundle: Bundle, stem: str, content: bytes, report: Report) -> None:
    table = _FILES[stem]
    try:
        header, *rows = read_rows(content, strict=False) or [[]]
    except RefusedError:
        report.warnings[f"{table}.csv is not CSV"] += 1
        return
    columns = {column.name.lower(): column.name for column in TABLES[table]} | _ALIASES
    columns |= {"role": "role", "orgsourcedids": "orgSourcedId", "usersourcedid": "userSourcedId"}
    names = [columns.get(name.strip().lower(), "") for name in header]
    given: Row = {}
    if table == "enrollments" and "userSourcedId" not in names:  # School Data Sync 1 calls the user SIS ID
        names = ["userSourcedId" if name == "sourcedId" else name for name in names]
        given = {"role": "teacher" if stem == "teacherroster" else "student"}
    kept = bundle.tables.setdefault(table, [])
    for row in rows:
        if len(row) != len(header):
            report.warnings[f"row of {table}.csv is not as wide as its header"] += 1
        kept.append(_kept(table, given | dict(zip(names, row, strict=False))))


def _add_description(table: str, content: bytes, report: Report) -> None:
    """Count a description of columns (JSON), which some suppliers send in place of rows."""
    try:
        described: Json = parse(content.decode("utf-8-sig", "replace"))
    except RefusedError:
        described = None
    if isinstance(described, list):
        report.counts["described columns"] += len(described)
        report.warnings[f"{table} is described, without rows"] += 1


# --- events -----------------------------------------------------------------------------------------------


def _events(bundle: Bundle, report: Report) -> Iterator[Event]:
    for event in [*_enrolled(bundle, report), *_graded(bundle, report)]:
        report.taken[event["kind"]] += 1
        yield event


def _enrolled(bundle: Bundle, report: Report) -> Iterator[Event]:
    for row in bundle.rows("enrollments"):
        learner, place = learner_id(row.get("userSourcedId")), row.get("classSourcedId", "")
        if row.get("role", "").lower() != "student":
            report.skip("enrolment that is not a student's")
        elif learner and place:
            yield {
                "kind": "enrol",
                "learner": learner,
                "resource": place,
                "score": None,
                "time": instant(row.get("beginDate")) or instant(row.get("dateLastModified")),
                "id": row.get("sourcedId") or digest("enrol", learner, place, row.get("beginDate")),
                "class": place,
            }


def _graded(bundle: Bundle, report: Report) -> Iterator[Event]:
    items = {row.get("sourcedId", ""): row for row in bundle.tables.get("lineItems", ())}
    for row in bundle.rows("results"):
        item = items.get(row.get("lineItemSourcedId", ""), {})
        learner = learner_id(row.get("studentSourcedId"))
        score = score_of(
            report, raw=row.get("score"), low=item.get("resultValueMin"), high=item.get("resultValueMax")
        )
        if not learner or score is None or row.get("scoreStatus", "").lower() in ("exempt", "not submitted"):
            report.skip("result without a score")
            continue
        event: Event = {
            "kind": "attempt",
            "learner": learner,
            "resource": row.get("lineItemSourcedId", ""),
            "score": score,
            "time": instant(row.get("scoreDate")) or instant(row.get("dateLastModified")),
            "id": row.get("sourcedId") or digest("result", learner, row.get("lineItemSourcedId"), score),
        }
        place = row.get("classSourcedId") or item.get("classSourcedId", "")
        yield event | {"class": place} if place else event
