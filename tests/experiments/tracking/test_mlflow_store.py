"""Runs are found again with their figures, and a model travels through the registry byte for byte."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import segue
import segue.sample
from segue.engine.recommender import Recommender
from segue.engine.settings import Settings

pytest.importorskip("mlflow")

from segue.experiments.tracking.mlflow_store import CHAMPION, Run, Tracker


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    return Tracker(tmp_path_factory.mktemp("tracking"))


def model(seed: int) -> Recommender:
    now, rng = datetime(2026, 11, 23, tzinfo=UTC), np.random.default_rng(seed)
    return segue.fit(segue.sample.load(), None, now=now, rng=rng, settings=Settings(seed=f"seed {seed}"))


def test_a_run_is_found_again_with_parameters_and_interval(tracker: Tracker) -> None:
    tracker.record(
        "study", Run("a", {"temperature": 0.06}, {"gain": 0.48, "gain_low": 0.4, "gain_high": 0.56})
    )
    row = tracker.runs("study").iloc[0]
    assert row["run"] == "a"
    assert float(row["temperature"]) == 0.06
    assert (row["gain_low"], row["gain"], row["gain_high"]) == (0.4, 0.48, 0.56)


def test_an_unknown_study_has_no_runs(tracker: Tracker) -> None:
    assert tracker.runs("nothing").empty


def test_a_failed_run_is_not_among_the_finished(tracker: Tracker) -> None:
    with pytest.raises(Exception, match="not a number"):
        tracker.record("broken", Run("a", metrics={"gain": "not a number"}))  # type: ignore[dict-item]
    assert tracker.runs("broken").empty


def test_the_champion_is_fetched_and_replaced_by_the_next(tracker: Tracker) -> None:
    for seed in (1, 2):
        champion = model(seed)
        version = tracker.register(tracker.record("models", Run("m", model=champion)))
        tracker.alias(version, CHAMPION)
        found, fetched = tracker.fetch(CHAMPION)
        assert found == version == tracker.version(CHAMPION)
        assert fetched.model_hash == champion.model_hash
    assert model(1).model_hash != model(2).model_hash


def test_an_alias_nobody_carries_is_said(tracker: Tracker) -> None:
    with pytest.raises(ValueError, match="no model is registered as 'nobody'"):
        tracker.fetch("nobody")


def test_metrics_that_are_not_numbers_stay_visible(tracker: Tracker) -> None:
    tracker.record("nan", Run("a", metrics={"gain": math.nan}))
    assert math.isnan(tracker.runs("nan").iloc[0]["gain"])


@pytest.mark.parametrize("name", ["50%", "what?", "a#b", "%2F"])
def test_a_folder_no_address_can_hold_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="a tracking store's address cannot hold"):
        Tracker(tmp_path / name)
    assert not (tmp_path / name).exists()
