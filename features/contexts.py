"""Learner × resource → named columns in about [-1, 1]: what the reward model and the reasons read.

Never a demographic, never anything from a support plan: every column is a function of attempts, views,
stated interests, the request and the catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.features.catalogue import Catalogue, Floats, Ints
from segue.features.pool import Pool

DAY = 86400.0
ZONE_CENTRE = 0.75
_MEAN_COLUMNS = (
    "mastery",  # how far the skill is mastered now (`mastered`), mean over skills, [0, 1]
    "uncertainty",  # standard deviation of the ability behind it (logits, prior 1.4) / 1.5, [0, 1]
    "evidence",  # attempts on the skill, N / (N + 5), [0, 1)
    "recent",  # decayed mean of (score - expected) on the skill, [-1, 1]
    "lag",  # days since the skill was practised, log(1 + d) / log(61), 1 if never, [0, 1]
    "retention",  # chance of success in 7 days without practice / chance now, [0, 1]
    "forecast_gain",  # rise of that chance in 7 days expected of one practice now, 4 × rise, [-1, 1]
    "unlock",  # unmastered skills that this one opens, Σ (1 - mastery) / 4, [0, 1]
    "novelty",  # share of the skills never practised, [0, 1]
    "goal",  # share of the skills that belong to the goal, [0, 1]
    "due",  # how far a practised skill is due for review, 2^-… see `due`, [0, 1]
)
_LEAST_COLUMNS = (
    "mastery_min",  # the same of the weakest skill, [0, 1]
    "readiness",  # weakest prerequisite of the weakest skill (or the skill itself, if stronger), [0, 1]
)
_ITEM_COLUMNS = (
    "bias",  # 1
    "success",  # probability of success on this very resource now, [0, 1]
    "zone_gap",  # success - .75, [-.75, .25]
    "difficulty",  # how much harder than average for everyone, tanh(logit / 2), [-1, 1]
    "interest",  # cosine of stated and revealed interests with its tags, [0, 1]
    "popularity",  # log(1 + uses) / log(1 + most uses), [0, 1]
    "next_item",  # share of classmates who went on to it from the last resource, [0, 1]
    "uses",  # earlier uses by this learner, min(uses, 4) / 4, [0, 1]
    "kind",  # shrunk completion rate of its kind, [0, 1]
    "time_fit",  # minutes at hand per step / its minutes, at most 1, [0, 1]
    "goal_due",  # goal × 2^(-days to the due date / 7), [0, 1]
    "breadth",  # skills practised at once, min(K, 4) / 4, (0, 1]
    "teaches",  # 1 for lessons, videos and texts, which explain; 0 for what only asks
)
COLUMNS: tuple[str, ...] = (*_MEAN_COLUMNS, *_LEAST_COLUMNS, *_ITEM_COLUMNS)
INDEX = {name: i for i, name in enumerate(COLUMNS)}
_N_MEAN, _N_LEAST = len(_MEAN_COLUMNS), len(_LEAST_COLUMNS)


@dataclass(frozen=True, eq=False)
class SkillFacts:
    """What is known of B learners on S skills; arrays of shape (B, S).

    `mastery`: how far each is mastered (`mastered`); `chance`: probability of success on a standard item now;
    `chance_later`: the same in 7 days without
    practice; `gain`: rise of the latter expected of one practice now; `spread`: standard deviation of the
    ability (logits); `attempts`: how many; `recent`: decayed mean residual; `days`: since the last practice
    (inf if never or unknown).
    """

    mastery: Floats
    chance: Floats
    chance_later: Floats
    gain: Floats
    spread: Floats
    attempts: Floats
    recent: Floats
    days: Floats


@dataclass(frozen=True, eq=False)
class ItemFacts:
    """What is known of B learners on n candidates; arrays of shape (B, n), or (n,) where all are alike."""

    success: Floats
    interest: Floats
    next_item: Floats
    uses: Floats
    kind: Floats
    time_fit: Floats
    difficulty: Floats
    popularity: Floats


@dataclass(frozen=True, eq=False)
class Map:
    """Prerequisites as index arrays.

    `before` (S, P) and `after` (S, Q): direct prerequisites and followers of each skill, padded by S.
    """

    before: Ints
    after: Ints

    @classmethod
    def of(cls, catalogue: Catalogue) -> Map:
        """Return the map of a catalogue."""
        n_skills = len(catalogue.skills)
        followers: list[list[int]] = [[] for _ in range(n_skills)]
        for first, then in catalogue.prerequisites.tolist():
            followers[first].append(then)
        width = max((len(f) for f in followers), default=0)
        after = np.full((n_skills, max(width, 1)), n_skills)
        for skill, row in enumerate(followers):
            after[skill, : len(row)] = row
        before = catalogue.prerequisite_matrix
        return cls(np.where(before < 0, n_skills, before), after)


def mastered(chance: Floats, span: tuple[float, float]) -> Floats:
    """Return how far a chance of success reaches from what guessing gives to what slips leave, in [.02, .98].

    `span` holds these two: low and high quantiles of the success model over the answers it was fitted on. A
    chance of .3 on four-option questions is no mastery at all, and .9 may be as good as it gets.
    """
    low, high = span
    return np.asarray(np.clip((chance - low) * (1.0 / (high - low)), 0.02, 0.98))


def readiness(mastery: Floats, skill_map: Map) -> Floats:
    """Return how ready each learner is for each skill, (B, S) in [0, 1]: 1 without prerequisites.

    The weakest direct prerequisite counts, but success on the skill itself proves readiness: catalogues name
    prerequisites that are none.
    """
    padded = np.concatenate([mastery, np.ones((len(mastery), 1))], axis=1)
    low = np.take(padded, skill_map.before[:, 0], axis=1)
    for slot in range(1, skill_map.before.shape[1]):
        np.minimum(low, np.take(padded, skill_map.before[:, slot], axis=1), out=low)
    return np.asarray(np.maximum(low, mastery, out=low))


def unlocking(mastery: Floats, skill_map: Map) -> Floats:
    """Return what each skill opens, (B, S) in [0, 1]: Σ over direct followers of (1 - mastery), over 4."""
    padded = np.concatenate([1 - mastery, np.zeros((len(mastery), 1))], axis=1)
    total = np.take(padded, skill_map.after[:, 0], axis=1)
    for slot in range(1, skill_map.after.shape[1]):
        total += np.take(padded, skill_map.after[:, slot], axis=1)
    total *= 0.25
    return np.asarray(np.minimum(total, 1.0, out=total))


def due(attempts: Floats, days: Floats) -> Floats:
    """Return how far review is due, in [0, 1): 1 - 2^(-days / half-life), half-life 2 (1 + attempts) days.

    Expanding intervals (spacing effect, Cepeda et al. 2006); 0 for a skill never practised, or practised at
    an unknown time.
    """
    waited = np.where(np.isfinite(days), days, 0.0)
    waited /= attempts + 1.0
    waited *= -0.5
    return np.asarray(1.0 - np.exp2(waited))


def build(
    skills: SkillFacts,
    items: ItemFacts,
    *,
    pool: Pool,
    skill_map: Map,
    goal: Floats,
    goal_due: Floats,
) -> Floats:
    """Return the context columns, shape (C, B, n), in the order of `COLUMNS`.

    `goal` (B, S) is 1 for skills of the goal; `goal_due` (B, 1) is 2^(-days to the due date / 7), 0 without.
    """
    by_skill = np.empty((_N_MEAN + _N_LEAST, *skills.chance.shape))
    practised = skills.attempts > 0
    by_skill[0] = skills.mastery
    np.minimum(skills.spread / 1.5, 1.0, out=by_skill[1])
    by_skill[2] = skills.attempts / (skills.attempts + 5.0)
    by_skill[3] = skills.recent
    by_skill[4] = np.minimum(np.log1p(np.minimum(skills.days, 60.0)) / np.log(61.0), 1.0)
    np.minimum(skills.chance_later / np.maximum(skills.chance, 1e-9), 1.0, out=by_skill[5])
    np.clip(4.0 * skills.gain, -1.0, 1.0, out=by_skill[6])
    by_skill[7] = unlocking(skills.mastery, skill_map)
    by_skill[8] = ~practised
    by_skill[9] = goal
    by_skill[10] = due(skills.attempts, skills.days)
    by_skill[11] = skills.mastery
    by_skill[12] = readiness(skills.mastery, skill_map)
    return _spread_over_items(by_skill, items, pool, goal_due)


def _spread_over_items(by_skill: Floats, items: ItemFacts, pool: Pool, goal_due: Floats) -> Floats:
    columns = np.empty((len(COLUMNS), by_skill.shape[1], len(pool)))
    columns[:_N_MEAN] = pool.mean(by_skill[:_N_MEAN])
    columns[_N_MEAN : _N_MEAN + _N_LEAST] = pool.least(by_skill[_N_MEAN:])
    first = _N_MEAN + _N_LEAST
    columns[first] = 1.0
    columns[first + 1] = items.success
    np.subtract(items.success, ZONE_CENTRE, out=columns[first + 2])
    columns[first + 3] = np.tanh(items.difficulty / 2)
    columns[first + 4] = items.interest
    columns[first + 5] = items.popularity
    columns[first + 6] = items.next_item
    columns[first + 7] = np.minimum(items.uses, 4.0) / 4.0
    columns[first + 8] = items.kind
    columns[first + 9] = items.time_fit
    np.multiply(columns[INDEX["goal"]], goal_due, out=columns[first + 10])
    columns[first + 11] = pool.combinations.breadth[pool.combination]
    columns[first + 12] = pool.teaches
    return columns
