"""Forecasts fitted on what was seen: states as they stood some days before an answer, and the answer.

For an attempt at time t and a horizon of h days the state is the learner's after the last answer before
t - h, and what is foreseen is the score on a standard item of each of the resource's skills that were not
practised in between. So is the state just after the last practice of a skill, whatever came between.

A forecast speaks of another occasion: answers within `OCCASION` of the state are left out where there are
enough others. Within a session the next answer leans on the last one, by the same text or the same hint; that
is the success model's to say, and a wrong answer would otherwise seem to mend itself overnight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.features.history.attempts import Attempts, Bools, Floats, HistoryParameters, Ints
from segue.features.history.batch_replay import Chunk, chunks
from segue.features.history.difficulty import EasinessMet
from segue.features.history.state_columns import COUNT, LAST_TIME
from segue.features.history.state_rows import N_ROW, ROW_AT, ROW_NAMES, elapsed_since, read_rows
from segue.features.vectors.success_model import PRIOR_FADING, ForecastWeights

HORIZONS = (0.0, 1.0, 7.0, 30.0, 60.0)  # days
SINCE_PRACTICE = -1.0  # in place of a horizon: the state just after the skill's last practice
CASES = (SINCE_PRACTICE, *HORIZONS)
OCCASION = 4.0 / 24.0  # days
ENOUGH = 500  # rows of another occasion
MOST_ROWS = 60_000  # of all horizons together
DAY = 86400.0


def _places(*names: str) -> Ints:
    return np.array([ROW_AT[name] for name in names])


# What a forecast reads of a row; not the counters of the last hour, for it speaks of another occasion.
SKILL_LEVEL = _places(*[name for name in ROW_NAMES if not name.endswith("_1h")])
OWN_LEVEL = _places(
    *["mean", "residual_80", "residual_95", "residual_100", "tried_1d", "tried_7d", "tried_30d"],
    *["right_1d", "right_7d", "right_30d", "log_successes", "log_failures", "recent_right", "last_score"],
)
SKILL_FADING = _places(
    *["mean", "variance", "residual_95", "log_successes", "log_failures", "log_run_right", "log_run_wrong"],
    *["recent_right", "last_score", "seen"],
)
OWN_FADING = _places("mean", "residual_95", "log_successes", "recent_right")


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
        One of `CASES`.
    attempt : int array
        Row of the attempt whose score was to be foreseen.
    """

    skill: Floats
    own: Floats
    standard: Floats
    days: Floats
    horizon: Floats
    attempt: Ints

    def take(self, rows: Bools) -> ForecastRows:
        """Return some of the rows."""
        return ForecastRows(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def forecast_rows(
    attempts: Attempts,
    parameters: HistoryParameters,
    *,
    met: EasinessMet,
    chosen: Bools,
    share: float,
    rng: np.random.Generator,
) -> ForecastRows:
    """Return a `share` of what can be foreseen of the `chosen` attempts (n,), at each horizon."""
    parts, at = [], 0
    for chunk in chunks(attempts, parameters, logit=met.item):
        n = len(chunk.attempts)
        part = met.take(slice(at, at + n))
        parts.append(_chunk_rows(chunk, parameters, chosen[at : at + n], at, met=part, share=share, rng=rng))
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
    met: EasinessMet,
    share: float,
    rng: np.random.Generator,
) -> ForecastRows:
    attempts, owner = chunk.attempts, chunk.skill_owner
    skills = parameters.skill_matrix[attempts.resource]
    skill = skills[skills >= 0]  # in the order of the chunk's rows
    entry = np.tile(np.flatnonzero(chosen[owner]), len(CASES))
    horizon = np.repeat(CASES, len(entry) // len(CASES))
    kept = rng.random(len(entry)) < share
    entry, horizon = entry[kept], horizon[kept]
    earlier = _last_practice(chunk, skill)[entry]
    before = _attempt_after_state(attempts, owner[entry], horizon)  # the attempt that the state stands before
    before = np.where(horizon == SINCE_PRACTICE, np.where(earlier >= 0, earlier + 1, -1), before)
    known = (before >= 0) & (earlier < before)
    entry, horizon, before = entry[known], horizon[known], before[known]
    rows = chunk.skills[entry]  # unchanged from the last practice until the attempt
    own = chunk.general[before]
    position = own[:, COUNT]
    last = np.where(np.isneginf(own[:, LAST_TIME]), np.nan, own[:, LAST_TIME])
    gone = attempts.time[owner[entry]] - last
    return ForecastRows(
        read_rows(rows, elapsed_since(rows[:, LAST_TIME], last), position),
        read_rows(own, elapsed_since(own[:, LAST_TIME], last), position),
        met.skill[met.reading[owner[entry]], skill[entry]],
        np.where(np.isnan(gone), 0.0, np.maximum(gone, 0.0) / DAY),
        horizon,
        owner[entry] + first,
    )


def _attempt_after_state(attempts: Attempts, at: Ints, horizon: Floats) -> Ints:
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


def _last_practice(chunk: Chunk, skill: Ints) -> Ints:
    """Return the attempt at which the skill of each entry was practised before, (P,); -1: never."""
    owner = chunk.skill_owner
    learner = np.cumsum(np.diff(chunk.attempts.learner, prepend=chunk.attempts.learner[:1]) != 0)
    group = learner[owner] * (int(skill.max(initial=0)) + 1) + skill
    order = np.lexsort((owner, group))
    same = np.append(False, np.diff(group[order]) == 0)
    out = np.empty(len(owner), dtype=np.int64)
    out[order] = np.where(same, np.roll(owner[order], 1), -1)
    return out


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


def on_another_occasion(rows: ForecastRows) -> ForecastRows:
    """Return the rows whose answer came on another occasion, all of them where there are few.

    Without a horizon such a row is the very first answer of an occasion, which falls .07 below the ones that
    follow: warming up is the success model's to say, which reads the gap.
    """
    later = (rows.days > OCCASION) & (rows.horizon != 0.0)
    return rows.take(later) if later.sum() >= ENOUGH else rows


def fit_forecast(
    attempts: Attempts,
    parameters: HistoryParameters,
    *,
    met: EasinessMet,
    train: Bools,
    rng: np.random.Generator,
    prior: ForecastWeights | None = None,
) -> ForecastWeights:
    """Return the reading of states that foresees the training rows best.

    `met` is the easiness met at each attempt. Precision counts learners, as in the success model.
    """
    from segue.models.success_probability import LEARNERS_FELT, LogisticSuccess, learner_precision

    before = prior or ForecastWeights.prior()
    share = min(1.0, MOST_ROWS / (len(CASES) * max(int(train.sum()), 1)))
    rows = forecast_rows(attempts, parameters, met=met, chosen=train, share=share, rng=rng)
    if not len(rows.attempt):
        return before
    rows = on_another_occasion(rows)
    n_learners = len(np.unique(attempts.learner[train]))
    model = LogisticSuccess(
        prior=_coefficients(before),
        precision=learner_precision(n_learners),
        intercept=float(before.scalars[0]),
        intercept_precision=LEARNERS_FELT / n_learners,
    ).fit(columns(rows), attempts.score[rows.attempt])
    return _as_weights(model.weights_, model.intercept_)


def foreseen(rows: ForecastRows, weights: ForecastWeights) -> Floats:
    """Return the chance of success on a standard item that `weights` foresee for each row, (n,)."""
    logit = columns(rows) @ _coefficients(weights) + weights.scalars[0]
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))


def _coefficients(weights: ForecastWeights) -> Floats:
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


def _as_weights(weights: Floats, intercept: float) -> ForecastWeights:
    level, fading = np.zeros((2, N_ROW)), np.zeros((2, N_ROW))
    ends = np.cumsum([len(SKILL_LEVEL), len(OWN_LEVEL), 2, len(SKILL_FADING)])
    level[0, SKILL_LEVEL], level[1, OWN_LEVEL], scalars, skill, own = np.split(weights, ends)
    fading[0, SKILL_FADING], fading[1, OWN_FADING] = skill, own
    return ForecastWeights(level, fading, np.append(intercept, scalars))


__all__ = ["HORIZONS", "PRIOR_FADING", "ForecastRows", "columns", "fit_forecast", "forecast_rows", "foreseen"]
