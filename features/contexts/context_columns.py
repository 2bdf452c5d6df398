"""Learner × resource → named columns in about [-1, 1]: what the reward model and the reasons read.

Never a demographic, never anything from a support plan: every column is a function of attempts, views,
stated interests, the request and the catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from segue.features.candidates import Pool
from segue.features.catalogue import Floats, Ints
from segue.features.prerequisite_map import Map, frontier, readiness, unlocking

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
    "frontier",  # mean mastery of what comes just before a skill in the course, where it is least, [0, 1]
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


class Level(IntEnum):
    """What a number is known of: candidates that are alike in it share it."""

    SKILLS = 0
    TAGS = 1
    KIND = 2
    ITEM = 3


_OF_SKILLS = (*_MEAN_COLUMNS, *_LEAST_COLUMNS, "goal_due", "breadth")
_OTHERS = tuple(name for name in _ITEM_COLUMNS if name not in _OF_SKILLS)
LEVEL = (
    dict.fromkeys(_OF_SKILLS, Level.SKILLS)
    | dict.fromkeys(_OTHERS, Level.ITEM)
    | {"interest": Level.TAGS, "kind": Level.KIND}
)
_ONE_OF = ("mastery", "interest", "kind", "success")  # a column of each level
_SKILLS_AT = np.array([INDEX[name] for name in _OF_SKILLS])


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
    """What is known of B learners on n candidates; arrays of shape (B, n), or (n,) where all are alike.

    `interest` is known of each combination of tags, (B, E), and `kind` of each kind, (B, n_kinds).
    `difficulty` is the column: tanh(logit / 2).
    """

    success: Floats
    interest: Floats
    next_item: Floats
    uses: Floats
    kind: Floats
    time_fit: Floats
    difficulty: Floats
    popularity: Floats


def mastered(chance: Floats, span: tuple[float, float]) -> Floats:
    """Return how far a chance of success reaches from what guessing gives to what slips leave, in [.02, .98].

    `span` holds these two: low and high quantiles of the success model over the answers it was fitted on. A
    chance of .3 on four-option questions is no mastery at all, and .9 may be as good as it gets.
    """
    low, high = span
    reach = (chance - low) * (1.0 / (high - low))
    np.maximum(reach, 0.02, out=reach)
    return np.asarray(np.minimum(reach, 0.98, out=reach))


def due(attempts: Floats, days: Floats) -> Floats:
    """Return how far review is due, in [0, 1): 1 - 2^(-days / half-life), half-life 2 (1 + attempts) days.

    Expanding intervals (spacing effect, Cepeda et al. 2006); 0 for a skill never practised, or practised at
    an unknown time.
    """
    waited = days * -0.5
    waited[np.isinf(days)] = 0.0
    waited /= attempts + 1.0
    np.exp2(waited, out=waited)
    return np.subtract(1.0, waited, out=waited)


def spread(values: Floats, group: Ints | None) -> Floats:
    """Return numbers (B, G) of groups for each candidate, (B, n)."""
    return values if group is None else values.take(group, axis=1)


def pick(values: Floats, group: Ints | None, position: Ints) -> Floats:
    """Return numbers (B or 1, G) of groups for the candidates at `position` (B, ...)."""
    at = position if group is None else group.take(position)
    if len(values) == 1:
        return np.asarray(values[0].take(at))
    first = np.arange(0, values.size, values.shape[1]).reshape(-1, *[1] * (at.ndim - 1))
    return np.asarray(values.take(first + at))


@dataclass(frozen=True, eq=False)
class Contexts:
    """The context columns of B learners and n candidates, each number once.

    Attributes
    ----------
    pool : Pool
    of_skills : array of shape (M, B, D)
        Columns known of combinations of skills.
    columns : dict of name to array
        Every column, of shape (B or 1, G): G combinations of skills or of tags, kinds, or candidates.
    """

    pool: Pool
    of_skills: Floats
    columns: dict[str, Floats]

    @property
    def shape(self) -> tuple[int, int]:
        """(B, n)."""
        return self.of_skills.shape[1], len(self.pool)

    def group(self, level: Level) -> Ints | None:
        """Return where the numbers of a level lie for each candidate, (n,); None: one each."""
        return (self.pool.combination, self.pool.tagging, self.pool.kind, None)[level]

    def size(self, level: Level) -> int:
        """Return how many numbers a level has for each learner."""
        return int(self.columns[_ONE_OF[level]].shape[1])

    def column(self, name: str) -> Floats:
        """Return one column, (B, n)."""
        return np.broadcast_to(spread(self.columns[name], self.group(LEVEL[name])), self.shape)

    def whole(self) -> Floats:
        """Return all columns, shape (C, B, n), in the order of `COLUMNS`."""
        out = np.empty((len(COLUMNS), *self.shape))
        for i, name in enumerate(COLUMNS):
            out[i] = self.column(name)
        return out

    def at(self, position: Ints) -> Floats:
        """Return all columns of the candidates at `position` (B, ...), shape (C, B, ...)."""
        out = np.empty((len(COLUMNS), *position.shape))
        rows = np.arange(len(position)).reshape(-1, *[1] * (position.ndim - 1))
        of_skills = self.of_skills.reshape(len(_OF_SKILLS), -1)
        combination = self.pool.combination.take(position)
        out[_SKILLS_AT] = of_skills.take(combination + rows * self.of_skills.shape[2], axis=1)
        place = position + rows * len(self.pool)
        for name in ("success", "next_item", "uses"):
            out[INDEX[name]] = self.columns[name].take(place)
        for name in ("interest", "kind", "time_fit"):
            out[INDEX[name]] = pick(self.columns[name], self.group(LEVEL[name]), position)
        for name in ("difficulty", "popularity", "teaches"):
            out[INDEX[name]] = self.columns[name].take(position)
        out[INDEX["bias"]] = 1.0
        np.subtract(out[INDEX["success"]], ZONE_CENTRE, out=out[INDEX["zone_gap"]])
        return out

    def dot(self, weights: Floats) -> Floats:
        """Return the sum of all columns by their weights (C,), (B, n), added up in one and the same order."""
        of, columns = dict(zip(COLUMNS, weights.tolist(), strict=True)), self.columns
        alike = columns["difficulty"] * of["difficulty"]
        for name in ("popularity", "teaches", "time_fit"):
            alike = alike + columns[name] * of[name]
        alike += of["bias"] - ZONE_CENTRE * of["zone_gap"]
        total = self._of_skills(weights[_SKILLS_AT]).take(self.pool.combination, axis=1)
        total += alike
        total += (columns["interest"] * of["interest"]).take(self.pool.tagging, axis=1)
        total += (columns["kind"] * of["kind"]).take(self.pool.kind, axis=1)
        total += columns["success"] * (of["success"] + of["zone_gap"])
        total += columns["next_item"] * of["next_item"]
        total += columns["uses"] * of["uses"]
        return total

    def _of_skills(self, weights: Floats) -> Floats:
        flat = self.of_skills.reshape(len(weights), -1)
        if flat.shape[1] == 1:  # a lone column would be added up in another order
            flat = np.repeat(flat, 2, axis=1)
        total = np.einsum("c,cx->x", weights, flat)
        return np.asarray(total[: self.of_skills[0].size].reshape(self.of_skills.shape[1:]))


def build(
    skills: SkillFacts,
    items: ItemFacts,
    *,
    pool: Pool,
    skill_map: Map,
    goal: Floats,
    goal_due: Floats,
) -> Contexts:
    """Return the context columns of B learners and the candidates of `pool`.

    `goal` (B, S) is 1 for skills of the goal; `goal_due` (B, 1) is 2^(-days to the due date / 7), 0 without.
    """
    by_skill = np.empty((_N_MEAN + _N_LEAST, *skills.chance.shape))
    by_skill[0] = by_skill[11] = skills.mastery
    np.minimum(skills.spread * (1.0 / 1.5), 1.0, out=by_skill[1])
    np.divide(skills.attempts, skills.attempts + 5.0, out=by_skill[2])
    by_skill[3] = skills.recent
    np.multiply(np.log1p(np.minimum(skills.days, 60.0)), 1.0 / np.log(61.0), out=by_skill[4])
    np.minimum(skills.chance_later / np.maximum(skills.chance, 1e-9), 1.0, out=by_skill[5])
    np.maximum(np.minimum(4.0 * skills.gain, 1.0), -1.0, out=by_skill[6])
    by_skill[7] = unlocking(skills.mastery, skill_map)
    np.equal(skills.attempts, 0.0, out=by_skill[8])
    by_skill[9] = goal
    by_skill[10] = due(skills.attempts, skills.days)
    by_skill[12] = readiness(skills.mastery, skill_map)
    by_skill[13] = frontier(skills.mastery, skill_map)
    of_skills = _of_combinations(by_skill, pool, goal_due)
    return Contexts(pool, of_skills, dict(zip(_OF_SKILLS, of_skills, strict=True)) | _of_items(items, pool))


def _of_combinations(by_skill: Floats, pool: Pool, goal_due: Floats) -> Floats:
    combinations = pool.combinations
    out = np.empty((len(_OF_SKILLS), by_skill.shape[1], len(combinations)))
    out[:_N_MEAN] = combinations.mean(by_skill[:_N_MEAN])
    out[_N_MEAN : _N_MEAN + _N_LEAST] = combinations.least(by_skill[_N_MEAN:])
    np.multiply(out[INDEX["goal"]], goal_due, out=out[-2])
    out[-1] = combinations.breadth
    return out


def _of_items(items: ItemFacts, pool: Pool) -> dict[str, Floats]:
    return {
        "bias": np.ones((1, len(pool))),
        "success": items.success,
        "zone_gap": items.success - ZONE_CENTRE,
        "difficulty": items.difficulty[None],
        "interest": items.interest,
        "popularity": items.popularity[None],
        "next_item": items.next_item,
        "uses": np.minimum(items.uses, 4.0) * 0.25,
        "kind": items.kind,
        "time_fit": np.atleast_2d(items.time_fit),
        "teaches": pool.teaches[None],
    }
