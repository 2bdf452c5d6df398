"""The weekly report of a workspace: read, calculated and drawn in one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from segue.experiments.reporting.effectiveness import Effectiveness, effectiveness
from segue.experiments.reporting.fairness import FairnessRow, fairness_rows
from segue.experiments.reporting.personalisation import Personalisation, audit_personalisation
from segue.experiments.reporting.report_page import pictures, report_page
from segue.experiments.reporting.step_frame import LoggedSteps, logged_steps
from segue.features.iso_weeks import week_of
from segue.workspace.records import learner_states as states
from segue.workspace.records.learners import every_learner
from segue.workspace.records.statements import statements_of
from segue.workspace.reports.class_report import mastery_table
from segue.workspace.workspace import Workspace


@dataclass(frozen=True)
class WeeklyReport:
    """What a week showed, as figures, as a page, and as pictures by name."""

    effectiveness: Effectiveness
    personal: Personalisation
    fairness: tuple[FairnessRow, ...]
    page: str
    pictures: Mapping[str, Figure]


def weekly_report(
    workspace: Workspace,
    week: str,
    *,
    now: datetime,
    rng: np.random.Generator,
    roster: pd.DataFrame | None = None,
) -> WeeklyReport:
    """Return the report of an ISO week.

    Parameters
    ----------
    rng : Generator
        Shuffles profiles for the audit.
    roster : DataFrame, optional
        Column learner (the LMS's ids) and, if wanted, class and declared groups: any other columns. What it
        says is matched here and kept nowhere.

    Raises
    ------
    ValueError
        When nothing was logged up to that week, or the roster has no column learner.
    """
    if roster is not None and "learner" not in roster:
        raise ValueError(f"the roster has no column learner; it has {', '.join(map(str, roster.columns))}")
    logged = logged_steps(workspace, roster)
    found = effectiveness(logged, week, statements=_statements(workspace, week))
    personal = _audit(workspace, logged, week, now=now, rng=rng)
    steps = logged.steps[(logged.steps["week"] <= week) & ~logged.steps["overridden"].astype(bool)]
    fair = tuple(fairness_rows(steps, logged.groups))
    page = report_page(found, logged.titles, now=now, personal=personal, fairness=fair)
    return WeeklyReport(found, personal, fair, page, pictures(found, logged.titles))


def _statements(workspace: Workspace, week: str) -> dict[str, int]:
    """Return what students said in a week, counted by kind."""
    with workspace.store.read() as connection:
        numbers = [person.number for person in every_learner(connection) if not person.opted_out]
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
