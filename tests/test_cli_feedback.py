"""What teachers and learners do with a list, by command."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from segue.cli.main import app
from segue.engine.requests.request import Request
from segue.features.iso_weeks import week_of
from segue.workspace.playlists.answering import Ask

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
    steps = shown()
    listed = {step["resource"] for step in steps}
    at, free = next((n, name) for n, one in enumerate(steps) for name in one["menu"] if name not in listed)
    step = steps[at]
    assert "[open]" in run("lists", "--learner", "pupil-001")
    assert run("lists", "--learner", "pupil-002") == "no such list of pupil-002 is stored\n"
    wrong = RUN.invoke(app, ["lists", str(folder), "--learner", "pupil-001", "--week", "2026-W60"])
    assert "week must be an ISO week" in str(wrong.exception)
    teacher = ("--decision", step["decision_id"], "--action", "remove", "--by", "t1")
    act = run("override", *teacher).split()[1]
    assert "held already" in run("override", *teacher)
    assert shown()[at]["state"] == "removed"
    assert run("undo", "--override", act, "--by", "t1") == "undone\n"
    assert shown()[at]["state"] == "open"
    assert run("choose", "--decision", step["decision_id"], "--resource", free) == "kept\n"
    assert run("rate", "--decision", step["decision_id"], "--rating", "0.25") == "kept\n"
    assert (shown()[at]["resource"], shown()[at]["rating"]) == (free, 0.25)
    refused = RUN.invoke(app, ["undo", str(folder), "--override", "none", "--by", "t1", *NOW])
    assert "there is no override of this id" in str(refused.exception)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_closed_a_moment_ago_leaves_no_more_and_what_is_said_is_of_its_very_moment(
    school: School, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEGUE_KEY", "11" * 32)
    space, week = school.space, week_of(datetime.now(UTC), school.space.time_zone)

    def run(*arguments: str) -> None:
        done = RUN.invoke(app, [arguments[0], *arguments[1:]])
        assert done.exit_code == 0, done.output

    def leaves() -> set[str]:
        to = ("--home-page", "https://lms.example", "--out", str(out))
        run("export", "statements", str(space.path), "-l", "pupil-001", "--week", week, *to)
        return {row["object"]["id"] for row in json.loads(out.read_text())}

    out = tmp_path / "out.ndjson"
    asked = Request("pupil-001", datetime.now(UTC), k=3)
    (first,) = space.recommend_many([asked], ask=Ask(surface="weekly", week=week))
    named = space.lists("pupil-001", now=datetime.now(UTC))[0].steps[0]
    (other,) = space.recommend_many(
        [replace(asked, k=1, pins=(named.resource,))], ask=Ask(surface="service", week=week)
    )
    before = leaves()
    run("override", str(space.path), "--decision", other.decision_ids[0], "--action", "remove", "--by", "t1")
    after = leaves()
    assert len(before - after) == 1, "taken out of one list, it leaves every list that was drawn before"
    space.change_resource(first.playlist.steps[1].resource, {"available_until": pd.Timestamp.now("UTC")})
    assert len(after - leaves()) == 1
