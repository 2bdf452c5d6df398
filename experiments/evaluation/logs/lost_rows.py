"""Are the rows of a log that were lost like the others?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from segue.experiments.evaluation.estimators.single_step import Floats, Ints

LEAST = 5.0  # expected lost rows of a level, below which levels are taken together
BINS = 5


@dataclass(frozen=True)
class Lost:
    """Rows that were lost.

    Attributes
    ----------
    n, lost : int
        Rows in all, and those lost.
    by_action, by_weight : float
        Probability that losses differ so much between actions (weights) by chance alone; 1 when that cannot
        be tested.
    """

    n: int = 0
    lost: int = 0
    by_action: float = 1.0
    by_weight: float = 1.0

    @property
    def share(self) -> float:
        """Share of the rows that were lost."""
        return self.lost / self.n if self.n else 0.0

    def __str__(self) -> str:
        """Return how many rows were lost."""
        return f"{self.lost:,} of {self.n:,} rows ({self.share:.1%}) lack a reward or another figure"


def lost_rows(
    lost: NDArray[np.bool_], *, weight: Floats, action: Ints | None = None, cluster: Ints | None = None
) -> Lost:
    """Return how many rows were lost, and whether that depends on the action or on the weight.

    Parameters
    ----------
    lost : (n,)
    weight : (n,)
        NaN where it is not known.
    action : (n,) of int, optional
        Negative where it is not known.
    cluster : (n,) of int, optional
        Rows of a cluster are lost together: the test takes its design effect off.

    Examples
    --------
    >>> half = np.arange(400) % 2
    >>> found = lost_rows((half == 1) & (np.arange(400) % 8 == 1), weight=np.ones(400), action=half)
    >>> found.share, found.by_action < 1e-6, found.by_weight
    (0.125, True, 1.0)
    """
    if not lost.any():
        return Lost(len(lost))
    design = _design_effect(lost, cluster)
    known = np.isfinite(weight)
    return Lost(
        len(lost),
        int(lost.sum()),
        1.0 if action is None else _chance(lost[action >= 0], action[action >= 0], design),
        _chance(lost[known], _binned(weight[known]), design),
    )


def _binned(weight: Floats) -> Ints:
    """Return weights as levels: themselves when they are few, else five bins of equal size."""
    levels, code = np.unique(weight, return_inverse=True)
    if len(levels) > BINS:
        code = np.searchsorted(np.quantile(weight, np.arange(1, BINS) / BINS), weight)
    return code.astype(np.int64)


def _chance(lost: NDArray[np.bool_], level: Ints, design: float) -> float:
    """Return the p-value of a chi-square test that levels lose alike; rare levels count as one."""
    if not lost.any() or lost.all():
        return 1.0
    code = np.unique(level, return_inverse=True)[1]
    size = np.bincount(code).astype(np.float64)
    gone = np.bincount(code, weights=lost)
    rare = size * lost.mean() < LEAST
    size = np.append(size[~rare], size[rare].sum())
    gone = np.append(gone[~rare], gone[rare].sum())
    size, gone = size[size > 0], gone[size > 0]
    rate = float(gone.sum() / size.sum())
    if len(size) < 2:
        return 1.0
    statistic = float(((gone - size * rate) ** 2 / (size * rate * (1 - rate))).sum())
    return float(stats.chi2.sf(statistic / design, len(size) - 1))


def _design_effect(lost: NDArray[np.bool_], cluster: Ints | None) -> float:
    """Return by how much clusters inflate the variance of the share of lost rows, at least 1."""
    if cluster is None:
        return 1.0
    centred = lost - lost.mean()
    totals = np.bincount(np.unique(cluster, return_inverse=True)[1], weights=centred)
    alone = float(centred @ centred)
    return max(1.0, float(totals @ totals) / alone) if alone else 1.0
