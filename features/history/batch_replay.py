"""The batch form of the fold: all learners (and all their skills) take their t-th step together.

Rows of a log are laid out *step-major* (``steps``): first every segment's first attempt,
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
from segue.features.history.state_columns import (
    DRIFT_LEARNER,
    DRIFT_SKILL,
    LAST_POSITION,
    LAST_TIME,
    MEAN,
    MOST_VARIANCE,
    N_COLUMNS,
    RESIDUAL,
    RIGHT,
    RULE,
    SPANS,
    SURPRISE,
    TRIED,
    VARIANCE,
)
from segue.features.history.state_rows import fresh_rows
from segue.features.history.steps import Steps

CHUNK_ROWS = 24_000  # attempts folded at once: bounds the memory of a batch
FILTERED_ROWS = 131_072  # attempts filtered at once: the longest history decides how many steps that takes
BLOCK_ROWS = 8_192  # rows of state whose changes are made ready at once: they stay in the cache
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
    for many in whole_learners(attempts, max(rows, FILTERED_ROWS)):
        some, met = attempts.take(many), logit[many]
        kalman, _, surprise = filtered(some, parameters, met, some.local)
        for part in whole_learners(some, rows):
            expected = kalman[0][:, part], kalman[1][:, part], surprise[part]
            yield _chunk(some.take(part), parameters, met[part], expected)


def whole_learners(attempts: Attempts, rows: int) -> Iterator[slice]:
    """Yield slices of about `rows` attempts that part no learner."""
    starts = attempts.starts
    lo = 0
    while lo < len(starts) - 1:
        hi = max(int(np.searchsorted(starts, starts[lo] + rows, side="right")) - 1, lo + 1)
        yield slice(starts[lo], starts[hi])
        lo = hi


def _chunk(
    attempts: Attempts, parameters: HistoryParameters, logit: Floats, kalman: tuple[Floats, Floats, Floats]
) -> Chunk:
    """Return some learners' chunk; `kalman` holds means and variances (K + 1, n) and surprises (n,)."""
    n, n_skills = len(attempts), parameters.n_skills
    own = n_skills + parameters.n_sets
    skills, sets = parameters.skill_matrix[attempts.resource], parameters.set_of[attempts.resource]
    owner, column = np.nonzero(skills >= 0)
    several = np.flatnonzero(sets >= 0)
    row = np.concatenate([np.arange(n), owner, several])
    slot = np.concatenate([np.full(n, own), skills[owner, column], sets[several] + n_skills])
    segments = Steps.of(attempts.local[row] * (own + 1) + slot)
    before = _remembered(attempts, logit, row, segments)
    place, until, surprise = segments.place, n + len(owner), kalman[2]
    for column_of, values in zip((MEAN, VARIANCE), kalman[:2], strict=True):
        before[place[:until], column_of] = np.concatenate([values[0], values[column + 1, owner]])
    before[place[:n], SURPRISE] = np.where(attempts.position > 0, np.roll(surprise, 1), 0.0)
    return Chunk(attempts, before[place[:n]], before[place[n:until]], owner, before[place[until:]], several)


def _remembered(attempts: Attempts, logit: Floats, row: Ints, segments: Steps) -> Floats:
    """Return rows before each attempt, step-major (P, N_COLUMNS)."""
    before = np.empty((len(row), N_COLUMNS))
    now = fresh_rows(len(segments.key))
    stepped(now, attempts, row, segments, logit=logit, position=attempts.position, before=before)
    return before


def stepped(
    now: Floats,
    attempts: Attempts,
    row: Ints,
    segments: Steps,
    *,
    logit: Floats,
    position: Floats,
    before: Floats | None = None,
) -> None:
    """Take the rows of segments, `now` (G, N_COLUMNS), through their attempts, all but the Kalman filter.

    The attempt of each element of `segments` is `row` (P,). What stood before each is left in `before`
    (P, N_COLUMNS), step-major, when that is given.
    """
    inverse = segments.inverse
    score, time = attempts.score[row][inverse], attempts.time[row]
    residual = score - (1.0 / (1.0 + np.exp(-logit)))[row][inverse]
    if attempts.weight is not None:
        residual *= attempts.weight[row][inverse]
    last, ending = _last_times(time, segments, now[:, LAST_TIME])
    known = ~np.isnan(time)
    elapsed = np.maximum(np.where(known, time, 0.0) - np.where(known, last, 0.0), 0.0)[inverse]
    timed, place = known.astype(np.float64)[inverse], position[row][inverse]
    for block in segments.blocks(BLOCK_ROWS):
        some = slice(block[0][1].start, block[-1][1].stop)
        gain, push = _changes(score[some], residual[some], elapsed[some], timed[some], place[some])
        for size, at in block:
            x, here = now[:size], slice(at.start - some.start, at.stop - some.start)
            if before is not None:
                before[at] = x
            np.multiply(x, gain[here], out=x)
            np.add(x, push[here], out=x)
    if before is not None:
        before[:, LAST_TIME] = last[inverse]
    now[:, LAST_TIME] = ending


def _changes(
    score: Floats, residual: Floats, elapsed: Floats, timed: Floats, place: Floats
) -> tuple[Floats, Floats]:
    """Return gain and push of attempts, x ← gain x + push, both (P, N_COLUMNS); the clocks stay as they are.

    Rows of state lie side by side, so a step of many rows is one product and one sum.
    """
    y, fade = score[:, None], np.exp(elapsed[:, None] * _RATES)
    gain = RULE.keep_score * y
    gain += RULE.keep
    gain[:, TRIED] = gain[:, RIGHT] = fade
    push = RULE.add_score * y
    push += RULE.add
    push[:, RESIDUAL] = residual[:, None]
    push[:, TRIED] = timed[:, None]
    push[:, RIGHT] = (timed * score)[:, None]
    push[:, LAST_POSITION] = place
    return gain, push


def _last_times(time: Floats, segments: Steps, start: Floats) -> tuple[Floats, Floats]:
    """Return the latest known time before each element (P,), and at the end of each segment (G,).

    -inf: none. `start` (G,) is what was known at the beginning.
    """
    ordered = np.where(np.isnan(time), -np.inf, time)[segments.order]
    segment = np.cumsum(segments.first) - 1
    rank = segments.rank
    latest = ordered
    if not segments.ascending(ordered):
        latest = np.asarray(pd.Series(ordered).groupby(segment).cummax(), dtype=np.float64)
    latest = np.maximum(latest, start[rank][segment])
    before = np.empty_like(latest)
    before[segments.order] = np.where(segments.first, start[rank][segment], np.roll(latest, 1))
    ending = np.empty_like(start)
    ending[rank] = latest[np.roll(segments.first, -1)]
    return before, ending


def filtered(
    attempts: Attempts,
    parameters: HistoryParameters,
    logit: Floats,
    local: Ints,
    *,
    start: Floats | None = None,
    before: bool = True,
) -> tuple[tuple[Floats, Floats], Floats, Floats]:
    """Run the Kalman filter; means and variances before each attempt (K + 1, n), the last ones, and the
    surprise at each attempt (n,).

    `local` (n,) numbers the learners present. The last ones have shape (2, learners, S + 2): skills, the
    learner's own, and one for padding; so have the first ones, `start`, which are changed. What stood before
    each attempt is left empty unless asked for.
    """
    n, width = len(attempts), parameters.n_skills + 2
    steps = Steps.of(local)
    row = steps.inverse
    resource = attempts.resource[row]
    skills = parameters.skill_matrix[resource].T
    slot = np.concatenate([np.full((1, n), width - 2), np.where(skills < 0, width - 1, skills)])
    slot += local[row] * width
    h = np.concatenate([np.ones((1, n)), parameters.skill_weights[resource].T])
    y, harder = attempts.score[row], -logit[row]
    drift = np.full((len(slot), 1), DRIFT_SKILL)
    drift[0] = DRIFT_LEARNER
    if start is None:
        start = np.stack([np.zeros((len(steps.key), width)), np.ones((len(steps.key), width))])
    m, v = start.reshape(2, -1)
    means, variances = np.empty((2, *slot.shape)) if before else np.empty((2, len(slot), 0))
    surprise = np.empty(n)
    weight = None if attempts.weight is None else attempts.weight[row]
    for _, at in steps.slices():
        i, share = slot[:, at], h[:, at]
        mean, variance = m.take(i), v.take(i)
        if before:
            means[:, at], variances[:, at] = mean, variance
        p = harder[at] - _total(share * mean)
        np.exp(p, out=p)
        p += 1.0
        np.divide(1.0, p, out=p)
        missed = np.subtract(y[at], p, out=surprise[at])
        hv = share * variance
        w = 1.0 - p
        w *= p
        if weight is not None:
            missed *= weight[at]
            w *= weight[at]
        share = share * hv
        den = w * _total(share)
        den += 1.0
        mean += hv * np.divide(missed, den, out=p)
        w /= den
        hv *= hv
        hv *= w
        variance -= hv
        variance += drift
        m[i], v[i] = mean, np.minimum(variance, MOST_VARIANCE, out=variance)
    place = steps.place
    seen = (means[:, place], variances[:, place]) if before else (means, variances)
    return seen, start, np.asarray(surprise[place])


def _total(terms: Floats) -> Floats:
    """Return the sum of rows, added one after the other: numpy adds a single column in another order."""
    if terms.shape[1] == 1:
        return np.asarray(np.add.accumulate(terms)[-1])
    return np.asarray(np.add.reduce(terms))


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
