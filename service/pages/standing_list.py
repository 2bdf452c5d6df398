"""The list that a learner has now, step by step, for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from segue.engine.request import Request
from segue.features.catalogue import Catalogue, Resource
from segue.features.iso_weeks import week_of
from segue.workspace.answering import Ask
from segue.workspace.published_playlists import ShownList, ShownStep
from segue.workspace.workspace import Workspace

SURFACES = ("weekly", "lti")  # what pages, launches and exports show
STEPS, OPTIONS = 6, 3


@dataclass(frozen=True)
class PageStep:
    """A step as its learner sees it: what, why, how far, its other options, and what a teacher changed."""

    shown: ShownStep
    resource: Resource
    options: tuple[Resource, ...]

    @property
    def decision_id(self) -> str:
        """Id of the decision behind it."""
        return self.shown.decision_id

    @property
    def state(self) -> str:
        """open, done, removed, swapped or pinned."""
        return self.shown.state

    @property
    def reasons(self) -> Mapping[str, float]:
        """The parts of the score it was drawn with; none where somebody put it in."""
        return {} if self.shown.instead_of or self.shown.step.override else self.shown.step.reasons

    @property
    def by_learner(self) -> bool:
        """Whether the learner put it in, by an own plan."""
        return (self.shown.step.override or {}).get("by") == "learner"


def standing(workspace: Workspace, learner: str, *, now: datetime) -> tuple[str, list[PageStep]]:
    """Return the week and the learner's list of it; one is drawn when there is none."""
    week = week_of(now, workspace.time_zone)
    found = in_force(workspace.lists(learner, now=now, week=week))
    if not found:
        request = Request(learner, now, k=STEPS, menu=OPTIONS)
        workspace.recommend_many([request], ask=Ask(surface="lti", week=week))
        found = in_force(workspace.lists(learner, now=now, week=week))
    return week, listed(found, workspace.catalogue())


def in_force(lists: Sequence[ShownList]) -> list[ShownStep]:
    """Return the steps of the lists of a week (newest first) that count: those of the surface drawn last."""
    current = [one for one in lists if one.current and one.surface in SURFACES]
    mine = [one for one in current if one.surface == current[0].surface]
    return [step for one in reversed(mine) for step in one.steps]


def listed(steps: Sequence[ShownStep], catalogue: Catalogue) -> list[PageStep]:
    """Return steps as a page shows them."""

    def resource(name: str) -> Resource:
        return catalogue.resources[catalogue.resource_index[name]]

    taken = {step.resource for step in steps if step.state != "removed"}
    out = []
    for step in steps:
        free = step.state == "open" and not step.picked
        options = [name for name in step.menu if free and name not in taken]
        out.append(PageStep(step, resource(step.resource), tuple(resource(name) for name in options)))
    return out
