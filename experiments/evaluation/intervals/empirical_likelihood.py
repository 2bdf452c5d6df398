"""Empirical likelihood with Cressie-Read power 2: the interval for heavy weights and rare rewards.

Weights of a log average 1 by construction, and the largest rarely shows in the sample. The interval uses
both: it is the range of the mean value over all distributions on the sample *plus one imagined round* of a
large weight that keep the known mean of the weights and stay within a chi-square ball (Karampatziakis,
Langford & Mineiro 2020, "Empirical likelihood for contextual bandits"). Closed form, O(n).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, sqrt

import numpy as np
from scipy import stats

from segue.experiments.evaluation.estimators.single_step import Floats, Rounds
from segue.experiments.evaluation.intervals.closed_form import Bounds, Interval

FLAT = 1e-12  # weights that vary less than this, relatively, are constant up to rounding


@dataclass(frozen=True)
class Sums:
    """Sums over n rounds, or means: of the weight w, the value v, and their products."""

    n: float
    w: float
    ww: float
    v: float
    wv: float
    vv: float

    @classmethod
    def of(cls, weight: Floats, value: Floats) -> Sums:
        """Return the sums of weights and values, (n,) each."""
        ww, wv, vv = (np.einsum("i,i", a, b) for a, b in ((weight, weight), (weight, value), (value, value)))
        return cls(len(weight), float(weight.sum()), float(ww), float(value.sum()), float(wv), float(vv))

    def means_with(self, w: float, v: float) -> Sums:
        """Return the means with one imagined round added."""
        n = self.n + 1
        sums = (self.w + w, self.ww + w * w, self.v + v, self.wv + w * v, self.vv + v * v)
        return Sums(n, *(one / n for one in sums))

    @property
    def spread(self) -> float:
        """Of means, the variance of the weights, away from zero."""
        return max(self.ww - self.w * self.w, FLAT * (1 + self.ww))

    @property
    def divergence(self) -> float:
        """Of means, how far a distribution must go from even chances for its weights to average 1."""
        return self.n * (self.w - 1) * (self.w - 1) / self.spread

    def smallest(self, room: float, sign: float) -> float:
        """Return the smallest mean of sign × v where weights average 1; inf where nothing fits."""
        left = room + (1 - self.w) * (1 - self.w) / self.spread / 2
        if left > 0:
            return inf
        covariance = sign * (self.wv - self.w * self.v)
        residual = min(covariance * covariance / self.spread - (self.vv - self.v * self.v), 0.0)
        return sign * self.v + (1 - self.w) * covariance / self.spread - sqrt(2 * residual * left)


def cressie_read(rounds: Rounds, *, bounds: Bounds, level: float = 0.95) -> Interval:
    """Return the Cressie-Read interval of the target policy's value, within the reward range
    (without a known one, the sample's).

    The imagined round has weight 0 or the largest one (the stated bound, or else the sample's maximum), and a
    reward at either end of the range. Predictions are not read.
    """
    weight = rounds.weight
    largest, bounds = bounds.largest(weight), bounds.over(rounds.reward)
    sums = Sums.of(weight, weight * rounds.reward)
    low, high = (
        [sums.means_with(w, w * reward) for w in (0.0, largest)] for reward in (bounds.low, bounds.high)
    )
    slack = min(one.divergence for one in low)
    room = (-slack - float(stats.f.isf(1 - level, 1, rounds.n))) / (2 * (1 + rounds.n))
    lowest, highest = (
        min(one.smallest(room, sign) for one in ends) for ends, sign in ((low, 1.0), (high, -1.0))
    )
    return Interval(
        max(bounds.low, lowest if isfinite(lowest) else -inf),
        min(bounds.high, -highest if isfinite(highest) else inf),
        "Cressie-Read",
        bounds.caveat,
    )
