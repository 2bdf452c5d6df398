"""Rows of skills as one more attempt would leave them: the fold's own rule, tried out on many at once."""

from __future__ import annotations

import numpy as np

from segue.features.history.attempts import Floats, HistoryParameters, Ints
from segue.features.history.learner_state import FRESH_ROW, StateBlock
from segue.features.history.state_columns import (
    COUNT,
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
    TRIED,
    VARIANCE,
)

_RATES = np.array([-1.0 / span for span in SPANS])


def one_more(block: StateBlock, skills: Ints, *, now: Floats, parameters: HistoryParameters) -> StateBlock:
    """Return each learner twice, 2B of them: right, then wrong, on a standard item of each of `skills`.

    Each skill is tried out for itself; what is known of the learner over all skills stays as it is, so that a
    forecast read from the block says what the attempt changes in the skill.

    Parameters
    ----------
    skills : int array of shape (D,)
        Distinct.
    now : array of shape (B,)
        UTC epoch seconds; NaN: not known.
    """
    n, many = len(block), len(skills)
    rows = np.broadcast_to(FRESH_ROW, (n, many, N_COLUMNS)).copy()
    column = np.full(block.n_skills, -1)
    column[skills] = np.arange(many)
    at = column[block.skill]
    here = np.flatnonzero(at >= 0)
    rows[block.owner[here], at[here]] = block.touched[here]
    easiness = parameters.skill_logit[skills]
    moved = [_moved(rows, block.general, easiness, y, now) for y in (1.0, 0.0)]
    none = np.zeros(0, dtype=np.int64)
    return StateBlock(
        np.concatenate([block.general, block.general]),
        np.repeat(np.arange(2 * n), many),
        np.tile(skills, 2 * n),
        np.concatenate(moved).reshape(-1, N_COLUMNS),
        block.n_skills,
        np.concatenate([block.stated, block.stated]),
        np.concatenate([block.revealed, block.revealed]),
        np.concatenate([block.kinds, block.kinds]),
        none,
        none,
        np.zeros((0, 4)),
        none,
        none,
        np.zeros((0, N_COLUMNS)),
    )


def _moved(rows: Floats, general: Floats, easiness: Floats, y: float, now: Floats) -> Floats:
    """Return rows (B, D, N_COLUMNS) after an attempt each; ``update`` of one skill, elementwise."""
    residual = y - 1.0 / (1.0 + np.exp(-easiness))
    out = rows * (RULE.keep + RULE.keep_score * y) + (RULE.add + RULE.add_score * y)
    out += RULE.add_residual * residual[:, None]
    out[..., RUN_RIGHT] = y * (rows[..., RUN_RIGHT] + 1.0)
    out[..., RUN_WRONG] = (1.0 - y) * (rows[..., RUN_WRONG] + 1.0)
    mean, variance = rows[..., MEAN], rows[..., VARIANCE]
    p = 1.0 / (1.0 + np.exp(-(mean + general[:, None, MEAN] + easiness)))
    w = p * (1.0 - p)
    den = 1.0 + w * (variance + general[:, None, VARIANCE])
    out[..., MEAN] = mean + variance * (y - p) / den
    out[..., VARIANCE] = np.minimum(variance - w * variance**2 / den + DRIFT_SKILL, MOST_VARIANCE)
    out[..., LAST_POSITION] = general[:, None, COUNT]
    known = ~np.isnan(now)
    time = np.where(known, now, 0.0)[:, None]
    fade = np.exp(np.maximum(time - rows[..., LAST_TIME], 0.0)[..., None] * _RATES)
    timed = known[:, None, None]
    out[..., TRIED] = np.where(timed, rows[..., TRIED] * fade + 1.0, rows[..., TRIED])
    out[..., RIGHT] = np.where(timed, rows[..., RIGHT] * fade + y, rows[..., RIGHT])
    out[..., LAST_TIME] = np.where(
        known[:, None], np.maximum(time, rows[..., LAST_TIME]), rows[..., LAST_TIME]
    )
    return out
