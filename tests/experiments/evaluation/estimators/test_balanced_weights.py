from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from segue.experiments.evaluation.estimators.balanced_weights import balanced_weights
from segue.experiments.evaluation.estimators.single_step import Rounds, snips
from segue.experiments.evaluation.estimators.standard_errors import standard_error


def test_balanced_weights_find_the_density_ratio(bandit: SimpleNamespace) -> None:
    weight = balanced_weights(
        LogisticRegression(max_iter=1000),
        bandit.contexts,
        action=bandit.action,
        policy=bandit.policy,
        rng=np.random.default_rng(0),
    )
    true = bandit.policy[np.arange(bandit.n), bandit.action] / bandit.propensity
    assert np.corrcoef(weight, true)[0, 1] > 0.8
    assert weight.mean() == pytest.approx(1, abs=0.02)
    parts = snips(Rounds(weight, bandit.reward))
    assert abs(parts.value - bandit.truth) < 4 * standard_error(parts)
