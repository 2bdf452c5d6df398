"""OneRoster CSV bundles (a folder or a ZIP) as enrolments, grades and resources.

Strict mode keeps to OneRoster 1.2; lenient mode also takes 1.1 and what real systems export: other cases and
orders of names, no manifest, missing columns, School Data Sync 1 and 2. Of people only ids, roles and classes
are kept; names, logins, addresses, passwords, demographics and comments are dropped as a row is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from segue.features.catalogue import Resource
from segue.lms.oneroster.dialects import NEEDED, READ_AS, columns_of, one_place_a_row, table_by, table_of
from segue.lms.oneroster.rows import refuse
from segue.lms.oneroster.rules import check
from segue.lms.records import source_records as base
from segue.lms.records.delimited import columns_said, plain_name, rows_of
from segue.lms.records.safe_archive import Files, open_files
from segue.lms.records.source_records import Event, Json, Mode, ReadReport, RecordRefusedError, Source, parse
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
    "resources": "vendorResourceId title roles importance vendorId",
    "classResources": "classSourcedId resourceSourcedId",
    "courseResources": "courseSourcedId resourceSourcedId",
    "results": (
        "lineItemSourcedId studentSourcedId scoreStatus score scoreDate classSourcedId missing incomplete "
        "inProgress"
    ),
    "roles": "userSourcedId role orgSourcedId beginDate endDate",
    "users": "role grades",
}
"""Columns kept of each table, besides sourcedId, status and dateLastModified; of other tables only ids."""


@dataclass
class Bundle:
    """What a bundle says: rows by table, with personal columns already dropped."""

    tables: dict[str, list[Row]] = field(default_factory=dict)

    def rows(self, table: str) -> list[Row]:
        """Return the rows of a table that are not marked as deleted or inactive."""
        return [row for row in self.tables.get(table, ()) if not is_gone(row)]

    def enrolments(self) -> pd.DataFrame:
        """Return who is in which class: learner, class_id, role, and from/until (UTC, NaT when open).

        Who was taken out of a class stays in the table, until the row was changed last.
        """
        return roster_frame(
            {
                "learner": learner_id(row.get("userSourcedId")),
                "class_id": row.get("classSourcedId", ""),
                "role": role_of(row.get("role", "")),
                "from": instant(row.get("beginDate")),
                "until": until_of(row),
            }
            for row in self.places()
            if not (is_gone(row) and until_of(row) is None)
        )

    def places(self) -> list[Row]:
        """Return the enrolments, one for each learner, class and role.

        Of several, by ids of their own, those that are not marked as ended count: the first of them, until
        the last one ends.
        """
        places: dict[tuple[str, ...], dict[str, Row]] = {}
        for row in self.tables.get("enrollments", ()):
            place = (
                row.get("userSourcedId", ""),
                row.get("classSourcedId", ""),
                role_of(row.get("role", "")),
            )
            places.setdefault(place, {})[row.get("sourcedId", "")] = row
        return [_whole(list(rows.values())) for rows in places.values()]

    def resources(self) -> list[Resource]:
        """Return line items and resources as things to do, each for the classes that have it.

        A line item's CASE objectives are its skills.
        """
        skills: dict[str, list[str]] = {}
        for row in self.rows("lineItemLearningObjectiveIds"):
            objective = row.get("learningObjectiveId", "").removeprefix("urn:uuid:")
            skills.setdefault(row.get("lineItemSourcedId", ""), []).append(objective)
        items = [
            Resource(
                row["sourcedId"],
                row.get("title", ""),
                skills=tuple(skills.get(row["sourcedId"], ())),
                courses=tuple(filter(None, [row.get("classSourcedId", "")])),
            )
            for row in self.rows("lineItems")
            if row.get("sourcedId")
        ]
        classes: dict[str, list[str]] = {}
        for row in self.rows("classResources"):
            classes.setdefault(row.get("resourceSourcedId", ""), []).append(row.get("classSourcedId", ""))
        taken = {item.resource_id for item in items}
        others = [
            row for row in self.rows("resources") if row.get("sourcedId") and row["sourcedId"] not in taken
        ]
        return items + [
            Resource(
                row["sourcedId"],
                row.get("title", ""),
                kind="lesson",
                courses=tuple(dict.fromkeys(filter(None, classes.get(row["sourcedId"], ())))),
                source=row.get("vendorId", ""),
            )
            for row in others
        ]


def roster_frame(rows: Iterable[Mapping[str, str | None]]) -> pd.DataFrame:
    """Return enrolments as a frame: learner, class_id, role, and from/until (UTC, NaT when open)."""
    frame = pd.DataFrame(list(rows), columns=["learner", "class_id", "role", "from", "until"])
    for name in ("from", "until"):
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    return frame


GONE = frozenset(
    [
        *("tobedeleted", "inactive", "deleted", "delete", "disabled", "suspended", "unenrolled"),
        *("completed", "concluded", "withdrawn", "dropped", "exited"),
    ]
)
"""Words for a row that does not hold any more."""


def is_gone(row: Row) -> bool:
    """Whether a row is marked as deleted, or as ended."""
    return row.get("status", "").strip().lower() in GONE


def until_of(row: Row) -> str | None:
    """Return when an enrolment ends: as it says, else when it was marked as ended."""
    return instant(row.get("endDate")) or (instant(row.get("dateLastModified")) if is_gone(row) else None)


def role_of(word: str) -> str:
    """Return a role in lower case; a learner is a student, whatever a system calls him.

    >>> role_of("Student"), role_of("StudentEnrollment"), role_of("learner"), role_of("StudentViewEnrollment")
    ('student', 'student', 'student', 'test student')
    """
    bare = word.strip().lower().removesuffix("enrollment")
    if bare in ("studentview", "test student", "teststudent"):
        return "test student"
    return "student" if bare in ("student", "learner", "pupil", "members", "member", "s") else bare


def read(source: Source, mode: Mode = "strict") -> tuple[Iterator[Event], ReadReport]:
    """Return the events of a bundle (student enrolments, graded results) and the report they fill."""
    report = ReadReport()
    bundle = open_bundle(source, mode, report)
    return events_of(bundle, report), report


def open_bundle(source: Source, mode: Mode, report: ReadReport) -> Bundle:
    """Return what a bundle says; in strict mode nothing when it breaks a rule (the report names it)."""
    if not isinstance(source, str | Path):
        refuse(report, "package.unreadable", "a OneRoster bundle is given by the path of its folder or ZIP")
        return Bundle()
    path = Path(source)
    try:
        files = _files(path)
        bundle = _strict(files, report) if mode == "strict" else _lenient(files, report)
    except RecordRefusedError as refusal:
        refuse(report, refusal.code, str(refusal))
        return Bundle()
    except OSError:
        refuse(report, "package.unreadable", "bundle cannot be read")
        return Bundle()
    for name, rows in bundle.tables.items():
        report.counts[name] += len(rows)
    return bundle


def has_all_enrolments(path: Path) -> bool:
    """Return whether a bundle says that its enrolments are all there are: who is not among them has left."""
    try:
        rows = list(rows_of(_files(path).read("manifest.csv")))
    except (RecordRefusedError, OSError):
        return False
    return ["file.enrollments", "bulk"] in [[cell.strip() for cell in row] for row in rows]


def people(path: Path, column: str) -> Iterator[Row]:
    """Yield the ids of a bundle's users and one more column, which the caller asks for by name."""
    try:
        files = _files(path)
        for name in files.names:
            stem = name.rpartition("/")[2].rpartition(".")[0]
            if table_of(stem) == "users":
                rows = rows_of(files.read(name))
                header = next(rows, [])
                names, _ = columns_of("users", stem, header)
                names = [
                    column if plain_name(n) == plain_name(column) else ours
                    for n, ours in zip(header, names, strict=True)
                ]
                for row in rows:
                    cells = dict(zip(names, (cell.strip() for cell in row), strict=False))
                    yield {name: cells.get(name, "") for name in ("sourcedId", column)}
    except (RecordRefusedError, OSError):
        return


def _files(path: Path) -> Files:
    """Return the files of a folder, a ZIP, or one table by itself."""
    if path.is_file() and path.suffix.lower() in (".csv", ".tsv", ".txt"):
        return Files((path.name,), path.parent, zipped=False)
    return open_files(path) if path.exists() else Files((), path, zipped=False)


def _strict(files: Files, report: ReadReport) -> Bundle:
    tables = check(files, report)
    if report.codes:
        return Bundle()
    return Bundle({name: [_kept(name, row) for row in table.rows] for name, table in tables.items()})


def _kept(table: str, row: Row) -> Row:
    names = ["sourcedId", "status", "dateLastModified", *KEPT.get(table, "").split()]
    return {name: row[name] for name in names if row.get(name)}


def _lenient(files: Files, report: ReadReport) -> Bundle:
    bundle = Bundle()
    for name in files.names:
        stem, _, kind = name.rpartition("/")[2].lower().rpartition(".")
        if kind in ("csv", "tsv", "txt") and plain_name(stem) not in ("manifest", "readme"):
            _add_rows(bundle, stem, files.read(name), report)
        elif kind == "json" and table_of(stem):
            _add_description(table_of(stem), files.read(name), report)
        elif plain_name(stem) != "manifest":
            report.warnings["file that OneRoster does not name"] += 1
    if not files.has("manifest.csv"):
        report.warnings["no manifest.csv"] += 1
    if not bundle.tables and not report.counts:
        refuse(report, "package.no_tables", "bundle has no table of OneRoster or School Data Sync")
    return bundle


def _add_rows(bundle: Bundle, stem: str, content: bytes, report: ReadReport) -> None:
    try:
        rows = rows_of(content)
        header = next(rows, [])
        long, rows = one_place_a_row(header, rows)
        table = (table_of(stem) if long == header else "") or table_by(long)
        header = long
        if not table:
            report.warnings["file that OneRoster does not name"] += 1
            return
        names, given = columns_of(table, stem, header)
        kept = [_kept(table, given | row) for row in _wide(rows, header, names, table, report)]
    except RecordRefusedError:
        report.warnings[f"{table_of(stem) or 'table'}.csv is not CSV"] += 1
        return
    bundle.tables.setdefault(table, []).extend(kept)
    sought = NEEDED.get(table, ("sourcedId",))
    empty = sum(not all(row.get(name) for name in sought) for row in kept)
    if empty:
        said = columns_said(header, [READ_AS.get(name, name) for name in sought])
        report.warnings[f"{empty} of {len(kept)} rows of {table} gave nothing: {said}"] += 1


def _wide(
    rows: Iterable[list[str]], header: list[str], names: list[str], table: str, report: ReadReport
) -> Iterator[Row]:
    for row in rows:
        if len(row) != len(header):
            report.warnings[f"row of {table}.csv is not as wide as its header"] += 1
        yield {name: cell.strip() for name, cell in zip(names, row, strict=False) if name}


def _add_description(table: str, content: bytes, report: ReadReport) -> None:
    """Count a description of columns (JSON), which some suppliers send in place of rows."""
    try:
        described: Json = parse(content.decode("utf-8-sig", "replace"))
    except RecordRefusedError:
        described = None
    if isinstance(described, list):
        report.counts["described columns"] += len(described)
        report.warnings[f"{table} is described, without rows"] += 1


# --- events -----------------------------------------------------------------------------------------------


def events_of(bundle: Bundle, report: ReadReport) -> Iterator[Event]:
    """Yield the events of a bundle: enrolments of students, and graded results."""
    testers = {
        learner_id(row.get("userSourcedId"))
        for row in bundle.tables.get("enrollments", ())
        if role_of(row.get("role", "")) == "test student"
    }
    for event in [*_enrolled(bundle, report), *_graded(bundle, report)]:
        if event["learner"] in testers:
            report.skip("test student")
            continue
        if not event.get("removed"):
            report.taken[event["kind"]] += 1
        yield event


def _whole(rows: list[Row]) -> Row:
    """Return the one enrolment that several of one place make."""
    if len(rows) == 1:
        return rows[0]
    holding = [row for row in rows if not is_gone(row)] or rows[-1:]
    first = min(holding, key=lambda row: instant(row.get("beginDate")) or "")
    last = max(holding, key=lambda row: (until_of(row) is None, until_of(row) or ""))
    return first | {"endDate": last.get("endDate", "")}


def _enrolled(bundle: Bundle, report: ReadReport) -> Iterator[Event]:
    for row in bundle.places():
        learner, place = learner_id(row.get("userSourcedId")), row.get("classSourcedId", "")
        role = role_of(row.get("role", ""))
        if role not in ("student", "test student"):
            report.skip("enrolment that is not a student's")
        elif learner and place:
            name = row.get("sourcedId") or digest("enrol", learner, place, row.get("beginDate"))
            time = instant(row.get("beginDate")) or instant(row.get("dateLastModified"))
            event = base.new_event("enrol", learner, place, time, name=name, place=place)
            event |= {"role": role, "until": until_of(row)}
            if is_gone(row):
                report.skip("enrolment that has ended")
            yield event | {"removed": True} if is_gone(row) else event


NOT_DONE = ("exempt", "not submitted")


def _graded(bundle: Bundle, report: ReadReport) -> Iterator[Event]:
    items = {row.get("sourcedId", ""): row for row in bundle.tables.get("lineItems", ())}
    for row in bundle.tables.get("results", ()):
        item = items.get(row.get("lineItemSourcedId", ""), {})
        learner, resource = learner_id(row.get("studentSourcedId")), row.get("lineItemSourcedId", "")
        score = None
        if not (is_gone(row) or _not_handed_in(row)):
            low, high = item.get("resultValueMin"), item.get("resultValueMax")
            score = score_of(report, raw=row.get("score"), low=low, high=high)
        if score is None:
            report.skip("result that was removed" if is_gone(row) else "result without a score")
        if not learner:
            continue
        key = row.get("sourcedId") or digest("result", learner, resource)
        time = instant(row.get("scoreDate")) or instant(row.get("dateLastModified"))
        kind = "other" if score is None else "attempt"
        event = base.new_event(kind, learner, resource, time, score, name=key)
        event |= {"key": key, "removed": score is None}
        place = row.get("classSourcedId") or item.get("classSourcedId", "")
        yield event | {"class": place} if place else event


def _not_handed_in(row: Row) -> bool:
    """Whether a result is none: exempt, or a score that stands for work never handed in."""
    said = row.get("scoreStatus", "").lower() in NOT_DONE
    return said or row.get("missing", "").lower() in ("true", "1", "yes")
