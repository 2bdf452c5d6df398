"""Policies: scores in, the probability of every candidate out, and the one function that samples.

A decision can be evaluated later only when the probability it was drawn with is true. So a policy never
draws: it returns the whole vector, :func:`sample` draws from that very vector, and its entry is the
propensity that is logged. The ``repr`` of a policy names it with its parameters; log that too.

To add a policy: a frozen dataclass with defaults that extends :class:`Policy`, a ``weigh`` method, and its
name in ``__all__``. The contract tests find it there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import log_ndtr

from segue.engine.policies.base import (
    UNIT,
    Bools,
    Choice,
    Field,
    Floats,
    Ints,
    Odds,
    Policy,
    every,
    sample,
)

__all__ = [
    "Choice",
    "EpsilonGreedy",
    "Exponentiated",
    "Greedy",
    "InverseGap",
    "Policy",
    "Softmax",
    "ThompsonSampling",
    "Uniform",
    "sample",
]


_LEAST_EXPONENT = -700.0  # numpy's exp is four times slower where it underflows
_BEST = 2.0**38  # weight of the best candidate of a softmax: whole numbers of it have exact sums
_FAINT = 1e-200


@dataclass(frozen=True)
class Uniform(Policy):
    """Every allowed candidate alike: the reference, and the most informative log."""

    def weigh(self, choice: Choice) -> Floats:
        """Return 1 / |allowed| on the allowed candidates."""
        return np.divide(choice.allowed, choice.count, out=choice.values)


@dataclass(frozen=True)
class Greedy(Policy):
    """The best score always; ties share."""

    def weigh(self, choice: Choice) -> Floats:
        """Return 1 / |best| on the best allowed candidates, 0 elsewhere."""
        return _shared(choice.values == choice.top, out=choice.values)


@dataclass(frozen=True)
class EpsilonGreedy(Policy):
    """The best score with probability 1 - `epsilon`, otherwise any allowed candidate."""

    epsilon: float = 0.1

    def __post_init__(self) -> None:
        _check_share("epsilon", self.epsilon)

    def weigh(self, choice: Choice) -> Floats:
        """Return (1 - epsilon) / |best| on the best plus epsilon / |allowed| on all allowed."""
        return choice.floored(_shared(choice.values == choice.top, out=choice.values), self.epsilon)


@dataclass(frozen=True)
class Softmax(Policy):
    """Light exploration around the best: (1 - `floor`) softmax(s / `temperature`) + `floor` / |allowed|.

    The default costs learners little and keeps the log usable: no propensity is below floor / |allowed|.
    """

    temperature: float = 0.06
    floor: float = 0.05

    def __post_init__(self) -> None:
        _check_positive("temperature", self.temperature)
        _check_share("floor", self.floor)

    def weigh(self, choice: Choice) -> Floats:
        """Return the softmax of the allowed scores over its uniform floor."""
        values = choice.values
        values -= choice.top
        values *= 1.0 / self.temperature
        np.maximum(values, _LEAST_EXPONENT, out=values)
        np.exp(values, out=values)
        values *= _BEST
        np.rint(values, out=values)
        values /= np.add.reduce(values, axis=-1, keepdims=True)
        return choice.floored(values, self.floor)

    def odds(self, field: Field) -> Odds:
        """Return odds that take the exponential of every score once, not once a step."""
        return SoftmaxOdds(self, field)


class SoftmaxOdds(Odds):
    """The softmax of scores that fall alike by groups: the exponential of a sum is a product.

    Equal to ``Softmax.probabilities`` up to rounding (1e-11). Weights are whole numbers of units, 2³⁸ for
    the best, so that their sums are exact (below 32,768 candidates as good as the best) in any order.
    """

    def __init__(self, policy: Softmax, field: Field) -> None:
        super().__init__(policy, field)
        self.floor = policy.floor
        self.pace = field.pull / policy.temperature
        top = np.maximum.reduce(field.scores, axis=1, keepdims=True, where=field.open, initial=-np.inf)
        weights = field.scores - np.where(np.isfinite(top), top, 0.0)
        weights *= 1.0 / policy.temperature
        np.maximum(weights, _LEAST_EXPONENT, out=weights)
        self.weights = np.exp(weights, out=weights)
        n_rows, n = weights.shape
        self.first = np.arange(0, n_rows * n, n)
        self.ones = np.ones(n)

    def units(self, shares: Floats, allowed: Bools) -> tuple[Floats, Ints]:
        """Return the probability of each candidate (B, n) in `UNIT`s, and the best one allowed in a row."""
        values = np.exp(shares * self.pace).take(self.field.group, axis=1)
        values *= self.weights
        keep = allowed.astype(np.float64)
        values *= keep
        best = values.argmax(axis=1)
        top = values.item(best.item()) if len(values) == 1 else values.take(self.first + best)[:, None]
        if top > _FAINT if isinstance(top, float) else every(top.ravel() > _FAINT):
            return self._share(values, keep, top), best
        faint = np.flatnonzero(~(np.ravel(top) > _FAINT))  # lists far below the best that they had
        values[faint] = keep[faint]
        units = self._share(values, keep, np.where(top > _FAINT, top, 1.0))
        units[faint], best[faint] = self.anew(shares, allowed, faint)
        return units, best

    def _total(self, whole: Floats) -> Floats | float:
        """Return the sums of rows of whole numbers as a column, or the one sum there is, as a number.

        They are exact in any order: the quickest way will do.
        """
        return float(whole.dot(self.ones).item()) if len(whole) == 1 else np.einsum("bn->b", whole)[:, None]

    def _share(self, values: Floats, keep: Floats, top: Floats | float) -> Floats:
        """Turn weights, of which the best is `top`, into probabilities in `UNIT`s, written over `values`."""
        values *= _BEST / top
        np.rint(values, out=values)
        values *= (1.0 - self.floor) * UNIT / self._total(values)
        values += self.floor * UNIT / self._total(keep)
        values *= keep
        return np.rint(values, out=values)


@dataclass(frozen=True)
class InverseGap(Policy):
    """Inverse-gap weighting on optimistic values mean + `alpha` std, in units of reward.

    A candidate that falls `gap` short of the best gets 1 / (|allowed| + gamma gap), the best get the rest.
    Scores that are logarithms go through :class:`Exponentiated`.

    References
    ----------
    Abe and Long (1999), "Associative reinforcement learning using linear probabilistic concepts".
    Foster and Rakhlin (2020), "Beyond UCB: optimal and efficient contextual bandits with regression
    oracles" (SquareCB, algorithm 1).
    """

    gamma: float = 100.0
    alpha: float = 0.25

    def __post_init__(self) -> None:
        _check_positive("gamma", self.gamma)
        if not 0.0 <= self.alpha < np.inf:
            raise ValueError(f"alpha must be at least 0 and finite, got {self.alpha}: 0 means no optimism")

    def weigh(self, choice: Choice) -> Floats:
        """Return the inverse-gap weights of the optimistic values."""
        values = choice.values
        values += np.where(choice.allowed, self.alpha * choice.std, 0.0)
        top = np.maximum.reduce(values, axis=-1, keepdims=True)
        best = values == top
        np.subtract(top, values, out=values)
        values *= self.gamma
        values += choice.count
        np.divide(1.0, values, out=values)
        values[best] = 0.0
        rest = (1.0 - _total(values)) / best.sum(axis=-1, keepdims=True)
        values += best * rest
        return values


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
        _check_share("floor", self.floor)
        _check_positive("n_cells", self.n_cells)

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
        wins /= _total(wins)
        return choice.floored(wins, self.floor)

    def of_draws(self, draws: Floats, *, allowed: Bools) -> Floats:
        """Return the share of the `draws` (m, ..., n) that each candidate wins, over the floor; ties share.

        `allowed` has shape (..., n); the draws are correlated scores, ``BayesianLinear.sample(rng, m) @ x``.
        """
        wins = Greedy().probabilities(draws, np.zeros(1), allowed=np.broadcast_to(allowed, draws.shape))
        alike = Uniform().probabilities(draws[0], np.zeros(1), allowed=allowed)
        return np.asarray((1.0 - self.floor) * wins.mean(axis=0) + self.floor * alike)


@dataclass(frozen=True)
class Exponentiated(Policy):
    """A policy in units of reward on scores that are logarithms: it sees exp(s - max s).

    Standard deviations follow by the chain rule: std exp(s - max s).
    """

    policy: Policy = field(default_factory=InverseGap)

    def weigh(self, choice: Choice) -> Floats:
        """Return what the inner policy gives for the exponentiated scores."""
        values = np.exp(choice.values - choice.top)
        return self.policy.probabilities(values, values * choice.std, allowed=choice.allowed, rng=choice.rng)


def _total(values: Floats) -> Floats:
    """Sum along candidates, left to right, (..., 1): a pairwise sum would change its bits with padding."""
    running: Floats = np.add.accumulate(values, axis=-1)
    return running[..., -1:]


def _shared(best: Bools, *, out: Floats) -> Floats:
    np.divide(best, best.sum(axis=-1, keepdims=True), out=out)
    return out


def _log_cdf(point: Floats, means: Floats, *, spread: Floats) -> tuple[Floats, Floats]:
    """Return the log distribution function at `point` of each score, and of the best of them."""
    each: Floats = log_ndtr((point - means) / spread)
    return each, _total(each)


def _check_share(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} must be in [0, 1], got {value}: it is the share given to all alike")


def _check_positive(name: str, value: float) -> None:
    if not 0.0 < value < np.inf:
        raise ValueError(f"{name} must be positive and finite, got {value}")
