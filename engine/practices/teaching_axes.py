"""What of the manner of teaching has helped: content, process and product, weighed by outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from segue.features.catalogue import Floats

Axis = Literal["content", "process", "product"]
LEAST_LEARNERS = 10


@dataclass(frozen=True)
class AxisLevel:
    """What one manner on one axis has brought, against the other manners on this axis.

    `weight` is what it counts in a score: the effect where the interval lies on one side of 0, else 0.
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
    alpha: float = 0.05,
    fixed: Mapping[str, float] | None = None,
) -> list[AxisLevel]:
    """Return the effect of each level with a simultaneous interval; weights are 0 until earned.

    Parameters
    ----------
    level : sequence of str
        Of the resource of each matured step; "" is not a level.
    surprise : array of shape (n,)
        Reward beyond what was forecast from the context.
    learner : sequence of str
        Steps of one learner hang together: differences are taken within learners, and the interval counts
        learners.
    fixed : mapping, optional
        Weights that a teacher has set, by level: they stand whatever the outcomes say.
    """
    names = sorted({name for name in level if name})
    confidence = 1.0 - alpha / max(len(names), 1)
    out: list[AxisLevel] = []
    for name in names:
        within = _differences(np.array([own == name for own in level]), surprise, learner)
        effect = float(within.mean()) if len(within) else 0.0
        low, high = -np.inf, np.inf
        if len(within) >= LEAST_LEARNERS:
            half = (
                stats.t.ppf(0.5 + confidence / 2, len(within) - 1) * within.std(ddof=1) / np.sqrt(len(within))
            )
            low, high = effect - half, effect + half
        earned = effect if low > 0.0 or high < 0.0 else 0.0
        weight = (fixed or {}).get(name, earned)
        out.append(AxisLevel(axis, name, effect, float(low), float(high), len(within), weight))
    return out


def _differences(mine: np.ndarray, surprise: Floats, learner: Sequence[str]) -> Floats:
    """Return, for each learner with both, the mean surprise with this level minus that without."""
    rows: dict[str, list[int]] = {}
    for at, name in enumerate(learner):
        rows.setdefault(name, []).append(at)
    out = []
    for own in rows.values():
        here, values = mine[own], surprise[own]
        if here.any() and not here.all():
            out.append(values[here].mean() - values[~here].mean())
    return np.array(out)
