"""What the histories of a class say: how it stands, who is stuck where, and whom to see next and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segue.features.catalogue import Bools, Skill
from segue.features.contexts.context_columns import SkillFacts
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.history.state_columns import LAST_TIME
from segue.features.learner_profile import EXCELLING, FEWEST_ATTEMPTS, FEWEST_LEARNERS, STRUGGLING, banded
from segue.workspace.sources.model_registry import Champion

STUCK_CHANCE, STUCK_ATTEMPTS = 0.5, 4
MINUTES_EACH = 5  # a talk with one learner
IDLE_DAYS = 10
DAY = 86400.0


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


@dataclass(frozen=True)
class MapRow:
    """One skill: its name, and the band of every learner in the order of `ClassMap.learners`."""

    skill: Skill
    bands: tuple[str, ...]


@dataclass(frozen=True)
class ToSee:
    """A learner to see: the skills that many tries have not moved, and days without work (None: unknown)."""

    learner: str
    stuck: tuple[Skill, ...]
    idle_days: int | None
    minutes: int = MINUTES_EACH


@dataclass(frozen=True)
class ClassMap:
    """Where a class stands: rows are skills that somebody tried, columns learners."""

    learners: tuple[str, ...]
    rows: tuple[MapRow, ...]
    see: tuple[ToSee, ...]


def class_map(champion: Champion, known: Mapping[str, LearnerState], now: float, *, minutes: int) -> ClassMap:
    """Return the map of a class, and the learners to see within `minutes`, most stuck skills first.

    Stuck is as in the class view (``standing_still``). Who has nothing stuck
    but no work for ten days comes after.
    """
    if not known:
        return ClassMap((), (), ())
    block = StateBlock.of(list(known.values()))
    facts = champion.skill_facts(block, now)
    skills = champion.fitted.catalogue.skills
    bands = np.full(facts.chance.shape, "progressing", dtype=object)
    level = banded(facts.chance, block.skills)
    bands[level >= EXCELLING] = "excelling"
    bands[level < STRUGGLING] = "struggling"
    bands[facts.attempts < FEWEST_ATTEMPTS] = "not enough evidence"
    bands[facts.attempts == 0] = ""
    tried = np.flatnonzero((facts.attempts > 0).any(axis=0))
    rows = tuple(MapRow(skills[k], tuple(bands[:, k].tolist())) for k in tried.tolist())
    stuck = standing_still(facts, block)
    names = tuple(known)
    idle = [_idle(state, now) for state in known.values()]
    seen = [
        ToSee(name, tuple(skills[k] for k in np.flatnonzero(stuck[row]).tolist()), idle[row])
        for row, name in enumerate(names)
    ]
    return ClassMap(names, rows, _within(seen, minutes))


def _within(everyone: Sequence[ToSee], minutes: int) -> tuple[ToSee, ...]:
    due = [one for one in everyone if one.stuck or (one.idle_days or 0) >= IDLE_DAYS]
    order = sorted(due, key=lambda one: (-len(one.stuck), -(one.idle_days or 0), one.learner))
    return tuple(order[: minutes // MINUTES_EACH])


def _idle(state: LearnerState, now: float) -> int | None:
    last = float(np.max(state.skills[:, LAST_TIME], initial=-np.inf))
    return int(max(now - last, 0.0) // DAY) if np.isfinite(last) else None
