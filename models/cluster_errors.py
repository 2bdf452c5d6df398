"""The error of an average over clusters that differ as wholes, as classes and learners do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, isnan, log, sqrt

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from segue.models.base import Floats, Ints

ENOUGH_FREEDOM = 200.0  # degrees from which Student's t needs no more than their number
NODES, PARTS = np.polynomial.legendre.leggauss(24)
SQUARED_SINES = np.sin((NODES + 1.0) * np.pi / 4.0) ** 2


@dataclass(frozen=True)
class ClusterError:
    """The error of an average over clusters, and what each of them holds of what is averaged.

    Attributes
    ----------
    error : float
        NaN below two effective clusters.
    shares : tuple of arrays of shape (m,)
        Of each average that it is made of; each sums to 1.
    """

    error: float
    shares: tuple[Floats, ...]

    @property
    def clusters(self) -> float:
        """The least effective number of clusters, 1 / sum of squared shares."""
        return min(1.0 / float(share @ share) for share in self.shares)

    def reach(self, level: float) -> float:
        """Return half of the interval of that level: the error times the largest critical value."""
        if isnan(self.error):
            return self.error
        return self.error * max(critical_value(share, 1.0 - level) for share in self.shares)


def cluster_error(
    influence: Floats, cluster: Ints, *, masses: Sequence[Floats] = (), imagined: float = 0.0
) -> ClusterError:
    """Return the error of an average without its bias for few clusters.

    Bias-reduced linearisation ("CR2", Bell & McCaffrey 2002; Imbens & Kolesár 2016) under a working model
    where clusters differ as wholes: a cluster that holds a share s of what is averaged has pulled the average
    to itself, and the mean square of its influence is too small by 1 - 2 s + sum s². The error is the largest
    over the averages that it is made of: of whole classes in one arm only those of that arm count.

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
        return ClusterError(float("nan"), tuple(shares))
    squares = max(float((totals**2 / _own_variance(share)).sum()) for share in shares)
    return ClusterError(sqrt(squares + imagined) / len(code), tuple(shares))


def critical_value(share: Floats, chance: float) -> float:
    """Return what a mean over clusters of these shares exceeds in its errors with probability `chance`.

    Student's t where clusters are alike. Where they are not, the squared error is a sum of squares that a
    few large clusters rule, and no t has its law: Satterthwaite's, with the same mean and variance, is far
    too wide (13 effective clusters of 60, sizes as 1, 1/2, 1/3 …: 3.9 errors where 2.9 suffice).

    >>> round(critical_value(np.full(8, 1 / 8), 0.05), 6), round(float(stats.t.isf(0.025, 7)), 6)
    (2.364624, 2.364624)
    """
    freedom = _freedom(share)
    if freedom > ENOUGH_FREEDOM:
        return float(stats.t.isf(chance / 2, freedom))
    share = share[share > 0]
    return exp(brentq(lambda size: _beyond(exp(size), share) - chance, -3.0, log(1e9)))


def _beyond(size: float, share: Floats) -> float:
    """Return the probability that a normal mean lies more than `size` errors from the truth.

    The squared error is Q = sum d (m - mean)², d = s² / (1 - 2 s + sum s²), for independent m; given Q the
    probability is the integral of exp(-size² Q / (2 sin²)) over a quarter turn (Craig 1991), and the mean of
    that over Q a determinant, |1 + c D C|^(-1/2), where C = 1 - s 1' - 1 s' + (sum s²) 1 1'.
    """
    own = _own_variance(share)
    d = share**2 / own
    scaled = (size * size / float(d @ own) / SQUARED_SINES)[:, None] * d
    left = 1.0 / (1.0 + scaled)
    rest = (left @ share) ** 2 + (scaled * left).sum(axis=1) * (left @ share**2)
    return float(0.5 * PARTS @ (np.exp(-0.5 * np.log1p(scaled).sum(axis=1)) / np.sqrt(rest)))


def _own_variance(share: Floats) -> Floats:
    """Return the variance of each cluster's distance to the mean, where clusters have variance 1."""
    return np.asarray(1.0 - 2.0 * share + float(share @ share))


def _freedom(share: Floats) -> float:
    """Return Satterthwaite's degrees of freedom of the variance of a mean over clusters with these shares.

    2 E² / Var of the quadratic form of `_beyond`.

    >>> round(_freedom(np.full(8, 1 / 8)), 9)
    7.0
    """
    spread, own = float(share @ share), _own_variance(share)
    d = share**2 / own
    total, first, second = float(d.sum()), float(d @ share), float(d @ share**2)
    across = spread**2 * total**2 + 2 * second * total + 2 * first**2 - 4 * spread * total * first
    return float(d @ own) ** 2 / (float(d**2 @ (own**2 - (spread - 2 * share) ** 2)) + across)


def recoded(labels: Ints) -> Ints:
    """Return labels as 0, 1, 2, …"""
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
