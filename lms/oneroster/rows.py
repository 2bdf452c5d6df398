"""Rows of OneRoster CSV: how they are read, and what each cell may hold."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from segue.lms.oneroster.tables import TABLES, FieldColumn
from segue.lms.records.source_records import ReadReport, RecordRefusedError
from segue.lms.records.untrusted_values import number

GUID = re.compile(r"[0-9A-Za-z./@_\-]{1,255}")
PAIR = re.compile(r"\{[^{}:]+:[^{}:]+\}")


@dataclass
class RosterTable:
    """One data file: its mode, its header, and its rows as cells by column name."""

    name: str
    mode: str
    header: list[str]
    rows: list[dict[str, str]] = field(default_factory=list)


def refuse(report: ReadReport, code: str, reason: str) -> None:
    """Count a broken rule; one code is listed once."""
    known = code in report.codes
    report.refuse(RecordRefusedError(reason, "" if known else code))


def read_rows(content: bytes, *, strict: bool = True) -> list[list[str]]:
    """Return the rows of a CSV file, blank lines left out; `strict` minds misplaced quotes.

    Raises
    ------
    RecordRefusedError
        When it is not CSV.
    """
    text = content.decode("utf-8-sig", "replace")
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=strict) if row]
    except csv.Error:
        raise RecordRefusedError("file is not CSV", "csv.malformed") from None


def check_rows(table: RosterTable, report: ReadReport) -> None:
    """Check every cell of a table, and what bulk and delta rows must or must not say."""
    for row in table.rows:
        _check_lifecycle(table, row, report)
        for column in TABLES[table.name]:
            code = _fault(column, row.get(column.name, ""))
            if code:
                refuse(report, code, f"{table.name}.csv: {column.name} breaks {code}")
        if "subjects" in row and len(row["subjects"].split(",")) != len(row["subjectCodes"].split(",")):
            refuse(report, "row.invalid_list", f"{table.name}.csv needs one subjectCode for each subject")


def _check_lifecycle(table: RosterTable, row: dict[str, str], report: ReadReport) -> None:
    status, modified = row["status"], row["dateLastModified"]
    if table.mode == "bulk":
        if status or modified:
            reason = f"{table.name}.csv is bulk: status and dateLastModified stay empty"
            refuse(report, "row.field_forbidden_in_bulk", reason)
        return
    if not status or not modified:
        reason = f"{table.name}.csv is delta: status and dateLastModified must be filled"
        refuse(report, "row.field_required_in_delta", reason)
    if status and status not in ("active", "tobedeleted"):
        refuse(report, "row.invalid_enum", f"{table.name}.csv: status must be active or tobedeleted")
    if modified and not _is_datetime(modified):
        refuse(
            report,
            "row.invalid_datetime",
            f"{table.name}.csv: dateLastModified must be YYYY-MM-DDThh:mm:ss.sssZ",
        )


def _fault(column: FieldColumn, value: str) -> str:
    """Return the code of the rule that a cell breaks, or ''."""
    if not value:
        return "row.missing_required_value" if column.required else ""
    if column.kind in ("word", "words"):
        words = listed(value) if column.kind == "words" else [value]
        known = all(
            w in column.words or (column.extensible and w.startswith("ext:") and w != "ext:") for w in words
        )
        return "" if known else "row.invalid_enum"
    if column.kind in ("list", "guids", "pairs"):
        parts = listed(value)
        if not all(parts) or (column.kind == "pairs" and not all(map(PAIR.fullmatch, parts))):
            return "row.invalid_list"
        return "" if column.kind != "guids" or all(map(GUID.fullmatch, parts)) else "row.invalid_guid"
    return f"row.invalid_{column.kind}" if column.kind in _IS and not _IS[column.kind](value) else ""


def listed(value: str) -> list[str]:
    """Return the parts of a comma-separated cell."""
    return [part.strip() for part in value.split(",")]


def _is_date(value: str) -> bool:
    try:
        return len(value) == 10 and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_datetime(value: str) -> bool:
    try:
        return (
            len(value) == 24 and value[10] == "T" and value[-1] == "Z" and bool(datetime.fromisoformat(value))
        )
    except ValueError:
        return False


_IS: dict[str, Callable[[str], bool]] = {
    "guid": lambda value: GUID.fullmatch(value) is not None,
    "date": _is_date,
    "year": lambda value: re.fullmatch(r"\d{4}", value, re.ASCII) is not None,
    "boolean": lambda value: value in ("true", "false"),
    "integer": lambda value: re.fullmatch(r"[+-]?\d{1,15}", value, re.ASCII) is not None,
    "float": lambda value: number(value) is not None,
}
