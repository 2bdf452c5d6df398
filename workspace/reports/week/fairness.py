"""Is it fair? Gain, minutes, level, exposure and forecasts by declared groups, which are never features.

Labels come from the school's own roster, are matched when the report is made, and are kept nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from segue.features.events.outward_text import finite
from segue.workspace.reports.week.mean_intervals import MeanInterval, difference, mean_interval

MEASURES: Mapping[str, str] = {
    "gain": "reward",
    "minutes": "minutes",
    "level": "level",
    "exposure": "fresh",
    "forecast": "surprise",
}
SIGNED = ("gain", "forecast")


@dataclass(frozen=True)
class FairnessRow:
    """One measure of one label of a declared group, and how it stands beside everyone else."""

    group: str
    label: str
    measure: str
    mean: MeanInterval
    beside: MeanInterval

    @property
    def told(self) -> str:
        """In words."""
        if not self.beside.known:
            return "too few others"
        return {1: "more than others", -1: "less than others"}.get(self.beside.sign, "no difference shown")

    @property
    def shown(self) -> str:
        """The mean with its interval, signed where 0 means something."""
        sign = "+" if self.measure in SIGNED else ""
        places = 0 if self.measure == "minutes" else 3
        mean, low, high = (f"{x:{sign}.{places}f}" for x in (self.mean.mean, self.mean.low, self.mean.high))
        return f"{mean} ({low} to {high})"

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name, null where there is none."""
        said = {"group": self.group, "label": self.label, "measure": self.measure, "told": self.told}
        return said | {"mean": finite(asdict(self.mean)), "beside": finite(asdict(self.beside))}


def fairness_rows(steps: pd.DataFrame, groups: Mapping[str, Mapping[int, str]]) -> list[FairnessRow]:
    """Return every measure of every label with intervals that hold together; labels under five are left out.

    Measures: `gain` (learning beyond forecast), `minutes` (a week of a learner), `level` (share of the
    learner's steps on resources harder than the middle one: given as column `level`, else left out),
    `exposure` (share of steps on a resource new to the learner), `forecast` (score less forecast: 0 where
    forecasts hold).

    Parameters
    ----------
    steps : DataFrame
        As of `logged_steps`.
    groups : mapping
        By declared column: the label of each learner's number.
    """
    if not groups:
        return []
    table = _measured(steps)
    wanted = [
        (group, label, measure, column)
        for group, of in groups.items()
        for label in sorted(set(of.values()))
        for measure, column in MEASURES.items()
        if column in table
    ]
    each = 1 - 0.05 / max(2 * len(wanted), 1)
    rows = []
    for group, label, measure, column in wanted:
        labels = table["learner"].map(groups[group])
        mine, others = labels == label, labels.notna() & (labels != label)
        mean = _mean(table[mine], column, each)
        if mean.known:
            beside = difference(mean, _mean(table[others], column, each), level=each)
            rows.append(FairnessRow(group, label, measure, mean, beside))
    return rows


def _measured(steps: pd.DataFrame) -> pd.DataFrame:
    """Return one row a learner with the mean of each measure."""
    fresh = ~steps.duplicated(["learner", "resource"])
    by = steps.assign(fresh=fresh.astype(float)).groupby("learner")
    table = by[[c for c in ("reward", "surprise", "fresh", "level") if c in steps or c == "fresh"]].mean()
    weeks = steps.groupby("learner")["week"].nunique()
    table["minutes"] = by["minutes"].sum() / weeks
    return table.reset_index()


def _mean(rows: pd.DataFrame, column: str, level: float) -> MeanInterval:
    values = rows[column].to_numpy(np.float64)
    return mean_interval(values, rows["learner"].to_numpy(np.int64), level=level)
