from __future__ import annotations

import numpy as np
import pytest

from segue.experiments.evaluation.estimators.single_step import Rounds, clipped_ips
from segue.experiments.evaluation.estimators.slope import CAPS, slope


def test_slope_clips_hard_when_weights_are_wild_and_bias_is_small() -> None:
    rng = np.random.default_rng(0)
    wild = Rounds(np.exp(rng.normal(-2, 2, 3000)), rng.normal(0.0, 1.0, 3000))
    tame = Rounds(rng.choice([0.0, 20.0], p=[0.95, 0.05], size=30_000), np.ones(30_000))

    def estimator(rounds: Rounds, cap: float):
        return clipped_ips(rounds, cap=cap)

    assert slope(wild, estimator, grid=CAPS).setting <= 3
    assert slope(tame, estimator, grid=CAPS).setting >= 20
    with pytest.raises(ValueError, match="at least one setting"):
        slope(tame, estimator, grid=())
