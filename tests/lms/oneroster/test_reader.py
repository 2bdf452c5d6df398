"""OneRoster: strict diagnostics by code, lenient reading of what systems really export."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from segue.lms.documents.read_document import answer
from segue.lms.oneroster import reader as oneroster
from segue.lms.oneroster.rows import RosterTable
from segue.lms.oneroster.rules import broken_references
from segue.lms.oneroster.tables import TABLES
from segue.lms.records.source_records import ReadReport


def bundle(folder: Path, tables: dict[str, list[dict[str, str]]], mode: str = "bulk") -> Path:
    """A folder with a correct manifest and headers, and the given rows."""
    folder.mkdir(exist_ok=True)
    manifest = ["propertyName,value", "manifest.version,1.0", "oneroster.version,1.2"]
    manifest += [f"file.{name},{mode if name in tables else 'absent'}" for name in TABLES]
    (folder / "manifest.csv").write_text("\n".join(manifest))
    for name, rows in tables.items():
        columns = [column.name for column in TABLES[name]]
        lines = [",".join(columns)]
        lines += [",".join(f'"{row.get(column, "")}"' for column in columns) for row in rows]
        (folder / f"{name}.csv").write_text("\n".join(lines))
    return folder


SCHOOL = {
    "orgs": [{"sourcedId": "o1", "name": "School", "type": "school"}],
    "academicSessions": [
        {"sourcedId": "t1", "title": "Term", "type": "term", "startDate": "2026-01-07", "schoolYear": "2026"}
        | {"endDate": "2026-06-30"}
    ],
    "courses": [{"sourcedId": "c1", "title": "Maths", "orgSourcedId": "o1"}],
    "classes": [
        {"sourcedId": "k1", "title": "7a", "courseSourcedId": "c1", "classType": "scheduled"}
        | {"schoolSourcedId": "o1", "termSourcedIds": "t1"}
    ],
    "users": [
        {"sourcedId": "u1", "enabledUser": "true", "username": "CANARY", "givenName": "CANARY"}
        | {"familyName": "CANARY", "email": "CANARY@x.org", "password": "CANARY"}
    ],
    "enrollments": [
        {"sourcedId": "e1", "classSourcedId": "k1", "schoolSourcedId": "o1", "userSourcedId": "u1"}
        | {"role": "student", "beginDate": "2026-01-07"}
    ],
    "categories": [{"sourcedId": "g1", "title": "Homework"}],
    "lineItems": [
        {"sourcedId": "l1", "title": "Quiz", "assignDate": "2026-02-01", "dueDate": "2026-02-08"}
        | {"classSourcedId": "k1", "categorySourcedId": "g1", "academicSessionSourcedId": "t1"}
        | {"schoolSourcedId": "o1", "resultValueMin": "0", "resultValueMax": "20"}
    ],
    "results": [
        {"sourcedId": "r1", "lineItemSourcedId": "l1", "studentSourcedId": "u1", "score": "15"}
        | {"scoreStatus": "fully graded", "scoreDate": "2026-02-09", "comment": "CANARY"}
    ],
    "lineItemLearningObjectiveIds": [
        {"sourcedId": "b1", "lineItemSourcedId": "l1", "source": "case"}
        | {"learningObjectiveId": "urn:uuid:11111111-1111-1111-1111-111111111111"}
    ],
}


def test_every_diagnostic_of_the_conformance_set(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("lms/oneroster") / "v1p2-conformance"
    for row in json.loads((folder / "index.json").read_text()):
        found = answer("oneroster", str(folder / row["dir"]))
        assert set(found.codes) == set(row["expected_codes"]), row["name"]
        assert found.accepted == (row["expect"] == "accept"), row["name"]
        assert found.accepted or found.reason


def test_columns_are_those_of_the_specification(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("lms/oneroster") / "v1p2-conformance" / "headers.json"
    expected = sorted(map(tuple, json.loads(path.read_text()).values()))
    assert sorted(tuple(column.name for column in columns) for columns in TABLES.values()) == expected


@pytest.mark.parametrize("name", ["moodle-v1p1-full", "moodle-v1p2-full", "oat-v1p1-columns", "sds-v2"])
def test_near_standard_bundles_are_read_leniently_only(shared_data: Callable[[str], Path], name: str) -> None:
    path = str(shared_data("lms/oneroster") / name)
    assert not answer("oneroster", path).accepted
    assert answer("oneroster", path, "lenient").accepted


def test_a_bundle_gives_enrolments_grades_and_resources_and_no_names(tmp_path: Path) -> None:
    path = bundle(tmp_path / "school", SCHOOL)
    found = answer("oneroster", str(path))
    assert found.accepted, found.reason
    enrolled, graded = found.events
    assert (enrolled["kind"], enrolled["learner"], enrolled["class"]) == ("enrol", "u1", "k1")
    assert (graded["kind"], graded["score"], graded["time"]) == ("attempt", 0.75, "2026-02-09T00:00:00+00:00")
    school = oneroster.open_bundle(path, "strict", ReadReport())
    assert "CANARY" not in repr(school) + repr(found)
    assert school.enrolments()[["learner", "class_id", "role"]].values.tolist() == [["u1", "k1", "student"]]
    (item,) = school.resources()
    assert (item.resource_id, item.skills) == ("l1", ("11111111-1111-1111-1111-111111111111",))


def test_a_vendor_is_the_source_of_its_resources(tmp_path: Path) -> None:
    row = {"sourcedId": "v1", "vendorResourceId": "7", "title": "Film", "vendorId": "press"}
    path = bundle(tmp_path / "school", SCHOOL | {"resources": [row]})
    _, film = oneroster.open_bundle(path, "strict", ReadReport()).resources()
    assert (film.title, film.source) == ("Film", "press")


def changed(table: str, **cells: str) -> dict[str, list[dict[str, str]]]:
    return SCHOOL | {table: [SCHOOL[table][0] | cells]}


@pytest.mark.parametrize(
    ("table", "cells", "code"),
    [
        ("users", {"sourcedId": "not a guid!"}, "row.invalid_guid"),
        ("users", {"enabledUser": "TRUE"}, "row.invalid_boolean"),
        ("users", {"familyName": ""}, "row.missing_required_value"),
        ("users", {"userIds": "LDAP:1"}, "row.invalid_list"),
        ("users", {"status": "active"}, "row.field_forbidden_in_bulk"),
        ("academicSessions", {"schoolYear": "26"}, "row.invalid_year"),
        ("academicSessions", {"startDate": "2026-02-30"}, "row.invalid_date"),
        ("categories", {"weight": "much"}, "row.invalid_integer"),
        ("lineItems", {"resultValueMax": "many"}, "row.invalid_float"),
        ("classes", {"classType": "Scheduled"}, "row.invalid_enum"),
        ("classes", {"subjects": "a,b", "subjectCodes": "1"}, "row.invalid_list"),
        ("enrollments", {"userSourcedId": "nobody"}, "reference.missing_target_record"),
        ("lineItems", {"resultValueMin": "30"}, "semantic.invalid_score_range"),
        ("results", {"score": "21"}, "semantic.score_above_max"),
        ("results", {"score": "-1"}, "semantic.score_below_min"),
        ("orgs", {"type": "district"}, "semantic.org_type_mismatch"),
        ("academicSessions", {"type": "schoolYear"}, "semantic.academic_session_type_mismatch"),
    ],
)
def test_each_broken_rule_has_its_code(tmp_path: Path, table: str, cells: dict[str, str], code: str) -> None:
    found = answer("oneroster", str(bundle(tmp_path / "school", changed(table, **cells))))
    assert not found.accepted
    assert code in found.codes


def test_references_need_their_file_and_unique_ids() -> None:
    rows = [{"sourcedId": "x", "parentSourcedId": ""}, {"sourcedId": "x", "parentSourcedId": ""}]
    found = broken_references({"orgs": RosterTable("orgs", "bulk", [], rows)})
    assert [code for code, _ in found] == ["reference.duplicate_sourced_id"]


def test_a_zip_is_read_and_cannot_reach_outside_or_explode(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "school", SCHOOL)
    good, outside, bomb = (tmp_path / f"{name}.zip" for name in ("good", "outside", "bomb"))
    with zipfile.ZipFile(good, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    with zipfile.ZipFile(outside, "w") as archive:
        archive.writestr("../users.csv", "sourcedId\n1")
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("users.csv", "sourcedId\n" + "1" * 30_000_000)
    assert len(answer("oneroster", str(good)).events) == 2
    assert answer("oneroster", str(outside), "lenient").codes == ("package.path_outside",)
    assert answer("oneroster", str(bomb), "lenient").codes == ("package.too_large",)


def test_school_data_sync_1_is_read(tmp_path: Path) -> None:
    (tmp_path / "Section.csv").write_text("SIS ID,School SIS ID,Section Name\ns1,o1,Maths")
    (tmp_path / "Student.csv").write_text("SIS ID,School SIS ID,Username\nu1,o1,CANARY")
    (tmp_path / "StudentEnrollment.csv").write_text("Section SIS ID,SIS ID\ns1,u1")
    found = answer("oneroster", str(tmp_path), "lenient")
    assert found.counts["classes"] == 1
    assert [(event["learner"], event["class"]) for event in found.events] == [("u1", "s1")]


def test_deleted_rows_teach_nothing(tmp_path: Path) -> None:
    gone = {"status": "tobedeleted", "dateLastModified": "2026-03-01T00:00:00.000Z"}
    tables = {name: [row | gone for row in rows] for name, rows in SCHOOL.items()}
    found = answer("oneroster", str(bundle(tmp_path / "school", tables, "delta")))
    assert found.accepted, found.reason
    assert not found.events


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 not a zip")
    assert answer("oneroster", str(tmp_path / "x.zip")).codes == ("package.unreadable",)
    assert answer("oneroster", {"users": []}).codes == ("package.unreadable",)
    assert answer("oneroster", str(tmp_path / "nowhere"), "lenient").reason
