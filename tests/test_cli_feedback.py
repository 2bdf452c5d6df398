"""What teachers and learners do with a list, by command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from segue.cli.main import app

RUN = CliRunner()
School = Any  # the class in conftest.py
NOW = ("--now", "2026-11-23T08:00:00Z")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_list_is_shown_changed_and_changed_back(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_KEY", "11" * 32)
    folder: Path = school.space.path

    def run(command: str, *arguments: str) -> str:
        done = RUN.invoke(app, [command, str(folder), *arguments, *NOW])
        assert done.exit_code == 0, done.output
        return done.output

    def shown() -> list[dict[str, Any]]:
        found = json.loads(run("lists", "--learner", "pupil-001", "--json"))["lists"][0]["steps"]
        return list(found)

    run("recommend", "--learner", "pupil-001", "-k", "4", "--menu", "2")
    step = shown()[0]
    assert "[open]" in run("lists", "--learner", "pupil-001")
    teacher = ("--decision", step["decision_id"], "--action", "remove", "--by", "t1")
    act = run("override", *teacher).split()[1]
    assert "held already" in run("override", *teacher)
    assert shown()[0]["state"] == "removed"
    assert run("undo", "--override", act, "--by", "t1") == "undone\n"
    assert shown()[0]["state"] == "open"
    assert run("choose", "--decision", step["decision_id"], "--resource", step["menu"][1]) == "kept\n"
    assert run("rate", "--decision", step["decision_id"], "--rating", "0.25") == "kept\n"
    assert (shown()[0]["resource"], shown()[0]["rating"]) == (step["menu"][1], 0.25)
    refused = RUN.invoke(app, ["undo", str(folder), "--override", "none", "--by", "t1", *NOW])
    assert "there is no override of this id" in str(refused.exception)
