"""What a OneRoster 1.2 CSV bundle must be: files, manifest, headers, rows, references, meaning.

Every broken rule has a code (``stage.rule``), so that a supplier can be told exactly what to mend; a later
stage is only looked at when the earlier ones hold. Source: 1EdTech OneRoster 1.2, CSV binding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from itertools import chain

from segue.lms.oneroster.meaning import broken_meaning
from segue.lms.oneroster.rows import Finding, RosterTable, broken_cells, listed, read_rows, refuse
from segue.lms.oneroster.tables import TABLES, FieldColumn
from segue.lms.records.safe_archive import Files
from segue.lms.records.source_records import ReadReport, RecordRefusedError

MODES = ("absent", "bulk", "delta")
PROPERTIES = ("manifest.version", "oneroster.version", "source.systemName", "source.systemCode")
Tables = dict[str, RosterTable]


def check(files: Files, report: ReadReport) -> Tables:
    """Return the tables of a bundle that keeps the rules; what it breaks is in the report."""
    modes: dict[str, str] = {}
    tables: Tables = {}
    stages = (  # each begins when it is come to, with what those before it have read
        _files(files),
        _manifest(files, modes),
        _tables(files, modes, tables),
        _headers(tables),
        broken_cells(tables),
        chain(broken_references(tables), broken_meaning(tables)),
    )
    for stage in stages:
        for code, reason in stage:
            refuse(report, code, reason)
        if report.codes:
            break
    return tables


# --- manifest and files -----------------------------------------------------------------------------------


def _files(files: Files) -> Iterator[Finding]:
    for name in files.names:
        if name != "manifest.csv" and name.removesuffix(".csv") not in TABLES:
            yield "package.unknown_file", "bundle holds a file that OneRoster 1.2 does not name"
    if not files.has("manifest.csv"):
        yield "package.missing_manifest", "bundle needs manifest.csv"


def _manifest(files: Files, modes: dict[str, str]) -> Iterator[Finding]:
    """Find what is wrong with the manifest, and fill in the mode of each table."""
    rows = yield from _rows_of(files, "manifest.csv")
    if not rows:
        yield "manifest.missing_header", "manifest.csv needs a header"
        return
    if rows[0] != ["propertyName", "value"]:
        yield "manifest.invalid_header", "manifest.csv must have the header propertyName,value"
    if any(len(row) != 2 for row in rows[1:]):
        yield "manifest.row_width_mismatch", "rows of manifest.csv must have two cells"
    pairs = [(row[0], row[1]) for row in rows[1:] if len(row) == 2]
    found = dict(pairs)
    if len(found) != len(pairs):
        yield "manifest.duplicate_property", "manifest.csv names a property twice"
    if set(found) - {*PROPERTIES, *(f"file.{table}" for table in TABLES)}:
        yield "manifest.unknown_property", "manifest.csv has a property that OneRoster 1.2 does not name"
    for name, version in (("manifest", "1.0"), ("oneroster", "1.2")):
        if (value := found.get(f"{name}.version")) is None:
            yield "manifest.missing_property", f"manifest.csv needs {name}.version"
        elif value != version:
            yield f"manifest.invalid_{name}_version", f"{name}.version must be {version}"
    for table in TABLES:
        if (mode := found.get(f"file.{table}")) is None:
            yield "manifest.missing_property", f"manifest.csv needs file.{table}"
        elif mode not in MODES:
            yield "manifest.invalid_file_mode", f"file.{table} must be absent, bulk or delta"
        else:
            modes[table] = mode


def _rows_of(files: Files, name: str) -> Generator[Finding, None, list[list[str]]]:
    try:
        return read_rows(files.read(name))
    except RecordRefusedError as refusal:
        yield refusal.code, f"{name}: {refusal}"
        return []


def _tables(files: Files, modes: dict[str, str], tables: Tables) -> Iterator[Finding]:
    """Find what is wrong with the files of tables as tables, and fill in what they hold."""
    for name, mode in modes.items():
        there = files.has(f"{name}.csv")
        if mode == "absent" and there:
            yield "manifest.file_unexpected", f"{name}.csv is there, but the manifest says absent"
        elif mode != "absent" and not there:
            yield "manifest.file_missing", f"{name}.csv is not there, but the manifest says {mode}"
        elif mode != "absent":
            tables[name] = yield from _table(name, mode, (yield from _rows_of(files, f"{name}.csv")))


def _table(name: str, mode: str, rows: list[list[str]]) -> Generator[Finding, None, RosterTable]:
    if not rows:
        yield "table.missing_header", f"{name}.csv needs a header"
        return RosterTable(name, mode, [])
    header = rows[0]
    if "" in header:
        yield "table.empty_header_name", f"{name}.csv has a column without a name"
    if len(set(header)) != len(header):
        yield "table.duplicate_header", f"{name}.csv names a column twice"
    if len(rows) == 1:
        yield "table.missing_data_rows", f"{name}.csv has no rows"
    if any(len(row) != len(header) for row in rows[1:]):
        yield "table.row_width_mismatch", f"rows of {name}.csv must be as wide as its header"
    return RosterTable(name, mode, header, [dict(zip(header, row, strict=False)) for row in rows[1:]])


def _headers(tables: Tables) -> Iterator[Finding]:
    for table in tables.values():
        expected, file = [column.name for column in TABLES[table.name]], f"{table.name}.csv"
        for found, name in zip(table.header, expected, strict=False):
            if found != name and found.startswith("metadata."):
                yield "schema.metadata_column_position", f"metadata columns of {file} come last"
            elif found != name:
                yield "schema.header_order_mismatch", f"columns of {file} must be in the given order"
        if set(expected) - set(table.header):
            yield "schema.missing_header", f"{file} lacks a column"
        if any(not name.startswith("metadata.") for name in table.header[len(expected) :]):
            yield "schema.invalid_metadata_header", f"further columns of {file} are named metadata.*"


# --- references -------------------------------------------------------------------------------------------


def broken_references(tables: Tables) -> Iterator[Finding]:
    """Find ids that are not unique, and bulk rows that point at rows that are not there."""
    ids = {name: Counter(row["sourcedId"] for row in table.rows) for name, table in tables.items()}
    for name, found in ids.items():
        if any(times > 1 for times in found.values()):
            yield "reference.duplicate_sourced_id", f"{name}.csv has two rows of one sourcedId"
    for table in tables.values():
        for column in TABLES[table.name] if table.mode == "bulk" else ():
            if column.target:
                yield from _targets(table, column, ids)


def _targets(table: RosterTable, column: FieldColumn, ids: dict[str, Counter[str]]) -> Iterator[Finding]:
    where, there = f"{table.name}.csv: {column.name}", f"{column.target}.csv"
    for value in filter(None, (row[column.name] for row in table.rows)):
        if column.target not in ids:
            yield "reference.missing_target_file", f"{where} points to {there}, which is not in the bundle"
            return
        wanted = listed(value) if column.kind == "guids" else [value]
        if any(name not in ids[column.target] for name in wanted):
            yield "reference.missing_target_record", f"{where} points to a row that {there} does not have"
