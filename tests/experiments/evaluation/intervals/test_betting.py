from __future__ import annotations

import numpy as np
import pytest

from segue.experiments.evaluation.estimators.single_step import ips
from segue.experiments.evaluation.intervals.betting import betting, mean_by_betting
from segue.experiments.evaluation.intervals.closed_form import Bounds, empirical_bernstein
from segue.experiments.evaluation.logs.synthetic_logs import make_world

WORLD = make_world(ess_fraction=0.3, reward_rate=0.3, rng=np.random.default_rng(1))
ROUNDS = WORLD.draw(3_000, np.random.default_rng(4)).rounds()


def test_betting_covers_and_beats_bernstein() -> None:
    bounds = Bounds(0.0, 1.0, max_weight=float(ROUNDS.weight.max()))
    interval = betting(ROUNDS, bounds=bounds)
    reach = float(ROUNDS.weight.max())
    assert interval.low <= WORLD.truth <= interval.high
    assert interval.width < empirical_bernstein(ips(ROUNDS), reach=reach).width
    with pytest.raises(ValueError, match="stated max_weight"):
        betting(ROUNDS, bounds=Bounds())


def test_betting_covers_a_mean_with_few_rare_events() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        low, high = mean_by_betting((rng.random(300) < 0.02).astype(float))
        hits += low <= 0.02 <= high
    assert hits >= 190


def test_betting_with_clusters_is_wider() -> None:
    bounds = Bounds(0.0, 1.0, max_weight=float(ROUNDS.weight.max()))
    cluster = np.arange(ROUNDS.n) // 10
    assert betting(ROUNDS, bounds=bounds, cluster=cluster).width > betting(ROUNDS, bounds=bounds).width
