"""Off-policy estimators: what a target policy would have earned, from another policy's log.

Every estimator here is a ratio-and-remainder of three columns,

    value = mean(base) + sum(numerator) / sum(denominator),

so points, influence functions and empirical likelihood are written once, for all of them. With
w = pi_e(a|x) / p the weight, r the reward, q the predicted reward and dm = sum_a pi_e(a|x) q(x, a):

============  =============================================================================================
IPS           mean(w r)                                                        (Horvitz & Thompson 1952)
IPS_clip10    mean(min(w, 10) r)                                               (Ionides 2008)
SNIPS         sum(w r) / sum(w)                                                (Swaminathan & Joachims 2015)
SGIPS_0.01    mean(w / (1 - l + l w) r), l = .01                               (Aouali et al. 2023)
DM            mean(dm)
DR            mean(dm + w (r - q))                                             (Dudík et al. 2014)
DR_clip10     mean(dm + min(w, 10) (r - q))
SNDR          mean(dm) + sum(w (r - q)) / sum(w)
SWITCH_DR_10  mean(dm + w 1{w <= 10} (r - q))                                  (Wang et al. 2017)
DRos_100      mean(dm + l w / (w² + l) (r - q)), l = 100                       (Su et al. 2020)
============  =============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SINGLE = 1e-6  # what single precision may add to a probability
HUGE = 1e150  # beyond it squares overflow
MOST_ROUNDING = 0.05  # a mean weight farther off is wrong, however few digits there are
NIL = 1e-12  # smaller than this share of its scale, a difference is rounding
BLOCK = 1 << 13  # rounds at a time: they stay in the cache, and too few for BLAS to start threads
EVERY = slice(None)


@dataclass(frozen=True)
class Rounds:
    """n logged rounds as arrays.

    Attributes
    ----------
    weight : (n,)
        Target probability of the logged action over its propensity, w >= 0.
    reward : (n,)
    q_logged : (n,) or None
        Predicted reward of the logged action.
    q_target : (n,) or None
        Predicted reward of the target policy, sum_a pi_e(a|x) q(x, a).
    unseen : (n,) or None
        Probability the target gives to actions that the log never shows; None when that is not known.
    by_chance : float
        How much of that chance explains: actions that could have been drawn and were not.
    rounding : float
        By how much the mean weight may be off because probabilities were written with few digits.
    """

    weight: Floats
    reward: Floats
    q_logged: Floats | None = None
    q_target: Floats | None = None
    unseen: Floats | None = None
    by_chance: float = 0.0
    rounding: float = 0.0

    @property
    def n(self) -> int:
        """Number of rounds."""
        return len(self.weight)

    def take(self, keep: NDArray[np.bool_]) -> Rounds:
        """Return the rounds where `keep` is true."""
        q_logged = None if self.q_logged is None else self.q_logged[keep]
        q_target = None if self.q_target is None else self.q_target[keep]
        unseen = None if self.unseen is None else self.unseen[keep]
        return replace(
            self,
            weight=self.weight[keep],
            reward=self.reward[keep],
            q_logged=q_logged,
            q_target=q_target,
            unseen=unseen,
        )

    @cached_property
    def weighted(self) -> Floats:
        """Weight times reward, (n,)."""
        return np.asarray(self.weight * self.reward)

    @cached_property
    def residual(self) -> Floats:
        """Reward less its prediction, (n,)."""
        return np.asarray(self.reward - _predictions(self)[0])

    def without_predictions(self) -> Rounds:
        """Return the same rounds for estimators that read no prediction."""
        return replace(self, q_logged=None, q_target=None)


def rounds_of(
    reward: Floats,
    propensity: Floats,
    *,
    target: Floats,
    q_logged: Floats | None = None,
    q_target: Floats | None = None,
) -> Rounds:
    """Return rounds from rewards, propensities and the target policy's probability of the logged action.

    Raises
    ------
    ValueError
        If lengths differ, a propensity is outside (0, 1], a target probability outside [0, 1], a value
        is not finite, or a weighted reward is too large to be squared. What single precision makes of a
        probability of 1 counts as 1.

    Examples
    --------
    >>> rounds_of(np.array([1.0, 0.0]), np.array([0.5, 0.25]), target=np.array([1.0, 0.5])).weight
    array([2., 2.])
    """
    columns = {"reward": reward, "propensity": propensity, "target": target}
    columns |= {k: v for k, v in (("q_logged", q_logged), ("q_target", q_target)) if v is not None}
    for name, column in columns.items():
        if len(column) != len(reward):
            raise ValueError(f"{name} must have {len(reward)} entries like reward, got {len(column)}")
        if not np.isfinite(column.sum()) and not np.isfinite(column).all():  # a sum is a pass, and no array
            row = int(np.flatnonzero(~np.isfinite(column))[0])
            raise ValueError(
                f"{name} must be finite, got {column[row]} in round {row}; leave such rounds out"
            )
    if propensity.min(initial=1.0) <= 0 or propensity.max(initial=1.0) > 1 + SINGLE:
        _outside(propensity, "propensity", "(0, 1]", (propensity <= 0) | (propensity > 1 + SINGLE))
    if target.min(initial=0.0) < 0 or target.max(initial=0.0) > 1 + SINGLE:
        _outside(target, "target", "[0, 1]", (target < 0) | (target > 1 + SINGLE))
    with np.errstate(over="ignore"):
        weight = np.asarray(_at_most_one(target) / _at_most_one(propensity))
    largest = float(weight.max(initial=0.0)), max(reward.max(initial=0.0), -reward.min(initial=0.0))
    if not largest[0] < HUGE or not largest[1] < HUGE or not largest[0] * largest[1] < HUGE:
        raise ValueError(
            f"a weight of {largest[0]:.3g} and a reward of {largest[1]:.3g} are too large to calculate with "
            f"(their product must stay below {HUGE:g}): check the units, and the smallest propensities"
        )
    return Rounds(weight, reward, q_logged, q_target, rounding=_rounding(target, propensity))


def rounds_of_tables(
    reward: Floats, propensity: Floats, *, action: Ints, policy: Floats, prediction: Floats | None = None
) -> Rounds:
    """Return rounds from whole tables, one column an action.

    Parameters
    ----------
    reward, propensity : (n,)
    action : (n,) of int
        Column of the logged action; -1 for one that the target no longer has: its weight is 0.
    policy : (n, K)
        Target policy's probabilities.
    prediction : (n, K), optional
        Predicted rewards; without it only the IPS family can be estimated.
    """
    n = len(reward)
    target, q_logged, q_target = np.empty(n), np.empty(n), np.empty(n)
    for rows in blocks(n):
        here, chances = np.arange(len(action[rows])), policy[rows]
        target[rows] = chances[here, action[rows]]
        if prediction is not None:
            q_target[rows] = np.einsum("ij,ij->i", chances, prediction[rows])
            q_logged[rows] = prediction[rows][here, action[rows]]
    unknown = action < 0
    if unknown.any():
        target[unknown] = 0.0
        q_logged[unknown] = 0.0  # not read: the weight is 0
    if prediction is None:
        return rounds_of(reward, propensity, target=target)
    return rounds_of(reward, propensity, target=target, q_logged=q_logged, q_target=q_target)


def blocks(n: int) -> Iterator[slice]:
    """Yield slices that cover n rounds, a cache's worth each."""
    return (slice(start, start + BLOCK) for start in range(0, n, BLOCK))


def _at_most_one(probability: Floats) -> Floats:
    """Return probabilities without what single precision adds to 1."""
    return np.minimum(probability, 1.0) if probability.max(initial=0.0) > 1.0 else probability


def _rounding(target: Floats, propensity: Floats) -> float:
    """Return by how much digits left out of the probabilities can move the mean weight.

    Half a unit of the last digit that either column uses, where that is one of the first six; else what
    single precision leaves out.
    """
    if not len(propensity):
        return 0.0
    own, given = (0.5 * _last_digit(column) for column in (propensity, target))
    if not own and not given:
        return SINGLE
    inverse = 1.0 / propensity
    off = float((own * (target * inverse) @ inverse + given * inverse.sum()) / len(propensity))
    return min(off, MOST_ROUNDING) + SINGLE


def _last_digit(probability: Floats, *, looked_at: int = 1000) -> float:
    """Return the unit of the last decimal that some probabilities use, 0 when they use more than six.

    >>> _last_digit(np.array([0.5, 0.33])), _last_digit(np.array([1 / 3])), _last_digit(np.array([1.0]))
    (0.01, 0.0, 0.0)
    """
    some = probability[:looked_at]
    some = some[(some > 0) & (some < 1)]
    for digits in range(1, 7) if len(some) else ():
        scaled = some * 10.0**digits
        if (np.abs(scaled - np.round(scaled)) < 1e-7 * 10.0**digits).all():
            return float(10.0**-digits)
    return 0.0


def _outside(values: Floats, name: str, allowed: str, wrong: NDArray[np.bool_]) -> NoReturn:
    """Say which is the first value outside the allowed range."""
    row = int(np.flatnonzero(wrong)[0])
    raise ValueError(f"{name} must be in {allowed}, got {values[row]} in round {row}")


class Linearised(Protocol):
    """Anything with a value and each round's influence on it: an estimate, or a difference of two."""

    @property
    def n(self) -> int:
        """Number of rounds."""

    @property
    def value(self) -> float:
        """The estimate."""

    @property
    def spare(self) -> int:
        """Degrees of freedom taken off the variance: 1 for means, 0 for ratios (their usual definitions)."""

    @property
    def imagined(self) -> float:
        """Squared influence of rounds that nobody saw, 0 where none is imagined."""

    @property
    def masses(self) -> tuple[Floats, ...]:
        """What each round counts for, (n,), in each of the averages this is made of; empty: all alike."""

    def influence(self, rows: slice = EVERY) -> Floats:
        """Return the influence of some rounds on the value, of mean zero over all (delta method)."""


@dataclass(frozen=True)
class EstimateParts:
    """The three columns of an estimator: value = mean(base) + sum(numerator) / sum(denominator).

    `base` None stands for zeros, `denominator` None for ones. `biased` marks estimators that shrink weights:
    their standard error says nothing of the shrinkage, so they get no interval.
    """

    numerator: Floats
    denominator: Floats | None = None
    base: Floats | None = None
    biased: bool = False

    @property
    def n(self) -> int:
        """Number of rounds."""
        return len(self.numerator)

    @cached_property
    def ratio(self) -> float:
        """Sum of the numerator over sum of the denominator; NaN when the denominator is zero."""
        if self.n == 0:
            return float("nan")
        if self.denominator is None:
            return float(self.numerator.mean())
        total = float(self.denominator.sum())
        return float(self.numerator.sum()) / total if total else float("nan")

    @property
    def value(self) -> float:
        """The estimate."""
        return self.ratio + self._base_mean

    @cached_property
    def _base_mean(self) -> float:
        """Mean of the base."""
        return 0.0 if self.base is None else float(self.base.mean())

    @cached_property
    def _unit(self) -> float:
        """Mean of the denominator."""
        return 1.0 if self.denominator is None else float(self.denominator.mean())

    def influence(self, rows: slice = EVERY) -> Floats:
        """Return the influence of some rounds on the value, of mean zero over all (delta method)."""
        if self.denominator is None:
            psi = self.numerator[rows] - self.ratio
        else:
            psi = self.numerator[rows] - self.ratio * self.denominator[rows]
            psi /= self._unit
        if self.base is not None:
            psi += self.base[rows]
            psi -= self._base_mean
        return psi

    @property
    def spare(self) -> int:
        """Degrees of freedom taken off the variance: 1 for means, 0 for ratios (their usual definitions)."""
        return 1 if self.denominator is None else 0

    @property
    def imagined(self) -> float:
        """Nothing: every round was seen."""
        return 0.0

    @property
    def masses(self) -> tuple[Floats, ...]:
        """The denominator, where there is one."""
        return () if self.denominator is None else (self.denominator,)


Estimator = Callable[[Rounds], EstimateParts]


def ips(rounds: Rounds) -> EstimateParts:
    """Return inverse propensity scoring."""
    return EstimateParts(rounds.weighted)


def clipped_ips(rounds: Rounds, *, cap: float = 10.0) -> EstimateParts:
    """Return IPS with weights cut at `cap`: less variance, biased towards zero."""
    return EstimateParts(np.minimum(rounds.weight, cap) * rounds.reward, biased=True)


def snips(rounds: Rounds) -> EstimateParts:
    """Return self-normalised IPS."""
    return EstimateParts(rounds.weighted, denominator=rounds.weight)


def shrunk_ips(rounds: Rounds, *, rate: float = 0.01) -> EstimateParts:
    """Return IPS with smoothly shrunk weights, w / (1 - rate + rate w)."""
    return EstimateParts(rounds.weight / (1 - rate + rate * rounds.weight) * rounds.reward, biased=True)


def direct(rounds: Rounds) -> EstimateParts:
    """Return the direct method; its error is the model's, which no column here knows."""
    return EstimateParts(_predictions(rounds)[1], biased=True)


def doubly_robust(rounds: Rounds) -> EstimateParts:
    """Return the doubly robust estimator."""
    return _corrected(rounds, rounds.weight)


def clipped_doubly_robust(rounds: Rounds, *, cap: float = 10.0) -> EstimateParts:
    """Return DR with weights cut at `cap`."""
    return _corrected(rounds, np.minimum(rounds.weight, cap), biased=True)


def self_normalised_doubly_robust(rounds: Rounds) -> EstimateParts:
    """Return DR whose correction is divided by the sum of weights."""
    q_target = _predictions(rounds)[1]
    return EstimateParts(rounds.weight * rounds.residual, denominator=rounds.weight, base=q_target)


def switch_doubly_robust(rounds: Rounds, *, cap: float = 10.0) -> EstimateParts:
    """Return DR that corrects only where the weight is at most `cap`."""
    return _corrected(rounds, np.where(rounds.weight <= cap, rounds.weight, 0.0), biased=True)


def optimistic_doubly_robust(rounds: Rounds, *, strength: float = 100.0) -> EstimateParts:
    """Return DR with optimistically shrunk weights, strength w / (w² + strength)."""
    shrunk = strength * rounds.weight / (rounds.weight**2 + strength)
    return _corrected(rounds, shrunk, biased=True)


def _corrected(rounds: Rounds, weight: Floats, *, biased: bool = False) -> EstimateParts:
    """Return predictions corrected by weighted residuals."""
    q_target = _predictions(rounds)[1]
    return EstimateParts(weight * rounds.residual, base=q_target, biased=biased)


def _predictions(rounds: Rounds) -> tuple[Floats, Floats]:
    """Return the predicted rewards, or say that they are missing."""
    if rounds.q_logged is None or rounds.q_target is None:
        raise ValueError("this estimator needs predicted rewards (q_logged and q_target); see fit_qhat")
    return rounds.q_logged, rounds.q_target


WITHOUT_PREDICTIONS: Mapping[str, Estimator] = MappingProxyType(
    {
        "IPS": ips,
        "IPS_clip10": partial(clipped_ips, cap=10.0),
        "SNIPS": snips,
        "SGIPS_0.01": partial(shrunk_ips, rate=0.01),
    }
)
ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {
        **WITHOUT_PREDICTIONS,
        "DM": direct,
        "DR": doubly_robust,
        "DR_clip10": partial(clipped_doubly_robust, cap=10.0),
        "SNDR": self_normalised_doubly_robust,
        "SWITCH_DR_10": partial(switch_doubly_robust, cap=10.0),
        "DRos_100": partial(optimistic_doubly_robust, strength=100.0),
    }
)


def estimators_for(rounds: Rounds) -> Mapping[str, Estimator]:
    """Return the estimators these rounds allow, by name, in the order of the table above."""
    return WITHOUT_PREDICTIONS if rounds.q_target is None else ESTIMATORS
