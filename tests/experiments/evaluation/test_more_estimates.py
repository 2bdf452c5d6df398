"""Estimates on request: they say no more than the log can tell, in any unit of the contexts."""

from __future__ import annotations

from dataclasses import replace
from math import isnan

import numpy as np
import pytest

from segue.experiments.evaluation.estimators.reward_predictions import fit_qhat
from segue.experiments.evaluation.estimators.single_step import snips
from segue.experiments.evaluation.evaluate import evaluate
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.logs.lost_rows import Lost
from segue.experiments.evaluation.more_estimates import (
    More,
    Wanted,
    more_estimates,
    with_predictions,
)

ALL: tuple[Wanted, ...] = ("slope", "balanced", "betting")


def drawn(n: int = 600, *, unit: float = 1.0, seed: int = 0) -> Log:
    rng = np.random.default_rng(seed)
    action = rng.integers(3, size=n)
    contexts = rng.normal(size=(n, 2)) * (1.0, unit)
    policy = np.tile([0.15, 0.15, 0.7], (n, 1))
    reward = (rng.random(n) < 0.3 + 0.1 * action).astype(float)
    return Log(
        reward,
        np.full(n, 1 / 3),
        policy[np.arange(n), action],
        action=action,
        policy=policy,
        contexts=contexts,
        actions=("a", "b", "c"),
    )


def asked(log: Log, *, max_weight: float = 9.0) -> dict[str, More]:
    whole = evaluate(log, max_weight=max_weight)
    refused = "" if whole.verdict == "enough evidence" else whole.reason
    return more_estimates(log, ALL, rng=np.random.default_rng(0), max_weight=max_weight, refused=refused)


def test_an_ordinary_log_has_them_all() -> None:
    found = asked(drawn())
    assert set(found) == {"SLOPE", "balanced_SNIPS", "betting"}
    assert found["betting"].low <= found["betting"].value <= found["betting"].high


@pytest.mark.parametrize(
    "log",
    [
        replace(drawn(), propensity=np.full(600, 1 / 6)),
        replace(drawn(), lost=Lost(900, 300)),
        replace(drawn(), lost=Lost(660, 60, by_action=1e-9)),
    ],
    ids=["propensities are wrong", "a third is lost", "losses depend on the action"],
)
def test_what_refuses_the_log_refuses_all_of_them(log: Log) -> None:
    for one in asked(log).values():
        assert one.told.startswith("not enough evidence: ")
        assert isnan(one.value)
        assert isnan(one.low)


def test_betting_answers_where_only_rounds_are_few() -> None:
    found = asked(drawn(4))
    assert found["SLOPE"].told.startswith("not enough evidence: only")
    assert found["balanced_SNIPS"].told.startswith("not enough evidence: only")
    assert (found["betting"].low, found["betting"].high) == (0.0, 1.0)


def test_the_estimate_lies_in_the_interval_where_weights_take_it_out_of_what_can_be() -> None:
    log = replace(drawn(), reward=np.ones(600))
    assert log.rounds().weighted.mean() != 1
    assert asked(log)["betting"].value <= 1


@pytest.mark.parametrize("unit", [1e-9, 1e12, 1e200])
def test_the_unit_of_a_context_changes_nothing(unit: float) -> None:
    rng = np.random.default_rng
    plain, other = drawn(), drawn(unit=unit)
    assert asked(other)["balanced_SNIPS"].value == pytest.approx(asked(plain)["balanced_SNIPS"].value)
    one, two = (with_predictions(log, rng=rng(0)).prediction for log in (plain, other))
    assert np.allclose(one, two, atol=1e-6)
    own = snips(plain.rounds()).value
    assert asked(other)["balanced_SNIPS"].value == pytest.approx(own, abs=0.05)


def test_few_rounds_are_cross_fitted_in_fewer_folds() -> None:
    log = with_predictions(drawn(3), rng=np.random.default_rng(0))
    assert log.prediction is not None
    assert np.isfinite(log.prediction).all()


def test_a_single_cluster_says_so() -> None:
    with pytest.raises(ValueError, match="the log is a single cluster"):
        with_predictions(
            replace(drawn(), cluster=np.zeros(600, dtype=np.int64)), rng=np.random.default_rng(0)
        )
    log = replace(drawn(), cluster=np.zeros(600, dtype=np.int64))
    assert evaluate(log).reason.startswith("all rounds are in a single cluster")


def test_rewards_that_are_all_alike_in_a_fold_are_predicted_as_such() -> None:
    from sklearn.linear_model import LogisticRegression

    reward = np.zeros(40)
    found = fit_qhat(
        LogisticRegression(),
        np.zeros((40, 1)),
        action=np.arange(40) % 2,
        reward=reward,
        n_actions=2,
        rng=np.random.default_rng(0),
    )
    assert (found == 0).all()


def test_predictions_that_are_noise_cost_nothing() -> None:
    rng = np.random.default_rng(5)
    n, actions, width = 600, 20, 30
    action = rng.integers(actions, size=n)
    policy = rng.dirichlet(np.ones(actions), n)
    log = Log(
        reward=(rng.random(n) < 0.3).astype(float),  # neither contexts nor actions tell anything
        propensity=np.full(n, 1 / actions),
        target=policy[np.arange(n), action],
        action=action,
        policy=policy,
        actions=tuple(map(str, range(actions))),
        contexts=rng.normal(size=(n, width)),
    )
    plain, sharp = (evaluate(one).headline for one in (log, with_predictions(log, rng=rng)))
    assert (plain.name, sharp.name) == ("SNIPS", "SNDR")
    assert sharp.high - sharp.low == pytest.approx(plain.high - plain.low, rel=0.05)
    assert sharp.value == pytest.approx(plain.value, abs=0.1 * (plain.high - plain.low))
