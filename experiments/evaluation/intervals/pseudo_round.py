"""Part of an imagined round more: the default interval, for weights that are uneven and rewards that are few.

More often than not a log shows too few of the heavy rounds that carry the variance, and the delta method
misses on the side where they are missing. Each end of this interval therefore starts from the self-normalised
value as it would be with `PART` of one such round more. Its weight is that of the rounds that carry the
variance: sum w³ / sum w², or more where those of that side are heavier; its residual the root mean square of
those above, or below, what was predicted (without predictions: the estimate), and more where that side has a
heavy tail (`_typical`). Residuals and not rewards: a good prediction leaves less to imagine.
It is in the spirit of adding successes and failures to a proportion (Agresti & Coull 1998) and, to first
order, a correction for skewness (Hall 1992): it fades like 1 / n where the error fades like 1 / √n.

By chance the heavy rounds may also have been rewarded less often than the light ones, or never; then the
variance seen is too small as well. So it counts the imagined round too, whole: what a score interval adds for
a proportion (Wilson 1927; z² / 4 events). What was not seen then does not pass for what cannot be.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, inf, isfinite, sqrt

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
from segue.experiments.evaluation.estimators.standard_errors import few_clusters_error
from segue.experiments.evaluation.intervals.closed_form import Bounds, Interval, normal

METHOD = "delta, one imagined round"
PART = 0.6  # of a round: no wider than the delta method needs where weights are even
LIGHT_TAIL = 0.5  # in root mean squares: as much is taken off what a heavy tail adds (`_typical`)
EVEN = 0.75  # standard errors of skewness that clusters of even levels show as well
HIDDEN = 18.0  # clusters: as many hide as much skewness of a long tail as they show
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
    """Sums over the rounds whose residual lies on one side: of w, w e², w e³, w² e² and w³ e²."""

    mass: float = 0.0
    second: float = 0.0
    third: float = 0.0
    square: float = 0.0
    cube: float = 0.0

    def add(self, weight: Floats, residual: Floats) -> None:
        """Count the rounds above 0."""
        above = np.maximum(residual, 0.0)
        product = weight * above
        self.mass += float(weight @ (residual > 0))
        self.square += float(product @ product)
        product *= above
        self.second += float(product.sum())
        self.third += float(product @ above)
        product *= weight
        self.cube += float(product @ weight)

    def heavy(self, usual: float) -> float:
        """Return the weight of the rounds that carry this side's variance, `usual` at least."""
        return max(usual, self.cube / self.square) if self.square > 0 else usual


def ends_of(rounds: Rounds, bounds: Bounds, *, heavy: float = 0.0) -> tuple[End, End]:
    """Return the lower and the upper end's estimate of the target policy's value.

    With predictions it is the doubly robust one. The range of rewards matters only where no round lies on
    that side of the estimate: then three are imagined with the lowest, or highest, reward there can be, or,
    without a range, as far off as the farthest on the other side; where there is none either, the end is
    infinite. `heavy` is a weight that imagined rounds have at least.

    >>> certain = Rounds(np.ones(9), np.ones(9))
    >>> low, high = ends_of(certain, Bounds(0.0, 1.0))
    >>> low.value, high.value
    (0.75, 1.0)
    """
    typical = float(rounds.weight @ rounds.reward) / float(rounds.weight.sum())
    reach = bounds.low - typical, bounds.high - typical
    if rounds.q_logged is None or rounds.q_target is None:
        return ends(rounds.weight, rounds.reward, reach=reach, heavy=heavy)
    residual = rounds.reward - rounds.q_logged
    for rows in blocks(rounds.n):
        part = residual[rows]
        part[np.abs(part) <= NIL * np.abs(rounds.reward[rows])] = 0.0
    return ends(rounds.weight, residual, base=rounds.q_target, reach=reach, heavy=heavy)


def ends(
    weight: Floats,
    residual: Floats,
    *,
    reach: tuple[float, float],
    base: Floats | None = None,
    heavy: float = 0.0,
) -> tuple[End, End]:
    """Return the ends of mean(base) + sum(weight × residual) / sum(weight).

    Parameters
    ----------
    weight, residual : (n,)
        Weights whose sum is not 0; rewards, or residuals of the predictions in `base`.
    reach : (lowest, highest)
        How far below and above the estimate a reward can lie; infinite where that is not known.
    base : (n,), optional
    heavy : float
        Weight that imagined rounds have at least.
    """
    total = float(weight.sum())
    centre = float(weight @ residual) / total
    predicted = centre if base is None else 0.0
    base_mean = 0.0 if base is None else float(base.mean())
    below, above, farthest = _sides(weight, residual, predicted=predicted, centre=centre)
    usual = max(heavy, typical_weight(weight))

    def end(imagined: float, *, parts: float, heavy: float, spread: float = 0.0) -> End:
        if not isfinite(imagined):
            return End(imagined, weight, residual, 0.0, 0.0)
        added = parts * heavy
        shift = added * (imagined - centre) / (total + added)
        scale = len(weight) / (total + added)
        at = centre + shift
        return End(
            base_mean + at, weight, residual, at, scale, base, base_mean, (heavy * spread * scale) ** 2
        )

    def of(side: Side, sign: float, reach: float) -> End:
        one = _typical(side)
        if one is not None:
            spread = side.third / side.second
            return end(predicted + sign * one, parts=PART, heavy=side.heavy(usual), spread=spread)
        farther = reach if isfinite(reach) else sign * (farthest or inf)
        return end(centre + farther, parts=NONE_SEEN, heavy=max(heavy, typical_weight(weight, heavier=True)))

    return of(below, -1.0, reach[0]), of(above, 1.0, reach[1])


def _sides(weight: Floats, residual: Floats, *, predicted: float, centre: float) -> tuple[Side, Side, float]:
    """Return the sums over the rounds below and above what was predicted, and how far the farthest is."""
    reaches = [np.abs(residual[r][weight[r] != 0] - predicted).max(initial=0.0) for r in blocks(len(weight))]
    farthest = float(max(reaches, default=0.0))
    nil = NIL * max(abs(centre), farthest)
    below, above = Side(), Side()
    for rows in blocks(len(weight)):
        w, e = weight[rows], residual[rows] - predicted
        size = np.abs(w)
        e[np.abs(e) <= nil] = 0.0
        e[w == 0] = 0.0
        below.add(size, -e)
        above.add(size, e)
    return below, above, farthest if farthest > nil else 0.0


def typical_weight(weight: Floats, *, heavier: bool = False) -> float:
    """Return the mean weight of the rounds, each counted by its part in the variance: sum w³ / sum w².

    `heavier`: counted by that times its weight, sum w⁴ / sum w³: where no round told which of them matter.

    >>> typical_weight(np.array([1.0, 1.0, 1.0, 9.0]))
    8.714285714285714
    """
    above = below = 0.0
    for rows in blocks(len(weight)):
        w = np.abs(weight[rows])
        own = w * w
        if heavier:
            own *= w
        above += float(own @ w)
        below += float(own.sum())
    return above / below if below else 0.0


def between(
    low: Linearised, high: Linearised, *, cluster: Ints | None = None, level: float = 0.95
) -> Interval:
    """Return the interval from the lower end's normal bound to the upper end's (clusters: Student's t).

    Whole clusters may be skewed as well: the end on the side of the longer tail reaches farther
    (`_of_clusters`).
    """
    if cluster is None:
        return Interval(normal(low, level=level).low, normal(high, level=level).high, METHOD)
    (below, down), (above, up) = (_of_clusters(end, cluster, level=level) for end in (low, high))
    return Interval(low.value - below + min(down, 0.0), high.value + above + max(up, 0.0), METHOD)


def _of_clusters(parts: Linearised, cluster: Ints, *, level: float) -> tuple[float, float]:
    """Return half of the even interval, and how far skewness among whole clusters moves the end on its side.

    Of m clusters with mean error e and skewness g it is e g (1 + 2 t²) / (6 √m), the first-order correction
    (Johnson 1978; Hall 1992). Even levels show some skewness too: only what is beyond `EVEN` of its standard
    error among them counts. And few clusters show too little of it (a dozen of an exponential law half): of
    what counts, 1 + `HIDDEN` / m times. 0 where there is no error.
    """
    found = few_clusters_error(parts, cluster)
    half, m = found.reach(level), found.clusters
    totals = np.bincount(cluster, weights=parts.influence())
    square = float(totals @ totals)
    if not square > 0 or not isfinite(half):
        return half, 0.0
    t = half / found.error
    even = sqrt(6 * max(m - 2, 0.0) / (m + 1) / (m + 3) / m)
    seen = float((totals**3).sum()) / square**1.5  # g / √m
    beyond = copysign(max(abs(seen) - EVEN * even, 0.0), seen)
    return half, found.error * beyond * (1 + HIDDEN / m) * (1 + 2 * t * t) / 6


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
