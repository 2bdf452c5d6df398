"""Closed-form intervals for off-policy estimates: normal (delta) and empirical Bernstein, with clusters.

The default is in `pseudo_round`; `verdicts.interval_rule` chooses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, isfinite, log, sqrt

import numpy as np
from scipy import stats

from segue.experiments.evaluation.estimators.single_step import Floats, Ints, Linearised, Rounds
from segue.experiments.evaluation.estimators.standard_errors import few_clusters_error, standard_error


@dataclass(frozen=True)
class Unshown:
    """The share of a policy's choices that a log does not show, and how far below and above they may lead."""

    share: float = 0.0
    below: float = 0.0
    above: float = 0.0


@dataclass(frozen=True)
class Interval:
    """A two-sided interval, the method that made it, and a caveat if it has one."""

    low: float
    high: float
    method: str
    caveat: str = ""

    @property
    def width(self) -> float:
        """High minus low."""
        return self.high - self.low

    def over(self, unshown: Unshown) -> Interval:
        """Return the interval that holds whatever the choices bring that the log does not show."""
        if not unshown.share:
            return self
        caveat = f"{unshown.share:.1%} of its choices are not in the log: they may bring any reward"
        return replace(self, low=self.low - unshown.below, high=self.high + unshown.above, caveat=caveat)

    def within(self, lowest: float, highest: float) -> Interval:
        """Return the part of it that is possible at all."""
        return replace(self, low=max(self.low, lowest), high=min(self.high, highest))


@dataclass(frozen=True)
class Bounds:
    """What is known before the log is read: the range of a reward, and the largest possible weight.

    Without a range nothing is cut off; without a largest weight the sample's stands in, and that is said.
    """

    low: float = -inf
    high: float = inf
    max_weight: float | None = None

    def __post_init__(self) -> None:
        """Check the range."""
        if not self.low < self.high:
            raise ValueError(f"reward range must have low < high, got {self.low}, {self.high}")
        if self.max_weight is not None and not 1 <= self.max_weight < inf:
            raise ValueError(
                f"max_weight must be at least 1 (weights average 1) and finite, got {self.max_weight}"
            )

    def largest(self, weight: Floats) -> float:
        """Return the stated largest weight, or the sample's (at least 1).

        Raises
        ------
        ValueError
            If a weight exceeds the stated bound.
        """
        seen = float(weight.max(initial=1.0))
        if self.max_weight is None:
            return seen
        if seen > self.max_weight * (1 + 1e-9):
            raise ValueError(
                f"max_weight was stated as {self.max_weight:g}, but a weight of {seen:g} occurs: "
                "state a true bound, or none"
            )
        return self.max_weight

    def over(self, reward: Floats) -> Bounds:
        """Return the same with ends: those of the sample where none are known."""
        if isfinite(self.low) and isfinite(self.high):
            return self
        low, high = float(reward.min(initial=0.0)), float(reward.max(initial=0.0))
        return replace(self, low=low, high=high if high > low else low + 1.0)

    @property
    def caveat(self) -> str:
        """Say where the bound comes from, if not from the caller."""
        return "" if self.max_weight is not None else "no bound on weights was stated"


def bounds_of(
    rounds: Rounds, *, reward_range: tuple[float, float] | None = None, max_weight: float | None = None
) -> Bounds:
    """Return the bounds that hold for these rounds: the stated range, else none.

    Rewards that are all one of two values can have no others; if there is but one, it is read as 0 or 1.

    Raises
    ------
    ValueError
        If the range is none, or a reward lies outside it: the log and the statement contradict each other.

    Examples
    --------
    >>> bounds_of(Rounds(np.ones(3), np.array([0.0, 100.0, 0.0]))).high
    100.0
    >>> bounds_of(Rounds(np.ones(3), np.array([0.0, 0.5, 1.0]))).high
    inf
    """
    if reward_range is not None:
        check_range(reward_range, rounds.reward, "the reward")
        return Bounds(*reward_range, max_weight)
    low, high = float(rounds.reward.min(initial=inf)), float(rounds.reward.max(initial=-inf))
    if rounds.n and low == high and low in (0.0, 1.0):
        return Bounds(0.0, 1.0, max_weight)
    if low < high and bool(((rounds.reward == low) | (rounds.reward == high)).all()):
        return Bounds(low, high, max_weight)
    return Bounds(max_weight=max_weight)


def check_range(limits: tuple[float, float], reward: Floats, name: str) -> None:
    """Refuse a range that is none, or that some rewards (NaN: unknown) contradict."""
    low, high = limits
    if not (isfinite(low) and isfinite(high) and low < high):
        raise ValueError(
            f"the reward range must be two finite numbers, the lower first, got {low:g}, {high:g}"
        )
    known = reward[np.isfinite(reward)]
    outside = int(((known < low) | (known > high)).sum())
    if outside:
        raise ValueError(
            f"the reward range was stated as {low:g} to {high:g}, but {outside:,} of {len(reward):,} rows "
            f"lie outside: {name} goes from {known.min():g} to {known.max():g}; state the true one, or none"
        )


def normal(parts: Linearised, *, cluster: Ints | None = None, level: float = 0.95) -> Interval:
    """Return value ± z se; with clusters as far as `few_clusters_error` reaches (NaN ends below two)."""
    if cluster is None:
        return _around(parts.value, stats.norm.isf((1 - level) / 2) * standard_error(parts), "normal")
    return _around(parts.value, few_clusters_error(parts, cluster).reach(level), "cluster t")


def joint_level(level: float, n_groups: int) -> float:
    """Return the level of each group's interval at which all hold together (Bonferroni).

    The whole log counts as one group more: it is reported beside them.

    >>> joint_level(0.95, 4)
    0.99
    """
    return 1 - (1 - level) / (n_groups + 1)


def empirical_bernstein(parts: Linearised, *, reach: float | None = None, level: float = 0.95) -> Interval:
    """Return the empirical Bernstein interval (Maurer & Pontil 2009, theorem 4, two-sided).

    `reach` is the stated range of one round's contribution (for IPS: largest weight × reward range). Without
    it the sample's largest contribution stands in, and the guarantee is gone.
    """
    values = np.asarray(parts.influence() + parts.value)
    caveat = "" if reach is not None else "range taken from the sample: no guarantee"
    n = len(values)
    if n < 2:
        return Interval(-inf, inf, "empirical Bernstein", caveat)
    span = reach if reach is not None else float(values.max() - min(values.min(), 0.0))
    term = log(4 / (1 - level))
    half = sqrt(2 * float(values.var(ddof=1)) * term / n) + 7 * span * term / (3 * (n - 1))
    return Interval(parts.value - half, parts.value + half, "empirical Bernstein", caveat)


def _around(value: float, half: float, method: str) -> Interval:
    """Return value ± half."""
    return Interval(value - half, value + half, method)
