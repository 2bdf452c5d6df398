"""What stands on a student's pages, as values: the templates only lay it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from segue.features.catalogue import Catalogue, Resource
from segue.features.events.event_records import check, identify
from segue.service.http.refusals import RefusedError
from segue.service.pages.sessions.visits import Visit
from segue.service.pages.standing_list import OPTIONS, STEPS, PageStep, standing
from segue.workspace.dialogue import negotiation
from segue.workspace.dialogue.negotiation import PictureChange
from segue.workspace.learner_standing import Claim
from segue.workspace.records.statements import Statement


@dataclass(frozen=True)
class WeekView:
    """My week: objectives first, then the steps."""

    week: str
    aims: tuple[str, ...]
    steps: tuple[PageStep, ...]
    done: int
    minutes_left: int


def week_view(visit: Visit) -> WeekView:
    """Return the learner's list of this week as a page shows it."""
    week, steps = standing(visit.tenant.workspace, visit.ticket.who, now=visit.now)
    shown = tuple(step for step in steps if step.state != "removed")
    left = [step.resource.minutes for step in shown if step.state != "done"]
    return WeekView(
        week=week,
        aims=aims_of([step.resource for step in shown], visit.tenant.workspace.catalogue()),
        steps=shown,
        done=sum(step.state == "done" for step in shown),
        minutes_left=round(sum(left)),
    )


def aims_of(resources: Sequence[Resource], catalogue: Catalogue) -> tuple[str, ...]:
    """Return what the steps are for, in "I can" words, each once and in order."""
    skills = dict.fromkeys(skill for resource in resources for skill in resource.skills)
    lines = [catalogue.skills[catalogue.skill_index[name]] for name in skills]
    return tuple(dict.fromkeys(s.i_can or s.statement or s.skill_id for s in lines))


def _step(visit: Visit, decision_id: str) -> PageStep:
    _, steps = standing(visit.tenant.workspace, visit.ticket.who, now=visit.now)
    for step in steps:
        if step.decision_id == decision_id:
            return step
    raise RefusedError(404, "no_step", "this step is not on the learner's list")


def another(visit: Visit, decision_id: str) -> bool:
    """Put the next option of a step's menu in its place; False when there is none left."""
    step = _step(visit, decision_id)
    if not step.options:
        return False
    visit.tenant.workspace.choose(decision_id, step.options[0].resource_id, now=visit.now)
    return True


def finish(visit: Visit, decision_id: str) -> bool:
    """Keep that a step was finished, as an event; False when it was kept before."""
    step = _step(visit, decision_id)
    row = {
        "event_id": f"pages:done:{decision_id}",
        "kind": "completion",
        "learner": visit.ticket.who,
        "resource": step.resource.resource_id,
        "time": visit.now,
        "step": decision_id,
        "completed": 1,
    }
    space = visit.tenant.workspace
    found = check(pd.DataFrame([row]), [1], resources=space.catalogue().resource_index)
    return space.add_events(identify(found.events)).added > 0


def claim_step(visit: Visit, decision_id: str) -> Statement:
    """Keep the claim that the learner knows what a step practises."""
    skill = _step(visit, decision_id).resource.skills[0]
    change = PictureChange(skill=skill, says="know")
    space, who = visit.tenant.workspace, visit.ticket.who
    return negotiation.save_change(space, who, change, now=visit.now, k=STEPS, menu=OPTIONS)


@dataclass(frozen=True)
class CheckView:
    """A check: the skill, what settles the claim, and what came of it (None: no claim stands)."""

    skill: str
    aim: str
    tasks: tuple[Resource, ...]
    claim: Claim | None


MOST_TASKS = 2
ASKING = ("quiz", "exercise", "performance task", "game")


def check_view(visit: Visit, skill: str) -> CheckView:
    """Return the check of a skill: what asks most, first.

    Raises
    ------
    RefusedError
        404 for a skill that the catalogue does not have.
    """
    space = visit.tenant.workspace
    catalogue = space.catalogue()
    if skill not in catalogue.skill_index:
        raise RefusedError(404, "no_skill", "there is no such skill")
    found = catalogue.skills[catalogue.skill_index[skill]]
    tasks = [r for r in catalogue.resources if skill in r.skills and r.kind in ASKING]
    tasks.sort(key=lambda r: (ASKING.index(r.kind), len(r.skills), r.resource_id))
    said = negotiation.standing(space, visit.ticket.who)
    claim = next((one for one in said.claims if one.skill == skill), None)
    aim = found.i_can or found.statement or skill
    return CheckView(skill, aim, tuple(tasks[:MOST_TASKS]), claim)


def take_back(visit: Visit, what: str) -> None:
    """Take back a statement, named as "statement:ID"; one of another learner's is declined."""
    kind, _, name = what.partition(":")
    if kind != "statement":
        raise RefusedError(422, "undo", "there is nothing of this kind to take back")
    negotiation.take_back(visit.tenant.workspace, visit.ticket.who, name, now=visit.now)
