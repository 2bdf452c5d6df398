"""What requests themselves say, as arrays: interests named, minutes at hand, and what a goal needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segue.engine.requests.request import Goal, Request
from segue.engine.requests.request_batch import RequestBlock
from segue.features.catalogue import Catalogue, CatalogueError, Floats
from segue.features.contexts.context_columns import DAY
from segue.features.history.learner_state import StateBlock
from segue.features.prerequisite_map import Map

GOAL_HALF_LIFE = 7.0


def wishes(block: StateBlock, asked: RequestBlock) -> Floats:
    """Return each learner's interests over tags, (B, T): stated before, stated now, and revealed."""
    out = np.maximum(block.stated, 0.0)
    index = asked.catalogue.tag_index
    for row, request in enumerate(asked.requests):
        for tag in request.interests:
            if tag in index:
                out[row, index[tag]] = 1.0
    out += block.revealed
    return out


def minutes_a_step(requests: Sequence[Request]) -> Floats | None:
    """Return the minutes at hand for each step, (B,), inf where not said; None: nobody said."""
    if all(request.minutes is None for request in requests):
        return None
    return np.array([np.inf if r.minutes is None else r.minutes / r.k for r in requests])


def goal_marks(asked: RequestBlock, mastery: Floats, skill_map: Map) -> tuple[Floats, Floats]:
    """Return which skills each goal needs, (B, S), and 2^(-days to the due date / 7), (B, 1).

    Needed are the goal's own skills, and those before them that are not there yet (mastery below .8).
    """
    marks, urgency = np.zeros(mastery.shape), np.zeros((len(asked), 1))
    for row, request in enumerate(asked.requests):
        if request.goal is None:
            continue
        marks[row] = _skills_needed(asked.catalogue, request.goal, mastery[row], skill_map)
        if request.goal.due is not None:
            days = max(request.goal.due.timestamp() - asked.now[row], 0.0) / DAY
            urgency[row] = 2.0 ** (-days / GOAL_HALF_LIFE)
    return marks, urgency


def _skills_needed(catalogue: Catalogue, goal: Goal, mastery: Floats, skill_map: Map) -> Floats:
    index = catalogue.skill_index
    missing = [skill for skill in goal.skills if skill not in index]
    if missing:
        raise CatalogueError(f"goal names the unknown skill {missing[0]!r}: use skill ids of the catalogue")
    out = np.zeros(len(mastery))
    waiting = [index[skill] for skill in goal.skills]
    while waiting:
        skill = waiting.pop()
        out[skill] = 1.0
        before = skill_map.before[skill]
        waiting += [int(b) for b in before if b < len(mastery) and not out[b] and mastery[b] < 0.8]
    return out
