"""`segue link --class`: the class page names whom the roster names, and nobody else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from segue.cli.main import app
from segue.service.pages.sessions.signed_tokens import read
from segue.workspace.workspace import Workspace

LINK = ["--class", "7b", "--teacher", "t1", "--roster"]


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ("learner,class\nada,7b\nbo,8a\n,7b\ncy,7b\nada,7b\n", ("ada", "cy")),
        ("learner\nada\nbo\n", ("ada", "bo")),
    ],
    ids=["a school, with a row of nobody", "one class"],
)
def test_a_link_names_the_learners_of_its_class(
    school: Path, tmp_path: Path, rows: str, named: tuple[str, ...]
) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text(rows)
    done = CliRunner().invoke(app, ["link", str(school), *LINK, str(roster)])
    assert done.exit_code == 0, done.output
    signed = done.output.strip().rpartition("/enter/")[2]
    with Workspace.open(school, environment={}) as space:
        assert read(signed, space.keyring, use="link", now=datetime.now(UTC)).roster == named
