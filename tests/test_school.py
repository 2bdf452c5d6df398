"""The whole path of a school: roster, standards, course and a term of statements become lessons."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from segue.batch.from_workspace import weekly
from segue.batch.plan import WeeklyPlan
from segue.cli.lms import import_document
from segue.lms.oneroster import reader as oneroster
from segue.lms.oneroster.tables import TABLES
from segue.lms.outgoing.lesson import Lesson, LessonItem
from segue.lms.outgoing.statements import statements
from segue.lms.records.source_records import ReadReport
from segue.workspace.configuration import Configuration
from segue.workspace.storage.pseudonyms import VARIABLE
from segue.workspace.workspace import Workspace

SKILLS = [f"{i:08d}-0000-4000-8000-000000000000" for i in range(4)]
STUDENTS = [f"s{i}" for i in range(12)]
ITEMS = [f"r{i}" for i in range(16)]
SITE = "https://school.example"
TERM = datetime(2026, 9, 1, 8, tzinfo=UTC)


def roster(folder: Path, students: Sequence[str]) -> Path:
    """A OneRoster 1.2 bundle with one class."""
    folder.mkdir()
    people = [*students, "t1"]
    tables: dict[str, list[dict[str, str]]] = {
        "orgs": [{"sourcedId": "o1", "name": "School", "type": "school"}],
        "academicSessions": [
            {"sourcedId": "a1", "title": "T", "type": "term", "startDate": "2026-08-01", "schoolYear": "2026"}
            | {"endDate": "2026-12-20"}
        ],
        "courses": [{"sourcedId": "c1", "title": "Maths", "orgSourcedId": "o1"}],
        "classes": [
            {"sourcedId": "k1", "title": "7a", "courseSourcedId": "c1", "classType": "scheduled"}
            | {"schoolSourcedId": "o1", "termSourcedIds": "a1"}
        ],
        "users": [
            {"sourcedId": person, "enabledUser": "true", "username": f"CANARY{person}"}
            | {"givenName": "CANARY", "familyName": "CANARY", "email": f"canary{person}@school.example"}
            for person in people
        ],
        "enrollments": [
            {"sourcedId": f"e{person}", "classSourcedId": "k1", "schoolSourcedId": "o1"}
            | {"userSourcedId": person, "role": "teacher" if person == "t1" else "student"}
            for person in people
        ],
    }
    manifest = ["propertyName,value", "manifest.version,1.0", "oneroster.version,1.2"]
    manifest += [f"file.{name},{'bulk' if name in tables else 'absent'}" for name in TABLES]
    (folder / "manifest.csv").write_text("\n".join(manifest))
    for name, rows in tables.items():
        columns = [column.name for column in TABLES[name]]
        pd.DataFrame(rows).reindex(columns=columns).to_csv(folder / f"{name}.csv", index=False)
    return folder


def standards(path: Path) -> Path:
    """A CASE package: four skills in a row."""

    def node(identifier: str) -> dict[str, str]:
        return {"title": "t", "identifier": identifier, "uri": f"{SITE}/{identifier}"}

    now = {"lastChangeDateTime": "2026-08-01T00:00:00Z"}
    items = [node(skill) | now | {"fullStatement": "Add within 20"} for skill in SKILLS]
    edges = [
        node(before) | now
        | {"associationType": "precedes", "originNodeURI": node(before), "destinationNodeURI": node(after)}
        for before, after in pairwise(SKILLS)
    ]  # fmt: skip
    document = node(SKILLS[0]) | now | {"creator": "c", "title": "Maths"}
    path.write_text(json.dumps({"CFDocument": document, "CFItems": items, "CFAssociations": edges}))
    return path


def course(folder: Path, items: Sequence[str]) -> Path:
    """A cartridge: web links, each with its standard."""
    folder.mkdir()
    places, resources = [], []
    for i, name in enumerate(items):
        (folder / f"{i}.xml").write_text(f'<webLink><url href="{SITE}/item/{i}"/></webLink>')
        places.append(f'<item identifierref="{name}"><title>Item {i}</title></item>')
        resources.append(
            f'<resource identifier="{name}" type="imswl_xmlv1p3"><file href="{i}.xml"/><metadata>'
            f"<labelledGUID><GUID>{SKILLS[i % 4]}</GUID></labelledGUID></metadata></resource>"
        )
    outline = f"<organization><item>{''.join(places)}</item></organization>"
    (folder / "imsmanifest.xml").write_text(
        f"<manifest><organizations>{outline}</organizations>"
        f"<resources>{''.join(resources)}</resources></manifest>"
    )
    return folder


def term(path: Path, students: Sequence[str], n_items: int) -> Path:
    """Six weeks of xAPI statements of the class, and one that is voided."""

    def lines() -> Iterator[dict[str, Any]]:
        rng = random.Random(1)
        for n in range(480):
            student, item = n % len(students), rng.randrange(n_items)
            yield {
                "id": f"00000000-0000-4000-8000-{n:012d}",
                "actor": {"name": "CANARY", "account": {"homePage": SITE, "name": students[student]}},
                "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
                "object": {"id": f"{SITE}/item/{item}"},
                "result": {"success": rng.random() < 0.3 + 0.05 * student, "response": "CANARY"},
                "timestamp": (TERM + timedelta(hours=2 * n)).isoformat(),
            }

    path.write_text("\n".join(map(json.dumps, lines())))
    return path


@pytest.fixture
def school(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "ws", environment={VARIABLE: "11" * 32}, configuration=Configuration())


def files_of(folder: Path, students: Sequence[str], items: Sequence[str]) -> dict[str, Path]:
    """What a school has, by format, in the order it is read."""
    return {
        "case": standards(folder / "standards.json"),
        "cartridge": course(folder / "course", items),
        "oneroster": roster(folder / "roster", students),
        "xapi": term(folder / "term.ndjson", students, len(items)),
    }


def test_from_the_schools_own_files_to_a_lesson_for_each_learner(school: Workspace, tmp_path: Path) -> None:
    files = files_of(tmp_path, STUDENTS, ITEMS)
    said = {name: import_document(school, path, name, "strict") for name, path in files.items()}
    assert f"catalogue has {len(ITEMS)} resources, 4 skills" in said["cartridge"][0]
    assert "12 events stored" in said["oneroster"][0]
    assert "480 events stored, 0 repeats, 0 rejected" in said["xapi"][0]

    now = datetime(2026, 11, 23, tzinfo=UTC)
    school.fit(now=now)
    enrolments = oneroster.open_bundle(files["oneroster"], "strict", ReadReport()).enrolments()
    students = enrolments.loc[enrolments["role"] == "student", "learner"].tolist()
    plan = WeeklyPlan("2026-W48", now, "seed", k=4)
    report = weekly(school, plan, tmp_path / "out", roster=students)
    assert report.complete

    playlists = pd.read_csv(tmp_path / "out" / "playlists.csv", dtype={"learner": str})
    titles = {resource.resource_id: resource for resource in school.catalogue().resources}
    lessons = [
        Lesson(
            str(learner),
            "2026-W48",
            tuple(LessonItem(name, titles[name].title, titles[name].url) for name in steps["resource"]),
        )
        for learner, steps in playlists.sort_values("position").groupby("learner")
    ]
    assert [lesson.learner for lesson in lessons] == sorted(STUDENTS)
    assert all(1 <= len(lesson.items) <= 4 for lesson in lessons)
    told = [s for lesson in lessons for s in statements(lesson, home_page=SITE)]
    assert {s["object"]["id"] for s in told} <= {f"{SITE}/item/{i}" for i in range(len(ITEMS))}

    school.close()
    folders = [school.path, tmp_path / "out"]
    kept = b"".join(f.read_bytes() for folder in folders for f in folder.rglob("*") if f.is_file())
    assert b"CANARY" not in kept
    assert b"canary" not in kept
