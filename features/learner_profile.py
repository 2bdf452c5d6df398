"""The profile a person reads: what a learner can do, what needs work, what they like, and what says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from segue.features.catalogue import Catalogue
from segue.features.history.attempts import Floats
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.history.state_columns import (
    COUNT,
    ITEM_TIME,
    LAST_TIME,
    RECENT_RIGHT,
    RESIDUAL,
    SUCCESSES,
    USES,
    VARIANCE,
    WEIGHT,
)
from segue.features.prerequisite_map import Map, readiness
from segue.features.vectors.mastery import epoch_seconds, mastery, recent_residual
from segue.features.vectors.range_width import widened
from segue.features.vectors.success_forecast import SuccessReader

Band = Literal["excelling", "progressing", "struggling", "not enough evidence"]
Trend = Literal["rising", "steady", "falling"]
EXCELLING, STRUGGLING = 0.75, 0.6  # chance on a standard item: from here up, and below here
FEWEST_ATTEMPTS = 3
FEWEST_LEARNERS = 5  # smaller groups are not summed up: a mean of four is nearly a name
OWN_ATTEMPTS = 4.0  # attempts at which half of a band comes from the skill's own record
NORMAL_80 = 1.2816
STEADY = 0.05  # recent against usual residual
HORIZON_DAYS = 120
LEAST_INTEREST = 0.01
MOST_NEXT = 5


@dataclass(frozen=True)
class SkillProfile:
    """What is known of one skill of one learner."""

    skill: str
    statement: str
    """The sentence that a student reads."""
    chance: float
    """Estimated probability of success on a standard item now, in (0, 1)."""
    low: float
    high: float
    """A range of 80 %."""
    band: Band
    """Of the chance drawn to how the last tries went (`banded`): excelling from .75 up, struggling below .6,
    else progressing; not enough evidence under 3 attempts."""
    trend: Trend
    """Recent answers against the learner's usual ones, the difficulty of the items taken out."""
    fades_on: str | None
    """First day on which the chance will have left the band downwards without practice; null: not within 120
    days, or times are not known."""
    attempts: int
    successes: float
    """What this rests on; a success counts by its score."""
    last: str | None
    """Day of the last attempt; null when times are not known."""
    from_own: float = 0.0
    """How much of the band comes from the answers on this very skill; the rest also from other skills."""


@dataclass(frozen=True)
class NextSkill:
    """A skill never tried that might be started."""

    skill: str
    statement: str
    chance: float
    ready: float
    """How far the prerequisites are met, 0 to 1."""


@dataclass(frozen=True)
class InterestProfile:
    """What is known of one interest."""

    tag: str
    weight: float
    stated: bool
    uses: int
    """Tries of resources that bear the tag."""
    last: str | None


@dataclass(frozen=True)
class LearnerProfile:
    """Strengths and needs (surest first), other skills tried, interests (strongest first), what to start."""

    now: str
    attempts: int
    strengths: tuple[SkillProfile, ...]
    needs: tuple[SkillProfile, ...]
    others: tuple[SkillProfile, ...]
    interests: tuple[InterestProfile, ...]
    next_steps: tuple[NextSkill, ...] = ()

    def skills(self) -> Iterator[SkillProfile]:
        """Yield every skill tried: needs, others, strengths."""
        yield from (*self.needs, *self.others, *self.strengths)

    def to_json(self) -> str:
        """Return the profile as one JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def to_table(self) -> pd.DataFrame:
        """Return the skills tried, one row each."""
        return pd.DataFrame([asdict(skill) for skill in self.skills()])


def profile(
    state: LearnerState, catalogue: Catalogue, *, reader: SuccessReader, now: datetime
) -> LearnerProfile:
    """Return what the history of a learner says at `now` (UTC-aware)."""
    seconds = epoch_seconds(now)
    chance = reader.forecast(StateBlock.of([state]), 0.0, seconds)[0]
    fading = _days_to_fade(state, reader, seconds, chance)
    extra = reader.model.extra_precision
    lines = _skills(state, catalogue, seconds, chance=chance, fading=fading, extra=extra)
    strengths = [line for line in lines if line.band == "excelling"]
    needs = [line for line in lines if line.band == "struggling"]
    return LearnerProfile(
        now=now.isoformat(),
        attempts=round(float(state.general[COUNT])),
        strengths=tuple(sorted(strengths, key=lambda line: -line.low)),
        needs=tuple(sorted(needs, key=lambda line: line.high)),
        others=tuple(line for line in lines if line.band not in ("excelling", "struggling")),
        interests=tuple(_interests(state, catalogue)),
        next_steps=tuple(_next_steps(state, catalogue, chance)),
    )


def _skills(
    state: LearnerState,
    catalogue: Catalogue,
    seconds: float,
    *,
    chance: Floats,
    fading: Floats,
    extra: tuple[float, float],
) -> list[SkillProfile]:
    block = StateBlock.of([state])
    reach = NORMAL_80 * np.sqrt(_variance(block, seconds, extra))
    logit = np.log(chance) - np.log1p(-chance)
    low, high = 1.0 / (1.0 + np.exp(reach - logit)), 1.0 / (1.0 + np.exp(-reach - logit))
    usual = state.skills[:, RESIDUAL.stop - 1] / (state.skills[:, COUNT] + 2.0)
    change = recent_residual(block)[0] - usual
    level, own = banded(chance, state.skills), own_share(state.skills[:, COUNT])
    return [
        SkillProfile(
            skill=catalogue.skills[k].skill_id,
            statement=catalogue.skills[k].i_can or catalogue.skills[k].statement,
            chance=float(chance[k]),
            low=float(low[k]),
            high=float(high[k]),
            band=_band(float(level[k]), float(state.skills[k, COUNT])),
            from_own=float(own[k]),
            trend=_trend(float(change[k])),
            fades_on=_day(seconds + 86400.0 * fading[k]),
            attempts=round(float(state.skills[k, COUNT])),
            successes=round(float(state.skills[k, SUCCESSES]), 2),
            last=_day(float(state.skills[k, LAST_TIME])),
        )
        for k in np.flatnonzero(state.skills[:, COUNT] > 0).tolist()
    ]


def _variance(block: StateBlock, seconds: float, extra: tuple[float, float]) -> Floats:
    """Return the variance of each skill's logit, (S,), as wide as learners were found to differ."""
    own = block.general[:, VARIANCE]
    of_skill = mastery(block, seconds)[1][0] - own
    return widened(own, extra[0]) + widened(np.maximum(of_skill, 1e-3), extra[1])


def own_share(attempts: Floats) -> Floats:
    """Return how much of a band comes from the skill's own record, N / (N + 4), in [0, 1).

    >>> own_share(np.array([0.0, 4.0, 12.0])).tolist()
    [0.0, 0.5, 0.75]
    """
    return np.asarray(attempts / (attempts + OWN_ATTEMPTS))


def banded(chance: Floats, rows: Floats) -> Floats:
    """Return what a band is read from: the chance, drawn to how the last tries on the skill itself went.

    The chance also rests on the learner's other skills and on what the items led to expect; without its own
    record a skill would be called strong on the strength of others. Each try of the record counts .8 of the
    next one, so that what was learnt since shows within a few tries.

    Parameters
    ----------
    chance : array of shape (...)
    rows : array of shape (..., N_COLUMNS)
        Of the same skills, as a state has them.

    Examples
    --------
    >>> rows = np.zeros((3, RECENT_RIGHT + 1))
    >>> rows[:, [COUNT, WEIGHT.start]], rows[:, RECENT_RIGHT] = (7.0, 4.0), (0.0, 2.0, 4.0)
    >>> banded(np.full(3, 0.83), rows).round(2).tolist()
    [0.3, 0.62, 0.94]
    """
    own = own_share(rows[..., COUNT])
    share = rows[..., RECENT_RIGHT] / np.maximum(rows[..., WEIGHT.start], 1e-9)
    return np.asarray((1.0 - own) * chance + own * share)


def _band(level: float, attempts: float) -> Band:
    if attempts < FEWEST_ATTEMPTS:
        return "not enough evidence"
    if level >= EXCELLING:
        return "excelling"
    return "struggling" if level < STRUGGLING else "progressing"


def _trend(change: float) -> Trend:
    if change > STEADY:
        return "rising"
    return "falling" if change < -STEADY else "steady"


def _days_to_fade(state: LearnerState, reader: SuccessReader, seconds: float, chance: Floats) -> Floats:
    """Return in how many days each skill will have left its band downwards, (S,); inf: not soon."""
    floor = np.where(chance >= EXCELLING, EXCELLING, np.where(chance >= STRUGGLING, STRUGGLING, 0.0))
    days = np.arange(1.0, HORIZON_DAYS + 1)
    ahead = reader.forecast(StateBlock.of([state] * len(days)), 0.0, seconds + 86400.0 * days)
    below = ahead < floor
    return np.where(below.any(axis=0), days[below.argmax(axis=0)], np.inf)


def _next_steps(state: LearnerState, catalogue: Catalogue, chance: Floats) -> Iterator[NextSkill]:
    ready = readiness(chance[None], Map.of(catalogue))[0]
    fresh = np.flatnonzero(state.skills[:, COUNT] == 0).tolist()
    for k in sorted(fresh, key=lambda k: (-round(float(ready[k]), 6), -float(chance[k])))[:MOST_NEXT]:
        skill = catalogue.skills[k]
        statement = skill.i_can or skill.statement
        yield NextSkill(skill.skill_id, statement, float(chance[k]), float(ready[k]))


def _day(seconds: float) -> str | None:
    if not np.isfinite(seconds):
        return None
    return (datetime.fromtimestamp(0.0, UTC) + timedelta(seconds=seconds)).date().isoformat()


def _interests(state: LearnerState, catalogue: Catalogue) -> Iterator[InterestProfile]:
    weight = state.stated + state.revealed
    tags = catalogue.tag_matrix[state.items.ids]
    for tag in np.argsort(-weight, kind="stable").tolist():
        if weight[tag] < LEAST_INTEREST:
            return
        bears = (tags == tag).any(axis=1)
        uses, times = state.items.values[bears, USES], state.items.values[bears, ITEM_TIME]
        yield InterestProfile(
            tag=catalogue.tag_ids[tag],
            weight=float(weight[tag]),
            stated=bool(state.stated[tag] > 0.0),
            uses=round(float(uses.sum())),
            last=_day(float(times.max(initial=-np.inf))),
        )
