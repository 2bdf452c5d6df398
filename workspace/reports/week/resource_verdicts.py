"""Which resources teach, which don't, and of which it cannot be told yet: with a false discovery rate.

Each resource is held against the others of its skill: the mean reward of its steps less the median of their
means, so that one bad resource does not make the others look good. The error is that of learners, and of the
median; the verdicts of all resources together have a false discovery rate of at most 5 % (Benjamini &
Hochberg 1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan, pi
from typing import Literal

import numpy as np
import pandas as pd
from scipy import special

from segue.features.catalogue import Floats
from segue.workspace.reports.week.mean_intervals import mean_interval

Teaches = Literal["teaches more", "teaches less", "cannot be told yet"]
RATE = 0.05
FEWEST_BESIDE = 3  # resources of a skill, below which all of the catalogue stand beside


@dataclass(frozen=True)
class ResourceVerdict:
    """One resource: reward of its steps beyond that of others of its skill, and what may be said of it."""

    resource: str
    skill: str
    steps: int
    learners: int
    beyond: float
    se: float
    chance: float
    verdict: Teaches


def resource_verdicts(steps: pd.DataFrame) -> list[ResourceVerdict]:
    """Return a verdict on every resource with matured steps, the surest first.

    Parameters
    ----------
    steps : DataFrame
        Columns resource, skill, learner (int), reward (NaN: not known).
    """
    reward, learner = steps["reward"].to_numpy(np.float64), steps["learner"].to_numpy(np.int64)
    at: dict[tuple[str, str], list[int]] = {}
    for row, pair in enumerate(zip(steps["skill"].tolist(), steps["resource"].tolist(), strict=True)):
        if np.isfinite(reward[row]):
            at.setdefault(pair, []).append(row)
    rows = []
    for (skill, resource), mine in sorted(at.items()):
        found = mean_interval(reward[mine], learner[mine])
        rows.append((resource, skill, len(mine), found.learners, found.mean, found.se))
    columns = ["resource", "skill", "steps", "learners", "mean", "se"]
    table = pd.DataFrame(rows, columns=columns)
    told = table[table["se"] > 0]
    beyond, error = _beyond(told)
    freedom = np.maximum(told["learners"].to_numpy(np.float64) - 1.0, 1.0)
    chance = 2 * special.stdtr(freedom, np.asarray(-np.abs(beyond) / error, np.float64))
    sure = discoveries(np.asarray(chance, dtype=np.float64))
    found_at = dict(zip(told.index, zip(beyond, error, chance, sure, strict=True), strict=True))
    out = []
    for place, (resource, skill, n_steps, n_learners, _, _) in enumerate(rows):
        gap, se, p, is_sure = found_at.get(place, (nan, nan, 1.0, False))
        verdict: Teaches = "cannot be told yet"
        if is_sure:
            verdict = "teaches more" if gap > 0 else "teaches less"
        out.append(
            ResourceVerdict(
                resource,
                skill,
                n_steps,
                n_learners,
                float(gap),
                float(se),
                float(p),
                verdict,
            )
        )
    return sorted(out, key=lambda one: (one.chance, one.resource))


def discoveries(chance: Floats, *, rate: float = RATE) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which of some p-values are discoveries at a false discovery rate (Benjamini & Hochberg).

    >>> discoveries(np.array([0.001, 0.2, 0.03, 0.9])).tolist()
    [True, False, False, False]
    """
    order = np.argsort(chance, kind="stable")
    below = np.flatnonzero(chance[order] <= rate * np.arange(1, len(chance) + 1) / max(len(chance), 1))
    sure = np.zeros(len(chance), dtype=np.bool_)
    if len(below):
        sure[order[: below[-1] + 1]] = True
    return sure


def _beyond(table: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return how far each mean lies from the median of its skill's, and the error of that."""
    mean, se = table["mean"].to_numpy(np.float64), table["se"].to_numpy(np.float64)
    gap, error = np.empty(len(table)), np.empty(len(table))
    for skill in table["skill"].unique():
        mine = (table["skill"] == skill).to_numpy()
        beside = mine if mine.sum() >= FEWEST_BESIDE else np.ones(len(table), dtype=np.bool_)
        centre = float(np.median(mean[beside]))
        spread = float(np.mean(se[beside] ** 2)) * pi / 2 / int(beside.sum())
        gap[mine] = mean[mine] - centre
        error[mine] = np.sqrt(se[mine] ** 2 + spread)
    return gap, np.maximum(error, 1e-12)


def in_words(one: ResourceVerdict, title: str) -> str:
    """Return what may be said of a resource, in a sentence."""
    if one.verdict == "cannot be told yet":
        return f"{title}: cannot be told yet ({one.steps} steps of {one.learners} learners)."
    half = 1.96 * one.se if isfinite(one.se) else nan
    return (
        f"{title}: {one.verdict} than others on its skill, by {abs(one.beyond):.3f} ± {half:.3f} "
        f"({one.steps} steps of {one.learners} learners)."
    )
