"""Learner × resource → named columns in about [-1, 1]: what the reward model and the reasons read.

Never a demographic, never anything from a support plan: every column is a function of attempts, views,
stated interests, the request and the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum

import numpy as np

from segue.features.candidates import Pool
from segue.features.catalogue import Floats, Ints, Once
from segue.features.prerequisite_map import Map, frontier, readiness, unlocking

DAY = 86400.0
_PER_LOG_61 = 1.0 / np.log(61.0)
ZONE_CENTRE = 0.75
MOST_USES = 4.0  # more earlier uses than these count as many


class Level(IntEnum):
    """What a number is known of: candidates that are alike in it share it."""

    SKILLS = 0
    TAGS = 1
    KIND = 2
    ITEM = 3


class Over(Enum):
    """How a column of skills becomes one of a combination of skills; `ITSELF`: it is one already."""

    MEAN = "mean"
    LEAST = "least"
    ITSELF = "itself"


@dataclass(frozen=True, eq=False)
class SkillFacts:
    """What is known of B learners on S skills; arrays of shape (B, S).

    `mastery`: how far each is mastered (`mastered`); `chance`: probability of success on a standard item now;
    `chance_later`: the same in 7 days without practice; `gain`: what one practice now is expected to add to
    that; `spread`: standard deviation of the ability (logits); `attempts`: how many; `recent`: decayed mean
    residual; `days`: since the last practice (inf if never or unknown).
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
    `difficulty` is the column: tanh(logit / 2); `quality` the log of how well each teaches (0: not known).
    """

    success: Floats
    interest: Floats
    next_item: Floats
    uses: Floats
    kind: Floats
    time_fit: Floats
    difficulty: Floats
    popularity: Floats
    quality: Floats


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
    np.putmask(waited, np.isinf(days), 0.0)
    waited /= attempts + 1.0
    np.exp2(waited, out=waited)
    return np.subtract(1.0, waited, out=waited)


def spread(values: Floats, group: Ints | None) -> Floats:
    """Return numbers (B, G) of groups for each candidate, (B, n); (B, 1) where there is one group."""
    return values if group is None or values.shape[1] == 1 else values.take(group, axis=1)


@dataclass(frozen=True, eq=False)
class Facts:
    """All that the columns of B learners and the candidates of a pool are made of.

    `goal` (B, S) is 1 for skills of the goal; `goal_due` (B, 1) is 2^(-days to the due date / 7), 0 without.
    """

    skills: SkillFacts
    items: ItemFacts
    pool: Pool
    skill_map: Map
    goal: Floats
    goal_due: Floats


@dataclass(frozen=True)
class Column:
    """One context column.

    Attributes
    ----------
    name : str
    level : Level
        What it is known of.
    formula : callable
        Its numbers from the facts: (B, S) where it is taken `over` the skills of a combination, else (B, G)
        for the G groups of its level, or (1, G) where all learners are alike.
    low, high : float
        Its range.
    meaning : str
        What it says.
    over : Over
    alike : bool
        The same for every learner: made of the pool, and of difficulty, popularity and quality alone.
    learned : bool
        Whether the reward model reads it.
    """

    name: str
    level: Level
    formula: Callable[[Facts], Floats]
    low: float
    high: float
    meaning: str
    over: Over = Over.ITSELF
    alike: bool = False
    learned: bool = True


def _mean(name: str, formula: Callable[[Facts], Floats], meaning: str, *, low: float = 0.0) -> Column:
    return Column(name, Level.SKILLS, formula, low, 1.0, meaning, Over.MEAN)


def _least(name: str, formula: Callable[[Facts], Floats], meaning: str) -> Column:
    return Column(name, Level.SKILLS, formula, 0.0, 1.0, meaning, Over.LEAST)


def _item(
    name: str, formula: Callable[[Facts], Floats], meaning: str, *, low: float = 0.0, alike: bool = False
) -> Column:
    return Column(name, Level.ITEM, formula, low, 1.0, meaning, alike=alike)


TABLE: tuple[Column, ...] = (
    _mean("mastery", lambda f: f.skills.mastery, "how far the skill is mastered now (`mastered`)"),
    _mean(
        "uncertainty",
        lambda f: np.minimum(f.skills.spread * (1.0 / 1.5), 1.0),
        "standard deviation of the ability behind it (logits, prior 1.4) / 1.5",
    ),
    _mean(
        "evidence",
        lambda f: f.skills.attempts / (f.skills.attempts + 5.0),
        "attempts on the skill, N / (N + 5)",
    ),
    _mean("recent", lambda f: f.skills.recent, "decayed mean of (score - expected) on the skill", low=-1.0),
    _mean(
        "lag",
        lambda f: np.log1p(np.minimum(f.skills.days, 60.0)) * _PER_LOG_61,
        "days since the skill was practised, log(1 + d) / log(61), 1 if never",
    ),
    _mean(
        "retention",
        lambda f: np.minimum(f.skills.chance_later / np.maximum(f.skills.chance, 1e-9), 1.0),
        "chance of success in 7 days without practice / chance now",
    ),
    _mean(
        "forecast_gain",
        lambda f: np.maximum(np.minimum(4.0 * f.skills.gain, 1.0), -1.0),
        "4 × what practice now would keep in 7 days (`SkillFacts.gain`)",
        low=-1.0,
    ),
    _mean(
        "unlock",
        lambda f: unlocking(f.skills.mastery, f.skill_map),
        "unmastered skills that this one opens, Σ (1 - mastery) / 4",
    ),
    _mean(
        "novelty",
        lambda f: np.equal(f.skills.attempts, 0.0).astype(np.float64),
        "share of the skills never practised",
    ),
    _mean("goal", lambda f: f.goal, "share of the skills that belong to the goal"),
    _mean(
        "due",
        lambda f: due(f.skills.attempts, f.skills.days),
        "how far a practised skill is due for review (`due`)",
    ),
    _least("mastery_min", lambda f: f.skills.mastery, "mastery of the weakest skill"),
    _least(
        "readiness",
        lambda f: readiness(f.skills.mastery, f.skill_map),
        "weakest prerequisite of the weakest skill (or the skill itself, if stronger)",
    ),
    _least(
        "frontier",
        lambda f: frontier(f.skills.mastery, f.skill_map),
        "mastery of what comes just before a skill in the course, the nearest first, where it is least",
    ),
    Column(
        "goal_due",
        Level.SKILLS,
        lambda f: (
            f.pool.combinations.mean(f.goal) * f.goal_due if np.count_nonzero(f.goal_due) else f.goal_due
        ),
        0.0,
        1.0,
        "goal × 2^(-days to the due date / 7)",
    ),
    Column(
        "breadth",
        Level.SKILLS,
        lambda f: f.pool.combinations.breadth[None],
        0.0,
        1.0,
        "skills practised at once, min(K, 4) / 4",
    ),
    _item("bias", lambda f: f.pool.ones[None], "1", alike=True),
    _item("success", lambda f: f.items.success, "probability of success on this very resource now"),
    _item(
        "difficulty",
        lambda f: f.items.difficulty[None],
        "how much harder than average for everyone, tanh(logit / 2)",
        low=-1.0,
        alike=True,
    ),
    Column(
        "interest",
        Level.TAGS,
        lambda f: f.items.interest,
        -1.0,
        1.0,
        "cosine of stated and revealed interests with its tags; below 0 for what was rated low",
    ),
    _item("popularity", lambda f: f.items.popularity[None], "log(1 + uses) / log(1 + most uses)", alike=True),
    _item(
        "next_item",
        lambda f: f.items.next_item,
        "share of classmates who went on to it from the last resource",
    ),
    _item(
        "uses",
        lambda f: np.minimum(f.items.uses, MOST_USES) * (1.0 / MOST_USES),
        "earlier uses by this learner, min(uses, 4) / 4; of what explains, "
        "each view of its skills is half a use until an answer follows",
    ),
    Column("kind", Level.KIND, lambda f: f.items.kind, 0.0, 1.0, "shrunk completion rate of its kind"),
    _item(
        "time_fit",
        lambda f: f.items.time_fit if f.items.time_fit.ndim == 2 else f.items.time_fit[None],
        "minutes at hand per step / its minutes, at most 1",
    ),
    _item(
        "teaches",
        lambda f: f.pool.teaches[None],
        "1 for lessons, videos and texts, which explain; 0 for what only asks",
        alike=True,
    ),
    Column(
        "quality",
        Level.ITEM,
        lambda f: f.items.quality[None],
        -1.0,
        1.0,
        "log of how well it teaches beside others of its skills, 0: like them, or not known",
        alike=True,
        learned=False,
    ),
)
"""Every context column, in the order in which they are logged: what to add to, and nothing else."""


COLUMNS: tuple[str, ...] = tuple(column.name for column in TABLE)
INDEX = {name: i for i, name in enumerate(COLUMNS)}
LEVEL = {column.name: column.level for column in TABLE}


def _places(columns: Sequence[Column]) -> slice | Ints:
    """Return where columns stand in `TABLE`: a slice where they are side by side, which is quicker."""
    at = [INDEX[column.name] for column in columns]
    return slice(at[0], at[-1] + 1) if at == list(range(at[0], at[-1] + 1)) else np.array(at)


# Of skills: in the order of `Over`, so that all means are taken at once, and all least values.
_OF_SKILLS = [c for over in Over for c in TABLE if c.level is Level.SKILLS and c.over is over]
_OF_SKILLS_NAMES = tuple(column.name for column in _OF_SKILLS)
_OF_SKILLS_AT = _places(_OF_SKILLS)
_N_OVER = {over: sum(column.over is over for column in _OF_SKILLS) for over in Over}
# Of candidates, tags or kinds: alike for all learners, or a learner's own.
_ALIKE = [column for column in TABLE if column.alike]
_ALIKE_AT = [INDEX[column.name] for column in _ALIKE]
_OWN = [column for column in TABLE if column.level is not Level.SKILLS and not column.alike]
_OWN_AT = [(INDEX[column.name], column.name, column.level) for column in _OWN]
_ONE_OF_LEVEL = [next(c.name for c in TABLE if c.level is level and not c.alike) for level in Level]


@dataclass(frozen=True, eq=False)
class Contexts:
    """The context columns of B learners and n candidates, each number once.

    Attributes
    ----------
    pool : Pool
    of_skills : array of shape (M, B, D)
        Columns known of combinations of skills.
    alike : array of shape (A, n)
        Columns that are the same for every learner.
    columns : dict of name to array
        Every column, of shape (B or 1, G): G combinations of skills or of tags, kinds, or candidates.
    """

    pool: Pool
    of_skills: Floats
    alike: Floats
    columns: dict[str, Floats]

    @property
    def shape(self) -> tuple[int, int]:
        """(B, n)."""
        return self.of_skills.shape[1], len(self.pool)

    @Once
    def groups(self) -> tuple[Ints | None, ...]:
        """For each level, where its numbers lie for each candidate, (n,); None: one each."""
        return self.pool.combination, self.pool.tagging, self.pool.kind, None

    @Once
    def sizes(self) -> tuple[int, ...]:
        """How many numbers each level has for each learner."""
        return tuple([self.columns[name].shape[1] for name in _ONE_OF_LEVEL])

    def column(self, name: str) -> Floats:
        """Return one column, (B, n)."""
        return np.broadcast_to(spread(self.columns[name], self.groups[LEVEL[name]]), self.shape)

    def whole(self) -> Floats:
        """Return all columns, shape (C, B, n), in the order of `COLUMNS`."""
        out = np.empty((len(COLUMNS), *self.shape))
        for i, name in enumerate(COLUMNS):
            out[i] = self.column(name)
        return out

    def at(self, position: Ints) -> Floats:
        """Return all columns of the candidates at `position` (B, ...), shape (C, B, ...)."""
        n_rows, shape = self.of_skills.shape[1], position.shape
        places = self.pool.places.take(position, axis=1)
        out = np.empty((len(COLUMNS), *shape))
        own = places
        if n_rows > 1:
            rows = np.arange(n_rows).reshape(-1, *[1] * (len(shape) - 1))
            own = places + np.multiply.outer(np.array(self.sizes), rows)
        of_skills = self.of_skills.reshape(len(_OF_SKILLS), -1)
        out[_OF_SKILLS_AT] = of_skills.take(own[Level.SKILLS], axis=1)
        out[_ALIKE_AT] = self.alike.take(position, axis=1)
        for i, name, level in _OWN_AT:
            values = self.columns[name]
            values.take((places if len(values) == 1 else own)[level], out=out[i], mode="clip")
        return out

    def dot(self, weights: Floats) -> Floats:
        """Return the sum of all columns by their weights (C,), (B, n), added up in one and the same order."""
        total = self._of_skills(weights[_OF_SKILLS_AT]).take(self.pool.combination, axis=1)
        total += self._alike(weights)
        for i, name, level in _OWN_AT:
            total += spread(self.columns[name] * weights[i, ...], self.groups[level])
        return total

    def _alike(self, weights: Floats) -> Floats:
        """Return what is the same for all learners, (1, n); the pool keeps that of the last weights."""
        last: tuple[Floats, Floats, Floats] | None = self.pool.kept.get("alike_sum")
        if last is None or last[0] is not weights or last[1] is not self.alike:
            each = zip(self.alike, _ALIKE_AT, strict=True)
            last = weights, self.alike, sum((row * weights[i] for row, i in each), np.zeros((1, 1)))
            self.pool.kept["alike_sum"] = last
        return last[2]

    def _of_skills(self, weights: Floats) -> Floats:
        flat = self.of_skills.reshape(len(weights), -1)
        if flat.shape[1] == 1:  # a lone column would be added up in another order
            flat = np.repeat(flat, 2, axis=1)
        total = np.einsum("c,cx->x", weights, flat)
        return np.asarray(total[: self.of_skills[0].size].reshape(self.of_skills.shape[1:]))


def build(facts: Facts) -> Contexts:
    """Return the context columns of B learners and the candidates of a pool."""
    combinations, n_learners = facts.pool.combinations, len(facts.skills.chance)
    of_skills = np.empty((len(_OF_SKILLS), n_learners, len(combinations)))
    first = 0
    for over, gather in ((Over.MEAN, combinations.mean), (Over.LEAST, combinations.least)):
        end = first + _N_OVER[over]
        by_skill = np.empty((end - first, *facts.skills.chance.shape))
        for i in range(first, end):
            by_skill[i - first] = _OF_SKILLS[i].formula(facts)
        of_skills[first:end] = gather(by_skill)
        first = end
    for i in range(first, len(_OF_SKILLS)):
        of_skills[i] = _OF_SKILLS[i].formula(facts)
    alike, columns = _alike(facts)
    columns = columns | dict(zip(_OF_SKILLS_NAMES, of_skills, strict=True))
    for column in _OWN:
        columns[column.name] = column.formula(facts)
    return Contexts(facts.pool, of_skills, alike, columns)


def _alike(facts: Facts) -> tuple[Floats, dict[str, Floats]]:
    """Return the columns that are the same for all learners, (A, n), and each by its name, (1, n).

    The pool keeps them for as long as what they are made of stays.
    """
    made_of, pool = (facts.items.difficulty, facts.items.popularity, facts.items.quality), facts.pool
    last = pool.kept.get("alike")
    if last is None or any(a is not b for a, b in zip(last[0], made_of, strict=True)):
        rows = np.concatenate([column.formula(facts) for column in _ALIKE])
        named = {column.name: row[None] for column, row in zip(_ALIKE, rows, strict=True)}
        last = pool.kept["alike"] = made_of, rows, named
    return last[1], last[2]
