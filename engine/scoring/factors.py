"""The score of a candidate: a sum of named log-factors from pedagogy and one learned term.

    s = Σ_j w_j log max(f_j, .02) + η log max(.02, (μ(x) + α std(x) - v_lo) / (v_hi - v_lo))

Each factor f_j is in (0, 1] and reads the context columns only, so that a score can be recomputed from a
logged row. Pedagogy is the prior, learning the correction: the weight η of the learned term grows with the
rewards that have matured, and zone, room and forecast gain then weigh 1 - η.

A term of the sum is a reason of the step (``Step.reasons``). It is a natural logarithm: w_j log f_j = -.51
says that factor j leaves e^-.51 = 60 % of what the candidate would be worth with f_j = 1, and two candidates
one point apart differ e-fold. The default policy draws one of them e^(difference / .06) times as often as the
other, but for its floor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from segue.engine.requests.request import Dials, Request
from segue.engine.scoring.prospect import ProspectNetwork, prospect_network
from segue.engine.settings import Weights
from segue.features.catalogue import Floats
from segue.features.contexts.context_columns import MOST_USES, ZONE_CENTRE, Level
from segue.models.resource_effects import CLIP

# Tried in simulated classes (docs/learning.md); ``benchmarks/classroom.py`` measures a change.
LEAST = 0.02  # of a factor: none rules a candidate out alone
REPEAT = 0.6  # what one earlier use leaves
ROOM_FLOOR = 0.15
REVIEW_SHARE = 0.1  # of what is mastered: what counts as room when it is due
ZONE_WIDTH = 0.25
LEAST_GAIN = 0.04  # of the column, which is four times the gain
LOG_REPEAT = float(np.log(REPEAT))
LOG_LEAST = float(np.log(LEAST))
MOST_QUALITY = float(np.log(CLIP[1]))
Columns = Mapping[str, Floats]


@dataclass(frozen=True, eq=False)
class Factor:
    """One soft rule: `value` gives f in (0, 1] from context columns, `weight` its exponent.

    `sentence` answers "why not this one?" when the factor is what costs it most points. `gives_way` marks
    the factors that step back as the learned term gains evidence. `level` is that of the columns it reads.
    With `logarithm`, `value` gives log f itself: no candidate pays for an exponential that is taken back.
    """

    name: str
    sentence: str
    value: Callable[[Columns], Floats]
    gives_way: bool = False
    level: Level = Level.SKILLS
    logarithm: bool = False


def _ready(c: Columns) -> Floats:
    """Full from a mastery of .8 of the weakest prerequisite."""
    return np.minimum(c["readiness"] * 1.25, 1.0)


def _frontier(c: Columns) -> Floats:
    return c["frontier"]


def _zone(c: Columns) -> Floats:
    """A wide bell over the probability of success, centre .75, sd .25, on a floor of .1."""
    z = c["success"] - ZONE_CENTRE
    z *= z
    z *= -0.5 / ZONE_WIDTH**2
    bell = np.exp(z, out=z)
    bell *= 0.9
    bell += 0.1
    return bell


def _room(c: Columns) -> Floats:
    """What is left to master and a tenth of what is due for review, on a floor: estimates of it are rough."""
    left = 1.0 - c["mastery"]
    left += REVIEW_SHARE * c["due"] * c["mastery"]
    left *= 1.0 - ROOM_FLOOR
    left += ROOM_FLOOR
    return left


def _gain(c: Columns) -> Floats:
    """What a practice now adds to the chance of success in a week: full from .25, on a floor of .01."""
    return np.maximum(c["forecast_gain"], LEAST_GAIN)


def _unlock(c: Columns) -> Floats:
    return 0.5 + 0.5 * c["unlock"]


def _breadth(c: Columns) -> Floats:
    """Practice of several skills at once; its exponent of one half lets the returns fall."""
    return c["breadth"]


def _completion(c: Columns) -> Floats:
    """Chance that work of this kind is finished."""
    return c["kind"]


def _interest(c: Columns) -> Floats:
    return 0.5 + 0.5 * c["interest"]


def _repeat(c: Columns) -> Floats:
    """Log of `REPEAT` for each earlier use, as many as the column counts."""
    return c["uses"] * (MOST_USES * LOG_REPEAT)


def _teaches_well(c: Columns) -> Floats:
    """What it taught earlier learners beside other resources of its skills; 1 for the best there can be."""
    return c["quality"] - MOST_QUALITY


FACTORS: tuple[Factor, ...] = (
    Factor("readiness", "what it builds on is still shaky", _ready),
    Factor("frontier", "what comes before it in the course is still shaky", _frontier),
    Factor("zone", "it would be too hard or too easy now", _zone, gives_way=True, level=Level.ITEM),
    Factor("room", "there is little left to learn in it", _room, gives_way=True),
    Factor("forecast_gain", "practising it now would change little", _gain, gives_way=True),
    Factor("unlock", "little builds on it", _unlock),
    Factor(
        "prospect",
        "practice of other skills is worth more now",
        prospect_network().log_factor,
        logarithm=True,
    ),
    Factor("breadth", "it practises fewer skills at once", _breadth),
    Factor("completion", "work of this kind is often left unfinished", _completion, level=Level.KIND),
    Factor("interest", "it is further from the learner's interests", _interest, level=Level.TAGS),
    Factor("repeat", "it was used before", _repeat, level=Level.ITEM, logarithm=True),
    Factor(
        "teaches_well",
        "other resources taught its skills better",
        _teaches_well,
        level=Level.ITEM,
        logarithm=True,
    ),
)


def _goal(c: Columns) -> Floats:
    """What serves the goal counts 3 1/3 times what does not, and 10 times on the day it is due."""
    return np.where(c["goal"] > 0, (1.0 + 2.0 * c["goal_due"]) * (1.0 / 3.0), 0.1)


def _review(c: Columns) -> Floats:
    return 0.2 + 0.8 * c["due"]


def _new_ground(c: Columns) -> Floats:
    """How new the skills are; a dial below 0 turns the preference round."""
    return np.exp(c["novelty"] - 1.0)


def _explains(c: Columns) -> Floats:
    return 0.4 + 0.6 * c["teaches"]


GOAL = Factor("goal", "it does not serve the goal", _goal)
REVIEW = Factor("mode", "it is not due for review", _review)
INTERVENE = Factor("mode", "it asks rather than explains", _explains, level=Level.ITEM)
PACE = Factor("pace", "the teacher's pace asks for another mix of new and known", _new_ground)


def factors_with(network: ProspectNetwork) -> tuple[Factor, ...]:
    """Return the factors of every request where a class has its own network."""
    return tuple(replace(f, value=network.log_factor) if f.name == "prospect" else f for f in FACTORS)


def factors_of(request: Request, usual: tuple[Factor, ...] = FACTORS) -> tuple[Factor, ...]:
    """Return the factors that count for requests of this kind (alike in goal, mode and dials or not).

    `usual` are those of every request (:func:`factors_with`).
    """
    extra: tuple[Factor, ...] = ()
    if request.goal is not None:
        extra += (GOAL,)
    if request.mode == "review":
        extra += (REVIEW,)
    if request.mode == "intervene":
        extra += (INTERVENE,)
    if request.dials.pace:
        extra += (PACE,)
    return usual + extra


def exponent(factor: Factor, dials: Dials, weights: Weights, eta: float) -> float:
    """Return the exponent of a factor when the learned term weighs `eta`.

    The dials act here and nowhere else: `pace` is the exponent of new ground (either sign), `match`
    multiplies that of interest by 2.5^match, and `pace` by 1.1^pace, for new ground leaves less choice of
    what interests.
    """
    own = float(getattr(weights, factor.name))
    if factor.gives_way:
        own *= 1.0 - eta
    if factor is PACE:
        own *= dials.pace
    if factor.name == "interest":
        own *= 2.5**dials.match * 1.1**dials.pace
    return own


def learned_part(value: Floats, *, value_range: tuple[float, float]) -> Floats:
    """Return log max(.02, (v - v_lo) / (v_hi - v_lo)) of values μ + α std, without its weight."""
    low, high = value_range
    share = (value - low) * (1.0 / (high - low))
    return np.log(np.maximum(share, LEAST))


def learned_std(value: Floats, std: Floats, *, value_range: tuple[float, float]) -> Floats:
    """Return the standard deviation of :func:`learned_part`, without its weight.

    Half of the way from one standard deviation below `value` to one above: the chain rule where the
    logarithm is smooth, and bounded where it is clipped.
    """
    above = learned_part(value + std, value_range=value_range)
    above -= learned_part(value - std, value_range=value_range)
    above *= 0.5
    return above
