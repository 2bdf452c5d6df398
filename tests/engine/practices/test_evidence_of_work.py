"""Raters, pace and teaching axes: what was planted in simulation is found, and what is not there is not."""

from __future__ import annotations

import numpy as np
import pytest

from segue.engine.practices.pace import fit_pace
from segue.engine.practices.rubrics import fit_raters
from segue.engine.practices.teaching_axes import axis_levels


def ratings(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    severity = np.array([0.15, 0.05, 0.0, -0.05, -0.15])
    quality = rng.uniform(0.3, 0.7, 80)
    work = np.repeat(np.arange(80), 2)
    rater = np.array([rng.choice(5, 2, replace=False) for _ in range(80)]).ravel()
    score = np.clip(quality[work] - severity[rater] + rng.normal(0, 0.05, 160), 0, 1)
    return score, work, rater, severity, quality


@pytest.mark.parametrize("seed", range(3))
def test_severity_is_recovered_and_freed_from_scores(seed: int) -> None:
    score, work, rater, severity, quality = ratings(seed)
    found = fit_raters(score, work, rater)
    assert np.corrcoef(found.severity, severity)[0, 1] > 0.95
    assert (np.abs(found.severity - severity) < 0.06).all()
    raw = np.bincount(work, score) / 2
    assert np.abs(found.quality - quality).mean() < 0.7 * np.abs(raw - quality).mean()


def test_uncertainty_grows_with_disagreement() -> None:
    work = np.repeat(np.arange(10), 2)
    rater = np.tile([0, 1], 10)
    agreed = np.full(20, 0.6)
    split = agreed.copy()
    split[:2] = [0.3, 0.9]
    sure, unsure = fit_raters(agreed, work, rater), fit_raters(split, work, rater)
    assert unsure.quality_std[0] > 2 * sure.quality_std[0]
    with pytest.raises(ValueError, match="divide by the highest"):
        fit_raters(np.array([3.0]), np.array([0]), np.array([0]))


@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_minutes_of_a_learner_are_predicted_better_than_by_the_catalogue(spread: float) -> None:
    rng = np.random.default_rng(5)
    own, of_work = rng.normal(0, spread, 40), rng.normal(0, 0.2, 30)
    learner, work = rng.integers(40, size=800), rng.integers(30, size=800)
    catalogue = rng.choice([5.0, 10.0, 20.0], 30)
    minutes = catalogue[work] * np.exp(own[learner] + of_work[work] + rng.normal(0, 0.4, 800))
    train = slice(0, 600)
    pace = fit_pace(
        minutes[train], catalogue[work][train], learner[train], work[train], n_learners=40, n_resources=30
    )
    rest = slice(600, 800)
    predicted = pace.minutes(catalogue[work][rest], learner[rest], work[rest])

    def error(guess: np.ndarray) -> float:
        return float(np.abs(np.log(guess) - np.log(minutes[rest])).mean())

    assert error(predicted) < (0.9 if spread else 1.0) * error(catalogue[work][rest])
    unknown = pace.minutes(np.array([10.0]), np.array([-1]), np.array([-1]))
    assert unknown[0] == pytest.approx(10 * np.exp(pace.mean))
    assert fit_pace(np.zeros(0), np.zeros(0), learner[:0], work[:0], n_learners=2, n_resources=2).mean == 0.0


def axis(effect: float, seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    n = 60
    learner = np.repeat([f"u{i}" for i in range(n)], 12)
    level = np.where(rng.random(n * 12) < 0.5, "visual", "spoken")
    surprise = (
        rng.normal(0, 0.3, n * 12) + np.repeat(rng.normal(0, 0.2, n), 12) + effect * (level == "visual")
    )
    return [a.weight for a in axis_levels("process", level.tolist(), surprise, learner.tolist())]


def test_an_axis_earns_its_weight_only_from_outcomes() -> None:
    assert all(abs(axis(0.15, seed)[1]) > 0.08 for seed in range(5))
    assert sum(any(axis(0.0, 100 + seed)) for seed in range(40)) <= 6  # 5 % of 40, and three standard errors


def test_too_few_learners_tell_nothing_and_a_teacher_can_fix_an_axis() -> None:
    few = axis_levels("content", ["a", "b"], np.array([1.0, 0.0]), ["u", "u"], fixed={"a": 0.2})
    assert [(a.level, a.weight, a.low) for a in few] == [("a", 0.2, -np.inf), ("b", 0.0, -np.inf)]
