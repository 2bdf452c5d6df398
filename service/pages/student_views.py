"""What stands on a student's pages, as values: the templates only lay it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segue.features.catalogue import Catalogue, Resource
from segue.service.pages.standing_list import ListedStep, standing
from segue.service.pages.visits import Visit


@dataclass(frozen=True)
class WeekView:
    """My week: objectives first, then the steps."""

    week: str
    aims: tuple[str, ...]
    steps: tuple[ListedStep, ...]
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
