"""What worked this week: learning against forecast, resources, engagement, voice, exploring, changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from segue.engine.explanations.taught import UNTOLD
from segue.features.events.outward_text import finite
from segue.workspace.reports.week.mean_intervals import MeanInterval, difference, mean_interval, means_by
from segue.workspace.reports.week.step_frame import LoggedSteps

WEEKS_SHOWN = 8


@dataclass(frozen=True)
class Voice:
    """What students said and chose, in counts; a rating is in [0, 1] (NaN: none was given)."""

    ratings: int
    mean_rating: float
    menus: int
    statements: Mapping[str, int]


@dataclass(frozen=True)
class Effectiveness:
    """The report of one week.

    Attributes
    ----------
    week : str
    learning : MeanInterval
        Reward of the steps whose effect showed this week: how much more was learned than forecast, in points
        of probability of success.
    by_skill, by_class : mapping
        The same by skill and class; intervals hold jointly.
    waiting, censored : int
        Steps whose effect has not shown yet, and of which it never will.
    resources : DataFrame
        What each resource that was used teaches, as the model in charge has it (``taught_table``).
    engagement : DataFrame
        By skill: steps of this week's lists, share done, and learning beside it.
    voice : Voice
    explored_share : float
        Share of this week's steps that were explored.
    exploring : MeanInterval
        Reward of explored steps less that of the others, over all weeks: what exploring cost.
    since_last_week : MeanInterval
        This week's learning less last week's.
    trend : mapping
        Learning by week, the last eight.
    """

    week: str
    learning: MeanInterval
    by_skill: Mapping[str, MeanInterval]
    by_class: Mapping[str, MeanInterval]
    waiting: int
    censored: int
    resources: pd.DataFrame
    engagement: pd.DataFrame
    voice: Voice
    explored_share: float
    exploring: MeanInterval
    since_last_week: MeanInterval
    trend: Mapping[str, MeanInterval]

    def called(self, skills: Mapping[str, str]) -> Effectiveness:
        """Return the same with the names that people read in place of the skills' ids."""
        often = Counter(skills.values())
        names = {skill: name if often[name] == 1 else f"{name} ({skill})" for skill, name in skills.items()}
        by_skill = {names.get(skill, skill): mean for skill, mean in self.by_skill.items()}
        skill = self.engagement["skill"].map(lambda one: names.get(one, one))
        return replace(self, by_skill=by_skill, engagement=self.engagement.assign(skill=skill))

    @property
    def told(self) -> pd.DataFrame:
        """The resources of which it can be told what they teach, the best first."""
        return self.resources[self.resources["verdict"] != UNTOLD]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name, null where there is none."""
        tables = {"engagement": self.engagement, "resources": self.resources}
        rows = {name: table.to_dict(orient="records") for name, table in tables.items()}
        return {name: finite(value) for name, value in (asdict(self) | rows).items()}

    def metrics(self) -> dict[str, float]:
        """Return the main figures under the names a tracking store takes."""
        figures = {
            "learning": self.learning.mean,
            "learning_low": self.learning.low,
            "learning_high": self.learning.high,
            "explored_share": self.explored_share,
            "exploring_cost": -self.exploring.mean,
            "since_last_week": self.since_last_week.mean,
            "resources_teaching_less": float((self.told["effect"] < 0).sum()),
            "resources_teaching_more": float((self.told["effect"] > 0).sum()),
        }
        return {name: value for name, value in figures.items() if np.isfinite(value)}


def effectiveness(
    logged: LoggedSteps, week: str, *, statements: Mapping[str, int] | None = None
) -> Effectiveness:
    """Return the report of a week from what was logged up to it.

    Parameters
    ----------
    week : str
        ISO week, as 2026-W48.
    statements : mapping, optional
        What students said this week, counted by kind.

    Raises
    ------
    ValueError
        If nothing was logged up to that week.
    """
    steps = logged.steps
    steps = steps[(steps["week"] <= week) & ~steps["overridden"].astype(bool)]
    if steps.empty:
        raise ValueError(f"nothing was logged up to {week}: there is nothing to report")
    later = steps["showed"] > week
    steps = steps.assign(reward=steps["reward"].mask(later), showed=steps["showed"].mask(later, ""))
    shown = steps[steps["showed"] == week]
    given = steps[steps["week"] == week]
    explored = steps["explored"].astype(bool)
    by_skill = means_by(shown, "reward", "skill")
    trend = {str(w): _mean(rows) for w, rows in steps[steps["showed"] != ""].groupby("showed", sort=True)}
    before = [w for w in trend if w < week]
    return Effectiveness(
        week=week,
        learning=_mean(shown),
        by_skill=by_skill,
        by_class=means_by(shown, "reward", "class"),
        waiting=int((steps["reward"].isna() & (steps["status"] != "censored")).sum()),
        censored=int((steps["status"] == "censored").sum()),
        resources=logged.taught,
        engagement=_engagement(given, by_skill),
        voice=_voice(given, statements or {}),
        explored_share=float(explored[steps["week"] == week].mean()) if len(given) else float("nan"),
        exploring=difference(_mean(steps[explored]), _mean(steps[~explored])),
        since_last_week=difference(_mean(shown), trend[before[-1]] if before else _mean(shown.iloc[:0])),
        trend=dict(list(trend.items())[-WEEKS_SHOWN:]),
    )


def _mean(rows: pd.DataFrame) -> MeanInterval:
    return mean_interval(rows["reward"].to_numpy(np.float64), rows["learner"].to_numpy(np.int64))


def _engagement(given: pd.DataFrame, learning: Mapping[str, MeanInterval]) -> pd.DataFrame:
    """Return steps, share done and learning by skill: what is much done need not teach."""
    if given.empty:
        return pd.DataFrame(columns=["skill", "steps", "done", "learning"])
    by = given.groupby("skill")
    table = pd.DataFrame({"steps": by.size(), "done": by["done"].mean()})
    table["learning"] = pd.Series({name: mean.mean for name, mean in learning.items()}, dtype=float)
    return table.reset_index()


def _voice(given: pd.DataFrame, statements: Mapping[str, int]) -> Voice:
    rated = pd.to_numeric(given["rating"], errors="coerce").dropna()
    mean = float(rated.mean()) if len(rated) else float("nan")
    return Voice(len(rated), mean, int(given["menu"].sum()), dict(statements))
