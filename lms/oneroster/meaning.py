"""What the rows of a OneRoster bundle say together: only what both sides of a rule say is compared."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from segue.lms.oneroster.rows import Finding, RosterTable
from segue.lms.records.untrusted_values import number

Rows = dict[str, list[dict[str, str]]]
CASE_URN = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ADMINISTRATORS = ("districtAdministrator", "principal", "siteAdministrator", "systemAdministrator")


def broken_meaning(bundle: Mapping[str, RosterTable]) -> Iterator[Finding]:
    """Find every rule of meaning that rows of tables in bulk break together."""
    tables = {name: table.rows for name, table in bundle.items() if table.mode == "bulk"}
    for rule in (_scores, _scales, _objectives, _schools, _years, _roles, _profiles, _membership, _resources):
        for code, said in rule(tables):
            yield f"semantic.{code}", said


def _by_id(tables: Rows, name: str) -> dict[str, dict[str, str]]:
    return {row["sourcedId"]: row for row in tables.get(name, ())}


def _scores(tables: Rows) -> Iterator[Finding]:
    items = _by_id(tables, "lineItems")
    bounds = {
        name: (number(row["resultValueMin"]), number(row["resultValueMax"])) for name, row in items.items()
    }
    for low, high in bounds.values():
        if low is not None and high is not None and low > high:
            yield "invalid_score_range", "lineItems.csv: resultValueMin must not exceed resultValueMax"
    for row in tables.get("results", ()):
        score, (low, high) = number(row["score"]), bounds.get(row["lineItemSourcedId"], (None, None))
        if score is None or (low is not None and high is not None and low > high):
            continue
        if low is not None and score < low:
            yield "score_below_min", "results.csv: score lies below its line item's minimum"
        if high is not None and score > high:
            yield "score_above_max", "results.csv: score lies above its line item's maximum"


def _scales(tables: Rows) -> Iterator[Finding]:
    for row in tables.get("scoreScales", ()):
        for value in row["scoreScaleValue"].split(","):
            if not re.fullmatch(r"\{[^:]+:[^:]+\}", value.strip()):
                yield "invalid_score_scale_mapping", "scoreScales.csv: values are written {from:to}"


def _objectives(tables: Rows) -> Iterator[Finding]:
    for name in ("lineItemLearningObjectiveIds", "resultLearningObjectiveIds"):
        for row in tables.get(name, ()):
            if row["source"] == "case" and not CASE_URN.fullmatch(row["learningObjectiveId"]):
                yield "invalid_case_learning_objective_id", f"{name}.csv: a CASE id is urn:uuid:..."


def _schools(tables: Rows) -> Iterator[Finding]:
    orgs = _by_id(tables, "orgs")
    for name in ("classes", "enrollments", "lineItems"):
        for row in tables.get(name, ()):
            kind = orgs.get(row["schoolSourcedId"], {}).get("type", "school")
            if kind != "school" and not kind.startswith("ext:"):
                yield "org_type_mismatch", f"{name}.csv: schoolSourcedId must be a school's"


def _years(tables: Rows) -> Iterator[Finding]:
    kinds = {name: row["type"] for name, row in _by_id(tables, "academicSessions").items()}
    code = "academic_session_type_mismatch"
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
        yield "multiple_primary_roles_for_user_org", "roles.csv: one primary role a user and organisation"
    for row in tables.get("users", ()):
        if row["primaryOrgSourcedId"] and (row["sourcedId"], row["primaryOrgSourcedId"]) not in held:
            yield "primary_org_missing_role", "users.csv: primaryOrgSourcedId needs a role there"


def _profiles(tables: Rows) -> Iterator[Finding]:
    owner = {name: row["userSourcedId"] for name, row in _by_id(tables, "userProfiles").items()}
    for row in tables.get("roles", ()):
        if owner.get(row["userProfileSourcedId"], row["userSourcedId"]) != row["userSourcedId"]:
            yield "user_profile_user_mismatch", "roles.csv: userProfileSourcedId is another user's"


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
            yield "result_class_mismatch", "results.csv: classSourcedId must be its line item's"
        if place in classes and who in users and (place, who) not in members:
            yield "result_student_not_enrolled", "results.csv: student must be enrolled in the class"
    for row in tables.get("userResources", ()):
        place, who = row["classSourcedId"], row["userSourcedId"]
        if place in classes and who in users and (place, who) not in members:
            yield "user_resource_user_not_enrolled", "userResources.csv: user must be in the class"


def _resources(tables: Rows) -> Iterator[Finding]:
    classes, resources = _by_id(tables, "classes"), _by_id(tables, "resources")
    held = defaultdict(set)
    for name in ("enrollments", "roles"):
        for row in tables.get(name, ()):
            held[row["userSourcedId"]].add("administrator" if row["role"] in ADMINISTRATORS else row["role"])
    for row in tables.get("userResources", ()):
        school = classes.get(row["classSourcedId"], {}).get("schoolSourcedId")
        if school and row["orgSourcedId"] and school != row["orgSourcedId"]:
            yield "user_resource_class_org_mismatch", "userResources.csv: orgSourcedId is the class's school"
        meant = {
            part.strip() for part in resources.get(row["resourceSourcedId"], {}).get("roles", "").split(",")
        }
        has = held.get(row["userSourcedId"], set())
        if meant != {""} and has and not meant & has:
            yield "resource_role_mismatch", "userResources.csv: the resource is not for the user's role"
