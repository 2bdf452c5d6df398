"""The fold of a learner's attempts: one at a time, or a whole log at once, by the same rules.

An attempt with score y on a resource of easiness b (logit) leaves the residual r = y - σ(b). It changes the
row of the learner and the rows of the resource's skills (`RULE` in ``segue.features.history.learner_state``),
and the Kalman filter on

    logit P(y) = Σ h m + b,   h = 1 for the learner's row, 1/K for each of K skills

(one-step extended Kalman filter; Elo with a step that shrinks as the variance does). Cost: the skills
touched.
"""

from __future__ import annotations

import math

from segue.features.history.attempts import Attempt, Attempts, HistoryParameters, encode
from segue.features.history.batch_fold import fold
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.history.state_columns import (
    COUNT,
    DRIFT_LEARNER,
    DRIFT_SKILL,
    LAST_POSITION,
    LAST_TIME,
    MEAN,
    MOST_VARIANCE,
    RIGHT,
    RULE,
    RUN_RIGHT,
    RUN_WRONG,
    SPANS,
    SURPRISE,
    TIMED,
    TRIED,
    USES,
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

_KEEP, _KEEP_SCORE, _ADD, _ADD_SCORE, _ADD_RESIDUAL = (column.tolist() for column in RULE)
_TERMS = list(zip(_ADD, _ADD_SCORE, _ADD_RESIDUAL, strict=True))
_RATES = [-1.0 / span for span in SPANS]


def update(state: LearnerState, attempt: Attempt, parameters: HistoryParameters) -> None:
    """Fold one attempt into `state`, in place; about ten microseconds, whatever the history."""
    resource, score, time, _ = attempt
    if not 0.0 <= score <= 1.0:
        raise ValueError(f"score must be in [0, 1], got {score} (percent? divide by 100)")
    skills = parameters.skills_of[resource]
    b = parameters.logit_list[resource]
    at = [-1, *skills]
    rows = [state.rows[i].tolist() for i in at]
    position = rows[0][COUNT]
    surprise, moved = _kalman([row[MEAN] for row in rows], [row[VARIANCE] for row in rows], b, score)
    residual = score - 1.0 / (1.0 + math.exp(-b))
    push = [a + s * score + r * residual for a, s, r in _TERMS]
    for i, row, kalman in zip(at, rows, moved, strict=True):
        state.rows[i] = _remember(row, push, score=score, time=time, position=position, kalman=kalman)
    state.rows[-1, SURPRISE] = surprise
    if (several := parameters.set_list[resource]) >= 0:
        memory = state.sets.row(several)
        row = memory.tolist()
        kalman = (row[MEAN], row[VARIANCE])
        memory[:] = _remember(row, push, score=score, time=time, position=position, kalman=kalman)
    item = state.items.row(resource)
    item[:] = (item[USES] + 1.0, 2.0 * score - 1.0, position, -math.inf if math.isnan(time) else time)


def _kalman(
    means: list[float], variances: list[float], b: float, y: float
) -> tuple[float, list[tuple[float, float]]]:
    """Return the surprise, and the new mean and variance of each row."""
    share = 1.0 / max(len(means) - 1, 1)
    level, spread = means[0], variances[0]
    for m, v in zip(means[1:], variances[1:], strict=True):  # in the order of the batch: to the bit
        level += share * m
        spread += share * (share * v)
    p = 1.0 / (1.0 + math.exp(-(level + b)))
    w = p * (1.0 - p)
    den = 1.0 + w * spread
    step, narrow = (y - p) / den, w / den
    out = []
    h, drift = 1.0, DRIFT_LEARNER
    for m, v in zip(means, variances, strict=True):
        hv = h * v
        out.append((m + hv * step, min(v - hv * hv * narrow + drift, MOST_VARIANCE)))
        h, drift = share, DRIFT_SKILL
    return y - p, out


def _remember(
    row: list[float],
    push: list[float],
    *,
    score: float,
    time: float,
    position: float,
    kalman: tuple[float, float],
) -> list[float]:
    out = [k * x + p for k, x, p in zip(_KEEP, row, push, strict=True)]
    out[RUN_RIGHT] = score * row[RUN_RIGHT] + push[RUN_RIGHT]
    out[RUN_WRONG] = (1.0 - score) * row[RUN_WRONG] + push[RUN_WRONG]
    out[MEAN], out[VARIANCE] = kalman
    out[LAST_POSITION] = position
    out[LAST_TIME] = row[LAST_TIME]
    if not math.isnan(time):
        elapsed = max(time - row[LAST_TIME], 0.0)
        fade = [math.exp(elapsed * rate) for rate in _RATES]
        out[TRIED] = [f * x + 1.0 for f, x in zip(fade, row[TRIED], strict=True)]
        out[RIGHT] = [f * x + score for f, x in zip(fade, row[RIGHT], strict=True)]
        out[LAST_TIME] = max(time, row[LAST_TIME])
    else:
        out[TIMED] = row[TIMED]
    return out
