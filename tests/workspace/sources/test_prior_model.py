"""A new school starts from what another school's model knows of histories, for as long as it is told to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from segue import sample
from segue.cli.main import app
from segue.features.vectors.learner_vector import prior_weights
from segue.features.vectors.success_model import SuccessModel
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace

KEY = {"SEGUE_KEY": "11" * 32}
NOW = "2026-11-23T00:00:00Z"
School = Any  # the class in conftest.py


def fitted(path: Path, *options: str) -> tuple[SuccessModel, str]:
    done = CliRunner().invoke(app, ["fit", str(path), "--now", NOW, *options], env=KEY)
    assert done.exit_code == 0, done.output
    space = Workspace.open(path, environment=KEY)
    with space.store.read() as connection:
        success = space.champion(connection).recommender.kernel.success
    space.close()
    return success, done.output


def test_a_school_without_events_reads_histories_as_the_other_school_does(
    school: School, tmp_path: Path
) -> None:
    with school.space.store.read() as connection:
        there = school.space.champion(connection).recommender
    other = Workspace.init(tmp_path / "new", environment=KEY, configuration=Configuration())
    other.set_catalogue(sample.load())
    other.close()
    first, said = fitted(tmp_path / "new", "--prior", str(school.space.path))
    assert there.model_hash in said
    assert "2,750 answers of yours with 10 learners" in said
    later, _ = fitted(tmp_path / "new")  # it stays
    for mine in (first, later):
        assert np.array_equal(mine.weights, there.kernel.success.weights)
        assert np.array_equal(mine.forecast.level, there.kernel.success.forecast.level)
        assert not mine.item_slopes.any()  # what speaks of the other school's resources stays there
    alone, said = fitted(tmp_path / "new", "--prior", "none")
    assert "pedagogy alone" in said
    assert np.array_equal(alone.weights, prior_weights())
    by_folder, _ = fitted(tmp_path / "new", "--prior", str(school.space.path / "models" / there.model_hash))
    assert np.array_equal(by_folder.weights, first.weights)


def test_a_folder_that_holds_no_model_is_refused(school: School, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["fit", str(school.space.path), "--prior", str(tmp_path)], env=KEY)
    assert done.exit_code != 0
    assert "must be a workspace" in str(done.exception)
