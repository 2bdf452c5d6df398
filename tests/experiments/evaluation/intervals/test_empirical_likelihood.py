from __future__ import annotations

import numpy as np
import pytest

from segue.experiments.evaluation.estimators.single_step import Rounds
from segue.experiments.evaluation.intervals.closed_form import Bounds
from segue.experiments.evaluation.intervals.empirical_likelihood import cressie_read
from segue.experiments.evaluation.logs.synthetic_logs import make_world

WORLD = make_world(ess_fraction=0.3, reward_rate=0.3, rng=np.random.default_rng(1))
ROUNDS = WORLD.draw(3_000, np.random.default_rng(4)).rounds()


def test_cressie_read_does_not_move_with_the_origin_of_rewards() -> None:
    here = cressie_read(Rounds(ROUNDS.weight, ROUNDS.reward), bounds=Bounds())
    there = cressie_read(Rounds(ROUNDS.weight, ROUNDS.reward + 5), bounds=Bounds(5.0, 6.0))
    assert (there.low - 5, there.high - 5) == pytest.approx((here.low, here.high), abs=1e-9)


def test_cressie_read_against_a_direct_optimiser() -> None:
    from scipy.optimize import minimize
    from scipy.stats import f

    rng = np.random.default_rng(0)
    n = 12
    weight = rng.uniform(0.2, 2.5, n)
    weight *= (n + 1 - 2.5) / weight.sum()  # the mean with the imagined weight is then exactly 1: no slack
    reward = rng.random(n)
    value = weight * reward
    low = cressie_read(Rounds(weight, reward), bounds=Bounds(0.0, 1.0, max_weight=2.5)).low
    radius = f.isf(0.05, 1, n) / (2 * (1 + n))
    lowest = []
    for fake in (0.0, 2.5):
        w, v = np.append(weight, fake), np.append(value, 0.0)
        found = minimize(
            lambda q, v=v: q @ v,
            np.full(n + 1, 1 / (n + 1)),
            method="SLSQP",
            constraints=[
                {"type": "eq", "fun": lambda q: q.sum() - 1},
                {"type": "eq", "fun": lambda q, w=w: q @ w - 1},
                {"type": "ineq", "fun": lambda q: radius - ((q * (n + 1) - 1) ** 2).mean() / 2},
            ],
            options={"maxiter": 500, "ftol": 1e-12},
        )
        if found.success:
            lowest.append(found.fun)
    assert low == pytest.approx(min(lowest), abs=1e-6)
