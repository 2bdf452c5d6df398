"""A grade given anew replaces the one before, whichever file it comes in; missing work is no wrong answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from segue.cli.lms import import_document
from segue.features.catalogue import Catalogue, Resource
from segue.lms.documents.read_document import answer
from segue.workspace.records.events import read_events
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.pseudonyms import VARIABLE
from segue.workspace.workspace import Workspace

URN = "urn:instructure:canvas"
ROOT = "21070000000000001"


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    space = Workspace.init(
        tmp_path / "school", environment={VARIABLE: "00" * 32}, configuration=Configuration()
    )
    names = ("quiz", "assignment:21070000000000355", "block-v1:X+Y+1+type@problem+block@p", "cm:42")
    space.set_catalogue(Catalogue.build([Resource(name) for name in names]))
    return space


def standing(space: Workspace) -> list[float]:
    with space.store.read() as connection:
        events = read_events(connection)
    gone = set(events["supersedes"]) | set(events["voids"])
    kept = events[(events["kind"] == "attempt") & ~events["event_id"].isin(gone)]
    return kept["score"].tolist()


def bundle(path: Path, score: str, **more: str) -> Path:
    row = {"sourcedId": "r1", "lineItemSourcedId": "quiz", "studentSourcedId": "s1", "score": score}
    row |= {"scoreDate": "2026-03-02", "scoreStatus": "fully graded"} | more
    path.mkdir(exist_ok=True)
    (path / "results.csv").write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    (path / "lineItems.csv").write_text("sourcedId,title,resultValueMin,resultValueMax\nquiz,Quiz,0,10\n")
    return path


def test_a_oneroster_result_goes_from_8_to_2_and_away(space: Workspace, tmp_path: Path) -> None:
    steps: list[tuple[str, dict[str, str], list[float]]] = [
        ("8", {}, [0.8]),
        ("2", {}, [0.2]),
        ("2", {}, [0.2]),
        ("2", {"status": "tobedeleted"}, []),
        ("6", {}, [0.6]),
    ]
    for i, (score, more, expected) in enumerate(steps):
        import_document(space, bundle(tmp_path / f"b{i}", score, **more), "oneroster", "lenient")
        assert standing(space) == expected


def test_a_score_for_work_never_handed_in_is_no_attempt(space: Workspace, tmp_path: Path) -> None:
    import_document(space, bundle(tmp_path / "b", "0", missing="true"), "oneroster", "lenient")
    assert standing(space) == []


def grade(score: float | None, at: str, **more: Any) -> dict[str, Any]:
    metadata = {"event_name": "grade_change", "event_time": at, "root_account_id": ROOT}
    body = {"submission_id": "77", "assignment_id": "355", "student_id": "48", "points_possible": 10}
    return {"metadata": metadata, "body": body | {"score": score} | more}


def submission(at: str, **more: Any) -> dict[str, Any]:
    metadata = {"event_name": "submission_updated", "event_time": at, "root_account_id": ROOT}
    return {
        "metadata": metadata,
        "body": {"submission_id": "77", "assignment_id": "355", "user_id": "48"} | more,
    }


def test_a_canvas_grade_changes_in_one_file_and_over_files(space: Workspace, tmp_path: Path) -> None:
    files = [
        [grade(8, "2026-03-02T09:00:00Z"), grade(2, "2026-03-02T10:00:00Z")],
        [grade(8, "2026-03-02T09:00:00Z")],  # an older file after a newer one takes nothing back
        [grade(None, "2026-03-03T09:00:00Z")],
    ]
    for i, (rows, expected) in enumerate(zip(files, [[0.2], [0.2], []], strict=True)):
        path = tmp_path / f"{i}.ndjson"
        path.write_text("\n".join(map(json.dumps, rows)))
        import_document(space, path, "canvas", "lenient")
        assert standing(space) == expected
    events = answer("canvas", files[0]).events
    assert events[1]["supersedes"] == events[0]["id"]


def test_canvas_fills_in_zeros_and_has_test_students(space: Workspace) -> None:
    missing = [submission("2026-03-02T09:00:00Z", missing=True), grade(0, "2026-03-02T09:00:01Z")]
    assert not [e for e in answer("canvas", missing).events if e["kind"] == "attempt"]
    enrolled = {
        "metadata": {"event_name": "enrollment_created", "root_account_id": ROOT},
        "body": {"type": "StudentViewEnrollment", "user_id": "48", "course_id": "5"},
    }
    assert answer("canvas", [enrolled, grade(8, "2026-03-02T09:00:00Z")]).events == ()


def caliper(score: float, number: int) -> dict[str, Any]:
    attempt = {
        "id": f"{URN}:submission:1",
        "type": "Attempt",
        "assignee": "urn:x:ada",
        "assignable": "urn:x:quiz",
    }
    return {
        "id": f"urn:uuid:6b67b5a6-0000-4000-8000-00000000000{number}",
        "type": "GradeEvent",
        "action": "Graded",
        "actor": "urn:x:teacher",
        "object": attempt,
        "generated": {"id": "urn:x:score", "type": "Score", "scoreGiven": score, "maxScore": 10},
        "eventTime": f"2026-03-02T0{number}:00:00.000Z",
    }


def test_a_caliper_grade_supersedes_the_one_before() -> None:
    first, second = answer("caliper", [caliper(8, 1), caliper(2, 2)], "lenient").events
    assert (second["score"], second["supersedes"]) == (0.2, first["id"])


def check(attempts: int, grade: int) -> dict[str, Any]:
    data = {"problem_id": "block-v1:X+Y+1+type@problem+block@p", "attempts": attempts, "grade": grade}
    return {
        "name": "problem_check",
        "event_source": "server",
        "context": {"course_id": "course-v1:X+Y+1", "user_id": 3},
        "event": data | {"max_grade": 2, "success": "correct"},
        "time": f"2026-03-02T09:0{attempts}:00+00:00",
    }


def regrade(name: str, **more: Any) -> dict[str, Any]:
    data = {"problem_id": "block-v1:X+Y+1+type@problem+block@p", "user_id": 3, "course_id": "course-v1:X+Y+1"}
    return {
        "name": f"edx.grades.problem.{name}",
        "context": {"course_id": "course-v1:X+Y+1", "user_id": 99},
        "event": data | more,
        "time": "2026-03-03T09:00:00+00:00",
    }


def test_open_edx_rescores_overrides_and_deletes(space: Workspace, tmp_path: Path) -> None:
    def put(name: str, *records: dict[str, Any]) -> None:
        path = tmp_path / name
        path.write_text("\n".join("Mar  2 09:00:00 lms [tracking] " + json.dumps(r) for r in records))
        import_document(space, path, "openedx", "lenient")

    first = check(1, 0), check(2, 2)
    put("a.log", *first)
    assert standing(space) == [0.0, 1.0]
    put("b.log", *first, regrade("rescored", new_weighted_earned=1, new_weighted_possible=2))
    assert standing(space) == [0.0, 0.5]
    put("c.log", *first, regrade("state_deleted"))
    assert standing(space) == []
    assert answer("openedx", regrade("score_overridden", weighted_earned=0, weighted_possible=2)).events == ()


def test_moodle_grades_need_their_items(space: Workspace, tmp_path: Path) -> None:
    head = "id,eventname,contextlevel,contextinstanceid,userid,courseid,relateduserid,other,timecreated\n"
    row = '{n},\\core\\event\\user_graded,50,9,3,3,{who},"{other}",17724420{n:02d}\n'
    old = 'a:2:{s:6:""itemid"";s:2:""12"";s:10:""finalgrade"";d:7;}'
    folder = tmp_path / "moodle"
    folder.mkdir()
    log = (
        row.format(n=1, who=21, other=old)
        + row.format(n=2, who=3, other=old)
        + row.format(n=3, who=1, other=old)
    )
    (folder / "logstore_standard_log.csv").write_text(head + log)
    (folder / "grade_items.csv").write_text(
        "id;itemtype;itemmodule;iteminstance;grademin;grademax\n12;mod;quiz;6;0;10\n"
    )
    (folder / "course_modules.csv").write_text("id,modname,instance\n42,quiz,6\n")
    (folder / "role_assignments.csv").write_text("userid,shortname,courseid\n3,editingteacher,3\n")
    import_document(space, folder, "moodle", "lenient")
    assert standing(space) == [0.7]
    assert answer("moodle", str(folder)).counts["skipped guest"] == 1
