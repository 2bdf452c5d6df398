"""Means with intervals where learners, not rows, are the independent units; none under five learners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan, sqrt

import numpy as np
import pandas as pd
from scipy import special

from segue.features.catalogue import Floats, Ints
from segue.features.learner_profile import FEWEST_LEARNERS
from segue.models.cluster_errors import cluster_error


@dataclass(frozen=True)
class MeanInterval:
    """A mean over rows of some learners: its error, its interval, and what it rests on (NaN: too few)."""

    mean: float
    se: float
    low: float
    high: float
    rows: int
    learners: int

    @property
    def known(self) -> bool:
        """Whether it has an interval."""
        return isfinite(self.low)

    @property
    def sign(self) -> int:
        """1 when all of the interval lies above 0, -1 when below, else 0."""
        return int(self.low > 0) - int(self.high < 0) if self.known else 0

    def __str__(self) -> str:
        """Return the mean with its interval."""
        if not self.known:
            return f"not reported (fewer than {FEWEST_LEARNERS} learners)"
        return f"{self.mean:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


def mean_interval(values: Floats, learner: Ints, *, level: float = 0.95) -> MeanInterval:
    """Return the mean of values (n,) with Student's t over learners (n,); no figure under five of them.

    Values that are NaN are left out.

    >>> mean_interval(np.ones(4), np.array([0, 1, 2, 3])).known
    False
    """
    there = np.isfinite(values)
    values, learner = values[there], learner[there]
    learners = len(np.unique(learner))
    if learners < FEWEST_LEARNERS:
        return MeanInterval(nan, nan, nan, nan, len(values), learners)
    mean = float(values.sum()) / len(values)
    found = cluster_error(values - mean, learner)
    half = found.reach(level)
    return MeanInterval(mean, found.error, mean - half, mean + half, len(values), learners)


def means_by(frame: pd.DataFrame, value: str, by: str) -> Mapping[str, MeanInterval]:
    """Return the mean of a column for each label of `by`, in order of label; the intervals hold jointly."""
    labels = [str(label) for label in sorted(frame[by].dropna().unique()) if str(label)]
    each = 1 - 0.05 / max(len(labels), 1)
    values, learner = frame[value].to_numpy(np.float64), frame["learner"].to_numpy(np.int64)
    at = frame[by].to_numpy(object)
    return {label: mean_interval(values[at == label], learner[at == label], level=each) for label in labels}


def difference(one: MeanInterval, other: MeanInterval, *, level: float = 0.95) -> MeanInterval:
    """Return `one` minus `other` with an interval as if they were independent: a little too wide if not."""
    if not (one.known and other.known):
        return MeanInterval(nan, nan, nan, nan, one.rows + other.rows, min(one.learners, other.learners))
    gap, se = one.mean - other.mean, sqrt(one.se**2 + other.se**2)
    learners = min(one.learners, other.learners)
    half = float(-special.stdtrit(learners - 1, (1 - level) / 2)) * se
    return MeanInterval(gap, se, gap - half, gap + half, one.rows + other.rows, learners)
