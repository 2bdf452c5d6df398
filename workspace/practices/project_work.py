"""Projects of a class from its events: milestones done, minutes to reserve, who stands still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from segue.engine.practices.projects import Milestone, Stall, reserved_minutes, stall_of
from segue.workspace.practices.members import members_of
from segue.workspace.records.events import read_events
from segue.workspace.workspace import Workspace


@dataclass(frozen=True)
class ProjectPart:
    """A milestone, and the catalogue's resource whose completion shows that it is done."""

    milestone: Milestone
    resource: str


@dataclass(frozen=True)
class ProjectState:
    """Where one learner stands: parts done, minutes that the week must keep, and whether it has stalled."""

    learner: str
    done: int
    minutes: float
    stall: Stall


def project_states(
    workspace: Workspace,
    class_id: str,
    parts: Sequence[ProjectPart],
    *,
    started: datetime,
    minutes_a_week: float,
    now: datetime,
    names: Sequence[str] = (),
) -> list[ProjectState]:
    """Return where each learner of a class stands in a project, those who stand still first.

    A part is done by an attempt on its resource that was completed or got half the score or more; any event
    on a resource of the project is activity.

    Raises
    ------
    DeclinedError, ValueError
        When nobody is known in the class; when a resource is not in the catalogue.
    """
    known = workspace.catalogue().resource_index
    if missing := [part.resource for part in parts if part.resource not in known]:
        raise ValueError(f"the catalogue has no resource {missing[0]!r}")
    with workspace.store.read() as connection:
        members = members_of(workspace, connection, class_id, names, now=now)
        events = read_events(connection, [p.number for p in members.people.values() if p.number >= 0])
    mine = events[events["resource"].isin([part.resource for part in parts]) & (events["time"] <= now)]
    milestones = [part.milestone for part in parts]
    out: list[ProjectState] = []
    for name, person in members.people.items():
        own = mine[mine["learner"] == person.surrogate]
        finished = own[(own["kind"] == "attempt") & ((own["completed"] > 0) | (own["score"] >= 0.5))]
        through = set(finished["resource"])
        done = frozenset(part.milestone.name for part in parts if part.resource in through)
        activity = [moment.to_pydatetime() for moment in own["time"].dropna()]
        stall = stall_of(milestones, done, activity, now=now, started=started, minutes_a_week=minutes_a_week)
        kept = reserved_minutes(milestones, done, now=now, minutes_a_week=minutes_a_week)
        out.append(ProjectState(name, len(done), kept, stall))
    return sorted(out, key=lambda one: (not one.stall.stalled, one.learner))
