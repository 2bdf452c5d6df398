"""The fold of a learner's attempts: one at a time, or a whole log at once, by the same rules.

An attempt with score y on a resource of easiness b (logit) leaves the residual r = y - σ(b). It changes the
row of the learner and the rows of the resource's skills (`RULE` in ``segue.features.history.learner_state``),
and the Kalman filter on

    logit P(y) = Σ h m + b,   h = 1 for the learner's row, 1/K for each of K skills

(one-step extended Kalman filter; Elo with a step that shrinks as the variance does). A score of weight ω < 1
(raters who differ) says so much less: ω times the surprise, the residual and the information; where tries are
counted it is one like any other. Cost: the skills touched.
"""

from __future__ import annotations

import math
from struct import Struct

import numpy as np

from segue.features.history.attempts import Attempt, Attempts, HistoryParameters, encode
from segue.features.history.batch_fold import fold
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.history.state_columns import (
    COUNT,
    DECAYS,
    DRIFT_LEARNER,
    DRIFT_SKILL,
    MEAN,
    MOST_VARIANCE,
    N_COLUMNS,
    SPANS,
    TIMED,
    TRIED,
    VARIANCE,
)

__all__ = [
    "Attempt",
    "Attempts",
    "HistoryParameters",
    "LearnerState",
    "StateBlock",
    "encode",
    "fold",
    "update",
]

_ROW, _ITEM = Struct(f"{N_COLUMNS}d"), Struct("4d")  # how a row of state, and of a resource's memory, lies
_FAST, _SLOW, _EVER = DECAYS
_RATES = np.array([-1.0 / span for span in SPANS])
_Row = tuple[float, ...]


def update(state: LearnerState, attempt: Attempt, parameters: HistoryParameters) -> None:
    """Fold one attempt into `state`, in place; about ten microseconds, whatever the history."""
    resource, score, time, _, weight = attempt
    if not 0.0 <= score <= 1.0:
        raise ValueError(f"score must be in [0, 1], got {score} (percent? divide by 100)")
    skills, table = parameters.skills_of[resource], state.rows.data
    b = parameters.logit_list[resource]
    places = [(len(state.rows) - 1) * _ROW.size, *[k * _ROW.size for k in skills]]
    rows = [_ROW.unpack_from(table, place) for place in places]
    position = rows[0][COUNT]
    surprise, moved = _kalman(rows, b, score, weight)
    seen = (score, weight * (score - parameters.chance_list[resource]), time, position)
    for place, row, (mean, variance) in zip(places, rows, moved, strict=True):
        _ROW.pack_into(table, place, mean, variance, *_remembered(row, seen), surprise)
        surprise = 0.0  # the learner's own row comes first, and it alone keeps it
    if (several := parameters.set_list[resource]) >= 0:
        table, place = state.sets.place(several)
        row = _ROW.unpack_from(table, place)
        _ROW.pack_into(table, place, row[MEAN], row[VARIANCE], *_remembered(row, seen), 0.0)
    table, place = state.items.place(resource)
    uses = _ITEM.unpack_from(table, place)[0] + 1.0
    _ITEM.pack_into(table, place, uses, 2.0 * score - 1.0, position, -math.inf if math.isnan(time) else time)


def _kalman(rows: list[_Row], b: float, y: float, weight: float) -> tuple[float, list[tuple[float, float]]]:
    """Return the surprise, and the new mean and variance of each row, first the learner's own."""
    share = 1.0 / max(len(rows) - 1, 1)
    level, spread = rows[0][MEAN], rows[0][VARIANCE]
    for row in rows[1:]:  # in the order of the batch: to the bit
        level += share * row[MEAN]
        spread += share * (share * row[VARIANCE])
    p = 1.0 / (1.0 + float(np.exp(-(level + b))))  # numpy's, as in the batch
    w = weight * (p * (1.0 - p))
    den = 1.0 + w * spread
    surprise = weight * (y - p)
    step, narrow = surprise / den, w / den
    out = []
    h, drift = 1.0, DRIFT_LEARNER
    for row in rows:
        variance = row[VARIANCE]
        hv = h * variance
        wider = variance - hv * hv * narrow + drift
        out.append((row[MEAN] + hv * step, wider if wider < MOST_VARIANCE else MOST_VARIANCE))
        h, drift = share, DRIFT_SKILL
    return surprise, out


def _remembered(row: _Row, seen: tuple[float, float, float, float]) -> _Row:
    """Return the columns of a row from `RESIDUAL` to `LAST_TIME` after an attempt: `RULE`, written out."""
    y, residual, time, position = seen
    _, _, near, far, ever, near_weight, far_weight, count = row[: TRIED.start]
    tried_1, tried_2, tried_3, tried_4, right_1, right_2, right_3, right_4 = row[TIMED]
    successes, failures, run_right, run_wrong, recent, _, _, last, _ = row[TIMED.stop :]
    miss = 1.0 - y
    if not math.isnan(time):
        gone = time - last if time > last else 0.0
        hour, day, week, month = np.exp(gone * _RATES).tolist()
        tried_1, tried_2 = hour * tried_1 + 1.0, day * tried_2 + 1.0
        tried_3, tried_4 = week * tried_3 + 1.0, month * tried_4 + 1.0
        right_1, right_2 = hour * right_1 + y, day * right_2 + y
        right_3, right_4 = week * right_3 + y, month * right_4 + y
        last = time if time > last else last
    return (
        _FAST * near + residual,
        _SLOW * far + residual,
        _EVER * ever + residual,
        _FAST * near_weight + 1.0,
        _SLOW * far_weight + 1.0,
        _EVER * count + 1.0,
        tried_1,
        tried_2,
        tried_3,
        tried_4,
        right_1,
        right_2,
        right_3,
        right_4,
        successes + y,
        failures + miss,
        y * run_right + y,
        miss * run_wrong + miss,
        _FAST * recent + y,
        2.0 * y - 1.0,
        position,
        last,
    )
