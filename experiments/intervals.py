"""Intervals for off-policy estimates: normal, empirical Bernstein, Cressie-Read; clusters where there are any.

Resampling lives in `bootstrap`, hedged-capital betting in `betting`, and the choice between them in
`evaluate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log, sqrt

import numpy as np
from scipy import stats

from segue.experiments.estimators import Floats, Ints, Linearised, Rounds


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


@dataclass(frozen=True)
class Bounds:
    """What is known before the log is read: the range of a reward, and the largest possible weight.

    `None` for the largest weight means "unknown": the sample's maximum is used, and said so.
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
        return "" if self.max_weight is not None else "largest weight taken from the sample"


def standard_error(parts: Linearised, cluster: Ints | None = None) -> float:
    """Return the standard error of an estimate: sandwich over `cluster` (n,) if given.

    Means use the sample deviation (ddof 1), ratios the delta method, sqrt(sum psi²) / n, clusters
    sqrt(sum_c (sum_{i in c} psi_i)²) / n. NaN with a single round.
    """
    if parts.n < 2:
        return float("nan")
    psi = parts.influence()
    if cluster is None:
        return sqrt(float(psi @ psi) / (parts.n - parts.spare) / parts.n)
    totals = np.bincount(cluster, weights=psi)
    return sqrt(float(totals @ totals)) / parts.n


def normal(parts: Linearised, *, cluster: Ints | None = None, level: float = 0.95) -> Interval:
    """Return value ± z se; with clusters, Student's t on (clusters - 1) and the G/(G-1) correction."""
    se = standard_error(parts, cluster)
    if cluster is None:
        return _around(parts.value, stats.norm.isf((1 - level) / 2) * se, "normal")
    n_clusters = len(np.unique(cluster))
    if n_clusters < 2:
        return _around(parts.value, float("nan"), "cluster t")
    half = stats.t.isf((1 - level) / 2, n_clusters - 1) * se * sqrt(n_clusters / (n_clusters - 1))
    return _around(parts.value, half, "cluster t")


def empirical_bernstein(
    parts: Linearised, *, reach: float | None = None, cluster: Ints | None = None, level: float = 0.95
) -> Interval:
    """Return the empirical Bernstein interval (Maurer & Pontil 2009, theorem 4, two-sided).

    `reach` is the stated range of one round's contribution (for IPS: largest weight × reward range). Without
    it the sample's largest contribution stands in, and the guarantee is gone. With clusters, a cluster's sum
    over the mean cluster size is one contribution, and `reach` is the range of that.
    """
    values = parts.influence() + parts.value
    caveat = "" if reach is not None else "range taken from the sample: no guarantee"
    if cluster is not None:
        totals = np.bincount(cluster, weights=parts.influence())
        totals = totals[np.unique(cluster)]
        values = totals * len(totals) / parts.n + parts.value
    n = len(values)
    if n < 2:
        return Interval(-inf, inf, "empirical Bernstein", caveat)
    span = reach if reach is not None else float(values.max())
    term = log(4 / (1 - level))
    half = sqrt(2 * float(values.var(ddof=1)) * term / n) + 7 * span * term / (3 * (n - 1))
    return Interval(parts.value - half, parts.value + half, "empirical Bernstein", caveat)


@dataclass(frozen=True)
class Sums:
    """Sums of weights and of values that the Cressie-Read interval needs; may hold arrays of many logs."""

    n: float | Floats
    w: float | Floats
    ww: float | Floats
    v: float | Floats
    wv: float | Floats
    vv: float | Floats

    @classmethod
    def of(cls, weight: Floats, value: Floats) -> Sums:
        """Return the sums along the last axis."""

        def dot(a: Floats, b: Floats) -> Floats:
            return np.asarray(np.einsum("...i,...i->...", a, b))

        return cls(
            weight.shape[-1],
            weight.sum(-1),
            dot(weight, weight),
            value.sum(-1),
            dot(weight, value),
            dot(value, value),
        )

    def with_fake(self, weight: Floats, value: Floats) -> tuple[Floats, ...]:
        """Return means of w, w², v, wv, v² with one imagined round added."""
        total = self.n + 1
        return tuple(
            np.asarray(s / total)
            for s in (
                self.w + weight,
                self.ww + weight * weight,
                self.v + value,
                self.wv + weight * value,
                self.vv + value * value,
            )
        )


def cressie_read_bounds(
    sums: Sums,
    *,
    largest: Floats,
    low: Floats,
    high: Floats,
    design: Floats,
    dof: Floats,
    level: float = 0.95,
) -> tuple[Floats, Floats]:
    """Return lower and upper bounds by empirical likelihood with Cressie-Read power 2.

    The bound is the smallest (largest) mean value over distributions on the sample plus one imagined round,
    which keep E[w] = 1 and stay within a chi-square ball (Karampatziakis, Langford & Mineiro 2020). The
    imagined round has weight 0 or `largest` and value weight × `low` (`high`). Everything broadcasts, so many
    logs are done at once. `design` inflates the ball for clusters (Rao & Scott 1981), 1 for none; `dof` are
    the degrees of freedom of its F quantile.
    """
    n = np.asarray(sums.n, dtype=np.float64)
    outer = np.where(np.asarray(sums.w) < n, largest, 0.0)
    mean, square, *_ = sums.with_fake(outer, outer * 0)
    slack = (1 + n) * (mean - 1) ** 2 / np.maximum(square - mean**2, 1e-300)
    phi = (-slack - stats.f.isf(1 - level, 1, dof) * design) / (2 * (1 + n))
    lower = _one_side(sums, largest, low, phi, sign=1.0)
    upper = -_one_side(sums, largest, high, phi, sign=-1.0)
    return lower, upper


def _one_side(sums: Sums, largest: Floats, extreme: Floats, phi: Floats, *, sign: float) -> Floats:
    """Return the smallest mean of sign × value; -inf where the ball holds no such distribution."""
    best = np.full(np.broadcast(np.asarray(sums.w), largest).shape, inf)
    for fake in (np.zeros_like(largest), largest):
        w, ww, v, wv, vv = sums.with_fake(fake, fake * extreme)
        spread = np.maximum(ww - w * w, 1e-300)
        cov = sign * (wv - w * v)
        centre = sign * v + (1 - w) * cov / spread
        rest = cov**2 / spread - (vv - v * v)
        room = phi + (1 - w) ** 2 / spread / 2
        product = np.maximum(2 * rest * room, 0.0)
        fits = (room <= 0) & (rest * room >= -1e-18)
        best = np.minimum(best, np.where(fits, centre - np.sqrt(product), inf))
    return np.where(np.isfinite(best), best, -inf)


def cressie_read(
    rounds: Rounds, *, bounds: Bounds, design: float = 1.0, clusters: int | None = None, level: float = 0.95
) -> Interval:
    """Return the Cressie-Read interval of the target policy's value, within the reward range.

    With predictions the value of a round is dm + w (r - q), an imagined round's residual spanning the whole
    reward range; without, w r. `design` is the squared ratio of cluster to iid error.
    """
    weight, largest = rounds.weight, bounds.largest(rounds.weight)
    if rounds.q_target is None or rounds.q_logged is None:
        base, value, low, high = 0.0, weight * rounds.reward, bounds.low, bounds.high
    else:
        base = float(rounds.q_target.mean())
        value = rounds.q_target - base + weight * (rounds.reward - rounds.q_logged)
        low = bounds.low - float(rounds.q_logged.max())
        high = bounds.high - float(rounds.q_logged.min())
    lower, upper = cressie_read_bounds(
        Sums.of(weight, value),
        largest=np.asarray(largest),
        low=np.asarray(low),
        high=np.asarray(high),
        design=np.asarray(design),
        dof=np.asarray(rounds.n if clusters is None else clusters - 1),
        level=level,
    )
    return Interval(
        max(bounds.low, base + float(lower)),
        min(bounds.high, base + float(upper)),
        "Cressie-Read",
        bounds.caveat,
    )


def _around(value: float, half: float, method: str) -> Interval:
    """Return value ± half."""
    return Interval(value - half, value + half, method)
