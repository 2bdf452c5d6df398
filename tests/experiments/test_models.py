"""What is fitted or run: predicted rewards, balanced weights, SLOPE, replay."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from segue.experiments.balanced import balanced_weights
from segue.experiments.estimators import ESTIMATORS, Floats, Rounds, clipped_ips, rounds_of_tables, snips
from segue.experiments.folds import folds_of
from segue.experiments.intervals import standard_error
from segue.experiments.qhat import fit_qhat
from segue.experiments.replay import Replay, replay
from segue.experiments.slope import CAPS, slope

RNG_SEED = 5
N, K = 6_000, 3
_rng = np.random.default_rng(RNG_SEED)
CONTEXTS = _rng.normal(size=(N, 2))
LOGGING = np.exp(CONTEXTS @ _rng.normal(size=(2, K)) * 0.5)
LOGGING /= LOGGING.sum(axis=1, keepdims=True)
ACTION = (np.cumsum(LOGGING, axis=1)[:, :-1] < _rng.random((N, 1))).sum(axis=1)
MEANS = 0.3 + 0.1 * np.arange(K) + 0.05 * CONTEXTS[:, :1]
REWARD = MEANS[np.arange(N), ACTION] + _rng.normal(0, 0.2, N)
POLICY = np.tile([0.1, 0.2, 0.7], (N, 1))
TRUTH = float((POLICY * MEANS).sum(axis=1).mean())


def test_folds_keep_clusters_whole_and_are_even() -> None:
    cluster = np.arange(100) // 5
    fold = folds_of(100, 4, rng=np.random.default_rng(0), cluster=cluster)
    assert all(len(set(fold[cluster == c])) == 1 for c in range(20))
    assert np.bincount(fold).tolist() == [25] * 4
    with pytest.raises(ValueError, match="folds must be between 2 and the 20"):
        folds_of(100, 21, rng=np.random.default_rng(0), cluster=cluster)


def test_qhat_finds_the_means_and_dr_gains_by_it() -> None:
    q = fit_qhat(
        LinearRegression(),
        CONTEXTS,
        action=ACTION,
        reward=REWARD,
        n_actions=K,
        rng=np.random.default_rng(0),
    )
    assert np.abs(q - MEANS).max() < 0.05
    propensity = LOGGING[np.arange(N), ACTION]
    rounds = rounds_of_tables(REWARD, propensity, action=ACTION, policy=POLICY, prediction=q)
    dr, plain = ESTIMATORS["DR"](rounds), ESTIMATORS["IPS"](rounds)
    assert abs(dr.value - TRUTH) < 3 * standard_error(dr)
    assert standard_error(dr) < standard_error(plain)


def test_qhat_never_sees_the_round_it_predicts() -> None:
    class Memory:
        """Remembers rewards by context; knows nothing else."""

        def fit(self, X: Floats, y: Floats) -> Memory:
            self.known = dict(zip(X[:, 0].tolist(), y.tolist(), strict=True))
            return self

        def predict(self, X: Floats) -> Floats:
            return np.array([self.known.get(x, -1.0) for x in X[:, 0].tolist()])

        def get_params(self, deep: bool = True) -> dict[str, object]:
            return {}

        def set_params(self) -> Memory:
            return self

    names = np.arange(60.0)[:, None]
    q = fit_qhat(
        Memory(), names, action=ACTION[:60], reward=REWARD[:60], n_actions=K, rng=np.random.default_rng(0)
    )
    assert (q == -1).all()


def test_qhat_of_a_classifier_is_a_probability() -> None:
    clicks = (REWARD > 0.5).astype(float)
    q = fit_qhat(
        LogisticRegression(),
        CONTEXTS,
        action=ACTION,
        reward=clicks,
        n_actions=K,
        rng=np.random.default_rng(0),
    )
    assert q.min() >= 0
    assert q.max() <= 1
    assert q.mean() == pytest.approx((MEANS > 0.5).mean(), abs=0.3)


def test_balanced_weights_find_the_density_ratio() -> None:
    weight = balanced_weights(
        LogisticRegression(max_iter=1000),
        CONTEXTS,
        action=ACTION,
        policy=POLICY,
        rng=np.random.default_rng(0),
    )
    true = (POLICY / LOGGING)[np.arange(N), ACTION]
    assert np.corrcoef(weight, true)[0, 1] > 0.8
    assert weight.mean() == pytest.approx(1, abs=0.02)
    parts = snips(Rounds(weight, REWARD))
    assert abs(parts.value - TRUTH) < 4 * standard_error(parts)


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


class AlwaysLast:
    """A player that picks the last action."""

    def __init__(self) -> None:
        self.updates = 0

    def choose(self, context: Floats) -> int:
        return K - 1

    def update(self, context: Floats, action: int, reward: float) -> None:
        assert action == K - 1
        self.updates += 1


def test_replay_of_an_uneven_log_is_unbiased() -> None:
    player = AlwaysLast()
    propensity = LOGGING[np.arange(N), ACTION]
    found = replay(
        player, CONTEXTS, action=ACTION, reward=REWARD, propensity=propensity, rng=np.random.default_rng(0)
    )
    assert player.updates == found.accepted
    assert found.offered == N
    assert abs(found.value - MEANS[:, -1].mean()) < 3 * found.se
    with pytest.raises(ValueError, match="smallest must be in"):
        replay(
            player,
            CONTEXTS,
            action=ACTION,
            reward=REWARD,
            propensity=propensity,
            rng=np.random.default_rng(0),
            smallest=0.9,
        )


def test_replay_without_matches_says_so() -> None:
    assert "Not enough evidence" in str(Replay(float("nan"), float("nan"), 0, 10))
