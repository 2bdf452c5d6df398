"""Betting intervals: valid at every sample size, for contributions with a stated bound (on request).

A gambler bets on each round that the mean is above (or below) m. If his capital would have grown past
2 / alpha, m is refused. Hedged capital with the predictable plug-in bets of Waudby-Smith & Ramdas (2023,
"Estimating means of bounded random variables by betting", theorem 3 and equation 26).
"""

from __future__ import annotations

from math import isfinite, log

import numpy as np

from segue.experiments.evaluation.estimators.single_step import Floats, Ints, Rounds
from segue.experiments.evaluation.intervals.closed_form import Bounds, Interval

TRUNCATION = 0.5  # a bet risks at most half the capital
BISECTIONS = 40


def betting(rounds: Rounds, *, bounds: Bounds, cluster: Ints | None = None, level: float = 0.95) -> Interval:
    """Return the betting interval of the target policy's IPS value.

    `bounds.max_weight` must be stated: the guarantee rests on it. Rounds are taken in log order; with
    `cluster` a cluster's sum over the largest cluster size is one bet.

    Raises
    ------
    ValueError
        Without a stated largest weight, or a range of the reward.
    """
    if bounds.max_weight is None:
        raise ValueError("betting needs a stated max_weight: its guarantee rests on that bound")
    if not (isfinite(bounds.low) and isfinite(bounds.high)):
        raise ValueError("betting needs a stated range of the reward: its guarantee rests on that")
    reach = bounds.largest(rounds.weight) * (bounds.high - bounds.low)
    gains = rounds.weight * (rounds.reward - bounds.low) / reach
    scale = reach
    if cluster is not None:
        labels, code, sizes = np.unique(cluster, return_inverse=True, return_counts=True)
        gains = np.bincount(code, weights=gains) / sizes.max()
        scale = reach * float(sizes.max()) * len(labels) / rounds.n
    low, high = mean_by_betting(gains, level=level)
    return Interval(
        max(bounds.low, bounds.low + scale * low), min(bounds.high, bounds.low + scale * high), "betting"
    )


def mean_by_betting(values: Floats, *, level: float = 0.95) -> tuple[float, float]:
    """Return an interval for the mean of independent values in [0, 1].

    >>> low, high = mean_by_betting(np.tile([0.0, 1.0], 500))
    >>> round(low, 2), round(high, 2)
    (0.46, 0.54)
    """
    if values.min(initial=0.0) < 0 or values.max(initial=0.0) > 1:
        raise ValueError(f"values must be in [0, 1], got {values.min()} to {values.max()}")
    bets = _bets(values, level)
    centre = float(values.mean()) if len(values) else 0.5
    threshold = log(2 / (1 - level))
    return (
        _edge(values, bets, refused=0.0, kept=centre, threshold=threshold),
        _edge(values, bets, refused=1.0, kept=centre, threshold=threshold),
    )


def _bets(values: Floats, level: float) -> Floats:
    """Return the size of each bet from the rounds before it: sqrt(2 log(2/alpha) / (n var_{t-1}))."""
    n = len(values)
    steps = np.arange(1, n + 1)
    mean = (0.5 + np.cumsum(values)) / (steps + 1)
    variance = (0.25 + np.cumsum((values - mean) ** 2)) / (steps + 1)
    before = np.concatenate([[0.25], variance[:-1]])
    return np.sqrt(2 * log(2 / (1 - level)) / (n * before))


def _log_capital(values: Floats, bets: Floats, mean: float, *, above: bool) -> float:
    """Return the log of the final capital of betting that the true mean is above (or below) `mean`."""
    room = mean if above else 1 - mean
    stake = np.minimum(bets, TRUNCATION / max(room, 1e-12))
    gain = values - mean if above else mean - values
    return float(np.log1p(stake * gain).sum())


def _edge(values: Floats, bets: Floats, *, refused: float, kept: float, threshold: float) -> float:
    """Return the outermost mean between the data's and a bound that the gambler cannot refuse."""
    above = refused < kept
    if _log_capital(values, bets, refused, above=above) < threshold:
        return refused
    for _ in range(BISECTIONS):
        middle = (refused + kept) / 2
        if _log_capital(values, bets, middle, above=above) >= threshold:
            refused = middle
        else:
            kept = middle
    return refused
