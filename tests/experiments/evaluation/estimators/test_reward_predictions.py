from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from segue.experiments.evaluation.estimators.reward_predictions import fit_qhat
from segue.experiments.evaluation.estimators.single_step import ESTIMATORS, Floats, rounds_of_tables
from segue.experiments.evaluation.estimators.standard_errors import standard_error


def test_qhat_finds_the_means_and_dr_gains_by_it(bandit: SimpleNamespace) -> None:
    q = fit_qhat(
        LinearRegression(),
        bandit.contexts,
        action=bandit.action,
        reward=bandit.reward,
        n_actions=bandit.k,
        rng=np.random.default_rng(0),
    )
    assert np.abs(q - bandit.means).max() < 0.05
    rounds = rounds_of_tables(
        bandit.reward, bandit.propensity, action=bandit.action, policy=bandit.policy, prediction=q
    )
    dr, plain = ESTIMATORS["DR"](rounds), ESTIMATORS["IPS"](rounds)
    assert abs(dr.value - bandit.truth) < 3 * standard_error(dr)
    assert standard_error(dr) < standard_error(plain)


class Memory:
    """Remembers rewards by context; knows nothing else."""

    def fit(self, X: Floats, y: Floats) -> Memory:
        self.known = dict(zip(X[:, 0].tolist(), y.tolist(), strict=True))
        return self

    def predict(self, X: Floats) -> Floats:
        return np.array([self.known.get(x, -1.0) for x in X[:, 0].tolist()])

    def get_params(self, deep: bool = True) -> dict[str, object]:
        return {}


@pytest.mark.parametrize("cluster", [None, np.arange(60) // 6])
def test_qhat_never_sees_the_round_it_predicts(bandit: SimpleNamespace, cluster: np.ndarray | None) -> None:
    names = np.arange(60.0) if cluster is None else cluster.astype(float)
    q = fit_qhat(
        Memory(),
        names[:, None],
        action=bandit.action[:60],
        reward=bandit.reward[:60],
        n_actions=bandit.k,
        rng=np.random.default_rng(0),
        cluster=cluster,
    )
    assert (q == -1).all()


def test_qhat_of_a_classifier_is_a_probability(bandit: SimpleNamespace) -> None:
    clicks = (
        np.random.default_rng(1).random(bandit.n) < bandit.means[np.arange(bandit.n), bandit.action]
    ) * 1.0
    q = fit_qhat(
        LogisticRegression(),
        bandit.contexts,
        action=bandit.action,
        reward=clicks,
        n_actions=bandit.k,
        rng=np.random.default_rng(0),
    )
    assert np.abs(q - bandit.means).mean() < 0.03
