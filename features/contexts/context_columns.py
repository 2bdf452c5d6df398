"""Learner × resource → named columns in about [-1, 1]: what the reward model and the reasons read.

Never a demographic, never anything from a support plan: every column is a function of attempts, views,
stated interests, the request and the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum

import numpy as np

from segue.features.candidates import Pool
from segue.features.catalogue import Floats
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


Formula = Callable[[Facts], Floats]


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
    formula: Formula
    low: float
    high: float
    meaning: str
    over: Over = Over.ITSELF
    alike: bool = False
    learned: bool = True


def _mean(name: str, formula: Formula, meaning: str, *, low: float = 0.0) -> Column:
    return Column(name, Level.SKILLS, formula, low, 1.0, meaning, Over.MEAN)


def _least(name: str, formula: Formula, meaning: str) -> Column:
    return Column(name, Level.SKILLS, formula, 0.0, 1.0, meaning, Over.LEAST)


def _item(name: str, formula: Formula, meaning: str, *, low: float = 0.0, alike: bool = False) -> Column:
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
        "earlier uses by this learner, min(uses, 4) / 4; of what explains, each view of its skills "
        "is half a use until an answer follows",
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
