"""Closed-form intervals for off-policy estimates: normal (delta) and empirical Bernstein, with clusters.

The default is in `pseudo_round`; `verdicts.interval_rule` chooses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log, sqrt

import numpy as np
from scipy import stats

from segue.experiments.evaluation.estimators.single_step import Floats, Ints, Linearised
from segue.experiments.evaluation.estimators.standard_errors import effective_clusters, standard_error


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

    def within(self, lowest: float, highest: float) -> Interval:
        """Return the part of it that is possible at all."""
        return replace(self, low=max(self.low, lowest), high=min(self.high, highest))


@dataclass(frozen=True)
class Bounds:
    """What is known before the log is read: the range of a reward, and the largest possible weight.

    `None` for the largest weight means "unknown": the sample stands in for it, and that is said.
    """

    low: float = 0.0
    high: float = 1.0
    max_weight: float | None = None

    def __post_init__(self) -> None:
        """Check the range."""
        if not self.low < self.high:
            raise ValueError(f"reward range must have low < high, got {self.low}, {self.high}")
        if self.max_weight is not None and not self.max_weight >= 1:
            raise ValueError(f"max_weight must be at least 1 (weights average 1), got {self.max_weight}")

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
            row = int(weight.argmax())
            raise ValueError(
                f"max_weight was stated as {self.max_weight:g}, but round {row} has weight {seen:g}: "
                "state a true bound, or none"
            )
        return self.max_weight

    @property
    def caveat(self) -> str:
        """Say where the bound comes from, if not from the caller."""
        return "" if self.max_weight is not None else "no bound on weights was stated"


def normal(parts: Linearised, *, cluster: Ints | None = None, level: float = 0.95) -> Interval:
    """Return value ± z se; with clusters, Student's t on G - 1 and the G/(G - 1) correction.

    G is the effective number of clusters, (sum of sizes)² / sum of squared sizes: a few large classes count
    for what they are. NaN ends below two.
    """
    se = standard_error(parts, cluster)
    if cluster is None:
        return _around(parts.value, stats.norm.isf((1 - level) / 2) * se, "normal")
    count = effective_clusters(cluster)
    if count < 2:
        return _around(parts.value, float("nan"), "cluster t")
    half = stats.t.isf((1 - level) / 2, count - 1) * se * sqrt(count / (count - 1))
    return _around(parts.value, half, "cluster t")


def joint_level(level: float, n_groups: int) -> float:
    """Return the level of each group's interval at which all hold together (Bonferroni).

    The whole log counts as one group more: it is reported beside them.

    Examples
    --------
    >>> joint_level(0.95, 4)
    0.99
    """
    return 1 - (1 - level) / (n_groups + 1)


def empirical_bernstein(
    parts: Linearised, *, reach: float | None = None, cluster: Ints | None = None, level: float = 0.95
) -> Interval:
    """Return the empirical Bernstein interval (Maurer & Pontil 2009, theorem 4, two-sided).

    `reach` is the stated range of one round's contribution (for IPS: largest weight × reward range). Without
    it the sample's largest contribution stands in, and the guarantee is gone. With clusters, a cluster's sum
    over the mean cluster size is one contribution, and `reach` is the range of that.
    """
    values = contributions(parts, cluster)
    caveat = "" if reach is not None else "range taken from the sample: no guarantee"
    n = len(values)
    if n < 2:
        return Interval(-inf, inf, "empirical Bernstein", caveat)
    span = reach if reach is not None else float(values.max() - min(values.min(), 0.0))
    term = log(4 / (1 - level))
    half = sqrt(2 * float(values.var(ddof=1)) * term / n) + 7 * span * term / (3 * (n - 1))
    return Interval(parts.value - half, parts.value + half, "empirical Bernstein", caveat)


def contributions(parts: Linearised, cluster: Ints | None = None) -> Floats:
    """Return independent contributions whose mean is the value: one a round, or one a cluster.

    A cluster's is its sum over the mean cluster size.
    """
    if cluster is None:
        return np.asarray(parts.influence() + parts.value)
    labels, code = np.unique(cluster, return_inverse=True)
    return np.bincount(code, weights=parts.influence()) * len(labels) / parts.n + parts.value


def _around(value: float, half: float, method: str) -> Interval:
    """Return value ± half."""
    return Interval(value - half, value + half, method)
