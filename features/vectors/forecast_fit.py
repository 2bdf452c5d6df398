"""Forecasts fitted on what was seen: states as they stood some days before an answer, and the answer.

For an attempt at time t and a horizon of h days the state is the learner's after the last answer before
t - h, and what is foreseen is the score on a standard item of each of the resource's skills.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.features.history.attempts import Attempts, Bools, Floats, HistoryParameters, Ints
from segue.features.history.batch_replay import Chunk, chunks
from segue.features.history.learner_state import fresh_rows
from segue.features.history.state_columns import COUNT, LAST_TIME
from segue.features.vectors.learner_vector import N_ROW, elapsed_since, read_rows
from segue.features.vectors.success_model import PRIOR_FADING, ForecastWeights
from segue.models.success_probability import LEARNERS_FELT, LogisticSuccess, learner_precision

HORIZONS = (0.0, 1.0, 7.0, 30.0, 60.0)  # days
MOST_ROWS = 60_000  # of all horizons together
DAY = 86400.0
SKILL_LEVEL = np.array([0, 1, *range(2, 5), *range(6, 9), *range(10, 21)])  # of ``learner_vector.read_rows``
OWN_LEVEL = np.array([0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 13, 14, 17, 18])
SKILL_FADING = np.array([0, 1, 3, 13, 14, 15, 16, 17, 18, 20])
OWN_FADING = np.array([0, 3, 13, 17])
LEAST_FADING_ROWS = 200


@dataclass(frozen=True, eq=False)
class ForecastRows:
    """States read at their last answer, and what came of them later; all arrays of length n.

    Attributes
    ----------
    skill, own : arrays of shape (n, N_ROW)
        The row of the skill and of the learner, as ``read_rows`` reads them.
    standard : array
        Easiness of a standard item of the skill.
    days : array
        From the learner's last answer to the attempt; 0 when not known.
    horizon : array
        The days of `HORIZONS`.
    attempt : int array
        Row of the attempt whose score was to be foreseen.
    """

    skill: Floats
    own: Floats
    standard: Floats
    days: Floats
    horizon: Floats
    attempt: Ints


def forecast_rows(
    attempts: Attempts,
    parameters: HistoryParameters,
    *,
    logit: Floats,
    chosen: Bools,
    share: float,
    rng: np.random.Generator,
) -> ForecastRows:
    """Return a `share` of what can be foreseen of the `chosen` attempts (n,), at each horizon."""
    parts, at = [], 0
    for chunk in chunks(attempts, parameters, logit=logit):
        n = len(chunk.attempts)
        parts.append(_chunk_rows(chunk, parameters, chosen[at : at + n], at, share=share, rng=rng))
        at += n
    if not parts:
        none = np.zeros(0)
        return ForecastRows(
            np.zeros((0, N_ROW)), np.zeros((0, N_ROW)), none, none, none, np.zeros(0, dtype=np.int64)
        )
    names = ForecastRows.__dataclass_fields__
    return ForecastRows(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def _chunk_rows(
    chunk: Chunk,
    parameters: HistoryParameters,
    chosen: Bools,
    first: int,
    *,
    share: float,
    rng: np.random.Generator,
) -> ForecastRows:
    attempts, owner = chunk.attempts, chunk.skill_owner
    skills = parameters.skill_matrix[attempts.resource]
    skill = skills[skills >= 0]  # in the order of the chunk's rows
    entry = np.tile(np.flatnonzero(chosen[owner]), len(HORIZONS))
    horizon = np.repeat(HORIZONS, len(entry) // len(HORIZONS))
    kept = rng.random(len(entry)) < share
    entry, horizon = entry[kept], horizon[kept]
    before = _standing(attempts, owner[entry], horizon)  # the attempt that the state stands before
    known = before >= 0
    entry, horizon, before = entry[known], horizon[known], before[known]
    rows = _rows_of_skills(chunk, skill, entry, before)
    own = chunk.general[before]
    position = own[:, COUNT]
    last = np.where(np.isneginf(own[:, LAST_TIME]), np.nan, own[:, LAST_TIME])
    gone = attempts.time[owner[entry]] - last
    return ForecastRows(
        read_rows(rows, elapsed_since(rows[:, LAST_TIME], last), position),
        read_rows(own, elapsed_since(own[:, LAST_TIME], last), position),
        parameters.skill_logit[skill[entry]],
        np.where(np.isnan(gone), 0.0, np.maximum(gone, 0.0) / DAY),
        horizon,
        owner[entry] + first,
    )


def _standing(attempts: Attempts, at: Ints, horizon: Floats) -> Ints:
    """Return the first of the learner's attempts later than `horizon` days before attempt `at`, (m,).

    It is `at` itself without a horizon; -1 where nothing came before, or where times are not known.
    """
    starts = np.repeat(attempts.starts[:-1], np.diff(attempts.starts))
    learner = np.repeat(np.arange(len(attempts.starts) - 1), np.diff(attempts.starts))
    unknown = np.bincount(learner, np.isnan(attempts.time)) > 0
    time = np.where(np.isnan(attempts.time), 0.0, attempts.time)
    base = time.min(initial=0.0)
    span = time.max(initial=0.0) - base + 1.0
    key = learner * span + (time - base)  # ascending, as attempts are
    asked = learner[at] * span + np.maximum(time[at] - base - horizon * DAY, -0.5)
    found = np.where(horizon > 0, np.searchsorted(key, asked, side="right"), at)
    known = (found > starts[at]) & ((horizon == 0) | ~unknown[learner[at]])
    return np.where(known, found, -1)


def _rows_of_skills(chunk: Chunk, skill: Ints, entry: Ints, before: Ints) -> Floats:
    """Return the state row of each entry's skill just before the attempt `before`, (m, N_COLUMNS).

    A row changes only at attempts of its skill: it is the one found before the skill's next attempt.
    """
    attempts, owner = chunk.attempts, chunk.skill_owner
    learner = np.repeat(np.arange(len(attempts.starts) - 1), np.diff(attempts.starts))
    group = learner[owner] * (int(skill.max(initial=0)) + 1) + skill
    order = np.lexsort((owner, group))
    n = len(attempts) + 1
    group_key = np.unique(group, return_inverse=True)[1].reshape(-1)
    key = (group_key * n + owner)[order]
    following = np.searchsorted(key, group_key[entry] * n + before)
    rows = chunk.skills[order[following]]  # there is one: the attempt to be foreseen itself
    return np.where((rows[:, COUNT] > 0)[:, None], rows, fresh_rows(len(rows)))


def columns(rows: ForecastRows) -> Floats:
    """Return what the forecast's regression reads, shape (n, d)."""
    fading = -np.log1p(rows.days)[:, None]
    return np.hstack(
        [
            rows.skill[:, SKILL_LEVEL],
            rows.own[:, OWN_LEVEL],
            rows.standard[:, None],
            fading,
            fading * rows.skill[:, SKILL_FADING],
            fading * rows.own[:, OWN_FADING],
        ]
    )


def fit_forecast(
    attempts: Attempts,
    parameters: HistoryParameters,
    *,
    logit: Floats,
    train: Bools,
    rng: np.random.Generator,
    prior: ForecastWeights | None = None,
) -> ForecastWeights:
    """Return the reading of states that foresees the training rows best.

    `logit` (n,) is the easiness met at each attempt. Precision counts learners, as in the success model.
    """
    before = prior or ForecastWeights.prior()
    share = min(1.0, MOST_ROWS / (len(HORIZONS) * max(int(train.sum()), 1)))
    rows = forecast_rows(attempts, parameters, logit=logit, chosen=train, share=share, rng=rng)
    if not len(rows.attempt):
        return before
    n_learners = len(np.unique(attempts.learner[train]))
    model = LogisticSuccess(
        prior=_packed(before),
        precision=learner_precision(n_learners),
        intercept=float(before.scalars[0]),
        intercept_precision=LEARNERS_FELT / n_learners,
    ).fit(columns(rows), attempts.score[rows.attempt])
    return _unpacked(model.weights_, model.intercept_)


def _packed(weights: ForecastWeights) -> Floats:
    (skill, own), (skill_fading, own_fading) = weights.level, weights.fading
    return np.concatenate(
        [
            skill[SKILL_LEVEL],
            own[OWN_LEVEL],
            weights.scalars[1:],
            skill_fading[SKILL_FADING],
            own_fading[OWN_FADING],
        ]
    )


def _unpacked(weights: Floats, intercept: float) -> ForecastWeights:
    level, fading = np.zeros((2, N_ROW)), np.zeros((2, N_ROW))
    ends = np.cumsum([len(SKILL_LEVEL), len(OWN_LEVEL), 2, len(SKILL_FADING)])
    level[0, SKILL_LEVEL], level[1, OWN_LEVEL], scalars, skill, own = np.split(weights, ends)
    fading[0, SKILL_FADING], fading[1, OWN_FADING] = skill, own
    return ForecastWeights(level, fading, np.append(intercept, scalars))


__all__ = ["HORIZONS", "PRIOR_FADING", "ForecastRows", "columns", "fit_forecast", "forecast_rows"]
