"""The batch form of the fold: all learners (and all their skills) take their t-th step together.

Rows of a log are laid out *step-major* (``segue.features.steps``): first every segment's first attempt,
then every second one, ... with the longest segments first, so that each step works on plain slices. A
segment is one learner (Kalman filter) or one learner and skill (all other columns, whose rule looks at no
other row).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from segue.features.history.attempts import Attempts, Floats, HistoryParameters, Ints
from segue.features.history.learner_state import fresh_rows
from segue.features.history.state_columns import (
    DRIFT_LEARNER,
    DRIFT_SKILL,
    LAST_POSITION,
    LAST_TIME,
    MEAN,
    MOST_VARIANCE,
    N_COLUMNS,
    RIGHT,
    RULE,
    RUN_RIGHT,
    RUN_WRONG,
    SPANS,
    SURPRISE,
    TIMED,
    TRIED,
    VARIANCE,
)
from segue.features.steps import Steps

CHUNK_ROWS = 24_000  # attempts folded at once: bounds the memory of a batch
_RATES = np.array([-1.0 / span for span in SPANS])


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some learners' attempts, each with the rows of state found just before it.

    Rows of state are numbered 0 … S - 1 (skills), S … S + C - 1 (combinations of several), S + C (the
    learner).

    Attributes
    ----------
    attempts : Attempts, n rows
    general : array of shape (n, N_COLUMNS)
    skills : array of shape (P, N_COLUMNS)
        One row a (attempt, skill), attempts in order.
    skill_owner : int array of shape (P,)
        The attempt each belongs to.
    sets : array of shape (Q, N_COLUMNS)
        One row for each attempt at several skills.
    set_owner : int array of shape (Q,)
    """

    attempts: Attempts
    general: Floats
    skills: Floats
    skill_owner: Ints
    sets: Floats
    set_owner: Ints


def chunks(
    attempts: Attempts, parameters: HistoryParameters, *, logit: Floats, rows: int = CHUNK_ROWS
) -> Iterator[Chunk]:
    """Fold whole learners in chunks of about `rows` attempts; `logit` (n,) is the easiness met at each."""
    for part in whole_learners(attempts, rows):
        yield _chunk(attempts.take(part), parameters, logit[part])


def whole_learners(attempts: Attempts, rows: int) -> Iterator[slice]:
    """Yield slices of about `rows` attempts that part no learner."""
    starts = attempts.starts
    lo = 0
    while lo < len(starts) - 1:
        hi = max(int(np.searchsorted(starts, starts[lo] + rows, side="right")) - 1, lo + 1)
        yield slice(starts[lo], starts[hi])
        lo = hi


def _chunk(attempts: Attempts, parameters: HistoryParameters, logit: Floats) -> Chunk:
    n, n_skills = len(attempts), parameters.n_skills
    own = n_skills + parameters.n_sets
    skills, sets = parameters.skill_matrix[attempts.resource], parameters.set_of[attempts.resource]
    owner, column = np.nonzero(skills >= 0)
    several = np.flatnonzero(sets >= 0)
    local = np.cumsum(np.diff(attempts.learner, prepend=attempts.learner[0]) != 0)
    row = np.concatenate([np.arange(n), owner, several])
    slot = np.concatenate([np.full(n, own), skills[owner, column], sets[several] + n_skills])
    segments = Steps.of(local[row] * (own + 1) + slot)
    before = _remembered(attempts, logit, row, segments)
    kalman, _, surprise = filtered(attempts, parameters, logit, local)
    place, until = segments.place, n + len(owner)
    for column_of, values in zip((MEAN, VARIANCE), kalman, strict=True):
        before[place[:until], column_of] = np.concatenate([values[0], values[column + 1, owner]])
    before[place[:n], SURPRISE] = np.where(attempts.position > 0, np.roll(surprise, 1), 0.0)
    return Chunk(
        attempts,
        before[place[:n]],
        before[place[n:until]],
        owner,
        before[place[until:]],
        several,
    )


def _remembered(attempts: Attempts, logit: Floats, row: Ints, segments: Steps) -> Floats:
    """Return rows before each attempt, step-major (P, N_COLUMNS)."""
    score = segments.laid(attempts.score[row])[:, None]
    residual = score - segments.laid((1.0 / (1.0 + np.exp(-logit)))[row])[:, None]
    time = attempts.time[row]
    last = _last_times(time, segments)
    known = ~np.isnan(time)
    elapsed = np.maximum(np.where(known, time, 0.0) - np.where(known, last, 0.0), 0.0)
    fade = segments.laid(np.exp(elapsed[:, None] * _RATES))
    timed = segments.laid(known.astype(np.float64))[:, None]
    position = segments.laid(attempts.position[row])
    before = np.empty((len(row), N_COLUMNS))
    now = fresh_rows(len(segments.key))
    for size, at in segments.slices():
        x, y = now[:size], score[at]
        before[at] = x
        x[:, RUN_RIGHT] *= y[:, 0]
        x[:, RUN_WRONG] *= 1.0 - y[:, 0]
        x[:, TRIED] *= fade[at]
        x[:, RIGHT] *= fade[at]
        x *= _KEEP
        x += _ADD + _ADD_SCORE * y + _ADD_RESIDUAL * residual[at]
        x[:, TRIED] += timed[at]
        x[:, RIGHT] += timed[at] * y
        x[:, LAST_POSITION] = position[at]
    before[:, LAST_TIME] = segments.laid(last)
    return before


def _batch_rule() -> tuple[Floats, Floats, Floats, Floats]:
    """Return RULE for arrays: the columns that need the clock or the score as a factor are done apart."""
    keep, add, add_score = RULE.keep.copy(), RULE.add.copy(), RULE.add_score.copy()
    keep[[RUN_RIGHT, RUN_WRONG]] = 1.0
    add[TIMED] = add_score[TIMED] = 0.0
    return keep, add, add_score, RULE.add_residual


_KEEP, _ADD, _ADD_SCORE, _ADD_RESIDUAL = _batch_rule()


def _last_times(time: Floats, segments: Steps) -> Floats:
    """Return the latest known time before each element, (P,); -inf: none."""
    ordered = np.where(np.isnan(time), -np.inf, time)[segments.order]
    latest: Floats = np.asarray(
        pd.Series(ordered).groupby(np.cumsum(segments.first)).cummax(), dtype=np.float64
    )
    before = np.empty_like(latest)
    before[segments.order] = np.where(segments.first, -np.inf, np.roll(latest, 1))
    return before


def filtered(
    attempts: Attempts, parameters: HistoryParameters, logit: Floats, local: Ints
) -> tuple[tuple[Floats, Floats], Floats, Floats]:
    """Run the Kalman filter; means and variances before each attempt (K + 1, n), the last ones, and the
    surprise at each attempt (n,).

    `local` (n,) numbers the learners present. The last ones have shape (2, learners, S + 2): skills, the
    learner's own, and one for padding.
    """
    n, width = len(attempts), parameters.n_skills + 2
    steps = Steps.of(local)
    row = np.empty(n, dtype=np.int64)
    row[steps.place] = np.arange(n)
    resource = attempts.resource[row]
    skills = parameters.skill_matrix[resource].T
    slot = np.concatenate([np.full((1, n), width - 2), np.where(skills < 0, width - 1, skills)])
    slot += local[row] * width
    h = np.concatenate([np.ones((1, n)), parameters.skill_weights[resource].T])
    y, b = attempts.score[row], logit[row]
    drift = np.full((len(slot), 1), DRIFT_SKILL)
    drift[0] = DRIFT_LEARNER
    m, v = np.zeros(len(steps.key) * width), np.ones(len(steps.key) * width)
    means, variances, surprise = np.empty(slot.shape), np.empty(slot.shape), np.empty(n)
    for _, at in steps.slices():
        i, share = slot[:, at], h[:, at]
        mean, variance = m[i], v[i]
        means[:, at], variances[:, at] = mean, variance
        p = 1.0 / (1.0 + np.exp(-(np.add.reduce(share * mean) + b[at])))
        surprise[at] = y[at] - p
        hv = share * variance
        w = p * (1.0 - p)
        den = 1.0 + w * np.add.reduce(share * hv)
        m[i] = mean + hv * ((y[at] - p) / den)
        v[i] = np.minimum(variance - hv * hv * (w / den) + drift, MOST_VARIANCE)
    final = np.stack([m, v]).reshape(2, len(steps.key), width)
    place = steps.place
    return (means[:, place], variances[:, place]), final, surprise[place]


def item_past(attempts: Attempts) -> tuple[Ints, Floats]:
    """Return the row of the learner's previous try of the resource (-1: none), and how many there were."""
    n = len(attempts)
    order = np.lexsort((attempts.resource, attempts.learner))
    same = np.zeros(n, dtype=np.bool_)
    learner, resource = attempts.learner[order], attempts.resource[order]
    same[1:] = (learner[1:] == learner[:-1]) & (resource[1:] == resource[:-1])
    previous = np.full(n, -1, dtype=np.int64)
    previous[order[1:]] = np.where(same[1:], order[:-1], -1)
    start = np.maximum.accumulate(np.where(same, 0, np.arange(n)))
    uses = np.empty(n)
    uses[order] = np.arange(n) - start
    return previous, uses
