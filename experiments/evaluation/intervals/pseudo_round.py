"""Part of an imagined round more: the default interval, for weights that are uneven and rewards that are few.

More often than not a log shows too few of the heavy rounds that carry the variance, and the delta method
misses on the side where they are missing. Each end of this interval therefore starts from the self-normalised
value as it would be with `PART` of one such round more. Its weight is that of the rounds that carry the
variance, sum w³ / sum w²; its residual the root mean square of those above, or below, what was predicted
(without predictions: the estimate), and more where that side has a heavy tail (`_typical`). Residuals and not
rewards: a good prediction leaves less to imagine. It is in the spirit of adding successes and failures to a
proportion (Agresti & Coull 1998) and, to first order, a correction for skewness (Hall 1992): it fades like
1 / n where the error fades like 1 / √n.

By chance the heavy rounds may also have been rewarded less often than the light ones, or never; then the
variance seen is too small as well. It counts one imagined round too, up to what it would be if residuals were
as large under heavy weights as they are on the target's average: no more than that can be missing. As with a
score interval for a proportion (Wilson 1927), what is not seen then does not pass for what cannot be.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, sqrt

import numpy as np

from segue.experiments.evaluation.estimators.single_step import (
    EVERY,
    NIL,
    Floats,
    Ints,
    Linearised,
    Rounds,
    blocks,
)
from segue.experiments.evaluation.intervals.closed_form import Bounds, Interval, normal

METHOD = "delta, one imagined round"
PART = 0.6  # of a round: no wider than the delta method needs where weights are even
LIGHT_TAIL = 0.5  # in root mean squares: as much is taken off what a heavy tail adds (`_typical`)
NONE_SEEN = 3.0  # rounds imagined where none was seen: what happens in 3 of n rounds is missed in 5 % of logs


@dataclass(frozen=True)
class End:
    """The estimate that one end starts from: a value, and each logged round's influence on it.

    The influence of round i is `scale` × weight × (residual - `at`) + base - its mean. `imagined` is the
    squared influence of what nobody saw.
    """

    value: float
    weight: Floats
    residual: Floats
    at: float
    scale: float
    base: Floats | None = None
    base_mean: float = 0.0
    imagined: float = 0.0
    spare: int = 0

    @property
    def n(self) -> int:
        """Number of logged rounds."""
        return len(self.weight)

    @property
    def masses(self) -> tuple[Floats, ...]:
        """The weights."""
        return (self.weight,)

    def influence(self, rows: slice = EVERY) -> Floats:
        """Return the influence of some logged rounds."""
        psi = self.residual[rows] - self.at
        psi *= self.weight[rows]
        psi *= self.scale
        if self.base is not None:
            psi += self.base[rows]
            psi -= self.base_mean
        return psi


@dataclass
class Side:
    """ResidualSums over the rounds whose residual lies on one side: of w, w e² and w e³."""

    mass: float = 0.0
    second: float = 0.0
    third: float = 0.0

    def add(self, weight: Floats, residual: Floats) -> None:
        """Count the rounds above 0."""
        above = np.maximum(residual, 0.0)
        product = weight * above
        product *= above
        self.mass += float(weight @ (residual > 0))
        self.second += float(product.sum())
        self.third += float(product @ above)


@dataclass(frozen=True)
class ResidualSums:
    """ResidualSums over all rounds, with residuals e about what was predicted and bases about their mean."""

    weight: float = 0.0
    size: float = 0.0
    square: float = 0.0
    we: float = 0.0
    wee: float = 0.0
    wwe: float = 0.0
    wwee: float = 0.0
    base_we: float = 0.0
    base_w: float = 0.0
    base_square: float = 0.0

    def squares(self, at: float, scale: float) -> float:
        """Return the sum of squared influences of an `End`."""
        spread = self.wwee - 2 * at * self.wwe + at * at * self.square
        return scale * scale * spread + 2 * scale * (self.base_we - at * self.base_w) + self.base_square

    def squares_if_alike(self, at: float, scale: float) -> float:
        """Return it as if residuals were as large under any weight as they are on average."""
        typical = (self.wee - 2 * at * self.we + at * at * self.size) / self.size
        return scale * scale * self.square * typical + self.base_square


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
        return ends(rounds.weight, rounds.reward, reach=reach)
    residual = rounds.reward - rounds.q_logged
    for rows in blocks(rounds.n):
        part = residual[rows]
        part[np.abs(part) <= NIL * np.abs(rounds.reward[rows])] = 0.0
    return ends(rounds.weight, residual, base=rounds.q_target, reach=reach)


def ends(
    weight: Floats, residual: Floats, *, reach: tuple[float, float], base: Floats | None = None
) -> tuple[End, End]:
    """Return the ends of mean(base) + sum(weight × residual) / sum(weight).

    Parameters
    ----------
    weight, residual : (n,)
        Weights whose sum is not 0; rewards, or residuals of the predictions in `base`.
    reach : (lowest, highest)
        How far below and above the estimate a reward can lie; infinite where that is not known.
    base : (n,), optional
    """
    total, heavy = float(weight.sum()), typical_weight(weight)
    centre = float(weight @ residual) / total
    predicted = centre if base is None else 0.0
    base_mean = 0.0 if base is None else float(base.mean())
    sums, below, above, farthest = _sums(
        weight, residual, predicted=predicted, centre=centre, base=base, base_mean=base_mean
    )

    def end(imagined: float, added: float = PART * heavy) -> End:
        if not isfinite(imagined):
            return End(imagined, weight, residual, 0.0, 0.0)
        shift = added * (imagined - centre) / (total + added)
        scale = len(weight) / (total + added)
        at = centre + shift - predicted
        missing = max(sums.squares_if_alike(at, scale) - sums.squares(at, scale), 0.0)
        own = (heavy * (imagined - centre - shift) * scale) ** 2
        return End(
            base_mean + centre + shift,
            weight,
            residual,
            centre + shift,
            scale,
            base,
            base_mean,
            min(own, missing) if added == PART * heavy else 0.0,
        )

    farthest = farthest or inf
    lowest = reach[0] if isfinite(reach[0]) else -farthest
    highest = reach[1] if isfinite(reach[1]) else farthest
    down, up = _typical(below), _typical(above)
    return (
        end(centre + lowest, NONE_SEEN * heavy) if down is None else end(predicted - down),
        end(centre + highest, NONE_SEEN * heavy) if up is None else end(predicted + up),
    )


def _sums(
    weight: Floats,
    residual: Floats,
    *,
    predicted: float,
    centre: float,
    base: Floats | None,
    base_mean: float,
) -> tuple[ResidualSums, Side, Side, float]:
    """Return the sums over all rounds, over those below and above what was predicted, and how far one is."""
    reaches = [np.abs(residual[r][weight[r] != 0] - predicted).max(initial=0.0) for r in blocks(len(weight))]
    farthest = float(max(reaches, default=0.0))
    nil = NIL * max(abs(centre), farthest)
    below, above = Side(), Side()
    found = np.zeros(10)
    for rows in blocks(len(weight)):
        w, e = weight[rows], residual[rows] - predicted
        size = np.abs(w)
        e[np.abs(e) <= nil] = 0.0
        e[w == 0] = 0.0
        we = w * e
        below.add(size, -e)
        above.add(size, e)
        found[:7] += w.sum(), size.sum(), w @ w, size @ e, (size * e) @ e, w @ we, we @ we
        if base is not None:
            b = base[rows] - base_mean
            found[7:] += b @ we, b @ w, b @ b
    return ResidualSums(*found.tolist()), below, above, farthest if farthest > nil else 0.0


def typical_weight(weight: Floats) -> float:
    """Return the mean weight of the rounds, each counted by its part in the variance: sum w³ / sum w².

    Examples
    --------
    >>> typical_weight(np.array([1.0, 1.0, 1.0, 9.0]))
    8.714285714285714
    """
    third = square = 0.0
    for rows in blocks(len(weight)):
        w = weight[rows]
        own = w * w
        third += float(own @ np.abs(w))
        square += float(own.sum())
    return third / square


def between(
    low: Linearised, high: Linearised, *, cluster: Ints | None = None, level: float = 0.95
) -> Interval:
    """Return the interval from the lower end's normal bound to the upper end's (clusters: Student's t)."""
    lower, upper = (normal(end, cluster=cluster, level=level) for end in (low, high))
    return Interval(lower.low, upper.high, METHOD)


def _typical(side: Side) -> float | None:
    """Return the residual to imagine on a side; None when there is none there.

    The root mean square m. Where the tail is heavy, that of the rounds that carry the variance,
    c = sum w e³ / sum w e², is far above it, and what is missing beyond what was seen is too: c² / m, less
    half of m, is more than m only then (for even residuals c² / m² is 1.7).
    """
    if not side.second > 0:
        return None
    usual = sqrt(side.second / side.mass)
    return max(usual, (side.third / side.second) ** 2 / usual - LIGHT_TAIL * usual)
