"""Standard errors of estimates, alone or in clusters."""

from __future__ import annotations

from math import sqrt

import numpy as np

from segue.experiments.evaluation.estimators.single_step import Floats, Ints, Linearised, blocks
from segue.models.cluster_errors import ClusterError, cluster_error, recoded


def standard_error(parts: Linearised, cluster: Ints | None = None) -> float:
    """Return the standard error of an estimate: sandwich over `cluster` (n,) if given.

    Means use the sample deviation (ddof 1), ratios the delta method, sqrt(sum psi²) / n, clusters
    sqrt(sum_c (sum_{i in c} psi_i)²) / n. NaN with a single round.
    """
    if parts.n < 2:
        return float("nan")
    if cluster is None:
        squares = sum(float(psi @ psi) for psi in map(parts.influence, blocks(parts.n)))
        return sqrt((squares + parts.imagined) / (parts.n - parts.spare) / parts.n)
    totals = np.bincount(recoded(cluster), weights=parts.influence())
    return sqrt(float(totals @ totals) + parts.imagined) / parts.n


def few_clusters_error(parts: Linearised, cluster: Ints) -> ClusterError:
    """Return the cluster error of an estimate: see ``cluster_error``."""
    return cluster_error(parts.influence(), cluster, masses=parts.masses, imagined=parts.imagined)


def effective_clusters(cluster: Ints, mass: Floats | None = None) -> float:
    """Return the effective number of clusters, (sum of masses)² / sum of squared masses.

    `mass` (n,) is what each round counts for; by default one: a cluster's mass is then its size. Of whole
    classes in one arm only those of the target's arm count.

    >>> round(effective_clusters(np.array([0, 0, 0, 0, 1, 2])), 2)
    2.0
    >>> effective_clusters(np.array([0, 0, 1, 1, 2, 2]), np.array([2.0, 2, 2, 2, 0, 0]))
    2.0
    """
    totals = np.bincount(recoded(cluster), weights=None if mass is None else np.abs(mass)).astype(np.float64)
    squares = float(totals @ totals)
    return float(totals.sum()) ** 2 / squares if squares else 0.0
