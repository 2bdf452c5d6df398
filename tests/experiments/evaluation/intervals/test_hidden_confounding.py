from __future__ import annotations

import numpy as np
import pytest

from segue.experiments.evaluation.estimators.single_step import Rounds, snips
from segue.experiments.evaluation.estimators.standard_errors import standard_error
from segue.experiments.evaluation.intervals.hidden_confounding import (
    LARGEST,
    flipping_strength,
    sensitivity_bounds,
    told,
)
from segue.experiments.evaluation.logs.synthetic_logs import make_world

WORLD = make_world(ess_fraction=0.4, reward_rate=0.3, rng=np.random.default_rng(1))
LOG = WORLD.draw(8_000, np.random.default_rng(2))
ROUNDS = LOG.rounds()


def test_without_confounding_the_bounds_are_the_estimate() -> None:
    found = sensitivity_bounds(LOG.reward, LOG.propensity, target=LOG.target, strength=1.0)
    assert found.lowest == pytest.approx(found.highest)
    assert found.lowest == pytest.approx(snips(ROUNDS).value)


def test_sensitivity_bounds_against_all_thresholds_and_random_weights() -> None:
    rng = np.random.default_rng(0)
    reward, propensity, target = rng.random(40), rng.uniform(0.1, 0.9, 40), rng.random(40)
    found = sensitivity_bounds(reward, propensity, target=target, strength=2.0)
    odds = 1 / propensity - 1
    low, high = target * (1 + odds / 2), target * (1 + odds * 2)
    tried = [np.average(reward, weights=rng.uniform(low, high)) for _ in range(500)]
    tried += [
        np.average(reward, weights=np.where(reward >= cut, high, low)) for cut in [*np.sort(reward), 2.0]
    ]
    assert max(tried) == pytest.approx(found.highest)
    tried += [np.average(reward, weights=np.where(reward >= cut, low, high)) for cut in np.sort(reward)]
    assert min(tried) == pytest.approx(found.lowest)


def test_sensitivity_covers_a_truth_hidden_by_a_confounder() -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    hidden = rng.random(n) < 0.5
    true_p = np.where(hidden, 2 / 3, 1 / 3)  # odds 2 and 1/2 around the logged 1/2
    acted = rng.random(n) < true_p
    reward = (rng.random(n) < np.where(hidden, 0.6, 0.3)).astype(float)
    columns = {"target": acted.astype(float)}
    naive = snips(Rounds(acted / 0.5, reward))
    assert naive.value - 3 * standard_error(naive) > 0.45
    found = sensitivity_bounds(reward, np.full(n, 0.5), strength=2.0, **columns)
    assert found.low <= 0.45 <= found.high


def test_flipping_strength_is_where_the_interval_reaches_the_baseline() -> None:
    columns = {"target": LOG.target, "baseline": float(LOG.reward.mean())}
    strength = flipping_strength(LOG.reward, LOG.propensity, **columns)
    assert 1 < strength < 2
    found = sensitivity_bounds(LOG.reward, LOG.propensity, target=LOG.target, strength=strength)
    assert found.low == pytest.approx(columns["baseline"], abs=1e-4)
    never = flipping_strength(LOG.reward, LOG.propensity, target=LOG.target, baseline=-1.0)
    already = flipping_strength(LOG.reward, LOG.propensity, target=LOG.target, baseline=snips(ROUNDS).value)
    assert (never, already) == (LARGEST, 1.0)
    with pytest.raises(ValueError, match="strength must be >= 1"):
        sensitivity_bounds(LOG.reward, LOG.propensity, target=LOG.target, strength=0.5)


@pytest.mark.parametrize(
    ("strength", "said"), [(1.0, "nothing can be said"), (1.2, "1.2 times"), (LARGEST, "No")]
)
def test_the_strength_is_told_in_a_sentence(strength: float, said: str) -> None:
    assert said in told(strength)
