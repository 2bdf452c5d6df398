"""Standard errors of estimates, alone or in clusters."""

from __future__ import annotations

from math import sqrt

import numpy as np

from segue.experiments.evaluation.estimators.single_step import Ints, Linearised


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
    totals = np.bincount(recoded(cluster), weights=psi)
    return sqrt(float(totals @ totals)) / parts.n


def recoded(labels: Ints) -> Ints:
    """Return labels as 0, 1, 2, …"""
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def effective_clusters(cluster: Ints) -> float:
    """Return the effective number of clusters, (sum of sizes)² / sum of squared sizes.

    Examples
    --------
    >>> round(effective_clusters(np.array([0, 0, 0, 0, 1, 2])), 2)
    2.0
    """
    sizes = np.bincount(recoded(cluster)).astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes @ sizes))
