"""The error of an average over clusters that differ as wholes, as classes and learners do."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from segue.models.base import Floats, Ints


def cluster_error(
    influence: Floats, cluster: Ints, *, masses: Sequence[Floats] = (), imagined: float = 0.0
) -> tuple[float, float]:
    """Return the error of an average without its bias for few clusters, and its degrees of freedom.

    Bias-reduced linearisation ("CR2") with Satterthwaite's degrees of freedom (Bell & McCaffrey 2002; Imbens
    & Kolesár 2016), under a working model where clusters differ as wholes: a cluster that holds a share s of
    what is averaged has pulled the average to itself, and the mean square of its influence is too small by
    1 - 2 s + sum s². The error is the largest and the freedom the least over the averages that it is made
    of: of whole classes in one arm only those of that arm count. NaN below two effective clusters.

    Parameters
    ----------
    influence : (n,)
        Of each row on the average, of mean zero.
    cluster : (n,)
    masses : sequence of (n,)
        What each row counts for in each of the averages; none: all alike.
    imagined : float
        Squared influence of rows that nobody saw.
    """
    code = recoded(cluster)
    totals = np.bincount(code, weights=influence)
    shares = [np.bincount(code) / len(code)]
    shares += [own / own.sum() for mass in masses if (own := np.bincount(code, np.abs(mass))).any()]
    if min(1 / float(share @ share) for share in shares) < 2:
        return float("nan"), float("nan")
    squares = max(float((totals**2 / (1 - 2 * share + float(share @ share))).sum()) for share in shares)
    return sqrt(squares + imagined) / len(code), min(map(_satterthwaite, shares))


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
