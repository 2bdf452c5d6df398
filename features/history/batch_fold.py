"""Histories folded to the states they end in: what every attempt adds has decayed by what came after it.

The state rows of ``segue.features.history.state_columns`` are decayed sums, so that the end of a history
needs no walk through it: only the Kalman filter and runs of equal answers look at one attempt after the
other. What stood *before* each attempt, as training needs it, is ``chunks`` of
``segue.features.history.batch_replay``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from segue.features.history.attempts import Attempts, Floats, HistoryParameters, Ints
from segue.features.history.batch_replay import filtered, whole_learners
from segue.features.history.learner_state import StateBlock, fresh_rows
from segue.features.history.state_columns import (
    DECAYS,
    FAILURES,
    LAST_POSITION,
    LAST_SCORE,
    LAST_TIME,
    MEAN,
    RECENT_RIGHT,
    RESIDUAL,
    RIGHT,
    RUN_RIGHT,
    RUN_WRONG,
    SPANS,
    SUCCESSES,
    SURPRISE,
    TRIED,
    VARIANCE,
    WEIGHT,
)

FOLD_ROWS = 250_000  # attempts folded at once: bounds the memory of a batch
_RATES = np.array([[-1.0 / span] for span in SPANS])
_NOTHING = 1e-18  # a product too small to change a run


def fold(attempts: Attempts, n_learners: int, parameters: HistoryParameters) -> StateBlock:
    """Return the states of learners 0 … n_learners - 1 after all their attempts (1e-9 of the stream's)."""
    n_skills = parameters.n_skills
    general = fresh_rows(n_learners)
    none = np.zeros(0, dtype=np.int64)
    found: list[list[tuple[Ints, Ints, Floats]]] = [
        [(none, none, fresh_rows(0))],
        [(none, none, fresh_rows(0))],
    ]
    for part in whole_learners(attempts, FOLD_ROWS):
        some = attempts.take(part)
        learner = some.learner[some.starts[:-1]]
        logit = parameters.item_logit[some.resource]
        local = np.repeat(np.arange(len(learner)), np.diff(some.starts))
        final, at, slot = _last_rows(some, parameters, logit=logit, local=local)
        _, kalman, surprise = filtered(some, parameters, logit, local)
        single = slot <= n_skills
        final[single, MEAN], final[single, VARIANCE] = kalman[:, at[single], slot[single]]
        final[slot == n_skills, SURPRISE] = surprise[some.starts[1:] - 1]
        general[learner] = final[slot == n_skills]
        for which, rows in zip(found, (slot < n_skills, slot > n_skills), strict=True):
            which.append((learner[at[rows]], slot[rows], final[rows]))
    skills, sets = (_by_learner(which) for which in found)
    return StateBlock(
        general,
        *skills,
        n_skills,
        np.zeros((n_learners, parameters.n_tags)),
        np.zeros((n_learners, parameters.n_tags)),
        np.zeros((n_learners, parameters.n_kinds, 2)),
        *_item_memory(attempts),
        sets[0],
        sets[1] - n_skills - 1,
        sets[2],
    )


def _by_learner(parts: list[tuple[Ints, Ints, Floats]]) -> tuple[Ints, Ints, Floats]:
    """Return owner, slot and row, sorted by owner."""
    owner, slot, rows = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.argsort(owner, kind="stable")
    return owner[order], slot[order], rows[order]


def _last_rows(
    attempts: Attempts, parameters: HistoryParameters, *, logit: Floats, local: Ints
) -> tuple[Floats, Ints, Ints]:
    """Return rows after the last attempt (G, N_COLUMNS), the learner of each (as `local`), and its slot.

    Slots 0 … S - 1 are skills, S is the learner, and those from S + 1 on combinations of several skills.
    """
    n_skills = parameters.n_skills
    skills, sets = parameters.skill_matrix[attempts.resource], parameters.set_of[attempts.resource]
    owner, column = np.nonzero(skills >= 0)
    several = np.flatnonzero(sets >= 0)
    row = np.concatenate([owner, np.arange(len(attempts)), several])
    slot = np.concatenate(
        [skills[owner, column], np.full(len(attempts), n_skills), sets[several] + n_skills + 1]
    )
    order, start = grouped(slot, local[row])
    row = row[order]
    first = row[start]
    return _sums(attempts, row, start, logit=logit), local[first], slot[order[start]]


def grouped(minor: Ints, major: Ints) -> tuple[Ints, Ints]:
    """Return an order in which equal pairs stand together as given, and where each pair begins.

    `major` is ascending within equal `minor`. Numbers below 2¹⁶ are sorted in linear time.
    """
    small = minor.astype(np.uint16) if minor.max(initial=0) < 2**16 else minor
    order = np.argsort(small, kind="stable")
    changes = np.diff(minor[order], prepend=-1) != 0
    changes |= np.diff(major[order], prepend=-1) != 0
    return order, np.flatnonzero(changes)


def _sums(attempts: Attempts, row: Ints, start: Ints, *, logit: Floats) -> Floats:
    """Return the rows that the attempts `row` (P,), in segments beginning at `start` (G,), end in."""
    length = np.diff(np.append(start, len(row)))
    end = start + length - 1
    score, time = attempts.score[row], attempts.time[row]
    residual = (attempts.score - 1.0 / (1.0 + np.exp(-logit)))[row]
    out = np.ascontiguousarray(fresh_rows(len(start)).T)
    age = np.repeat(end, length) - np.arange(len(row))
    for i, decay in enumerate(DECAYS):
        share = np.power(decay, np.arange(length.max()))[age]
        out[WEIGHT.start + i] = np.add.reduceat(share, start)
        out[RESIDUAL.start + i] = np.add.reduceat(share * residual, start)
        if i == 0:
            out[RECENT_RIGHT] = np.add.reduceat(share * score, start)
    latest = _latest(time, start, length)
    until = np.where(np.isfinite(latest[end]), latest[end], 0.0)
    since = np.repeat(until, length) - np.where(np.isnan(time), -np.inf, latest)
    faded = np.exp(since * _RATES)
    out[TRIED] = np.add.reduceat(faded, start, axis=1)
    out[RIGHT] = np.add.reduceat(faded * score, start, axis=1)
    out[SUCCESSES] = np.add.reduceat(score, start)
    out[FAILURES] = np.add.reduceat(1.0 - score, start)
    out[RUN_RIGHT], out[RUN_WRONG] = _runs(score, start, end), _runs(1.0 - score, start, end)
    out[LAST_SCORE] = 2.0 * score[end] - 1.0
    out[LAST_POSITION] = attempts.position[row[end]]
    out[LAST_TIME] = latest[end]
    return np.ascontiguousarray(out.T)


def _latest(time: Floats, start: Ints, length: Ints) -> Floats:
    """Return the latest time known so far in each segment, (P,); -inf: none."""
    if not np.isnan(time).any():
        return time  # in canonical order
    segment = np.repeat(np.arange(len(start)), length)
    known = pd.Series(np.where(np.isnan(time), -np.inf, time))
    return np.asarray(known.groupby(segment).cummax(), dtype=np.float64)


def _runs(score: Floats, start: Ints, end: Ints) -> Floats:
    """Return the fold of x ← score · (x + 1) over each segment: the last products of scores, added up."""
    out = np.zeros(len(start))
    going, at, product = np.arange(len(start)), end, np.ones(len(start))
    while len(going):
        product = product * score[at]
        out[going] += product
        on = (product > _NOTHING) & (at > start[going])
        going, at, product = going[on], at[on] - 1, product[on]
    return out


def _item_memory(attempts: Attempts) -> tuple[Ints, Ints, Floats]:
    """Return owner, resource and memory of each (learner, resource) after all attempts."""
    order, start = grouped(attempts.resource, attempts.learner)
    uses = np.diff(np.append(start, len(order)))
    last = order[start + uses - 1]
    by_learner = np.argsort(last)
    uses, last = uses[by_learner], last[by_learner]
    known = attempts.time[last]
    time = np.where(np.isnan(known), -np.inf, known)
    values = np.stack([uses, 2.0 * attempts.score[last] - 1.0, attempts.position[last], time], axis=1)
    return attempts.learner[last], attempts.resource[last], values
