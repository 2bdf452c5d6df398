"""What a log can say at all: support, weights, and how many rewarded events carry the answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.experiments.evaluation.estimators.single_step import Floats, Ints, Parts, Rounds
from segue.experiments.evaluation.estimators.standard_errors import effective_clusters, standard_error


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
        Probability the target policy gives, on average, to actions never logged; None without its table.
    effective_rewards : float
        Effective number of rewarded events, (sum w|r|)² / sum (w r)².
    weight_deviation : float
        Distance of the mean weight from 1 in (cluster) standard errors; infinite when there is no spread.
    effective_clusters : float or None
        Effective number of clusters, when there are any (see `intervals.effective_clusters`).
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
    weight_deviation: float
    effective_clusters: float | None = None


def diagnose(
    rounds: Rounds,
    propensity: Floats | None = None,
    *,
    unseen: float | None = None,
    cluster: Ints | None = None,
) -> Diagnostics:
    """Return the diagnostics of some rounds.

    `propensity` (n,) gives the smallest one; `unseen` is the target's mass on actions never logged (see
    `unseen_support`); `cluster` (n,) holds labels.

    Examples
    --------
    >>> d = diagnose(Rounds(np.array([1.0, 1.0, 2.0, 0.0]), np.array([1.0, 0.0, 1.0, 1.0])))
    >>> round(d.ess, 4), d.max_weight, d.mean_weight, round(d.effective_rewards, 4)
    (2.6667, 2.0, 1.0, 1.8)
    """
    weight, n = rounds.weight, rounds.n
    total = float(weight.sum())
    weighted = np.abs(weight * rounds.reward)
    largest = float(weight.max(initial=0.0))
    return Diagnostics(
        n=n,
        ess=_effective(weight),
        ess_fraction=_effective(weight) / n if n else 0.0,
        max_weight=largest,
        share_of_max=largest / total if total else 0.0,
        mean_weight=total / n if n else float("nan"),
        mean_weight_se=float(weight.std(ddof=1)) / np.sqrt(n) if n > 1 else float("nan"),
        min_propensity=float("nan") if propensity is None or not n else float(propensity.min()),
        unseen_support=unseen,
        effective_rewards=_effective(weighted),
        weight_deviation=_deviation(weight, cluster),
        effective_clusters=None if cluster is None else effective_clusters(cluster),
    )


def unseen_support(policy: Floats, action: Ints) -> float:
    """Return the mean probability a policy (n, K) gives to actions that `action` (n,) never shows.

    Examples
    --------
    >>> unseen_support(np.full((3, 4), 0.25), np.array([0, 1, 1]))
    0.5
    """
    seen = np.bincount(action, minlength=policy.shape[1]) > 0
    return float(policy[:, ~seen].sum(axis=1).mean()) if not seen.all() else 0.0


def _deviation(weight: Floats, cluster: Ints | None) -> float:
    """Return how many standard errors the mean weight is from 1."""
    parts = Parts(weight)
    gap, se = parts.value - 1, standard_error(parts, cluster)
    if abs(gap) < 1e-9:
        return 0.0
    return gap / se if se > 0 else float(np.copysign(np.inf, gap))


def _effective(values: Floats) -> float:
    """Return (sum v)² / sum v² of non-negative values; 0 when all are zero."""
    squares = float(values @ values)
    return float(values.sum()) ** 2 / squares if squares else 0.0
