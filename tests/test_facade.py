"""What ordinary use needs can be had from `segue` itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

import segue

ORDINARY = {
    "Catalogue", "Dials", "Edit", "EpsilonGreedy", "Exponentiated", "Goal", "Greedy", "InverseGap",
    "LearnerVectors", "Place",
    "Playlist", "Policy", "Recommender", "Request", "Resource", "Settings", "Skill", "Softmax", "Step",
    "ThompsonSampling", "Uniform", "WeeklyPlan", "WhyNot", "Workspace", "fit", "learner_vectors",
    "open", "recommend", "week",
    "feedback_waiting", "form_groups", "pair_reviews", "paces_of", "place_week", "project_states",
    "talks_due", "axes_of", "fix_manners",
}  # fmt: skip


def test_the_public_names_are_these() -> None:
    assert set(segue.__all__) == ORDINARY


@pytest.mark.parametrize("name", sorted(ORDINARY))
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    found = getattr(segue, name)
    assert (found.__doc__ or "").strip()
    assert name in dir(segue)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Recommendr'"):
        _ = segue.Recommendr


def test_importing_segue_and_recommend_is_light() -> None:
    heavy = {"mlflow", "matplotlib", "fastapi", "sqlalchemy", "dask", "pandas"}
    code = f"import sys, segue; segue.recommend; print({heavy!r} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
