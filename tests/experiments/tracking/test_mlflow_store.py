"""Runs are found again with their figures, and a model travels through the registry byte for byte."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

pytest.importorskip("mlflow")

from segue.experiments.tracking.mlflow_store import CHAMPION, Run, Tracker


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    return Tracker(tmp_path_factory.mktemp("tracking"))


def model_folder(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "recommender"
    folder.mkdir()
    (folder / "config.json").write_text(text)
    return folder


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


def test_a_failed_run_is_not_among_the_finished(tracker: Tracker, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="missing"):
        tracker.record("broken", Run("a", model=tmp_path / "missing"))
    assert tracker.runs("broken").empty


def test_the_champion_is_fetched_byte_for_byte_and_replaced_by_the_next(
    tracker: Tracker, tmp_path: Path
) -> None:
    for number in (1, 2):
        source = tmp_path / str(number)
        source.mkdir()
        run_id = tracker.record("models", Run("m", model=model_folder(source, f'{{"version": {number}}}')))
        version = tracker.register(run_id)
        tracker.alias(version, CHAMPION)
        target = tmp_path / "served"
        assert tracker.fetch(CHAMPION, target) == version
        assert (target / "config.json").read_text() == f'{{"version": {number}}}'
    assert not list(tmp_path.glob("served.*"))


def test_an_alias_nobody_carries_is_said(tracker: Tracker, tmp_path: Path) -> None:
    assert tracker.version("nobody") is None
    with pytest.raises(LookupError, match="'nobody'"):
        tracker.fetch("nobody", tmp_path / "x")


def test_metrics_that_are_not_numbers_stay_visible(tracker: Tracker) -> None:
    tracker.record("nan", Run("a", metrics={"gain": math.nan}))
    assert math.isnan(tracker.runs("nan").iloc[0]["gain"])


@pytest.mark.parametrize("name", ["50%", "what?", "a#b", "%2F"])
def test_a_folder_no_address_can_hold_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="a tracking store's address cannot hold"):
        Tracker(tmp_path / name)
    assert not (tmp_path / name).exists()
