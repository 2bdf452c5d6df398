"""What a model decided outlives it: after an erasure, a change of the catalogue, a lost folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from segue.batch.rebuild import rebuild
from segue.cli.main import app
from segue.workspace.storage import schema

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
KEY = {"SEGUE_KEY": "11" * 32}
School = Any  # the class in conftest.py


def weeks(n: int) -> datetime:
    return MONDAY + timedelta(weeks=n)


def run(*words: object) -> tuple[int, str]:
    done = CliRunner(env=KEY).invoke(app, list(map(str, words)))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def weekly(school: School, week: int) -> tuple[int, str]:
    name = f"{weeks(week).isocalendar().year}-W{weeks(week).isocalendar().week:02d}"
    return run("week", school.space.path, "--week", name, "--out", school.space.path / "out", "-k", 3)


def rewards(school: School) -> dict[str, int]:
    with school.space.store.read() as connection:
        status = schema.rewards.c.status
        rows = connection.execute(select(status, func.count()).group_by(status)).all()
    return dict(map(tuple, rows))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_weeks_go_on_after_an_erasure(school: School) -> None:
    """The model of ten weeks ago goes with whom it was fitted on; what it decided had been settled."""
    school.study()
    school.space.learn(now=weeks(1))
    first = set(school.space.models.iterdir())
    school.space.fit(now=weeks(1))
    school.study(weeks(6))
    school.space.learn(now=weeks(7))
    assert run("erase", school.space.path, "-l", "pupil-003", "--now", weeks(7).isoformat())[0] == 0
    assert first - set(school.space.models.iterdir())
    school.roster.remove("pupil-003")
    rewarded = school.count("rewards")
    school.study(weeks(8))
    code, said = weekly(school, 9)
    assert code in (0, 1), said
    assert "cannot be read" not in said
    assert school.count("rewards") > rewarded
    assert school.well()
    digest = school.digest()
    rebuild(school.space)
    assert (school.digest(), school.well()) == (digest, True)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_weeks_go_on_after_the_catalogue_has_changed(school: School) -> None:
    catalogue = school.space.catalogue()
    easier = catalogue.resources[0].resource_id
    assert run("catalogue", "set", school.space.path, easier, "--minutes", 55)[0] == 0
    school.study()
    school.space.learn(now=weeks(1))
    assert run("catalogue", "set", school.space.path, easier, "--minutes", 25)[0] == 0
    school.study(weeks(6))
    school.space.learn(now=weeks(7))  # takes the model over the catalogue of then away
    school.study(weeks(8))
    code, said = weekly(school, 9)
    assert code in (0, 1), said
    assert school.well()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_model_that_is_lost_is_said_and_its_rewards_wait(school: School, tmp_path: Path) -> None:
    school.study()
    lost = next(iter(school.space.models.iterdir()))
    school.space.fit(now=weeks(1))
    lost.rename(tmp_path / "lost")
    code, said = weekly(school, 1)
    assert code == 1
    assert "ALARM learn: 0 rewards matured" in said
    assert "48 wait for a model that cannot be read: put models/ back" in said.replace("\n  ", " ")
    code, said = run("doctor", school.space.path)
    assert code == 1
    assert f"BAD  models of open decisions: {lost.name} cannot be read" in said.replace("\n  ", " ")
    said = run("learn", school.space.path, "--now", weeks(5).isoformat())[1]
    assert "cannot be read" not in said
    before = rewards(school)
    assert before["censored"] >= 48  # in time they are settled so
    (tmp_path / "lost").rename(lost)
    rebuild(school.space)
    assert run("doctor", school.space.path)[0] == 0
    assert rewards(school)["matured"] > before.get("matured", 0)
