"""From the doors into a workspace."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from segue.cli.lms import import_document
from segue.cli.main import app
from segue.features.catalogue import Catalogue, Resource
from segue.features.events.event_records import check
from segue.lms.documents.import_document import frames, to_frame
from segue.lms.documents.read_document import answer
from segue.lms.xapi import reader as xapi
from segue.lms.xapi.rules import VOIDED
from segue.workspace.records.events import read_events
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.pseudonyms import VARIABLE
from segue.workspace.workspace import Workspace

KEY = "00" * 32
VERB = {"id": "http://adlnet.gov/expapi/verbs/answered"}


def statement(i: int) -> dict[str, Any]:
    return {
        "id": f"8f87ccde-bb56-4c2e-ab83-{i:012d}",
        "actor": {"mbox": f"mailto:canary{i % 5}@school.example", "name": "CANARY"},
        "verb": VERB,
        "object": {"id": f"https://school.example/item/{i % 3}"},
        "result": {"success": i % 2 == 0, "response": "CANARY"},
        "timestamp": datetime(2026, 3, 2, 9, i % 60, tzinfo=UTC).isoformat(),
    }


def log(path: Path, n: int) -> Path:
    path.write_text("\n".join(json.dumps(statement(i)) for i in range(n)))
    return path


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    space = Workspace.init(tmp_path / "school", environment={VARIABLE: KEY}, configuration=Configuration())
    space.set_catalogue(Catalogue.build([Resource(f"https://school.example/item/{i}") for i in range(3)]))
    return space


def test_frames_pass_the_check_of_records_and_keep_their_order(tmp_path: Path) -> None:
    events, report = xapi.read(log(tmp_path / "log.ndjson", 25))
    parts = list(frames(events, size=10))
    assert [len(part) for part in parts] == [10, 10, 5]
    assert sum(report.taken.values()) == 25
    for part in parts:
        assert check(part, range(len(part))).rejects.empty
    assert [n for part in parts for n in part["seq"]] == list(range(25))


def test_an_enrolment_names_its_class_only() -> None:
    frame = to_frame(
        [
            {
                "kind": "enrol",
                "learner": "u",
                "resource": "k",
                "score": None,
                "time": None,
                "id": "1",
                "class": "k",
            }
        ]
    )
    checked = check(frame, [1], resources={"other"})
    assert checked.rejects.empty
    assert checked.events["class_id"].tolist() == ["k"]


def test_a_log_read_twice_changes_nothing_and_names_nobody(space: Workspace, tmp_path: Path) -> None:
    path = log(tmp_path / "log.ndjson", 30)
    first, second = (import_document(space, path, "xapi", "strict").said for _ in range(2))
    assert "30 events stored, 0 repeats, 0 rejected" in first[0]
    assert "0 events stored, 30 repeats, 0 rejected" in second[0]
    space.close()
    kept = b"".join(file.read_bytes() for file in space.path.rglob("*") if file.is_file())
    assert b"CANARY" not in kept
    assert b"canary" not in kept


def voiding(target: int, at: int) -> dict[str, Any]:
    target_id = statement(target)["id"]
    return {
        "id": f"7f87ccde-bb56-4c2e-ab83-{at:012d}",
        "actor": {"account": {"homePage": "https://lms.example", "name": "cleaner"}},
        "verb": {"id": VOIDED},
        "object": {"objectType": "StatementRef", "id": target_id},
        "timestamp": "2026-03-03T09:00:00Z",
    }


@pytest.mark.parametrize("order", ["before", "after", "together", "together, before"])
def test_a_void_reaches_its_target_whenever_it_comes(space: Workspace, tmp_path: Path, order: str) -> None:
    attempts = [statement(i) for i in range(10)]
    files = {
        "before": [[voiding(5, 1)], attempts],
        "after": [attempts, [voiding(5, 1)]],
        "together": [[*attempts, voiding(5, 1)]],
        "together, before": [[voiding(5, 1), *attempts]],
    }[order]
    for i, statements in enumerate(files):
        path = tmp_path / f"{i}.ndjson"
        path.write_text("\n".join(map(json.dumps, statements)))
        import_document(space, path, "xapi", "strict")
    with space.store.read() as connection:
        events = read_events(connection)
    voided = events[events["event_id"].isin(set(events["voids"]))]
    assert voided["kind"].tolist() == ["attempt"]
    assert (events["kind"] == "attempt").sum() == 10
    assert voided["score"].tolist() == [0.0]


def test_standards_and_cartridges_become_the_catalogue(
    space: Workspace, shared_data: Callable[[str], Path]
) -> None:
    standards = shared_data("lms/case") / "what_standards_could_be.json"
    import_document(space, standards, "case", "lenient")
    folder = shared_data("lms/common-cartridge") / "canvas-export"
    said = import_document(space, folder, "cartridge", "lenient").said
    catalogue = space.catalogue()
    assert len(catalogue.resources) == 3 + 21  # two of the 23 are not published
    assert len(catalogue.prerequisites) == answer("case", str(standards)).counts["prerequisites"] == 2
    assert any("4: file that the manifest names is not there" in line for line in said)


def test_the_command_line_reads_documents_and_suggests_standards(
    space: Workspace, tmp_path: Path, shared_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    space.close()
    monkeypatch.setenv(VARIABLE, KEY)
    standards = str(shared_data("lms/case") / "ccss_math_k5.json")
    table, school = str(tmp_path / "table.csv"), str(space.path)
    folder = str(shared_data("lms/common-cartridge") / "canvas-export")
    for command in (
        ["import", school, "--format", "xapi", "--events", str(log(tmp_path / "log.ndjson", 4))],
        ["import", school, "--format", "cartridge", "--catalogue", folder],
        ["catalogue", "suggest", school, "--framework", standards, "--cartridge", folder, "--output", table],
        ["catalogue", "confirm", school, table],
    ):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
    assert "resources have their skills" in result.output


def test_suggestions_are_confirmed_as_a_spreadsheet_wrote_them(
    space: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    space.set_catalogue(Catalogue.build([Resource("pizza"), Resource("007")]))
    space.close()
    table = tmp_path / "table.csv"
    table.write_text("resource_id;skill_id;code\npizza;fractions;\n007;halves;1.5\n", encoding="utf-16")
    result = CliRunner().invoke(app, ["catalogue", "confirm", str(space.path), str(table)])
    assert "2 resources have their skills" in result.output, result.output


def test_an_unknown_format_is_named(space: Workspace, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--format must be one of xapi"):
        import_document(space, tmp_path, "scorm", "strict")
