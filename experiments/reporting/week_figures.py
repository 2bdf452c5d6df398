"""What a week showed, in figures: learning, fairness, and whether its lists follow their learners."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from segue.experiments.reporting.effectiveness import Effectiveness, effectiveness
from segue.experiments.reporting.fairness import FairnessRow, fairness_rows
from segue.experiments.reporting.personalisation import Personalisation, audit_personalisation
from segue.experiments.reporting.step_frame import LoggedSteps, logged_steps
from segue.features.iso_weeks import week_of
from segue.workspace.records import learner_states as states
from segue.workspace.records.learners import every_learner, find_learners
from segue.workspace.records.statements import statements_of
from segue.workspace.reports.class_report import mastery_table
from segue.workspace.workspace import Workspace


@dataclass(frozen=True)
class WeekFigures:
    """What a week showed; `titles` names its resources."""

    effectiveness: Effectiveness
    personal: Personalisation
    fairness: tuple[FairnessRow, ...]
    titles: Mapping[str, str]


def week_figures(
    workspace: Workspace,
    week: str,
    *,
    now: datetime,
    rng: np.random.Generator,
    roster: pd.DataFrame | None = None,
    only: Collection[str] | None = None,
) -> WeekFigures:
    """Return the figures of an ISO week.

    Parameters
    ----------
    rng : Generator
        Shuffles profiles for the audit.
    roster : DataFrame, optional
        Column learner (the LMS's ids) and, if wanted, class and declared groups: any other columns. What it
        says is matched here and kept nowhere.
    only : collection of str, optional
        The LMS's ids of those whose steps count, a class for instance; everybody when left out.

    Raises
    ------
    ValueError
        When nothing was logged up to that week, or the roster has no column learner.
    """
    if roster is not None and "learner" not in roster:
        raise ValueError(f"the roster has no column learner; it has {', '.join(map(str, roster.columns))}")
    numbers = _numbers(workspace, only)
    logged = logged_steps(workspace, roster, only=None if only is None else numbers)
    found = effectiveness(logged, week, statements=_statements(workspace, week, numbers))
    personal = _audit(workspace, logged, week, now=now, rng=rng)
    steps = logged.steps[(logged.steps["week"] <= week) & ~logged.steps["overridden"].astype(bool)]
    fair = tuple(fairness_rows(steps, logged.groups))
    return WeekFigures(found, personal, fair, logged.titles)


def _numbers(workspace: Workspace, only: Collection[str] | None) -> list[int]:
    with workspace.store.read() as connection:
        people = every_learner(connection)
        if only is not None:
            people = list(find_learners(connection, workspace.keyring, list(only)).values())
    return [person.number for person in people if not person.opted_out]


def _statements(workspace: Workspace, week: str, numbers: Collection[int]) -> dict[str, int]:
    """Return what students said in a week, counted by kind."""
    with workspace.store.read() as connection:
        said = statements_of(connection, numbers)
    own = [one for one in said if not one.said_by and week_of(one.time, workspace.time_zone) == week]
    return dict(sorted(Counter(one.kind for one in own).items()))


def _audit(
    workspace: Workspace, logged: LoggedSteps, week: str, *, now: datetime, rng: np.random.Generator
) -> Personalisation:
    """Return whether the week's lists follow what is known of their learners."""
    steps = logged.steps[(logged.steps["week"] == week) & ~logged.steps["overridden"].astype(bool)]
    numbers = steps["learner"].to_numpy(np.int64)
    given = steps["resource"].to_numpy(object)
    lists = {who: given[numbers == who].tolist() for who in np.unique(numbers).tolist()}
    with workspace.store.read() as connection:
        champion = workspace.champion(connection)
        kept, _ = states.current(connection, list(lists), champion.fold)
    known = [kept[who].state for who in lists]
    if not known:
        return audit_personalisation([], np.zeros((0, 1)), rng=rng)
    interests = np.array([state.stated + state.revealed for state in known])
    profiles = np.hstack([mastery_table(champion, known, now.timestamp()), interests])
    return audit_personalisation(list(lists.values()), profiles, rng=rng, steps=steps)
