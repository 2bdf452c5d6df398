"""Standard errors of estimates, alone or in clusters."""

from __future__ import annotations

from math import sqrt

import numpy as np

from segue.experiments.evaluation.estimators.single_step import NIL, Floats, Ints, Linearised


def standard_error(parts: Linearised, cluster: Ints | None = None) -> float:
    """Return the standard error of an estimate: sandwich over `cluster` (n,) if given.

    Means use the sample deviation (ddof 1), ratios the delta method, sqrt(sum psi²) / n, clusters
    sqrt(sum_c (sum_{i in c} psi_i)²) / n. NaN with a single round.
    """
    if parts.n < 2:
        return float("nan")
    psi = parts.influence()
    if cluster is None:
        return sqrt((float(psi @ psi) + parts.imagined) / (parts.n - parts.spare) / parts.n)
    totals = np.bincount(recoded(cluster), weights=psi)
    return sqrt(float(totals @ totals) + parts.imagined) / parts.n


def jackknife_error(parts: Linearised, cluster: Ints) -> float:
    """Return the cluster error with each cluster's influence as if it had not pulled the estimate to itself.

    Divided by 1 less the share it holds of what is averaged (to first order the leave-one-out jackknife;
    "CR3" in regression): the plain sandwich is too small where few clusters hold much.
    """
    code = recoded(cluster)
    psi = np.bincount(code, weights=parts.influence())
    share = np.bincount(code) / parts.n
    for mass in parts.masses:
        own = np.bincount(code, weights=np.abs(mass))
        share = np.maximum(share, own / own.sum()) if own.any() else share
    totals = psi / np.maximum(1 - share, NIL)
    return sqrt(float(totals @ totals) + parts.imagined) / parts.n


def recoded(labels: Ints) -> Ints:
    """Return labels as 0, 1, 2, …"""
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def effective_clusters(cluster: Ints, mass: Floats | None = None) -> float:
    """Return the effective number of clusters, (sum of masses)² / sum of squared masses.

    `mass` (n,) is what each round counts for; by default one: a cluster's mass is then its size. Of whole
    classes in one arm only those of the target's arm count.

    Examples
    --------
    >>> round(effective_clusters(np.array([0, 0, 0, 0, 1, 2])), 2)
    2.0
    >>> effective_clusters(np.array([0, 0, 1, 1, 2, 2]), np.array([2.0, 2, 2, 2, 0, 0]))
    2.0
    """
    totals = np.bincount(recoded(cluster), weights=None if mass is None else np.abs(mass)).astype(np.float64)
    squares = float(totals @ totals)
    return float(totals.sum()) ** 2 / squares if squares else 0.0


def clusters_behind(parts: Linearised, cluster: Ints) -> float:
    """Return how many clusters an estimate rests on: the least effective number over its averages."""
    return min([effective_clusters(cluster), *(effective_clusters(cluster, mass) for mass in parts.masses)])
