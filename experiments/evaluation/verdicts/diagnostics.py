"""What a log can say at all: support, weights, and how many rewarded events carry the answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.experiments.evaluation.estimators.single_step import EstimateParts, Floats, Ints, Rounds
from segue.experiments.evaluation.estimators.standard_errors import effective_clusters, standard_error
from segue.models.cluster_errors import recoded


@dataclass(frozen=True)
class Diagnostics:
    """Figures without which no estimate is shown.

    Attributes
    ----------
    n : int
        Rounds.
    ess, ess_fraction : float
        Effective sample size (sum w)² / sum w², and its share of n.
    max_weight, share_of_max : float
        Largest weight, and its share of the sum of weights.
    mean_weight, mean_weight_se : float
        Should be 1 within its error: else propensities or support are wrong, or the large weights are unseen.
    min_propensity : float
        Smallest logged propensity (NaN when only weights were given).
    unseen_support : float or None
        Probability the target policy gives, on average, to actions the log does not show; None without its
        table.
    unseen_by_chance : float
        How much of it may be actions that could have been drawn and were not.
    effective_rewards : float
        Effective number of rewarded events, (sum w|r|)² / sum (w r)².
    expected_rewards : float
        What it is on average over which rounds are rewarded: effective sample size × mean |r|² / mean r².
        It does not depend on which heavy rounds happened to be rewarded.
    heavy_rewards : float
        Rewarded events in units of the rounds that carry the variance: sum (w r)² over the typical w² and r².
    weight_deviation : float
        Distance of the mean weight from 1 in (cluster) standard errors; infinite when there is no spread,
        0 in a single cluster.
    weight_shortfall : float
        How many of them it lies below 1 beyond what skewness explains (Hall 1992): of uneven weights a log
        holds too few heavy ones more often than too many.
    rounding : float
        How far the mean weight may be off because probabilities were written with few digits.
    effective_clusters : float or None
        Effective number of clusters, when there are any (see `effective_clusters`).
    weighted_clusters : float or None
        The same when a cluster counts by its weight: of whole classes in one arm, those of the target's arm.
    """

    n: int
    ess: float
    ess_fraction: float
    max_weight: float
    share_of_max: float
    mean_weight: float
    mean_weight_se: float
    min_propensity: float
    unseen_support: float | None
    effective_rewards: float
    expected_rewards: float
    heavy_rewards: float
    weight_deviation: float
    weight_shortfall: float = 0.0
    rounding: float = 0.0
    unseen_by_chance: float = 0.0
    effective_clusters: float | None = None
    weighted_clusters: float | None = None


def diagnose(rounds: Rounds, propensity: Floats | None = None, *, cluster: Ints | None = None) -> Diagnostics:
    """Return the diagnostics of some rounds.

    `propensity` (n,) gives the smallest one; `cluster` (n,) holds labels.

    >>> d = diagnose(Rounds(np.array([1.0, 1.0, 2.0, 0.0]), np.array([1.0, 0.0, 1.0, 1.0])))
    >>> round(d.ess, 4), d.max_weight, d.mean_weight, round(d.effective_rewards, 4)
    (2.6667, 2.0, 1.0, 1.8)
    """
    weight, n = rounds.weight, rounds.n
    total = float(weight.sum())
    weighted = np.abs(weight * rounds.reward)
    largest = float(weight.max(initial=0.0))
    deviation = _deviation(weight, cluster, rounds.rounding)
    return Diagnostics(
        n=n,
        ess=_effective(weight),
        ess_fraction=_effective(weight) / n if n else 0.0,
        max_weight=largest,
        share_of_max=largest / total if total else 0.0,
        mean_weight=total / n if n else float("nan"),
        mean_weight_se=float(weight.std(ddof=1)) / np.sqrt(n) if n > 1 else float("nan"),
        min_propensity=float("nan") if propensity is None or not n else float(propensity.min()),
        unseen_support=None if rounds.unseen is None or not n else float(rounds.unseen.mean()),
        effective_rewards=_effective(weighted),
        expected_rewards=_expected_rewards(rounds),
        heavy_rewards=_heavy_rewards(weight, weighted, rounds.reward),
        weight_deviation=deviation,
        weight_shortfall=-_unskewed(deviation, weight, cluster),
        rounding=rounds.rounding,
        unseen_by_chance=rounds.by_chance,
        effective_clusters=None if cluster is None else effective_clusters(cluster),
        weighted_clusters=None if cluster is None else effective_clusters(cluster, weight),
    )


def _expected_rewards(rounds: Rounds) -> float:
    size = np.abs(rounds.reward)
    return _effective(rounds.weight) * _effective(size) / rounds.n if rounds.n else 0.0


def _heavy_rewards(weight: Floats, weighted: Floats, reward: Floats) -> float:
    """Return sum (w r)² over sum w⁴ / sum w² and sum r⁴ / sum r², 0 when nothing was rewarded."""
    w2, r2 = weight * weight, reward * reward
    scale = float(w2 @ w2) * float(r2 @ r2)
    return float(weighted @ weighted) * float(w2.sum()) * float(r2.sum()) / scale if scale > 0 else 0.0


def _deviation(weight: Floats, cluster: Ints | None, rounding: float) -> float:
    """Return how many standard errors the mean weight is from 1, beyond what rounding explains.

    0 in a single cluster, which tells no error.
    """
    if cluster is not None and len(cluster) and cluster.min() == cluster.max():
        return 0.0
    parts = EstimateParts(weight)
    gap, se = parts.value - 1, standard_error(parts, cluster)
    gap = float(np.sign(gap)) * max(abs(gap) - max(rounding, 1e-9), 0.0)
    if gap == 0:
        return 0.0
    return gap / se if se > 0 else float(np.copysign(np.inf, gap))


def _unskewed(errors: float, weight: Floats, cluster: Ints | None) -> float:
    """Return how many standard errors off the mean weight were without its skewness.

    By the transformation of Hall (1992), "On the removal of skewness by transformation".
    """
    apart = weight - weight.mean() if len(weight) else weight
    sums = apart if cluster is None else np.bincount(recoded(cluster), apart)
    squares = float(sums @ sums)
    if not np.isfinite(errors) or not squares:
        return errors
    skew = float((sums**3).sum()) / squares**1.5
    return float(errors + skew * errors**2 / 3 + skew**2 * errors**3 / 27 + skew / 6)


def _effective(values: Floats) -> float:
    """Return (sum v)² / sum v² of non-negative values; 0 when all are zero."""
    squares = float(values @ values)
    return float(values.sum()) ** 2 / squares if squares else 0.0
