"""Projects over weeks: milestones, the minutes that each week must keep for them, and which have stalled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Milestone:
    """One part of a project: what it is called, when it is due (UTC-aware), and the minutes it takes."""

    name: str
    due: datetime
    minutes: float


def reserved_minutes(
    milestones: Sequence[Milestone], done: frozenset[str], *, now: datetime, minutes_a_week: float
) -> float:
    """Return the minutes that the week from `now` must keep for the milestones still to do.

    For each deadline, the work due by then is spread evenly over the weeks that are left; what counts is the
    tightest of them. Never more than `minutes_a_week`.

    >>> from datetime import UTC
    >>> monday = datetime(2026, 11, 23, tzinfo=UTC)
    >>> plan = [Milestone("draft", monday + 2 * WEEK, 60.0), Milestone("show", monday + 3 * WEEK, 60.0)]
    >>> reserved_minutes(plan, frozenset(), now=monday, minutes_a_week=90.0)
    40.0
    """
    open_ = sorted((m for m in milestones if m.name not in done), key=lambda m: m.due)
    needed, work = 0.0, 0.0
    for milestone in open_:
        work += milestone.minutes
        weeks = max((milestone.due - now) / WEEK, 1.0)
        needed = max(needed, work / weeks)
    return min(needed, minutes_a_week)


@dataclass(frozen=True)
class Stall:
    """Whether a project stands still, and the sentence that says why."""

    stalled: bool
    sentence: str


def stall_of(
    milestones: Sequence[Milestone],
    done: frozenset[str],
    activity: Sequence[datetime],
    *,
    now: datetime,
    started: datetime,
    minutes_a_week: float,
) -> Stall:
    """Return whether a project has stalled: overdue, out of reach, or silent for unusually long.

    Silence is unusual from three times the learner's own median gap between pieces of work on (at least ten
    days): who works every fortnight is not chased after a week.

    Parameters
    ----------
    activity : sequence of datetime
        When the learner worked on it, in any order; later than `now` does not count.
    """
    left = sorted((m for m in milestones if m.name not in done), key=lambda m: m.due)
    if not left:
        return Stall(False, "every milestone is done")
    if late := [m.name for m in left if m.due < now]:
        return Stall(True, f"{late[0]} is overdue")
    times = sorted({started, *(t for t in activity if t <= now)})
    silent = now - times[-1]
    gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
    usual = timedelta(seconds=float(np.median(gaps))) if gaps else timedelta(days=4)
    if silent > max(3 * usual, timedelta(days=10)):
        return Stall(True, f"nothing was done for {silent.days} days")
    needed = reserved_minutes(milestones, done, now=now, minutes_a_week=float("inf"))
    if needed > minutes_a_week:
        return Stall(True, f"{needed:.0f} minutes a week are needed, {minutes_a_week:.0f} are there")
    return Stall(False, f"next: {left[0].name}")
