"""The list that a learner has now, step by step, for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from gettext import NullTranslations

from segue.engine.explanations.why import ENGLISH, explain
from segue.engine.requests.request import Request
from segue.features.catalogue import Catalogue, Resource
from segue.features.iso_weeks import week_of
from segue.workspace.dialogue.learner_steps import open_options
from segue.workspace.playlists.answering import Ask, Given
from segue.workspace.playlists.published_playlists import ShownStep, in_force
from segue.workspace.workspace import Workspace

STEPS, OPTIONS = 6, 3


@dataclass(frozen=True)
class PageStep:
    """A step as its learner sees it: what, why, its other options, and whether the store keeps it."""

    shown: ShownStep
    resource: Resource
    options: tuple[Resource, ...]
    kept: bool = True

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


def standing(
    workspace: Workspace, learner: str, *, now: datetime, words: NullTranslations = ENGLISH
) -> tuple[str, list[PageStep]]:
    """Return the week and the learner's list of it; one is drawn when there is none.

    Of who opted out the list is that of nobody in particular, and is not stored.
    """
    week, found = shown(workspace, learner, now=now, words=words)
    if found:
        return week, found
    request = Request(learner, now, k=STEPS, menu=OPTIONS)
    (given,) = workspace.recommend_many([request], ask=Ask(surface="lti", week=week))
    _, found = shown(workspace, learner, now=now, words=words)
    return week, found or _unstored(given, workspace.catalogue(), now, words)


def shown(
    workspace: Workspace, learner: str, *, now: datetime, words: NullTranslations = ENGLISH
) -> tuple[str, list[PageStep]]:
    """Return the same and draw nothing: no steps when there is no list."""
    week = week_of(now, workspace.time_zone)
    lists = workspace.lists(learner, now=now, week=week, words=words)
    return week, listed(in_force(lists), workspace.catalogue())


def _unstored(given: Given, catalogue: Catalogue, now: datetime, words: NullTranslations) -> list[PageStep]:
    """Return the steps of a list that is not in the store, to be read only."""
    out = []
    for step in given.playlist.steps:
        resource = catalogue.resource(step.resource)
        why = explain(step, catalogue, state=None, now=now.timestamp(), words=words).student
        facts = (resource.resource_id, resource.title, resource.url, resource.minutes, resource.kind)
        one = ShownStep(str(step.position), *facts, "open", why, step)
        out.append(PageStep(one, resource, (), kept=False))
    return out


def listed(steps: Sequence[ShownStep], catalogue: Catalogue) -> list[PageStep]:
    """Return steps as a page shows them."""
    taken = {step.resource for step in steps if step.state != "removed"}
    out = []
    for step in steps:
        options = map(catalogue.resource, open_options(step, taken))
        out.append(PageStep(step, catalogue.resource(step.resource), tuple(options)))
    return out
