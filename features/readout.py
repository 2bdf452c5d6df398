"""State rows as named numbers that a linear model can read: the learner vector.

Three groups, so that a linear predictor splits (``segue.features.learner.SuccessReader``): of the learner,
of each skill (averaged over a resource's skills), of the resource with this learner.
"""

from __future__ import annotations

import numpy as np

from segue.features.attempts import Attempts, Floats, HistoryParameters, Ints
from segue.features.catalogue import Catalogue
from segue.features.columns import (
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
from segue.features.difficulty import Difficulty, fit_difficulty_out_of_fold
from segue.features.lockstep import Chunk, chunks, item_past

_ROW_NAMES = (
    "residual_80",
    "residual_95",
    "residual_100",
    "mean",
    "variance",
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
N_LEARNER = N_ROW - 2  # "log_since" and "seen" say nothing of a learner
LEARNER_NAMES = tuple(f"learner_{name}" for name in _ROW_NAMES[:N_LEARNER])
SKILL_NAMES = tuple(f"skill_{name}" for name in _ROW_NAMES)
ITEM_NAMES = ("item_logit", "item_log_uses", "item_last_score", "item_log_since", "item_days_since")
NAMES = LEARNER_NAMES + SKILL_NAMES + ITEM_NAMES
_RATES = np.array([-1.0 / span for span in SPANS] * 2)


def read_rows(rows: Floats, elapsed: Floats, position: Floats) -> Floats:
    """Return the numbers of `SKILL_NAMES` (the first N_LEARNER: of `LEARNER_NAMES`), shape (..., N_ROW).

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
    faded = np.multiply(elapsed[..., None], _RATES)
    np.exp(faded, out=faded)
    faded *= rows[..., TIMED]
    return np.asarray(np.log1p(faded, out=faded))


def read_steady(rows: Floats, position: Floats) -> Floats:
    """Return the numbers of `read_rows` with 0 for those that change with the clock."""
    out = np.zeros((*rows.shape[:-1], N_ROW))
    out[..., 0:3] = rows[..., RESIDUAL] / (rows[..., WEIGHT] + 2.0)
    out[..., 3] = rows[..., MEAN]
    out[..., 4] = rows[..., VARIANCE]
    out[..., 13:17] = np.log1p(rows[..., SUCCESSES : RUN_WRONG + 1])
    out[..., 17] = (rows[..., RECENT_RIGHT] + 1.0) / (rows[..., WEIGHT.start] + 2.0) - 0.5
    out[..., 18] = rows[..., LAST_SCORE]
    seen = np.minimum(rows[..., COUNT], 1.0)
    out[..., 19] = np.log1p((position - rows[..., LAST_POSITION]) * seen)
    out[..., 20] = seen
    return out


def elapsed_since(last: Floats, now: Floats) -> Floats:
    """Return seconds from `last` (-inf: never) to `now` (NaN: unknown); inf when either is unknown."""
    known = ~np.isnan(now)
    return np.where(known, np.maximum(np.where(known, now, 0.0) - last, 0.0), np.inf)


def read_items(values: Floats, position: Floats, now: Floats) -> Floats:
    """Return the numbers of ITEM_NAMES[1:] of resources used before, (M, 4); all 0 for one never used."""
    out = np.empty((len(values), 4))
    out[:, 0] = np.log1p(values[:, USES])
    out[:, 1] = values[:, ITEM_SCORE]
    out[:, 2] = np.log1p(position - values[:, ITEM_POSITION])
    elapsed = elapsed_since(values[:, ITEM_TIME], now)
    out[:, 3] = np.where(np.isfinite(elapsed), np.log1p(elapsed / 86400.0), 0.0)
    return out


def prior_weights() -> Floats:
    """Return the coefficients of a model that has seen nothing: the Kalman filter's own prediction."""
    weights = np.zeros(len(NAMES))
    weights[[NAMES.index(name) for name in ("learner_mean", "skill_mean", "item_logit")]] = 1.0
    return weights


def design(attempts: Attempts, parameters: HistoryParameters) -> Floats:
    """Return the vector of every attempt, made of the past only: (n, len(NAMES)), rows as in `attempts`."""
    return _design(attempts, parameters, parameters.item_logit[attempts.resource])


def training_design(attempts: Attempts, catalogue: Catalogue, *, fold: Ints) -> tuple[Floats, Difficulty]:
    """Return vectors to fit a model on, and the difficulty to serve with.

    Each learner's history is read with the difficulty fitted without the learners of the same `fold`
    (n_learners,), as a new learner's will be.
    """
    whole, parts = fit_difficulty_out_of_fold(attempts, catalogue, fold)
    logit = np.stack([part.item_logit for part in parts])[fold[attempts.learner], attempts.resource]
    return _design(attempts, whole.parameters(catalogue), logit), whole


def _design(attempts: Attempts, parameters: HistoryParameters, logit: Floats) -> Floats:
    X = np.zeros((len(attempts), len(NAMES)))
    at = 0
    for chunk in chunks(attempts, parameters, logit=logit):
        n = len(chunk.attempts)
        _fill(X[at : at + n], chunk)
        at += n
    X[:, N_LEARNER + N_ROW] = logit
    X[:, N_LEARNER + N_ROW + 1 :] = _item_part(attempts)
    return X


def _fill(part: Floats, chunk: Chunk) -> None:
    """Write the numbers of learner and skills into `part` (n, len(NAMES))."""
    time, position, own = chunk.attempts.time, chunk.general[:, COUNT], chunk.owner
    elapsed = elapsed_since(chunk.general[:, LAST_TIME], time)
    part[:, :N_LEARNER] = read_rows(chunk.general, elapsed, position)[:, :N_LEARNER]
    reads = read_rows(chunk.skills, elapsed_since(chunk.skills[:, LAST_TIME], time[own]), position[own])
    first = np.flatnonzero(np.diff(own, prepend=-1))
    n_skills = np.bincount(own, minlength=len(part))[:, None]
    part[:, N_LEARNER : N_LEARNER + N_ROW] = np.add.reduceat(reads, first, axis=0) / n_skills


def _item_part(attempts: Attempts) -> Floats:
    previous, uses = item_past(attempts)
    used = np.flatnonzero(previous >= 0)
    past = previous[used]
    position = attempts.position
    time = np.where(np.isnan(attempts.time), -np.inf, attempts.time)
    values = np.stack([uses[used], 2.0 * attempts.score[past] - 1.0, position[past], time[past]], axis=1)
    out = np.zeros((len(attempts), 4))
    out[used] = read_items(values, position[used], attempts.time[used])
    return out
