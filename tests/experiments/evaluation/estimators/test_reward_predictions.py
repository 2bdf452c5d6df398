from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LinearRegression, LogisticRegression

from segue.experiments.evaluation.estimators.reward_predictions import fit_linear_qhat, fit_qhat
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


@pytest.mark.parametrize("binary", [False, True])
def test_each_action_has_a_line_of_its_own(binary: bool) -> None:
    rng = np.random.default_rng(2)
    contexts, action = rng.normal(size=(4000, 2)), rng.integers(3, size=4000)
    slopes = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0]])  # what suits one context does not suit another
    means = contexts @ slopes.T
    drawn = means[np.arange(4000), action]
    if binary:
        means = expit(means)
        reward = (rng.random(4000) < expit(drawn)).astype(float)
    else:
        reward = drawn + rng.normal(size=4000)
    of = {"action": action, "reward": reward, "n_actions": 3}
    model = LogisticRegression() if binary else LinearRegression()
    own = fit_linear_qhat(contexts, **of, rng=np.random.default_rng(0))
    common = fit_qhat(model, contexts, **of, rng=np.random.default_rng(0))
    assert np.abs(own - means).mean() < 0.05
    assert np.abs(common - means).mean() > 0.15


def test_a_line_never_sees_the_round_it_predicts() -> None:
    rng = np.random.default_rng(3)
    contexts, action, reward = rng.normal(size=(60, 1)), rng.integers(2, size=60), rng.normal(size=60)
    of = {"action": action, "n_actions": 2}
    before = fit_linear_qhat(contexts, **of, reward=reward, rng=np.random.default_rng(0))
    moved = np.where(np.arange(60) == 7, 100.0, reward)
    after = fit_linear_qhat(contexts, **of, reward=moved, rng=np.random.default_rng(0))
    assert after[7] == pytest.approx(before[7], abs=1e-9)
    assert (after != before).any()
