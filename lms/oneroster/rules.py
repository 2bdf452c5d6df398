"""What a OneRoster 1.2 CSV bundle must be: files, manifest, headers, rows, references, meaning.

Every broken rule has a code (``stage.rule``), so that a supplier can be told exactly what to mend; a later
stage is only looked at when the earlier ones hold. Source: 1EdTech OneRoster 1.2, CSV binding.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Mapping
from itertools import chain

from segue.lms.oneroster.rows import Finding, RosterTable, broken_cells, listed, read_rows, refuse
from segue.lms.oneroster.tables import TABLES, FieldColumn
from segue.lms.records.safe_archive import Files
from segue.lms.records.source_records import ReadReport, RecordRefusedError
from segue.lms.records.untrusted_values import number

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


# --- meaning: only what both sides of a rule say is compared ------------------------------------------------

Rows = dict[str, list[dict[str, str]]]
CASE_URN = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ADMINISTRATORS = ("districtAdministrator", "principal", "siteAdministrator", "systemAdministrator")


def broken_meaning(bundle: Mapping[str, RosterTable]) -> Iterator[Finding]:
    """Find every rule of meaning that rows of tables in bulk break together."""
    tables = {name: table.rows for name, table in bundle.items() if table.mode == "bulk"}
    for rule in (_scores, _scales, _objectives, _schools, _years, _roles, _profiles, _membership, _resources):
        yield from rule(tables)


def _by_id(tables: Rows, name: str) -> dict[str, dict[str, str]]:
    return {row["sourcedId"]: row for row in tables.get(name, ())}


def _scores(tables: Rows) -> Iterator[Finding]:
    items = _by_id(tables, "lineItems")
    bounds = {
        name: (number(row["resultValueMin"]), number(row["resultValueMax"])) for name, row in items.items()
    }
    for low, high in bounds.values():
        if low is not None and high is not None and low > high:
            yield (
                "semantic.invalid_score_range",
                "lineItems.csv: resultValueMin must not exceed resultValueMax",
            )
    for row in tables.get("results", ()):
        score, (low, high) = number(row["score"]), bounds.get(row["lineItemSourcedId"], (None, None))
        if score is None or (low is not None and high is not None and low > high):
            continue
        if low is not None and score < low:
            yield "semantic.score_below_min", "results.csv: score lies below its line item's minimum"
        if high is not None and score > high:
            yield "semantic.score_above_max", "results.csv: score lies above its line item's maximum"


def _scales(tables: Rows) -> Iterator[Finding]:
    for row in tables.get("scoreScales", ()):
        for value in row["scoreScaleValue"].split(","):
            if not re.fullmatch(r"\{[^:]+:[^:]+\}", value.strip()):
                yield "semantic.invalid_score_scale_mapping", "scoreScales.csv: values are written {from:to}"


def _objectives(tables: Rows) -> Iterator[Finding]:
    for name in ("lineItemLearningObjectiveIds", "resultLearningObjectiveIds"):
        for row in tables.get(name, ()):
            if row["source"] == "case" and not CASE_URN.fullmatch(row["learningObjectiveId"]):
                yield "semantic.invalid_case_learning_objective_id", f"{name}.csv: a CASE id is urn:uuid:..."


def _schools(tables: Rows) -> Iterator[Finding]:
    orgs = _by_id(tables, "orgs")
    for name in ("classes", "enrollments", "lineItems"):
        for row in tables.get(name, ()):
            kind = orgs.get(row["schoolSourcedId"], {}).get("type", "school")
            if kind != "school" and not kind.startswith("ext:"):
                yield "semantic.org_type_mismatch", f"{name}.csv: schoolSourcedId must be a school's"


def _years(tables: Rows) -> Iterator[Finding]:
    kinds = {name: row["type"] for name, row in _by_id(tables, "academicSessions").items()}
    code = "semantic.academic_session_type_mismatch"
    for row in tables.get("courses", ()):
        kind = kinds.get(row["schoolYearSourcedId"], "schoolYear")
        if kind != "schoolYear" and not kind.startswith("ext:"):
            yield code, "courses.csv: schoolYearSourcedId must be a school year's"
    for row in tables.get("lineItems", ()):
        if kinds.get(row["academicSessionSourcedId"]) == "schoolYear":
            yield code, "lineItems.csv: academicSessionSourcedId must not be a school year's"


def _roles(tables: Rows) -> Iterator[Finding]:
    if "roles" not in tables:
        return
    held = defaultdict(list)
    for row in tables["roles"]:
        held[row["userSourcedId"], row["orgSourcedId"]].append(row["roleType"])
    if any(kinds.count("primary") > 1 for kinds in held.values()):
        yield (
            "semantic.multiple_primary_roles_for_user_org",
            "roles.csv: one primary role a user and organisation",
        )
    for row in tables.get("users", ()):
        if row["primaryOrgSourcedId"] and (row["sourcedId"], row["primaryOrgSourcedId"]) not in held:
            yield "semantic.primary_org_missing_role", "users.csv: primaryOrgSourcedId needs a role there"


def _profiles(tables: Rows) -> Iterator[Finding]:
    owner = {name: row["userSourcedId"] for name, row in _by_id(tables, "userProfiles").items()}
    for row in tables.get("roles", ()):
        if owner.get(row["userProfileSourcedId"], row["userSourcedId"]) != row["userSourcedId"]:
            yield "semantic.user_profile_user_mismatch", "roles.csv: userProfileSourcedId is another user's"


def _membership(tables: Rows) -> Iterator[Finding]:
    if "enrollments" not in tables:
        return
    members = {(row["classSourcedId"], row["userSourcedId"]) for row in tables["enrollments"]}
    users, classes = _by_id(tables, "users"), _by_id(tables, "classes")
    items = _by_id(tables, "lineItems")
    for row in tables.get("results", ()):
        of_item = items.get(row["lineItemSourcedId"], {}).get("classSourcedId", "")
        place, who = row["classSourcedId"] or of_item, row["studentSourcedId"]
        if of_item and place != of_item:
            yield "semantic.result_class_mismatch", "results.csv: classSourcedId must be its line item's"
        if place in classes and who in users and (place, who) not in members:
            yield "semantic.result_student_not_enrolled", "results.csv: student must be enrolled in the class"
    for row in tables.get("userResources", ()):
        place, who = row["classSourcedId"], row["userSourcedId"]
        if place in classes and who in users and (place, who) not in members:
            yield "semantic.user_resource_user_not_enrolled", "userResources.csv: user must be in the class"


def _resources(tables: Rows) -> Iterator[Finding]:
    classes, resources = _by_id(tables, "classes"), _by_id(tables, "resources")
    held = defaultdict(set)
    for name in ("enrollments", "roles"):
        for row in tables.get(name, ()):
            held[row["userSourcedId"]].add("administrator" if row["role"] in ADMINISTRATORS else row["role"])
    for row in tables.get("userResources", ()):
        school = classes.get(row["classSourcedId"], {}).get("schoolSourcedId")
        if school and row["orgSourcedId"] and school != row["orgSourcedId"]:
            yield (
                "semantic.user_resource_class_org_mismatch",
                "userResources.csv: orgSourcedId is the class's school",
            )
        meant = {
            part.strip() for part in resources.get(row["resourceSourcedId"], {}).get("roles", "").split(",")
        }
        has = held.get(row["userSourcedId"], set())
        if meant != {""} and has and not meant & has:
            yield (
                "semantic.resource_role_mismatch",
                "userResources.csv: the resource is not for the user's role",
            )
