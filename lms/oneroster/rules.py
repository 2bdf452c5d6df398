"""What a OneRoster 1.2 CSV bundle must be: files, manifest, headers, rows, references, meaning.

Every broken rule has a code (``stage.rule``), so that a supplier can be told exactly what to mend; a later
stage is only looked at when the earlier ones hold. Source: 1EdTech OneRoster 1.2, CSV binding.
"""

from __future__ import annotations

from collections import Counter

from segue.lms.oneroster.rows import RosterTable, check_rows, listed, read_rows, refuse
from segue.lms.oneroster.semantics import check_meaning
from segue.lms.oneroster.tables import TABLES, FieldColumn
from segue.lms.records.safe_archive import Files
from segue.lms.records.source_records import ReadReport, RecordRefusedError

MODES = ("absent", "bulk", "delta")
PROPERTIES = ("manifest.version", "oneroster.version", "source.systemName", "source.systemCode")


def check(files: Files, report: ReadReport) -> dict[str, RosterTable]:
    """Return the tables of a bundle that keeps the rules; what it breaks is in the report."""
    for name in files.names:
        if name != "manifest.csv" and name.removesuffix(".csv") not in TABLES:
            refuse(report, "package.unknown_file", "bundle holds a file that OneRoster 1.2 does not name")
    if not files.has("manifest.csv"):
        refuse(report, "package.missing_manifest", "bundle needs manifest.csv")
    if report.codes:
        return {}
    modes = _manifest(files, report)
    tables = {} if report.codes else _tables(files, modes, report)
    if not report.codes:
        for table in tables.values():
            _check_header(table, report)
    if not report.codes:
        for table in tables.values():
            check_rows(table, report)
    if not report.codes:
        check_references(tables, report)
        check_meaning(
            {name: table.rows for name, table in tables.items() if table.mode == "bulk"}, report, refuse
        )
    return tables


# --- manifest and files -----------------------------------------------------------------------------------


def _manifest(files: Files, report: ReadReport) -> dict[str, str]:
    rows = _rows_of(files, "manifest.csv", report)
    if not rows:
        refuse(report, "manifest.missing_header", "manifest.csv needs a header")
        return {}
    if rows[0] != ["propertyName", "value"]:
        refuse(report, "manifest.invalid_header", "manifest.csv must have the header propertyName,value")
    if any(len(row) != 2 for row in rows[1:]):
        refuse(report, "manifest.row_width_mismatch", "rows of manifest.csv must have two cells")
    pairs = [(row[0], row[1]) for row in rows[1:] if len(row) == 2]
    if len({name for name, _ in pairs}) != len(pairs):
        refuse(report, "manifest.duplicate_property", "manifest.csv names a property twice")
    found = dict(pairs)
    allowed = {*PROPERTIES, *(f"file.{table}" for table in TABLES)}
    if set(found) - allowed:
        refuse(
            report,
            "manifest.unknown_property",
            "manifest.csv has a property that OneRoster 1.2 does not name",
        )
    for name, version in (("manifest", "1.0"), ("oneroster", "1.2")):
        _check_version(found.get(f"{name}.version"), name, version, report)
    for table in TABLES:
        _check_mode(found.get(f"file.{table}"), table, report)
    return {table: found.get(f"file.{table}", "absent") for table in TABLES}


def _check_version(value: str | None, name: str, version: str, report: ReadReport) -> None:
    if value is None:
        refuse(report, "manifest.missing_property", f"manifest.csv needs {name}.version")
    elif value != version:
        code = (
            "manifest.invalid_manifest_version"
            if name == "manifest"
            else "manifest.invalid_oneroster_version"
        )
        refuse(report, code, f"{name}.version must be {version}")


def _check_mode(mode: str | None, table: str, report: ReadReport) -> None:
    if mode is None:
        refuse(report, "manifest.missing_property", f"manifest.csv needs file.{table}")
    elif mode not in MODES:
        refuse(report, "manifest.invalid_file_mode", f"file.{table} must be absent, bulk or delta")


def _rows_of(files: Files, name: str, report: ReadReport) -> list[list[str]]:
    try:
        return read_rows(files.read(name))
    except RecordRefusedError as refusal:
        refuse(report, refusal.code, f"{name}: {refusal}")
        return []


def _tables(files: Files, modes: dict[str, str], report: ReadReport) -> dict[str, RosterTable]:
    tables = {}
    for name, mode in modes.items():
        there = files.has(f"{name}.csv")
        if mode == "absent" and there:
            refuse(report, "manifest.file_unexpected", f"{name}.csv is there, but the manifest says absent")
        elif mode != "absent" and not there:
            refuse(report, "manifest.file_missing", f"{name}.csv is not there, but the manifest says {mode}")
        elif mode != "absent":
            tables[name] = _table(name, mode, _rows_of(files, f"{name}.csv", report), report)
    return tables


def _table(name: str, mode: str, rows: list[list[str]], report: ReadReport) -> RosterTable:
    if not rows:
        refuse(report, "table.missing_header", f"{name}.csv needs a header")
        return RosterTable(name, mode, [])
    header = rows[0]
    if "" in header:
        refuse(report, "table.empty_header_name", f"{name}.csv has a column without a name")
    if len(set(header)) != len(header):
        refuse(report, "table.duplicate_header", f"{name}.csv names a column twice")
    if len(rows) == 1:
        refuse(report, "table.missing_data_rows", f"{name}.csv has no rows")
    if any(len(row) != len(header) for row in rows[1:]):
        refuse(report, "table.row_width_mismatch", f"rows of {name}.csv must be as wide as its header")
    return RosterTable(name, mode, header, [dict(zip(header, row, strict=False)) for row in rows[1:]])


def _check_header(table: RosterTable, report: ReadReport) -> None:
    expected = [column.name for column in TABLES[table.name]]
    for position, name in enumerate(expected):
        found = table.header[position] if position < len(table.header) else name
        if found == name:
            continue
        if found.startswith("metadata."):
            refuse(
                report, "schema.metadata_column_position", f"metadata columns of {table.name}.csv come last"
            )
        else:
            refuse(
                report,
                "schema.header_order_mismatch",
                f"columns of {table.name}.csv must be in the given order",
            )
    if set(expected) - set(table.header):
        refuse(report, "schema.missing_header", f"{table.name}.csv lacks a column")
    if any(not name.startswith("metadata.") for name in table.header[len(expected) :]):
        refuse(
            report,
            "schema.invalid_metadata_header",
            f"further columns of {table.name}.csv are named metadata.*",
        )


# --- references -------------------------------------------------------------------------------------------


def check_references(tables: dict[str, RosterTable], report: ReadReport) -> None:
    """Check that ids are unique and that bulk rows point at rows that are there."""
    ids = {name: Counter(row["sourcedId"] for row in table.rows) for name, table in tables.items()}
    for name, found in ids.items():
        if any(times > 1 for times in found.values()):
            refuse(report, "reference.duplicate_sourced_id", f"{name}.csv has two rows of one sourcedId")
    for table in tables.values():
        if table.mode == "bulk":
            for column in TABLES[table.name]:
                if column.target:
                    _check_targets(table, column, ids, report)


def _check_targets(
    table: RosterTable, column: FieldColumn, ids: dict[str, Counter[str]], report: ReadReport
) -> None:
    for row in table.rows:
        value = row[column.name]
        wanted = listed(value) if column.kind == "guids" else [value]
        if not value:
            continue
        where = f"{table.name}.csv: {column.name}"
        if column.target not in ids:
            reason = f"{where} points to {column.target}.csv, which is not in the bundle"
            refuse(report, "reference.missing_target_file", reason)
            return
        if any(name not in ids[column.target] for name in wanted):
            reason = f"{where} points to a row that {column.target}.csv does not have"
            refuse(report, "reference.missing_target_record", reason)
