from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segue.experiments.evaluation.estimators.single_step import (
    ESTIMATORS,
    Rounds,
    estimators_for,
    rounds_of,
    rounds_of_tables,
)
from segue.experiments.evaluation.estimators.standard_errors import standard_error
from segue.experiments.evaluation.logs.synthetic_logs import make_world

N = 12
unit = st.floats(0.05, 1)


@settings(max_examples=30)
@given(
    reward=arrays(float, N, elements=unit),
    propensity=arrays(float, N, elements=unit),
    target=arrays(float, N, elements=unit),
    q=arrays(float, N, elements=unit),
)
def test_every_estimator_equals_its_formula(
    reward: np.ndarray, propensity: np.ndarray, target: np.ndarray, q: np.ndarray
) -> None:
    w, dm, e = target / propensity, q * 0.7, reward - q
    rounds = rounds_of(reward, propensity, target=target, q_logged=q, q_target=dm)
    formulas = {
        "IPS": np.mean(w * reward),
        "IPS_clip10": np.mean(np.minimum(w, 10) * reward),
        "SNIPS": np.sum(w * reward) / np.sum(w),
        "SGIPS_0.01": np.mean(w / (1 - 0.01 + 0.01 * w) * reward),
        "DM": np.mean(dm),
        "DR": np.mean(dm) + np.mean(w * e),
        "DR_clip10": np.mean(dm) + np.mean(np.minimum(w, 10) * e),
        "SNDR": np.mean(dm) + np.sum(w * e) / np.sum(w),
        "SWITCH_DR_10": np.mean(dm) + np.mean(w * (w <= 10) * e),
        "DRos_100": np.mean(dm) + np.mean(100 * w / (w**2 + 100) * e),
    }
    values = {name: estimator(rounds).value for name, estimator in ESTIMATORS.items()}
    assert values == pytest.approx(formulas, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_influence_is_the_derivative_of_the_value_in_a_round_s_mass(name: str) -> None:
    rng = np.random.default_rng(3)
    base = Rounds(rng.exponential(size=50), rng.random(50), rng.random(50), rng.random(50))
    step = 1e-6
    influence = ESTIMATORS[name](base).influence()
    assert influence.mean() == pytest.approx(0, abs=1e-12)
    copies = np.full(50, 1 / 50)
    for index in (0, 17, 49):
        mass = copies * (1 - step)
        mass[index] += step
        moved = _weighted_value(name, base, mass)
        assert (moved - ESTIMATORS[name](base).value) / step == pytest.approx(influence[index], abs=1e-4)


def _weighted_value(name: str, rounds: Rounds, mass: np.ndarray) -> float:
    parts = ESTIMATORS[name](rounds)
    denominator = np.ones(parts.n) if parts.denominator is None else parts.denominator
    base = 0.0 if parts.base is None else float(mass @ parts.base)
    return base + float(mass @ parts.numerator) / float(mass @ denominator)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_not_marked_biased_is_true_on_a_long_log_within_three_standard_errors(name: str) -> None:
    world = make_world(ess_fraction=0.3, reward_rate=0.3, rng=np.random.default_rng(1))
    parts = ESTIMATORS[name](world.draw(60_000, np.random.default_rng(2)).rounds())
    assert parts.biased or abs(parts.value - world.truth) < 3 * standard_error(parts)


def test_same_policy_gives_the_mean_reward() -> None:
    reward, p = np.array([0.0, 1.0, 1.0, 0.25]), np.array([0.1, 0.9, 0.4, 1.0])
    rounds = rounds_of(reward, p, target=p)
    assert [f(rounds).value for f in estimators_for(rounds).values()] == pytest.approx([reward.mean()] * 4)


def test_tables_and_columns_agree() -> None:
    log = make_world(ess_fraction=0.3, reward_rate=0.3, rng=np.random.default_rng(1)).draw(
        50, np.random.default_rng(0)
    )
    assert log.action is not None
    assert log.policy is not None
    whole = rounds_of_tables(log.reward, log.propensity, action=log.action, policy=log.policy)
    assert np.array_equal(whole.weight, rounds_of(log.reward, log.propensity, target=log.target).weight)
    assert whole.q_target is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"propensity": [0.5, 0.0]}, r"propensity must be in \(0, 1\], got 0.0 in round 1"),
        ({"target": [0.5, 1.5]}, r"target must be in \[0, 1\], got 1.5 in round 1"),
        ({"reward": [float("nan"), 1.0]}, "reward must be finite, got nan in round 0"),
        ({"target": [0.5]}, "target must have 2 entries"),
    ],
)
def test_bad_arrays_are_refused_with_the_round(change: dict[str, list[float]], message: str) -> None:
    columns = {"reward": [1.0, 0.0], "propensity": [0.5, 0.5], "target": [0.5, 0.5]} | change
    arrays_ = {name: np.array(values) for name, values in columns.items()}
    with pytest.raises(ValueError, match=message):
        rounds_of(arrays_["reward"], arrays_["propensity"], target=arrays_["target"])


def test_without_predictions_dr_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match="fit_qhat"):
        ESTIMATORS["DR"](Rounds(np.ones(3), np.ones(3)))
