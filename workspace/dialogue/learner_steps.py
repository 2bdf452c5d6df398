"""What a learner asks of one step: another in its place, and a check of what it practises."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from segue.features.catalogue import Resource
from segue.workspace.dialogue.negotiation import standing
from segue.workspace.playlists.learner_standing import Claim
from segue.workspace.playlists.published_playlists import ShownStep
from segue.workspace.storage.errors import DeclinedError
from segue.workspace.workspace import Workspace

MOST_TASKS = 2
ASKING = ("quiz", "exercise", "performance task", "game")  # what asks most, first


@dataclass(frozen=True)
class SkillCheck:
    """A check: the skill, what settles a claim about it, and what came of it (None: no claim stands)."""

    skill: str
    aim: str
    tasks: tuple[Resource, ...]
    claim: Claim | None


def skill_check(workspace: Workspace, learner: str, skill: str, *, now: datetime) -> SkillCheck:
    """Return the check of a skill: tasks that are open, of the learner's courses, and not taken out.

    Raises
    ------
    DeclinedError
        For a skill that the catalogue does not have.
    """
    catalogue = workspace.catalogue()
    if skill not in catalogue.skill_index:
        raise DeclinedError("absent", "no_skill", "the catalogue has no such skill")
    found = catalogue.skills[catalogue.skill_index[skill]]
    asked = workspace.asking([learner], now=now)[1][learner].record
    courses = None if asked.courses is None else set(asked.courses)
    tasks = [
        r
        for r in catalogue.resources
        if skill in r.skills
        and r.kind in ASKING
        and catalogue.is_open(r.resource_id, now.timestamp())
        and r.resource_id not in asked.excluded
        and (courses is None or not r.courses or courses & set(r.courses))
    ]
    tasks.sort(key=lambda r: (ASKING.index(r.kind), len(r.skills), r.resource_id))
    claim = next((one for one in standing(workspace, learner).claims if one.skill == skill), None)
    return SkillCheck(skill, found.i_can or found.statement or skill, tuple(tasks[:MOST_TASKS]), claim)


def open_options(step: ShownStep, taken: Collection[str]) -> list[str]:
    """Return the options of a step that may still be chosen: none of the list's other resources."""
    free = step.state == "open" and not step.picked
    return [name for name in step.menu if free and name not in taken]


def another(workspace: Workspace, decision_id: str, *, now: datetime) -> str | None:
    """Put the next option of a step's menu in its place and return it; None when there is none left.

    Raises
    ------
    DeclinedError
        When there is no such decision.
    """
    whole, step = workspace.decision(decision_id, now=now)
    options = open_options(step, {one.resource for one in whole.todo})
    if not options:
        return None
    workspace.choose(decision_id, options[0], now=now)
    return options[0]
