"""Rows of OneRoster CSV: how they are read, and what each cell may hold."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from segue.lms.oneroster.tables import TABLES, FieldColumn
from segue.lms.records.source_records import ReadReport, RecordRefusedError
from segue.lms.records.untrusted_values import number

Finding = tuple[str, str]  # the code of a rule that is broken, and the reason in words
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


def read_rows(content: bytes) -> list[list[str]]:
    """Return the rows of a CSV file, blank lines left out.

    Raises
    ------
    RecordRefusedError
        When it is not CSV: a quote is misplaced.
    """
    text = content.decode("utf-8-sig", "replace")
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        raise RecordRefusedError("file is not CSV", "csv.malformed") from None


def broken_cells(tables: Mapping[str, RosterTable]) -> Iterator[Finding]:
    """Find cells that hold what they must not, and what bulk and delta rows must or must not say."""
    for name, table in tables.items():
        for row in table.rows:
            yield from _lifecycle(table, row)
            for column in TABLES[name]:
                if code := _fault(column, row.get(column.name, "")):
                    yield code, f"{name}.csv: {column.name} breaks {code}"
            if "subjects" in row and len(row["subjects"].split(",")) != len(row["subjectCodes"].split(",")):
                yield "row.invalid_list", f"{name}.csv needs one subjectCode for each subject"


def _lifecycle(table: RosterTable, row: dict[str, str]) -> Iterator[Finding]:
    file, status, modified = f"{table.name}.csv", row["status"], row["dateLastModified"]
    if table.mode == "bulk":
        if status or modified:
            yield "row.field_forbidden_in_bulk", f"{file} is bulk: status and dateLastModified stay empty"
        return
    if not status or not modified:
        yield "row.field_required_in_delta", f"{file} is delta: status and dateLastModified must be filled"
    if status and status not in ("active", "tobedeleted"):
        yield "row.invalid_enum", f"{file}: status must be active or tobedeleted"
    if modified and not _is_datetime(modified):
        yield "row.invalid_datetime", f"{file}: dateLastModified must be YYYY-MM-DDThh:mm:ss.sssZ"


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
    "float": lambda value: "," not in value and number(value) is not None,
}
