"""Standard errors of estimates, alone or in clusters."""

from __future__ import annotations

from math import sqrt

import numpy as np

from segue.experiments.evaluation.estimators.single_step import Floats, Ints, Linearised, blocks


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


def few_clusters_error(parts: Linearised, cluster: Ints) -> tuple[float, float]:
    """Return the cluster error without its bias for few clusters, and its degrees of freedom.

    Bias-reduced linearisation ("CR2") with Satterthwaite's degrees of freedom (Bell & McCaffrey 2002; Imbens
    & Kolesár 2016), under a working model where clusters differ as wholes, as classes do: a cluster that
    holds a share s of what is averaged has pulled the estimate to itself, and the mean square of its
    influence is too small by 1 - 2 s + sum s². The error is the largest and the freedom the least over the
    averages the estimate is made of: of whole classes in one arm only those of that arm count. NaN below two
    effective clusters.
    """
    code = recoded(cluster)
    totals = np.bincount(code, weights=parts.influence())
    shares = [np.bincount(code) / parts.n]
    shares += [own / own.sum() for mass in parts.masses if (own := np.bincount(code, np.abs(mass))).any()]
    if min(1 / float(share @ share) for share in shares) < 2:
        return float("nan"), float("nan")
    squares = max(float((totals**2 / (1 - 2 * share + float(share @ share))).sum()) for share in shares)
    return sqrt(squares + parts.imagined) / parts.n, min(map(_satterthwaite, shares))


def _satterthwaite(share: Floats) -> float:
    """Return the degrees of freedom of the variance of a mean over clusters with these shares (sum 1).

    2 E² / Var of the quadratic form sum d (m - mean)², d = s² / (1 - 2 s + sum s²), for independent m.

    Examples
    --------
    >>> round(_satterthwaite(np.full(8, 1 / 8)), 9)
    7.0
    """
    spread = float(share @ share)
    own = 1 - 2 * share + spread  # the variance of a cluster's distance to the mean
    d = share**2 / own
    total, first, second = float(d.sum()), float(d @ share), float(d @ share**2)
    across = spread**2 * total**2 + 2 * second * total + 2 * first**2 - 4 * spread * total * first
    return float(d @ own) ** 2 / (float(d**2 @ (own**2 - (spread - 2 * share) ** 2)) + across)


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
