"""Thompson sampling with exact propensities: each candidate as often as it would be the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from segue.engine.policies.base import Choice, Policy, check_positive, check_share, total
from segue.engine.policies.greedy import Greedy, Uniform
from segue.features.catalogue import Bools, Floats


@dataclass(frozen=True)
class ThompsonSampling(Policy):
    """Each candidate with the probability that it is the best, over a uniform `floor`.

    The win frequencies of independent normal draws are computed, not simulated: the chance that the best
    draw lies between neighbouring points of a grid is split among the candidates in proportion to the rise
    of their log distribution functions, which sums to 1 for any grid and is exact for a fine one. For draws
    of a posterior's weights, whose scores are correlated, use :meth:`of_draws`. Drawing once and taking the
    best would choose alike, but without a propensity to log.

    References
    ----------
    Thompson (1933), "On the likelihood that one unknown probability exceeds another".
    """

    floor: float = 0.05
    n_cells: int = 64

    def __post_init__(self) -> None:
        check_share("floor", self.floor)
        check_positive("n_cells", self.n_cells)

    def weigh(self, choice: Choice) -> Floats:
        """Return the win frequencies of independent normal draws, over the floor."""
        means = choice.values  # a mean of -inf never wins
        spread = np.where(choice.allowed, choice.std, 0.0)
        spread = np.maximum(spread, 1e-9 * (1.0 + np.abs(choice.top)))
        low = np.max(means - 5.0 * spread, axis=-1, keepdims=True)
        high = np.max(means + 7.0 * spread, axis=-1, keepdims=True)
        wins = np.zeros_like(means)
        each, best = _log_cdf(low, means, spread=spread)
        for cell in range(1, self.n_cells + 1):
            point = low + (high - low) * (cell / self.n_cells)
            each_next, best_next = _log_cdf(point, means, spread=spread)
            rise = np.maximum(best_next - best, 1e-300)
            wins += (each_next - each) * ((np.exp(best_next) - np.exp(best)) / rise)
            each, best = each_next, best_next
        wins /= total(wins)
        return choice.floored(wins, self.floor)

    def of_draws(self, draws: Floats, *, allowed: Bools) -> Floats:
        """Return the share of the `draws` (m, ..., n) that each candidate wins, over the floor; ties share.

        `allowed` has shape (..., n); the draws are correlated scores, ``BayesianLinear.sample(rng, m) @ x``.
        """
        wins = Greedy().probabilities(draws, np.zeros(1), allowed=np.broadcast_to(allowed, draws.shape))
        alike = Uniform().probabilities(draws[0], np.zeros(1), allowed=allowed)
        return np.asarray((1.0 - self.floor) * wins.mean(axis=0) + self.floor * alike)


def _log_cdf(point: Floats, means: Floats, *, spread: Floats) -> tuple[Floats, Floats]:
    """Return the log distribution function at `point` of each score, and of the best of them."""
    each: Floats = log_ndtr((point - means) / spread)
    return each, total(each)
