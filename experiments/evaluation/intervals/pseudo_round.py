"""One imagined round more: the default interval, for weights that are uneven and rewards that are few.

More often than not a log shows too few of the heavy rounds that carry the variance, and the delta method
misses on the side where they are missing. Each end of this interval therefore starts from the self-normalised
value as it would be with one such round more, and counts that round's share of the variance too: its weight
is that of the rounds that carry the variance, sum w³ / sum w², its residual the root mean square of those
above, or below, what was predicted (without predictions: the estimate); where no range is known tails may be
heavy, and it is that of the rounds that carry the variance there, sum w |e|³ / sum w e². Residuals and not
rewards: a good prediction leaves less to imagine. It is in the spirit of adding successes and failures to a
proportion (Agresti & Coull 1998) and, to first order, a correction for skewness (Hall 1992): it fades like
1 / n where the error fades like 1 / √n. That the imagined round counts in the variance is what makes it hold
where no heavy round was rewarded: for a count of 0 the upper end is then 3.0, and what happens 3 times on
average is missed in 5 % of logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, sqrt

import numpy as np

from segue.experiments.evaluation.estimators.single_step import NIL, Floats, Ints, Linearised, Rounds
from segue.experiments.evaluation.intervals.closed_form import Bounds, Interval, normal

METHOD = "delta, one imagined round"
NONE_SEEN = 3.0  # rounds imagined where none was seen: what happens in 3 of n rounds is missed in 5 % of logs


@dataclass(frozen=True)
class End:
    """The estimate that one end starts from: a value, and each logged round's influence on it (n,).

    `imagined` is the squared influence of the round that was added, `weight` (n,) what each round counts for.
    """

    value: float
    psi: Floats
    weight: Floats
    imagined: float = 0.0
    spare: int = 0

    @property
    def n(self) -> int:
        """Number of logged rounds."""
        return len(self.psi)

    @property
    def masses(self) -> tuple[Floats, ...]:
        """The weights."""
        return (self.weight,)

    def influence(self) -> Floats:
        """Return each logged round's influence."""
        return self.psi


def ends_of(rounds: Rounds, bounds: Bounds) -> tuple[End, End]:
    """Return the lower and the upper end's estimate of the target policy's value.

    With predictions it is the doubly robust one. The range of rewards matters only where no round lies on
    that side of the estimate: then three are imagined with the lowest, or highest, reward there can be, or,
    without a range, as far off as the farthest on the other side; where there is none either, the end is
    infinite.

    Examples
    --------
    >>> certain = Rounds(np.ones(9), np.ones(9))
    >>> low, high = ends_of(certain, Bounds(0.0, 1.0))
    >>> low.value, high.value
    (0.75, 1.0)
    """
    typical = float(rounds.weight @ rounds.reward) / float(rounds.weight.sum())
    reach = bounds.low - typical, bounds.high - typical
    if rounds.q_logged is None or rounds.q_target is None:
        return ends(rounds.weight, rounds.weight * rounds.reward, reach=reach)
    residual = rounds.reward - rounds.q_logged
    residual[np.abs(residual) <= NIL * np.abs(rounds.reward)] = 0.0
    value = rounds.weight * residual
    return ends(rounds.weight, value, base=rounds.q_target, reach=reach)


def ends(
    weight: Floats, value: Floats, *, reach: tuple[float, float], base: Floats | None = None
) -> tuple[End, End]:
    """Return the ends of mean(base) + sum(value) / sum(weight).

    Parameters
    ----------
    weight, value : (n,)
        Weights whose sum is not 0; weighted rewards, or weighted residuals of the predictions in `base`.
    reach : (lowest, highest)
        How far below and above the estimate a reward can lie; infinite where that is not known.
    base : (n,), optional
    """
    total, heavy = float(weight.sum()), typical_weight(weight)
    centre = float(value.sum()) / total
    predicted = centre if base is None else 0.0
    residual = np.divide(value, weight, out=np.zeros_like(value), where=weight != 0) - predicted
    residual[np.abs(residual) <= NIL * max(abs(centre), float(np.abs(residual).max(initial=0.0)))] = 0.0
    residual[weight == 0] = 0.0

    def end(imagined: float, added: float = heavy) -> End:
        if not isfinite(imagined):
            return End(imagined, np.zeros(len(weight)), weight)
        shift = added * (imagined - centre) / (total + added)
        scale = len(weight) / (total + added)
        psi = (value - (centre + shift) * weight) * scale
        own = (added * (imagined - centre - shift) * scale) ** 2 if added == heavy else 0.0
        if base is None:
            return End(centre + shift, psi, weight, own)
        return End(float(base.mean()) + centre + shift, psi + (base - base.mean()), weight, own)

    size = np.abs(weight)
    bounded = isfinite(reach[0]) and isfinite(reach[1])
    below, above = (_typical(side, size, bounded=bounded) for side in (-residual, residual))
    farthest = float(np.abs(residual).max(initial=0.0)) or inf
    lowest = reach[0] if isfinite(reach[0]) else -farthest
    highest = reach[1] if isfinite(reach[1]) else farthest
    return (
        end(centre + lowest, NONE_SEEN * heavy) if below is None else end(predicted - below),
        end(centre + highest, NONE_SEEN * heavy) if above is None else end(predicted + above),
    )


def typical_weight(weight: Floats) -> float:
    """Return the mean weight of the rounds, each counted by its part in the variance: sum w³ / sum w².

    Examples
    --------
    >>> typical_weight(np.array([1.0, 1.0, 1.0, 9.0]))
    8.714285714285714
    """
    size = np.abs(weight)
    return float(size**2 @ size) / float(size @ size)


def between(
    low: Linearised, high: Linearised, *, cluster: Ints | None = None, level: float = 0.95
) -> Interval:
    """Return the interval from the lower end's normal bound to the upper end's (clusters: Student's t)."""
    lower, upper = (normal(end, cluster=cluster, level=level) for end in (low, high))
    return Interval(lower.low, upper.high, METHOD)


def _typical(residual: Floats, weight: Floats, *, bounded: bool) -> float | None:
    """Return the typical residual above 0: the root mean square within a range; None when there is none.

    Without a range tails may be heavy: then that of the rounds that carry the variance there.
    """
    above = np.maximum(residual, 0.0)
    square = above * above
    total = float(weight @ square)
    if not total > 0:
        return None
    if bounded:
        return sqrt(total / float(weight[above > 0].sum()))
    return float(weight @ (square * above)) / total
