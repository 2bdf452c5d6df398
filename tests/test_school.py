"""The whole path of a school: roster, standards, course and a term of statements become lessons.

The same for a class and for the learning of a school's own staff: only the sample's name differs.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape, quoteattr

import pandas as pd
import pytest

from segue import sample
from segue.batch.from_workspace import weekly
from segue.batch.plan import WeeklyPlan
from segue.cli.lms import import_document
from segue.features.catalogue import Catalogue
from segue.lms.oneroster import reader as oneroster
from segue.lms.oneroster.tables import TABLES
from segue.lms.outgoing.lesson import Lesson, LessonItem
from segue.lms.outgoing.statements import statements
from segue.lms.records.source_records import ReadReport
from segue.workspace.practices.feedback_given import feedback_waiting, talks_due
from segue.workspace.practices.group_work import form_groups, pair_reviews
from segue.workspace.privacy import learner_rights
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.pseudonyms import VARIABLE
from segue.workspace.workspace import Workspace

LEARNERS = [f"s{i}" for i in range(12)]
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


def guid(skill: str) -> str:
    return str(uuid5(NAMESPACE_URL, skill))


def standards(path: Path, catalogue: Catalogue) -> Path:
    """A CASE package: the skills of a catalogue, and what comes before what."""

    def node(skill: str) -> dict[str, str]:
        return {"title": "t", "identifier": guid(skill), "uri": f"{SITE}/{guid(skill)}"}

    now = {"lastChangeDateTime": "2026-08-01T00:00:00Z"}
    names = [skill.skill_id for skill in catalogue.skills]
    items = [node(one.skill_id) | now | {"fullStatement": one.statement} for one in catalogue.skills]
    edges = [
        node(f"{names[before]} {names[after]}") | now
        | {"associationType": "precedes"}
        | {"originNodeURI": node(names[before]), "destinationNodeURI": node(names[after])}
        for before, after in catalogue.prerequisites
    ]  # fmt: skip
    document = node("all of it") | now | {"creator": "c", "title": "What there is to learn"}
    path.write_text(json.dumps({"CFDocument": document, "CFItems": items, "CFAssociations": edges}))
    return path


def course(folder: Path, catalogue: Catalogue) -> Path:
    """A cartridge: web links, each with its standards."""
    folder.mkdir()
    places, resources = [], []
    for i, one in enumerate(catalogue.resources):
        (folder / f"{i}.xml").write_text(f"<webLink><url href={quoteattr(one.url)}/></webLink>")
        places.append(
            f"<item identifierref={quoteattr(one.resource_id)}><title>{escape(one.title)}</title></item>"
        )
        guids = "".join(f"<labelledGUID><GUID>{guid(skill)}</GUID></labelledGUID>" for skill in one.skills)
        resources.append(
            f'<resource identifier={quoteattr(one.resource_id)} type="imswl_xmlv1p3"><file href="{i}.xml"/>'
            f"<metadata>{guids}</metadata></resource>"
        )
    outline = f"<organization><item>{''.join(places)}</item></organization>"
    (folder / "imsmanifest.xml").write_text(
        f"<manifest><organizations>{outline}</organizations>"
        f"<resources>{''.join(resources)}</resources></manifest>"
    )
    return folder


def term(path: Path, students: Sequence[str], catalogue: Catalogue) -> Path:
    """Six weeks of xAPI statements of the class, and one that is voided."""

    def lines() -> Iterator[dict[str, Any]]:
        rng = random.Random(1)
        for n in range(480):
            student, item = n % len(students), rng.choice(catalogue.resources)
            yield {
                "id": f"00000000-0000-4000-8000-{n:012d}",
                "actor": {"name": "CANARY", "account": {"homePage": SITE, "name": students[student]}},
                "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
                "object": {"id": item.url},
                "result": {"success": rng.random() < 0.3 + 0.05 * student, "response": "CANARY"},
                "timestamp": (TERM + timedelta(hours=2 * n)).isoformat(),
            }

    path.write_text("\n".join(map(json.dumps, lines())))
    return path


@pytest.fixture
def school(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "ws", environment={VARIABLE: "11" * 32}, configuration=Configuration())


def files_of(folder: Path, learners: Sequence[str], catalogue: Catalogue) -> dict[str, Path]:
    """What a school has, by format, in the order it is read."""
    return {
        "case": standards(folder / "standards.json", catalogue),
        "cartridge": course(folder / "course", catalogue),
        "oneroster": roster(folder / "roster", learners),
        "xapi": term(folder / "term.ndjson", learners, catalogue),
    }


def lessons_of(playlists: pd.DataFrame, catalogue: Catalogue) -> list[Lesson]:
    known = {one.resource_id: one for one in catalogue.resources}
    return [
        Lesson(
            str(learner),
            "2026-W48",
            tuple(LessonItem(name, known[name].title, known[name].url) for name in steps["resource"]),
        )
        for learner, steps in playlists.sort_values("position").groupby("learner")
    ]


def worked_together(school: Workspace, now: datetime) -> list[str]:
    """Form groups, pair reviews, queue talks; return what is said of them and of each learner."""
    groups = form_groups(school, "k1", "project", names=LEARNERS, size=3, now=now, keep=True)
    assert sorted(who for group in groups for who in group.members) == sorted(LEARNERS)
    pairs = pair_reviews(school, "k1", "work", LEARNERS, each=1, now=now, keep=True)
    assert sorted(reviewer for reviewer, _ in pairs) == sorted(LEARNERS)
    talks = talks_due(school, "k1", names=LEARNERS, minutes=30, now=now)
    assert len(talks) == 6
    shown = [step.why for who in LEARNERS for one in school.lists(who, now=now) for step in one.todo]
    return [
        *shown,
        *(talk.reason for talk in talks),
        json.dumps(learner_rights.export(school, "s1")["practices"]),
    ]


@pytest.mark.parametrize("name", get_args(sample.Sample))
def test_from_the_schools_own_files_to_a_lesson_for_each_learner(
    school: Workspace, tmp_path: Path, name: sample.Sample
) -> None:
    catalogue = sample.load(name)
    files = files_of(tmp_path, LEARNERS, catalogue)
    said = {name: import_document(school, path, name, "strict").said for name, path in files.items()}
    n_resources, n_skills = len(catalogue.resources), len(catalogue.skills)
    assert f"catalogue has {n_resources} resources, {n_skills} skills" in said["cartridge"][0]
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
    lessons = lessons_of(playlists, school.catalogue())
    assert [lesson.learner for lesson in lessons] == sorted(LEARNERS)
    assert all(1 <= len(lesson.items) <= 4 for lesson in lessons)
    told = [s for lesson in lessons for s in statements(lesson, home_page=SITE)]
    assert {s["object"]["id"] for s in told} <= {one.url for one in catalogue.resources}

    texts = [*playlists["why"], *worked_together(school, now)]
    assert len(texts) > len(LEARNERS)
    assert not [text for text in texts if "student" in text.lower()], "whoever learns is a learner"
    assert learner_rights.erase(school, LEARNERS[0], now=now).rows["practices"] == 3
    assert len(feedback_waiting(school, "k1", now=now)) == len(LEARNERS) - 1

    school.close()
    folders = [school.path, tmp_path / "out"]
    kept = b"".join(f.read_bytes() for folder in folders for f in folder.rglob("*") if f.is_file())
    assert b"CANARY" not in kept
    assert b"canary" not in kept
