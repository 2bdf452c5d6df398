"""Empirical likelihood with Cressie-Read power 2: the interval for heavy weights and rare rewards.

Weights of a log average 1 by construction, and the largest rarely shows in the sample. The interval uses
both: it is the range of the mean value over all distributions on the sample *plus one imagined round* of a
large weight that keep the known mean of the weights and stay within a chi-square ball (Karampatziakis,
Langford & Mineiro 2020, "Empirical likelihood for contextual bandits"). Closed form, O(n).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
from scipy import stats

from segue.experiments.evaluation.estimators.single_step import Floats, Ints, Rounds
from segue.experiments.evaluation.intervals.closed_form import Bounds, Interval
from segue.models.cluster_errors import recoded

FLAT = 1e-12  # a control that varies less than this, relatively, is constant up to rounding


@dataclass(frozen=True)
class Sums:
    """Sums over rounds of a control c and a value v; arrays hold many logs at once."""

    n: Floats
    c: Floats
    cc: Floats
    v: Floats
    cv: Floats
    vv: Floats

    @classmethod
    def of(cls, control: Floats, value: Floats) -> Sums:
        """Return the sums along the last axis."""

        def dot(a: Floats, b: Floats) -> Floats:
            return np.asarray(np.einsum("...i,...i->...", a, b))

        n = np.asarray(control.shape[-1], dtype=np.float64)
        return cls(
            n,
            np.asarray(control.sum(-1)),
            dot(control, control),
            np.asarray(value.sum(-1)),
            dot(control, value),
            dot(value, value),
        )

    def means_with(self, control: Floats, value: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Return the means of c, c², v, cv and v² with one imagined round added."""
        total = self.n + 1
        return (
            (self.c + control) / total,
            (self.cc + control * control) / total,
            (self.v + value) / total,
            (self.cv + control * value) / total,
            (self.vv + value * value) / total,
        )


@dataclass(frozen=True)
class Imagined:
    """A round nobody saw: its control, and the lowest and highest value it could have."""

    control: Floats
    lowest: Floats
    highest: Floats


def unseen_rounds(largest: Floats, *, low: float | Floats, high: float | Floats) -> tuple[Imagined, Imagined]:
    """Return the two extreme rounds of one policy: weight 0, and weight `largest` with reward low to high."""
    largest = np.asarray(largest, dtype=np.float64)
    nothing = np.zeros_like(largest)
    return Imagined(nothing, nothing, nothing), Imagined(largest, largest * low, largest * high)


def cressie_read_bounds(
    sums: Sums,
    imagined: tuple[Imagined, Imagined],
    *,
    mean: float,
    dof: Floats,
    design: float | Floats = 1.0,
    level: float = 0.95,
) -> tuple[Floats, Floats]:
    """Return the lower and upper bound of the mean value, given the true `mean` of the control.

    Parameters
    ----------
    sums : Sums
    imagined : two rounds
        Arrays broadcast with those of `sums`.
    dof : degrees of freedom of the F quantile that sets the ball's size.
    design : factor on the ball, the squared ratio of cluster to iid error (Rao & Scott 1981).

    Returns
    -------
    (low, high), -inf or inf where no distribution of that kind fits in the ball.
    """
    slack = np.minimum(*(_least_divergence(sums, i.control, mean) for i in imagined))
    room = (-slack - stats.f.isf(1 - level, 1, dof) * design) / (2 * (1 + sums.n))
    low = [_smallest_mean(sums, i.control, i.lowest, mean=mean, room=room, sign=1.0) for i in imagined]
    high = [_smallest_mean(sums, i.control, i.highest, mean=mean, room=room, sign=-1.0) for i in imagined]
    return _or_infinite(np.minimum(*low)), -_or_infinite(np.minimum(*high))


def _least_divergence(sums: Sums, control: Floats, mean: float) -> Floats:
    """Return how far a distribution must go from even weights to have the control's mean."""
    m, square, *_ = sums.means_with(control, np.zeros_like(control))
    return np.asarray((1 + sums.n) * (m - mean) ** 2 / _spread(m, square))


def _smallest_mean(
    sums: Sums, control: Floats, value: Floats, *, mean: float, room: Floats, sign: float
) -> Floats:
    """Return the smallest mean of sign × value with this imagined round; inf where nothing fits."""
    c, cc, v, cv, vv = sums.means_with(control, value)
    spread = _spread(c, cc)
    covariance = sign * (cv - c * v)
    centre = sign * v + (mean - c) * covariance / spread
    residual = np.minimum(covariance**2 / spread - (vv - v * v), 0.0)
    left = room + (mean - c) ** 2 / spread / 2
    return np.where(left <= 0, centre - np.sqrt(np.maximum(2 * residual * left, 0.0)), inf)


def _spread(mean: Floats, square: Floats) -> Floats:
    """Return the variance of a control from its mean and mean square, away from zero."""
    return np.maximum(square - mean * mean, FLAT * (1 + square))


def _or_infinite(bound: Floats) -> Floats:
    """Return the bound, minus infinity where nothing fitted."""
    return np.where(np.isfinite(bound), bound, -inf)


def design_effect(control: Floats, value: Floats, cluster: Ints | None) -> float:
    """Return the factor by which clusters (n,) inflate the variance of the mean value, at least 1.

    Of the value less what the control explains, for that is the noise of the interval.

    Examples
    --------
    >>> noise = np.repeat([1.0, -1.0, 2.0, -2.0], 3)
    >>> design_effect(np.tile([0.0, 1.0, 2.0], 4), noise, np.repeat([0, 1, 2, 3], 3))
    4.0
    """
    if cluster is None:
        return 1.0
    centred, about = control - control.mean(), value - value.mean()
    spread = float(centred @ centred)
    residual = about - (float(centred @ about) / spread if spread else 0.0) * centred
    totals = np.bincount(recoded(cluster), weights=residual)
    alone, groups = float(residual @ residual), len(totals)
    return max(1.0, float(totals @ totals) / alone * groups / (groups - 1)) if alone and groups > 1 else 1.0


def cressie_read(
    rounds: Rounds,
    *,
    bounds: Bounds,
    largest: float | None = None,
    dof: float | None = None,
    cluster: Ints | None = None,
    level: float = 0.95,
) -> Interval:
    """Return the Cressie-Read interval of the target policy's value, within the reward range
    (without a known one, the sample's).

    With predictions a round's value is dm + w (r - q), without w r. The imagined round's reward spans the
    range, its prediction is the mean one, its weight is `largest`: by default the stated bound, or else the
    sample's maximum. `dof` defaults to n.
    """
    weight = rounds.weight
    largest = bounds.largest(weight) if largest is None else largest
    bounds = bounds.over(rounds.reward)
    base, low, high = 0.0, bounds.low, bounds.high
    value = weight * rounds.reward
    if rounds.q_target is not None and rounds.q_logged is not None:
        base = float(rounds.q_target.mean())
        value = rounds.q_target - base + weight * (rounds.reward - rounds.q_logged)
        typical = float(rounds.q_logged.mean())
        low, high = low - typical, high - typical
    lower, upper = cressie_read_bounds(
        Sums.of(weight, value),
        unseen_rounds(np.asarray(largest), low=low, high=high),
        mean=1.0,
        dof=np.asarray(rounds.n if dof is None else dof),
        design=design_effect(weight, value, cluster),
        level=level,
    )
    return Interval(
        max(bounds.low, base + float(lower)),
        min(bounds.high, base + float(upper)),
        "Cressie-Read",
        bounds.caveat,
    )
