from __future__ import annotations

import numpy as np
import pytest

from segue.experiments.evaluation.estimators.reward_predictions import folds_of


def test_folds_keep_clusters_whole_and_are_even() -> None:
    cluster = np.arange(100) // 5
    fold = folds_of(100, 4, rng=np.random.default_rng(0), cluster=cluster)
    assert all(len(set(fold[cluster == c])) == 1 for c in range(20))
    assert np.bincount(fold).tolist() == [25] * 4
    with pytest.raises(ValueError, match="folds must be between 2 and the 20"):
        folds_of(100, 21, rng=np.random.default_rng(0), cluster=cluster)
