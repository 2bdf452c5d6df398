"""What a week showed, in figures: learning, fairness, and whether its lists follow their learners."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from segue.features.iso_weeks import start_of, week_of
from segue.features.learner_profile import FEWEST_LEARNERS
from segue.workspace.records import learner_states as states
from segue.workspace.records.learners import every_learner, find_learners
from segue.workspace.records.statements import statements_of
from segue.workspace.reports.table_methods import TableMethods
from segue.workspace.reports.week.effectiveness import Effectiveness, effectiveness
from segue.workspace.reports.week.fairness import FairnessRow, fairness_rows
from segue.workspace.reports.week.personalisation import Personalisation, audit_personalisation
from segue.workspace.reports.week.step_frame import LoggedSteps, logged_steps


@dataclass(frozen=True)
class WeekFigures:
    """What a week showed; `skills` names its skills, `notes` say whom the roster leaves out."""

    effectiveness: Effectiveness
    personal: Personalisation
    fairness: tuple[FairnessRow, ...]
    skills: Mapping[str, str]
    notes: tuple[str, ...] = ()


def week_figures(
    workspace: TableMethods,
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
        When it is no ISO week, has not begun, or nothing was logged up to it; when the roster has no column
        learner, or names one twice and says of them two things.
    """
    if roster is not None and "learner" not in roster:
        raise ValueError(f"the roster has no column learner; it has {', '.join(map(str, roster.columns))}")
    if now < start_of(week, workspace.time_zone):
        raise ValueError(f"week {week} has not begun by {now.isoformat()}: there is nothing to report")
    numbers = _numbers(workspace, only)
    logged = logged_steps(workspace, roster, only=None if only is None else numbers)
    found = effectiveness(logged, week, statements=_statements(workspace, week, numbers))
    personal = _audit(workspace, logged, week, now=now, rng=rng)
    steps = logged.steps[(logged.steps["week"] <= week) & ~logged.steps["overridden"].astype(bool)]
    fair = tuple(fairness_rows(steps, logged.groups))
    notes = () if roster is None else _left_out(logged, len(roster["learner"].unique()))
    skills = {s.skill_id: s.i_can or s.statement or s.skill_id for s in workspace.catalogue().skills}
    return WeekFigures(found, personal, fair, skills, notes)


def _left_out(logged: LoggedSteps, listed: int) -> tuple[str, ...]:
    """Return whom a roster leaves out of the report's classes and groups."""
    notes = []
    if logged.matched < listed:
        notes.append(
            f"{listed - logged.matched} of {listed} learners of the roster are unknown here: they count in "
            "no class and no group."
        )
    there = set(logged.steps["learner"].tolist())
    for group, of in logged.groups.items():
        sizes = Counter(label for number, label in of.items() if number in there)
        few = sum(size for size in sizes.values() if size < FEWEST_LEARNERS)
        nowhere = len(there) - sum(sizes.values())
        said = [f"{few} are in groups of fewer than {FEWEST_LEARNERS}"] if few else []
        said += [f"{nowhere} have no label"] if nowhere else []
        if said:
            notes.append(f"{group}: of {len(there)} learners {' and '.join(said)}; they are not shown.")
    return tuple(notes)


def _numbers(workspace: TableMethods, only: Collection[str] | None) -> list[int]:
    with workspace.store.read() as connection:
        people = every_learner(connection)
        if only is not None:
            people = list(find_learners(connection, workspace.keyring, list(only)).values())
    return [person.number for person in people if not person.opted_out]


def _statements(workspace: TableMethods, week: str, numbers: Collection[int]) -> dict[str, int]:
    """Return what students said in a week, counted by kind."""
    with workspace.store.read() as connection:
        said = statements_of(connection, numbers)
    own = [one for one in said if not one.said_by and week_of(one.time, workspace.time_zone) == week]
    return dict(sorted(Counter(one.kind for one in own).items()))


def _audit(
    workspace: TableMethods, logged: LoggedSteps, week: str, *, now: datetime, rng: np.random.Generator
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
    profiles = np.hstack([champion.chances(known, now), interests])
    return audit_personalisation(list(lists.values()), profiles, rng=rng, steps=steps)
