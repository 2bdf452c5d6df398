"""How much of a log another policy can be evaluated on: overlap, week by week."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from segue.experiments.simulation.cohort import TermSlot
from segue.experiments.simulation.school_term import WEEK


def weekly_overlap(taught: Sequence[tuple[TermSlot, int]]) -> pd.DataFrame:
    """Return how well a uniform policy could be evaluated from what was taught, one row a week.

    Weights are those of single steps: w = (1 / candidates) / propensity of the step given those before.

    Parameters
    ----------
    taught : sequence of (TermSlot, int)
        ``Contract.taught``: what was done, and out of how many candidates it was chosen.

    Returns
    -------
    DataFrame with columns week, steps, ess ((Σw)² / Σw²) and smallest (propensity)

    Examples
    --------
    >>> at = np.zeros(4, dtype=np.int64)
    >>> slot = TermSlot(at, at, at == 0, at + 1.0, np.full(4, 0.5), 9.0, "next")
    >>> weekly_overlap([(slot, 2)]).values.tolist()
    [[0.0, 4.0, 4.0, 0.5]]
    """
    steps = pd.DataFrame(
        {
            "week": np.repeat(
                [int(s.hours // WEEK) for s, _ in taught], [len(s.learners) for s, _ in taught]
            ),
            "propensity": np.concatenate([s.propensity for s, _ in taught]) if taught else np.zeros(0),
            "candidates": np.repeat([n for _, n in taught], [len(s.learners) for s, _ in taught]),
        }
    )
    steps["w"] = 1.0 / (steps["candidates"] * steps["propensity"])
    steps["w2"] = steps["w"] ** 2
    by_week = steps.groupby("week").agg(
        steps=("w", "size"), total=("w", "sum"), squares=("w2", "sum"), smallest=("propensity", "min")
    )
    by_week["ess"] = by_week["total"] ** 2 / by_week["squares"]
    return by_week.reset_index()[["week", "steps", "ess", "smallest"]]
