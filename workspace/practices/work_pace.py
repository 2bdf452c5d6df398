"""How long work takes each learner of a class, and the budgets of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from segue.engine.practices.pace import fit_pace
from segue.features.catalogue import Floats, Ints
from segue.workspace.practices.members import members_of
from segue.workspace.records.events import read_events
from segue.workspace.records.learners import Learner
from segue.workspace.workspace import Workspace


@dataclass(frozen=True)
class LearnerPace:
    """How many times the catalogue's minutes a learner takes, from how many measured works."""

    learner: str
    factor: float
    works: int


def paces_of(
    workspace: Workspace, class_id: str, names: Sequence[str] = (), *, now: datetime
) -> list[LearnerPace]:
    """Return the pace of each learner of a class, slowest first, from the seconds of attempts before `now`.

    Who has nothing measured goes at the class's pace.
    """
    with workspace.store.read() as connection:
        members = members_of(workspace, connection, class_id, names, now=now)
    people = list(members.people.values())
    factors, works = factors_of(workspace, people, now=now)
    out = [LearnerPace(name, float(factors[i]), int(works[i])) for i, name in enumerate(members.people)]
    return sorted(out, key=lambda one: (-one.factor, one.learner))


def factors_of(workspace: Workspace, people: Sequence[Learner], *, now: datetime) -> tuple[Floats, Ints]:
    """Return how many times the catalogue's minutes each learner takes, and the works that it rests on."""
    catalogue = workspace.catalogue()
    with workspace.store.read() as connection:
        events = read_events(connection, [one.number for one in people if one.number >= 0])
    known = events["resource"].isin(list(catalogue.resource_index))
    timed = events[(events["kind"] == "attempt") & (events["seconds"] > 0.0) & known]
    timed = timed[timed["time"] <= pd.Timestamp(now)]
    at = {one.surrogate: i for i, one in enumerate(people) if one.surrogate}
    learner = np.asarray(timed["learner"].map(at), dtype=np.int64)
    resource = np.asarray(timed["resource"].map(dict(catalogue.resource_index)), dtype=np.int64)
    minutes = np.array([one.minutes for one in catalogue.resources], dtype=np.float64)
    pace = fit_pace(
        timed["seconds"].to_numpy(dtype=np.float64) / 60.0,
        minutes[resource],
        learner,
        resource,
        n_learners=len(people),
        n_resources=len(minutes),
    )
    return np.exp(pace.mean + pace.learner), np.bincount(learner, minlength=len(people))
