"""What of the manner of teaching has helped: content, process and product, weighed by outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from segue.features.catalogue import Axis, Floats, Ints

LEAST_LEARNERS = 10
ROUNDS = 50  # of taking off means
TELLING = 1e-6  # of a learner's squares: less is rounding


@dataclass(frozen=True)
class AxisLevel:
    """What one manner on one axis has brought, against the other manners on this axis.

    `weight` is what counts in a score (``segue.engine.scoring.manners``): the effect where the interval lies
    on one side of 0, else 0.
    """

    axis: Axis
    level: str
    effect: float
    low: float
    high: float
    learners: int
    weight: float


def axis_levels(
    axis: Axis,
    level: Sequence[str],
    surprise: Floats,
    learner: Sequence[str],
    *,
    alike: Sequence[Sequence[str]] = (),
    alpha: float = 0.05,
    fixed: Mapping[str, float] | None = None,
) -> list[AxisLevel]:
    """Return the effect of each level with a simultaneous interval; weights are 0 until earned.

    The effect is the slope of the surprise on the level, both freed of the means of learners and of what is
    `alike`; its interval takes a learner for a cluster.

    Parameters
    ----------
    level : sequence of str
        Of the resource of each matured step; "" is not a level.
    surprise : array of shape (n,)
        Reward beyond what was forecast from the context.
    learner : sequence of str
        Steps of one learner hang together: differences are taken within learners.
    alike : sequence of sequences of str
        What else the steps compared must have in common: the skill, their manner on the other axes.
    fixed : mapping, optional
        Weights that a teacher has set, by level: they stand whatever the outcomes say.

    References
    ----------
    Cameron and Miller (2015), "A practitioner's guide to cluster-robust inference", Journal of Human
    Resources 50: the interval, with t of one less than the number of clusters.
    """
    names = sorted({name for name in level if name})
    confidence = 1.0 - alpha / max(len(names), 1)
    groups = [np.unique(np.asarray(one, dtype=str), return_inverse=True)[1] for one in (learner, *alike)]
    who, lost = groups[0], sum(int(group.max(initial=-1)) + 1 for group in groups[1:])
    spare = len(surprise) / max(len(surprise) - lost - 1, 1)
    freed = _freed(surprise, groups) if names else surprise
    out: list[AxisLevel] = []
    for name in names:
        mine = _freed(np.array([own == name for own in level], dtype=np.float64), groups)
        effect, error, learners = _slope(mine, freed, who, spare=spare)
        low, high = -np.inf, np.inf
        if learners >= LEAST_LEARNERS:
            half = float(special.stdtrit(learners - 1, 0.5 + confidence / 2)) * error
            low, high = effect - half, effect + half
        earned = effect if low > 0.0 or high < 0.0 else 0.0
        weight = (fixed or {}).get(name, earned)
        out.append(AxisLevel(axis, name, effect, low, high, learners, weight))
    return out


def _freed(values: Floats, groups: Sequence[Ints]) -> Floats:
    """Return values freed of the means of each grouping, taken off in turn until they stay."""
    out = np.asarray(values, dtype=np.float64).copy()
    for _ in range(ROUNDS if len(groups) > 1 else 1):
        for group in groups:
            count = np.maximum(np.bincount(group), 1)
            out -= (np.bincount(group, out) / count)[group]
    return out


def _slope(level: Floats, surprise: Floats, learner: Ints, *, spare: float) -> tuple[float, float, int]:
    """Return the slope, its standard error and how many learners tell of it.

    `spare` (at least 1) widens the error for the means that were taken off.
    """
    own = np.bincount(learner, level**2)
    total, telling = float(own.sum()), int((own > TELLING).sum())
    if not telling:
        return 0.0, np.inf, 0
    slope = float(level @ surprise) / total
    pull = np.bincount(learner, level * (surprise - slope * level))
    grown = spare * telling / max(telling - 1, 1)
    return slope, float(np.sqrt(grown * float(pull @ pull))) / total, telling
