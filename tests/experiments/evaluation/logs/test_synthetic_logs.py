from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segue.experiments.evaluation.logs.synthetic_logs import make_world


@pytest.mark.parametrize("grades", [None, 4.0])
@pytest.mark.parametrize("lean", [-0.6, 0.4])
def test_a_long_log_has_the_values_the_world_says(lean: float, grades: float | None) -> None:
    world = make_world(ess_fraction=0.3, reward_rate=0.3, rng=np.random.default_rng(1), lean=lean)
    log = replace(world, grades=grades).draw(200_000, np.random.default_rng(2))
    weight = log.target / log.propensity
    error = (weight * log.reward).std() / np.sqrt(log.n)
    assert (weight * log.reward).mean() == pytest.approx(world.truth, abs=4 * error)
    assert log.reward.mean() == pytest.approx(world.logged_truth, abs=4 * log.reward.std() / np.sqrt(log.n))
    assert (world.truth > world.logged_truth) == (lean > 0)
    assert np.isin(log.reward, (0, 1)).all() == (grades is None)


def test_predictions_err_as_much_as_asked() -> None:
    near, far = (
        make_world(ess_fraction=0.3, reward_rate=0.3, rng=np.random.default_rng(1), blunder=blunder)
        for blunder in (0.1, 3.0)
    )
    assert np.abs(near.prediction - near.reward).mean() < 0.06
    assert np.abs(far.prediction - far.reward).mean() > 0.2
