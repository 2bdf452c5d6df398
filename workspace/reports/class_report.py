"""What the histories of a class say, for people: how it stands, and who is stuck where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from segue.features.catalogue import Bools
from segue.features.contexts.context_columns import SkillFacts
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.learner_profile import FEWEST_LEARNERS, banded
from segue.workspace.sources.model_registry import Champion

STUCK_CHANCE, STUCK_ATTEMPTS = 0.5, 4


@dataclass(frozen=True)
class SkillOfClass:
    """One skill in a class: the mean chance (None under five learners), and who is stuck or ahead."""

    skill: str
    statement: str
    mean_chance: float | None
    tried: int
    stuck: tuple[str, ...]


def class_view(champion: Champion, known: Mapping[str, LearnerState], now: float) -> list[SkillOfClass]:
    """Return, for each skill someone tried, how the class stands and who is stuck; most stuck first.

    Stuck is a learner with four attempts or more of which, with the chance, less than half go right.
    """
    if not known:
        return []
    block = StateBlock.of(list(known.values()))
    facts = champion.skill_facts(block, now)
    names = np.array(list(known))
    out = []
    for column, skill in enumerate(champion.fitted.catalogue.skills):
        tried = facts.attempts[:, column] > 0
        if not tried.any():
            continue
        chance = facts.chance[:, column]
        stuck = standing_still(facts, block)[:, column]
        mean = float(chance[tried].mean()) if tried.sum() >= FEWEST_LEARNERS else None
        order = np.argsort(chance[stuck], kind="stable")
        who = tuple(names[stuck][order].tolist())
        out.append(SkillOfClass(skill.skill_id, skill.i_can or skill.statement, mean, int(tried.sum()), who))
    return sorted(out, key=lambda row: (-len(row.stuck), 1.0 if row.mean_chance is None else row.mean_chance))


def standing_still(facts: SkillFacts, block: StateBlock) -> Bools:
    """Return who is stuck on which skill, (B, S): by what happened on it and by the chance (``banded``)."""
    level = banded(facts.chance, block.skills)
    return np.asarray((level < STUCK_CHANCE) & (facts.attempts >= STUCK_ATTEMPTS))
