"""The lists of a whole class for a week on one page, and what a teacher does with all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from segue.engine.requests.request import Request
from segue.features.iso_weeks import near, start_of
from segue.workspace.playlists.answering import Ask
from segue.workspace.playlists.published_playlists import (
    PAGES,
    Moment,
    Reader,
    ShownStep,
    in_force,
    rows_at,
    shown_lists,
)
from segue.workspace.playlists.step_feedback import StepChange
from segue.workspace.records.decision_queries import decision_of
from segue.workspace.records.learners import add_learners, find_learners, is_buried
from segue.workspace.records.overrides import OverrideRecord, acts_for
from segue.workspace.storage.errors import DeclinedError
from segue.workspace.workspace import Workspace


@dataclass(frozen=True)
class LearnerWeek:
    """One learner's list of a week: the steps, those taken out among them, and rules that gave way."""

    learner: str
    steps: tuple[ShownStep, ...]
    relaxed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class TeacherAct:
    """What a teacher did with a step of one of the class, undone or not."""

    learner: str
    record: OverrideRecord


@dataclass(frozen=True)
class ClassWeek:
    """A class's lists of a week, in the order of the roster, and what teachers did, the newest first.

    `unkept` are those of whom no list may be kept: they opted out, or were erased.
    """

    week: str
    learners: tuple[LearnerWeek, ...]
    acts: tuple[TeacherAct, ...]
    unkept: tuple[str, ...] = ()

    @property
    def made(self) -> int:
        """How many learners have a list."""
        return sum(bool(one.steps) for one in self.learners)

    @property
    def to_approve(self) -> list[ShownStep]:
        """The steps that nobody has approved or taken out."""
        return [s for one in self.learners for s in one.steps if s.state != "removed" and not s.approved]


def class_week(workspace: Workspace, roster: Sequence[str], week: str, *, now: datetime) -> ClassWeek:
    """Return the lists of a class as they stand; who opted out has none here."""
    with workspace.store.read() as connection:
        people = find_learners(connection, workspace.keyring, roster)
        inside = {who: person.number for who, person in people.items() if not person.opted_out}
        catalogue = workspace.catalogue_in(connection)
        moment = Moment(workspace.keyring, catalogue, now)
        rows = rows_at(connection, moment, list(inside.values()), weeks=[week], surfaces=PAGES)
        acts = acts_for(connection, inside.values())
        strangers = {who: workspace.keyring.digest("learner", who) for who in roster if who not in people}
        erased = {who for who, digest in strangers.items() if is_buried(connection, digest)}
    names = {number: who for who, number in inside.items()}
    found = []
    for who in roster:
        if who not in inside:
            found.append(LearnerWeek(who, ()))
            continue
        lists = shown_lists(rows, inside[who], Reader(catalogue, None, now, why=False))
        mine = [one for one in lists if one.current and one.surface == lists[0].surface]
        rules = [(rule, how) for one in mine for rule, how in one.certificate.items() if how != "held"]
        found.append(LearnerWeek(who, tuple(in_force(lists)), tuple(rules)))
    done = [TeacherAct(names[act.learner], act) for act in reversed(acts) if act.learner in names]
    unkept = tuple(who for who in roster if who in erased or (who in people and who not in inside))
    return ClassWeek(week, tuple(found), tuple(done), unkept)


def draw_week(
    workspace: Workspace, roster: Sequence[str], week: str, *, k: int, menu: int, now: datetime
) -> int:
    """Draw the lists of a week for those of a class who have none; return how many were drawn.

    Who was erased or opted out gets none, and holds up nobody. A ValueError refuses a week that is two years
    off.
    """
    monday = start_of(near(week, now), workspace.time_zone)
    there = class_week(workspace, roster, week, now=monday)
    without = [one.learner for one in there.learners if not one.steps]
    with workspace.store.write() as connection:
        people = add_learners(connection, workspace.keyring, without)
    stay = [who for who in without if who in people and not people[who].opted_out]
    requests = [Request(learner, monday, k=k, menu=menu) for learner in stay]
    if requests:
        workspace.recommend_many(requests, ask=Ask(surface="weekly", week=week))
    return len(requests)


def approve_week(
    workspace: Workspace,
    roster: Sequence[str],
    week: str,
    *,
    by: str,
    now: datetime,
    seen: Mapping[str, str] | None = None,
) -> tuple[int, int]:
    """Approve every step of a class's week, in one transaction.

    `seen` says what the teacher saw, the resource of each step by its decision; None: all as they stand.

    Returns
    -------
    int, int
        How many were approved, and how many could not be: another teacher's act stands on them, or something
        else than was seen.
    """
    steps = class_week(workspace, roster, week, now=now).to_approve
    alike = [s for s in steps if seen is None or seen.get(s.decision_id) == s.resource]
    asked = [
        (s.decision_id, StepChange("approve", by, seen=s.resource if seen and s.state != "done" else None))
        for s in alike
    ]
    declined = len(_all(workspace, asked, now=now))
    return len(asked) - declined, declined + len(steps) - len(alike)


def must_do(
    workspace: Workspace, roster: Sequence[str], week: str, resource: str, *, by: str, now: datetime
) -> tuple[int, tuple[str, ...]]:
    """Pin a resource into every list of a class's week, in the place of its last open step.

    Returns
    -------
    int, tuple of str
        Into how many lists it was put, and whose could not take it: it is not open, another teacher's act
        stands in its way, or no step is open. Who has it already is neither.

    Raises
    ------
    DeclinedError
        When the catalogue does not have the resource.
    """
    catalogue = workspace.catalogue()
    if resource not in catalogue.resource_index:
        raise DeclinedError("invalid", "unknown_resource", f"unknown resource {resource!r}: import it first")
    shown = class_week(workspace, roster, week, now=now)
    change, last = StepChange("pin", by, "priority", resource), {}
    for one in shown.learners:
        has_it = any(step.resource == resource and step.state != "removed" for step in one.steps)
        if one.steps and not has_it:
            last[one.learner] = next((step for step in reversed(one.steps) if step.state == "open"), None)
    asked = {
        step.decision_id: (who, replace(change, seen=step.resource)) for who, step in last.items() if step
    }
    declined = _all(workspace, [(name, change) for name, (_, change) in asked.items()], now=now)
    left = {asked[name][0] for name in declined} | {who for who, step in last.items() if not step}
    return len(asked) - len(declined), tuple(who for who in last if who in left)


def _all(workspace: Workspace, changes: Sequence[tuple[str, StepChange]], *, now: datetime) -> list[str]:
    """Make many changes in one transaction; return the steps of those declined, which hold up no other."""
    declined = []
    with workspace.feedback(now) as said:
        for decision_id, change in changes:
            try:
                said.override(decision_id, change)
            except DeclinedError:
                declined.append(decision_id)
    return declined


def owner_of(workspace: Workspace, roster: Sequence[str], decision_id: str) -> str | None:
    """Return which of a roster a decision is about, None when it is about none of them."""
    with workspace.store.read() as connection:
        row = decision_of(connection, decision_id)
        people = find_learners(connection, workspace.keyring, roster)
    if row is None:
        return None
    return next((who for who, person in people.items() if person.number == row.learner), None)
