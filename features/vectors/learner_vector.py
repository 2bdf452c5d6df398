"""State rows as named numbers that a linear model can read: the learner vector.

Its numbers are of the learner, of each skill (averaged over a resource's skills) or of the resource with this
learner, so that a linear predictor splits into such parts, see ``success_forecast.SuccessReader``.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from segue.features.history.attempts import Attempts, Floats, HistoryParameters, Ints
from segue.features.history.batch_replay import Chunk, chunks, item_past
from segue.features.history.difficulty import EasinessMet
from segue.features.history.state_columns import COUNT, ITEM_POSITION, ITEM_SCORE, ITEM_TIME, LAST_TIME, USES
from segue.features.history.state_rows import N_ROW, ROW_NAMES, elapsed_since, elapsed_until, read_rows

OWN_ROW = slice(N_ROW - 2)  # "log_since" and "seen" say nothing of a learner over all skills
SET_ROW = slice(2, N_ROW)  # the Kalman filter knows single skills only
_OWN_NAMES = (*ROW_NAMES[OWN_ROW], "log_gap", "log_gap_squared", "newness")
LEARNER_NAMES = tuple(f"learner_{name}" for name in _OWN_NAMES)
SKILL_NAMES = tuple(f"skill_{name}" for name in ROW_NAMES)
SET_NAMES = tuple(f"set_{name}" for name in ROW_NAMES[SET_ROW])
ITEM_NAMES = ("item_logit", "standard_logit", "log_skills", "newness_logit")  # the last: newness × item_logit
WEAKEST_NAMES = ("weakest_mean",)  # the lowest skill's mean less the mean of all skills: 0 for one skill
MEMORY_NAMES = ("item_log_uses", "item_last_score", "item_log_since", "item_days_since")
NAMES = LEARNER_NAMES + SKILL_NAMES + SET_NAMES + ITEM_NAMES + MEMORY_NAMES + WEAKEST_NAMES
_ENDS = np.cumsum(
    [len(g) for g in (LEARNER_NAMES, SKILL_NAMES, SET_NAMES, ITEM_NAMES, MEMORY_NAMES, WEAKEST_NAMES)]
).tolist()
OF_LEARNER, OF_SKILL, OF_SET, OF_ITEM, OF_MEMORY, OF_WEAKEST = (slice(a, b) for a, b in pairwise([0, *_ENDS]))
AT = {name: place for place, name in enumerate(NAMES)}
OF_OWN_ROW = slice(0, AT["learner_log_gap"])  # of the learner, but for the gap, its square and newness
OF_GAP = slice(AT["learner_log_gap"], AT["learner_newness"])
LONGEST_GAP = 86400.0
AGE_SCALE = 1.0 / 7.0  # so that an old answer to the same resource, where few have any, is no outlier


def read_gap(elapsed: Floats) -> Floats:
    """Return log(1 + seconds since the learner's last attempt, at most a day); 0 when not known."""
    return np.asarray(np.log1p(np.where(np.isfinite(elapsed), np.minimum(elapsed, LONGEST_GAP), 0.0)))


def newness(position: Floats) -> Floats:
    """Return 1 before a learner's first attempt, 1/2 before the second, ...: it fades with what is known."""
    return np.asarray(1.0 / (1.0 + position))


def read_items(values: Floats, position: Floats, now: Floats) -> Floats:
    """Return the numbers of `MEMORY_NAMES` of resources used before, (4, M); all 0 for one never used.

    `now` is inf when not known.
    """
    out = np.empty((4, len(values)))
    np.log1p(values[:, USES], out=out[0])
    out[1] = values[:, ITEM_SCORE]
    ages = out[2:]
    np.subtract(position, values[:, ITEM_POSITION], out=ages[0])
    days = np.multiply(elapsed_until(values[:, ITEM_TIME], now), 1.0 / 86400.0, out=ages[1])
    days[days == np.inf] = 0.0
    np.log1p(ages, out=ages)
    ages *= AGE_SCALE
    return out


def prior_weights() -> Floats:
    """Return the coefficients of a model that has seen nothing: the Kalman filter's own prediction."""
    weights = np.zeros(len(NAMES))
    weights[[AT[name] for name in ("learner_mean", "skill_mean", "item_logit")]] = 1.0
    return weights


def design(attempts: Attempts, parameters: HistoryParameters, *, met: EasinessMet | None = None) -> Floats:
    """Return the vector of every attempt, made of the past only: (n, len(NAMES)), rows as in `attempts`.

    `met` is the easiness that each attempt met; by default, what `parameters` say.
    """
    met = met or EasinessMet.by(parameters, attempts.resource)
    X = np.zeros((len(attempts), len(NAMES)))
    at = 0
    for chunk in chunks(attempts, parameters, logit=met.item):
        n = len(chunk.attempts)
        _fill_rows(X[at : at + n], chunk)
        at += n
    standard = met.standard(parameters, attempts.resource)
    many = parameters.log_skills[attempts.resource]
    X[:, OF_ITEM] = np.column_stack([met.item, standard, many, newness(attempts.position) * met.item])
    X[:, OF_MEMORY] = _memory_columns(attempts)
    return X


def _fill_rows(part: Floats, chunk: Chunk) -> None:
    """Write the numbers of learner, skills and sets of skills into `part` (n, len(NAMES))."""
    time, position = chunk.attempts.time, chunk.general[:, COUNT]
    elapsed = elapsed_since(chunk.general[:, LAST_TIME], time)
    gap = read_gap(elapsed)
    own = read_rows(chunk.general, elapsed, position)[:, OWN_ROW]
    part[:, OF_LEARNER] = np.column_stack([own, gap, gap * gap, newness(position)])
    skill = _read_at(chunk.skills, chunk.skill_owner, time=time, position=position).T
    if skill.shape[1] > len(part):  # several skills of a resource: their mean
        reads, first = skill, np.flatnonzero(np.diff(chunk.skill_owner, prepend=-1))
        n_skills = np.bincount(chunk.skill_owner, minlength=len(part))
        skill = np.add.reduceat(reads, first, axis=1) / n_skills
        lowest = np.minimum.reduceat(reads[0], first)
        part[:, OF_WEAKEST] = np.where(n_skills > 1, lowest - skill[0], 0.0)[:, None]
    part[:, OF_SKILL] = skill.T
    part[:, OF_SET] = skill[SET_ROW].T  # a single skill is its own set
    several = chunk.set_owner
    part[several, OF_SET] = _read_at(chunk.sets, several, time=time, position=position)[:, SET_ROW]


def _read_at(rows: Floats, owner: Ints, *, time: Floats, position: Floats) -> Floats:
    return read_rows(rows, elapsed_since(rows[:, LAST_TIME], time[owner]), position[owner])


def _memory_columns(attempts: Attempts) -> Floats:
    previous, uses = item_past(attempts)
    used = np.flatnonzero(previous >= 0)
    past = previous[used]
    position = attempts.position
    time = np.where(np.isnan(attempts.time), -np.inf, attempts.time)
    values = np.stack([uses[used], 2.0 * attempts.score[past] - 1.0, position[past], time[past]], axis=1)
    out = np.zeros((len(attempts), 4))
    out[used] = read_items(
        values, position[used], np.where(np.isnan(attempts.time), np.inf, attempts.time)[used]
    ).T
    return out
