"""Folds for cross-fitting: no round is predicted by a model that saw it, or saw its cluster."""

from __future__ import annotations

import numpy as np

from segue.experiments.evaluation.estimators import Ints


def folds_of(n: int, folds: int, *, rng: np.random.Generator, cluster: Ints | None = None) -> Ints:
    """Return a fold for each of n rounds, (n,); rounds of a cluster share theirs.

    Raises
    ------
    ValueError
        If there are fewer than two folds, or fewer units than folds.

    Examples
    --------
    >>> folds_of(4, 2, rng=np.random.default_rng(0), cluster=np.array([7, 7, 9, 9])).tolist()
    [0, 0, 1, 1]
    """
    unit = np.arange(n) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    n_units = int(unit.max(initial=-1)) + 1
    if not 2 <= folds <= n_units:
        raise ValueError(f"folds must be between 2 and the {n_units} rounds or clusters, got {folds}")
    return np.asarray((rng.permutation(n_units) % folds)[unit], dtype=np.int64)
