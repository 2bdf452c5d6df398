"""State rows as named numbers that a linear model can read: the learner vector.

Three groups, so that a linear predictor splits (``segue.features.vectors.mastery.SuccessReader``): of the
learner, of each skill (averaged over a resource's skills), of the resource with this learner.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from segue.features.history.attempts import Attempts, Floats, HistoryParameters, Ints
from segue.features.history.batch_replay import Chunk, chunks, item_past
from segue.features.history.state_columns import (
    COUNT,
    ITEM_POSITION,
    ITEM_SCORE,
    ITEM_TIME,
    LAST_POSITION,
    LAST_SCORE,
    LAST_TIME,
    MEAN,
    RECENT_RIGHT,
    RESIDUAL,
    RUN_WRONG,
    SPANS,
    SUCCESSES,
    TIMED,
    USES,
    VARIANCE,
    WEIGHT,
)

_ROW_NAMES = (
    "mean",
    "variance",
    "residual_80",
    "residual_95",
    "residual_100",
    "tried_1h",
    "tried_1d",
    "tried_7d",
    "tried_30d",
    "right_1h",
    "right_1d",
    "right_7d",
    "right_30d",
    "log_successes",
    "log_failures",
    "log_run_right",
    "log_run_wrong",
    "recent_right",
    "last_score",
    "log_since",
    "seen",
)
N_ROW = len(_ROW_NAMES)
TIMED_PART = slice(5, 13)
OWN_ROW = slice(N_ROW - 2)  # "log_since" and "seen" say nothing of a learner over all skills
SET_ROW = slice(2, N_ROW)  # the Kalman filter knows single skills only
_OWN_NAMES = (*_ROW_NAMES[OWN_ROW], "log_gap", "log_gap_squared", "newness")
LEARNER_NAMES = tuple(f"learner_{name}" for name in _OWN_NAMES)
SKILL_NAMES = tuple(f"skill_{name}" for name in _ROW_NAMES)
SET_NAMES = tuple(f"set_{name}" for name in _ROW_NAMES[SET_ROW])
ITEM_NAMES = ("item_logit", "standard_logit", "log_skills", "newness_logit")  # the last: newness × item_logit
WEAKEST_NAMES = ("weakest_mean",)  # the lowest skill's mean less the mean of all skills: 0 for one skill
MEMORY_NAMES = ("item_log_uses", "item_last_score", "item_log_since", "item_days_since")
NAMES = LEARNER_NAMES + SKILL_NAMES + SET_NAMES + ITEM_NAMES + MEMORY_NAMES + WEAKEST_NAMES
_ENDS = np.cumsum(
    [len(g) for g in (LEARNER_NAMES, SKILL_NAMES, SET_NAMES, ITEM_NAMES, MEMORY_NAMES, WEAKEST_NAMES)]
).tolist()
OF_LEARNER, OF_SKILL, OF_SET, OF_ITEM, OF_MEMORY, OF_WEAKEST = (slice(a, b) for a, b in pairwise([0, *_ENDS]))
RATES = np.array([[-1.0 / span] for span in SPANS] * 2)
LONGEST_GAP = 86400.0
AGE_SCALE = 1.0 / 7.0  # so that an old answer to the same resource, where few have any, is no outlier
_LOGARITHMS = np.array([[True], [False], [True], [True]])  # of a resource's memory


def read_rows(rows: Floats, elapsed: Floats, position: Floats) -> Floats:
    """Return the numbers of `SKILL_NAMES` (a part of them: of `LEARNER_NAMES`, `SET_NAMES`), shape (...,
    N_ROW).

    Parameters
    ----------
    rows : array of shape (..., N_COLUMNS)
    elapsed : array of shape (...)
        Seconds from the row's last time to the reading; inf when either is unknown.
    position : array of shape (...)
        How many attempts the learner has made.
    """
    out = read_steady(rows, position)
    out[..., TIMED_PART] = read_timed(rows, elapsed)
    return out


def read_timed(rows: Floats, elapsed: Floats) -> Floats:
    """Return the numbers that change with the clock, columns `TIMED_PART` of `read_rows`, (..., 8)."""
    faded = np.multiply(elapsed[..., None], RATES[:, 0])
    np.exp(faded, out=faded)
    faded *= rows[..., TIMED]
    return np.asarray(np.log1p(faded, out=faded))


def read_steady(rows: Floats, position: Floats) -> Floats:
    """Return the numbers of `read_rows` with 0 for those that change with the clock."""
    out = np.zeros_like(rows[..., :N_ROW])
    out[..., 0] = rows[..., MEAN]
    out[..., 1] = rows[..., VARIANCE]
    out[..., 2:5] = rows[..., RESIDUAL] / (rows[..., WEIGHT] + 2.0)
    out[..., 13:17] = np.log1p(rows[..., SUCCESSES : RUN_WRONG + 1])
    out[..., 17] = (rows[..., RECENT_RIGHT] + 1.0) / (rows[..., WEIGHT.start] + 2.0) - 0.5
    out[..., 18] = rows[..., LAST_SCORE]
    seen = np.minimum(rows[..., COUNT], 1.0)
    out[..., 19] = np.log1p((position - rows[..., LAST_POSITION]) * seen)
    out[..., 20] = seen
    return out


def elapsed_since(last: Floats, now: Floats) -> Floats:
    """Return seconds from `last` (-inf: never) to `now` (NaN: unknown); inf when either is unknown."""
    elapsed = np.where(np.isnan(now), np.inf, now) - last
    return np.asarray(np.maximum(elapsed, 0.0, out=elapsed))


def read_gap(elapsed: Floats) -> Floats:
    """Return log(1 + seconds since the learner's last attempt, at most a day); 0 when not known."""
    return np.asarray(np.log1p(np.where(np.isfinite(elapsed), np.minimum(elapsed, LONGEST_GAP), 0.0)))


def newness(position: Floats) -> Floats:
    """Return 1 before a learner's first attempt, 1/2 before the second, ...: it fades with what is known."""
    return np.asarray(1.0 / (1.0 + position))


def read_items(values: Floats, position: Floats, now: Floats) -> Floats:
    """Return the numbers of `MEMORY_NAMES` of resources used before, (M, 4); all 0 for one never used."""
    out = np.empty((4, len(values)))
    out[0] = values[:, USES]
    np.subtract(position, values[:, ITEM_POSITION], out=out[2])
    elapsed = elapsed_since(values[:, ITEM_TIME], now)
    np.multiply(elapsed, 1.0 / 86400.0, out=out[3])
    out[3][np.isinf(elapsed)] = 0.0
    np.log1p(out, out=out, where=_LOGARITHMS)
    out[2:] *= AGE_SCALE
    out[1] = values[:, ITEM_SCORE]
    return out.T


def prior_weights() -> Floats:
    """Return the coefficients of a model that has seen nothing: the Kalman filter's own prediction."""
    weights = np.zeros(len(NAMES))
    weights[[NAMES.index(name) for name in ("learner_mean", "skill_mean", "item_logit")]] = 1.0
    return weights


def design(attempts: Attempts, parameters: HistoryParameters, *, logit: Floats | None = None) -> Floats:
    """Return the vector of every attempt, made of the past only: (n, len(NAMES)), rows as in `attempts`.

    `logit` (n,) is the easiness each attempt met; by default, what `parameters` say of its resource.
    """
    met = parameters.item_logit[attempts.resource] if logit is None else logit
    X = np.zeros((len(attempts), len(NAMES)))
    at = 0
    for chunk in chunks(attempts, parameters, logit=met):
        n = len(chunk.attempts)
        _fill(X[at : at + n], chunk)
        at += n
    standard = parameters.standard_logit[attempts.resource]
    many = parameters.log_skills[attempts.resource]
    X[:, OF_ITEM] = np.column_stack([met, standard, many, newness(attempts.position) * met])
    X[:, OF_MEMORY] = _memory_part(attempts)
    return X


def _fill(part: Floats, chunk: Chunk) -> None:
    """Write the numbers of learner, skills and sets of skills into `part` (n, len(NAMES))."""
    time, position = chunk.attempts.time, chunk.general[:, COUNT]
    elapsed = elapsed_since(chunk.general[:, LAST_TIME], time)
    gap = read_gap(elapsed)
    own = read_rows(chunk.general, elapsed, position)[:, OWN_ROW]
    part[:, OF_LEARNER] = np.column_stack([own, gap, gap * gap, newness(position)])
    reads = _read_at(chunk.skills, chunk.skill_owner, time=time, position=position)
    first = np.flatnonzero(np.diff(chunk.skill_owner, prepend=-1))
    n_skills = np.bincount(chunk.skill_owner, minlength=len(part))[:, None]
    part[:, OF_SKILL] = np.add.reduceat(reads, first, axis=0) / n_skills
    lowest = np.minimum.reduceat(reads[:, 0], first)
    part[:, OF_WEAKEST] = np.where(n_skills > 1, lowest[:, None] - part[:, OF_SKILL][:, :1], 0.0)
    part[:, OF_SET] = part[:, OF_SKILL][:, SET_ROW]  # a single skill is its own set
    several = chunk.set_owner
    part[several, OF_SET] = _read_at(chunk.sets, several, time=time, position=position)[:, SET_ROW]


def _read_at(rows: Floats, owner: Ints, *, time: Floats, position: Floats) -> Floats:
    return read_rows(rows, elapsed_since(rows[:, LAST_TIME], time[owner]), position[owner])


def _memory_part(attempts: Attempts) -> Floats:
    previous, uses = item_past(attempts)
    used = np.flatnonzero(previous >= 0)
    past = previous[used]
    position = attempts.position
    time = np.where(np.isnan(attempts.time), -np.inf, attempts.time)
    values = np.stack([uses[used], 2.0 * attempts.score[past] - 1.0, position[past], time[past]], axis=1)
    out = np.zeros((len(attempts), 4))
    out[used] = read_items(values, position[used], attempts.time[used])
    return out
