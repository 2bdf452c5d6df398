"""A list that stops early: what of it is still worth doing once more is known of the learner."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from segue.engine.pipeline import Kernel
from segue.engine.playlists import Playlist, Step
from segue.engine.request import Request
from segue.features.contexts.context_columns import due
from segue.features.contexts.context_facts import skill_facts
from segue.features.history.learner_state import LearnerState
from segue.features.history.streaming_update import StateBlock


def remaining(
    kernel: Kernel, playlist: Playlist, request: Request, *, done: Collection[str]
) -> tuple[Step, ...]:
    """Return the steps of `playlist` still to do, in order: stop when mastered.

    A step is left out when it was done, or when all its skills are mastered by now (as the rule "mastered"
    says) and review is not due. Nothing is left when every skill of the goal is.

    Parameters
    ----------
    request : Request
        With the learner's state as it is now, and `now`.
    done : collection of str
        Resources done since the list was drawn.
    """
    ready = _mastered(kernel, request)
    index = kernel.catalogue.skill_index
    if request.goal is not None and all(index[skill] in ready for skill in request.goal.skills):
        return ()
    skills = {r.resource_id: {index[k] for k in r.skills} for r in kernel.catalogue.resources}
    return tuple(
        step for step in playlist.steps if step.resource not in done and not skills[step.resource] <= ready
    )


def _mastered(kernel: Kernel, request: Request) -> set[int]:
    """Return the skills that a learner has mastered and need not review yet."""
    state = request.state if request.state is not None else LearnerState.fresh(kernel.catalogue)
    block, now = StateBlock.of([state]), np.array([request.now.timestamp()])
    facts = skill_facts(block, kernel.reader.reading(block, now), span=kernel.span)
    limits = kernel.settings.limits
    there = (facts.mastery >= limits.mastered) & (facts.attempts >= limits.mastered_attempts)
    there &= due(facts.attempts, facts.days) < limits.due
    return set(np.flatnonzero(there[0]).tolist())
