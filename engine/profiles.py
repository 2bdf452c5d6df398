"""What the history says of a learner, for people: strengths, needs, interests, each with its uncertainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segue.engine.champion import Champion
from segue.engine.knowledge import skill_facts
from segue.features.catalogue import Floats
from segue.features.columns import COUNT
from segue.features.contexts import SkillFacts, readiness
from segue.features.state import LearnerState, StateBlock

STRONG, WEAK = 0.75, 0.6
STUCK_CHANCE, STUCK_ATTEMPTS = 0.5, 4
NORMAL_80 = 1.2816
FEWEST = 5  # smaller groups are not summed up: a mean of four is nearly a name


@dataclass(frozen=True)
class SkillLine:
    """One skill of one learner: chance of success on a standard item now, its 80 % range, and the evidence.

    `days` since the last practice is None when never, or when times are unknown.
    """

    skill: str
    statement: str
    chance: float
    low: float
    high: float
    attempts: int
    days: float | None
    ready: float


@dataclass(frozen=True)
class Profile:
    """Strengths and needs (best evidence first), what is ready to be started, and interests by weight.

    `interests` maps a tag to (weight, whether it was stated); a stated interest weighs 1, a revealed one what
    its latest views add up to.
    """

    strengths: tuple[SkillLine, ...]
    needs: tuple[SkillLine, ...]
    next_steps: tuple[SkillLine, ...]
    interests: Mapping[str, tuple[float, bool]]
    attempts: int


@dataclass(frozen=True)
class SkillOfClass:
    """One skill in a class: the mean chance (None under five learners), and who is stuck or ahead."""

    skill: str
    statement: str
    mean_chance: float | None
    tried: int
    stuck: tuple[str, ...]


def profile(champion: Champion, state: LearnerState, now: float) -> Profile:
    """Return the profile of one learner at `now` (UTC epoch seconds)."""
    lines = _lines(champion, StateBlock.of([state]), now)[0]
    known = [line for line in lines if line.attempts > 0]
    strengths = [line for line in known if line.chance >= STRONG]
    needs = [line for line in known if line.chance < WEAK]
    fresh = [line for line in lines if line.attempts == 0]
    return Profile(
        strengths=tuple(sorted(strengths, key=lambda line: -line.low)),
        needs=tuple(sorted(needs, key=lambda line: line.high)),
        next_steps=tuple(sorted(fresh, key=lambda line: (-round(line.ready, 6), -line.chance))[:5]),
        interests=_interests(champion, state),
        attempts=round(float(state.general[COUNT])),
    )


def class_view(champion: Champion, known: Mapping[str, LearnerState], now: float) -> list[SkillOfClass]:
    """Return, for each skill someone tried, how the class stands and who is stuck; most stuck first.

    Stuck is a learner with four attempts or more and a chance below one half.
    """
    if not known:
        return []
    block = StateBlock.of(list(known.values()))
    facts = facts_of(champion, block, now)
    names = np.array(list(known))
    out = []
    for column, skill in enumerate(champion.fitted.catalogue.skills):
        tried = facts.attempts[:, column] > 0
        if not tried.any():
            continue
        chance = facts.chance[:, column]
        stuck = (chance < STUCK_CHANCE) & (facts.attempts[:, column] >= STUCK_ATTEMPTS)
        mean = float(chance[tried].mean()) if tried.sum() >= FEWEST else None
        order = np.argsort(chance[stuck], kind="stable")
        who = tuple(names[stuck][order].tolist())
        out.append(SkillOfClass(skill.skill_id, skill.i_can or skill.statement, mean, int(tried.sum()), who))
    return sorted(out, key=lambda row: (-len(row.stuck), 1.0 if row.mean_chance is None else row.mean_chance))


def facts_of(champion: Champion, block: StateBlock, now: float) -> SkillFacts:
    """Return what a block of learners' histories says of each skill at `now` (UTC epoch seconds)."""
    when = np.full(len(block), now)
    return skill_facts(block, champion.fitted.kernel.reader.reading(block, when), when)


def mastery_table(champion: Champion, known: Sequence[LearnerState], now: float) -> Floats:
    """Return the chance of success of each learner (row) on a standard item of each skill (column)."""
    block = StateBlock.of(list(known))
    return facts_of(champion, block, now).chance


def _lines(champion: Champion, block: StateBlock, now: float) -> list[list[SkillLine]]:
    kernel = champion.fitted.kernel
    facts = facts_of(champion, block, now)
    readied = readiness(facts.chance, kernel.skill_map)
    lowest, highest = _range(facts)
    out = []
    for row in range(len(block)):
        cells = zip(
            kernel.catalogue.skills,
            facts.chance[row].tolist(),
            lowest[row].tolist(),
            highest[row].tolist(),
            facts.attempts[row].tolist(),
            facts.days[row].tolist(),
            readied[row].tolist(),
            strict=True,
        )
        out.append(
            [
                SkillLine(
                    skill=skill.skill_id,
                    statement=skill.i_can or skill.statement,
                    chance=chance,
                    low=low,
                    high=high,
                    attempts=round(attempts),
                    days=days if np.isfinite(days) else None,
                    ready=ready,
                )
                for skill, chance, low, high, attempts, days, ready in cells
            ]
        )
    return out


def _range(facts: SkillFacts) -> tuple[Floats, Floats]:
    """Return the 80 % range of the chance: its logit ± 1.28 standard deviations of the ability."""
    logit = np.log(facts.chance) - np.log1p(-facts.chance)
    reach = NORMAL_80 * facts.spread
    return 1.0 / (1.0 + np.exp(reach - logit)), 1.0 / (1.0 + np.exp(-reach - logit))


def _interests(champion: Champion, state: LearnerState) -> dict[str, tuple[float, bool]]:
    tags = champion.fitted.catalogue.tag_ids
    weight = state.stated + state.revealed
    order = np.argsort(-weight, kind="stable")
    return {tags[i]: (float(weight[i]), bool(state.stated[i] > 0)) for i in order if weight[i] > 0.01}
