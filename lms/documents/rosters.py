"""Who is in which class, from whatever says so: roster files, or the enrolments in a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import pandas as pd

from segue.lms.documents.read_document import READERS
from segue.lms.oneroster import reader as oneroster
from segue.lms.oneroster.dialects import one_place_a_row, table_by, table_of
from segue.lms.records.delimited import plain_name, rows_of
from segue.lms.records.source_records import Event, ReadReport, RecordRefusedError
from segue.lms.records.untrusted_values import learner_id

LOGS = ("canvas", "openedx", "moodle", "xapi")
"""Formats of logs in which enrolments stand, in the order tried."""
TABLES = (".csv", ".tsv", ".txt")


class RosterError(ValueError):
    """A file that says nothing of who is in which class; the message says what was looked for."""


def read_roster(path: Path, *, at: datetime | None = None, by: datetime | None = None) -> pd.DataFrame:
    """Return the students of a roster: learner, class_id, role, from, until (UTC, NaT when open).

    A folder, ZIP or table is read as OneRoster or as one of its relatives; JSON and NDJSON as a log of
    Canvas, Open edX, Moodle or xAPI with enrolments in it. With `at`, only those who are there then, or come
    until `by`; a person with several rows for one class counts by the last.

    Raises
    ------
    RosterError
        When nobody's enrolment is in it.
    """
    report = ReadReport()
    is_log = path.is_file() and path.suffix.lower() not in (*TABLES, ".zip")
    frame = _of_log(path) if is_log else oneroster.open_bundle(path, "lenient", report).enrolments()
    frame = frame[(frame["learner"] != "") & (frame["class_id"] != "")]
    if frame.empty:
        said = "; ".join([*report.refused, *(note for note in report.warnings if "sought" in note)])
        raise RosterError(f"{path.name} says of nobody in which class they are{': ' if said else ''}{said}")
    students = frame[frame["role"] == "student"]
    students = students.drop_duplicates(["learner", "class_id"], keep="last")
    if at is not None:
        begun = students["from"].isna() | (students["from"] <= (by or at))
        students = students[begun & (students["until"].isna() | (students["until"] > at))]
    return students.reset_index(drop=True)


def is_roster(path: Path) -> bool:
    """Whether a file is a system's roster by its kind or its columns, and no list with a column `learner`."""
    if path.is_dir() or path.suffix.lower() not in TABLES:
        return path.exists()
    try:
        header, _ = one_place_a_row(next(rows_of(path), []), ())
        own = {"learner", "learnerid"} & {plain_name(name) for name in header}
        return not own and "enrollments" in (table_by(header), table_of(path.stem))
    except (RecordRefusedError, OSError):
        return False


def enrolled(events: Iterable[Event]) -> Iterator[dict[str, str | None]]:
    """Yield the enrolments among events as rows of a roster; one that has ended has `until`."""
    for event in events:
        place = event.get("class", "") or event["resource"]
        if event["kind"] == "enrol" and place:
            ends = event.get("until") or (event["time"] if event.get("removed") else None)
            begins = None if event.get("removed") else event["time"]
            yield {
                "learner": event["learner"],
                "class_id": place,
                "role": event.get("role", "student"),
                "from": begins,
                "until": ends,
            }


def _of_log(path: Path) -> pd.DataFrame:
    for name in LOGS:
        events, _ = READERS[name](path, "lenient")
        if rows := list(enrolled(events)):
            return oneroster.roster_frame(rows)
    return oneroster.roster_frame([])


def claims_of(path: Path, claim: str) -> list[tuple[str, str]]:
    """Return (sourcedId, other id) of the users of a bundle, by the column that holds the other id.

    `claim` is `email`, `username`, `identifier`, `userMasterIdentifier`, or `userIds:TYPE`; an address
    becomes its hash, as everywhere. Nothing else is read of a person.
    """
    column, _, kind = claim.partition(":")
    pairs = []
    for row in oneroster.people(path, column):
        value = _of_kind(row.get(column, ""), kind) if kind else row.get(column, "")
        if row.get("sourcedId") and value:
            pairs.append((learner_id(row["sourcedId"]), learner_id(value)))
    return pairs


def _of_kind(pairs: str, kind: str) -> str:
    """Return the id of a type among OneRoster's userIds, written {type:id},{type:id}."""
    for part in pairs.split(","):
        name, _, value = part.strip().strip("{}").partition(":")
        if name.lower() == kind.lower():
            return value
    return ""
