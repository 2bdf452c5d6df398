from __future__ import annotations

import numpy as np
import pytest

from segue.experiments.evaluation.estimators.single_step import ESTIMATORS, Rounds, ips, snips
from segue.experiments.evaluation.intervals.bootstrap import bootstrap
from segue.experiments.evaluation.intervals.closed_form import normal
from segue.experiments.simulation.worlds.synthetic_logs import make_world

WORLD = make_world(ess_fraction=0.3, reward_rate=0.3, rng=np.random.default_rng(1))
ROUNDS = WORLD.draw(3_000, np.random.default_rng(4)).rounds()


@pytest.mark.parametrize("name", ["IPS", "SNIPS", "DR", "SNDR"])
def test_bootstraps_agree_with_the_delta_method_on_a_good_log(name: str) -> None:
    parts = ESTIMATORS[name](ROUNDS)
    expected = normal(parts)
    interval = bootstrap({name: parts}, rng=np.random.default_rng(0))[name]
    assert interval.width == pytest.approx(expected.width, rel=0.15)
    assert interval.low < parts.value < interval.high


def test_bootstrap_resamples_ratios_as_ratios() -> None:
    constant = Rounds(ROUNDS.weight, np.full(ROUNDS.n, 0.4))
    interval = bootstrap({"SNIPS": snips(constant)}, rng=np.random.default_rng(0))["SNIPS"]
    assert (interval.low, interval.high) == pytest.approx((0.4, 0.4))


def test_bootstrap_repeats_with_its_generator() -> None:
    first, second = (bootstrap({"x": ips(ROUNDS)}, rng=np.random.default_rng(7)) for _ in range(2))
    assert first == second
