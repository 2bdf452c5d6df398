"""What one practice now adds to a forecast: the fold's own rule, tried out on every skill of a block at once.

A skill tried before has a row of its own, which is read as it would be after a right and after a wrong
answer. A skill never tried has the same fresh row for everybody: only what the Kalman filter makes of it
depends on the learner, and the rest is worked out once (``SuccessParts.first_tries``).

Nothing is folded here: the numbers of ``state_rows.ROW_NAMES`` are written down as an answer would leave
them. ``tests/features/contexts/test_look_ahead.py`` holds them against real folds.
"""

from __future__ import annotations

import numpy as np

from segue.features.catalogue import Floats, Ints
from segue.features.history.state_columns import (
    DECAYS,
    DRIFT_SKILL,
    FAILURES,
    LAST_TIME,
    MEAN,
    MOST_VARIANCE,
    RECENT_RIGHT,
    RESIDUAL,
    RIGHT,
    RUN_RIGHT,
    RUN_WRONG,
    SUCCESSES,
    TRIED,
    VARIANCE,
    WEIGHT,
)
from segue.features.history.state_rows import (
    COUNT_PART,
    FILTER_PART,
    LANES,
    LAST_PART,
    N_ROW,
    RECENT_PLACE,
    RESIDUAL_PART,
    RUN_PART,
    TIMED_PART,
    elapsed_until,
    faded,
)
from segue.features.vectors.success_forecast import Reading
from segue.models.base import sigmoid

_DECAYS = np.array(DECAYS)[:, None]
_ONE, _HALF, _MINUS, _THREE = (np.array(x) for x in (1.0, 0.5, -1.0, 3.0))  # numpy takes these at once
_DRIFT, _MOST, _DECAY = np.array(DRIFT_SKILL), np.array(MOST_VARIANCE), np.array(DECAYS[0])
# After a right and a wrong answer: what is added to the counts of right and of wrong ones; and `LAST_PART`.
_RIGHT_WRONG = np.array([[[1.0], [0.0]], [[0.0], [1.0]]])
_LAST = np.array([[[1.0], [-1.0]], [[0.0], [0.0]], [[1.0], [1.0]]])  # last score, none since, seen


def look_ahead(reading: Reading, chance: Floats, later: Floats, *, skills: Ints) -> Floats:
    """Return what one practice now adds to the last of the moments that `reading` foresees, (B, S).

    p F⁺ + (1 - p) F⁻ - F, with F the forecast as things stand, and F⁺ and F⁻ those after a right and a wrong
    answer on a standard item of the skill. Each skill is tried out for itself, and what is known of the
    learner over all skills stays as it is. 0 but for `skills`, (D,), which are distinct.

    Parameters
    ----------
    chance, later : arrays of shape (B, S)
        The forecasts now and at that moment, without practice.
    """
    block, out = reading.block, np.zeros(chance.shape)
    whole = len(skills) == block.n_skills
    if whole:
        tried, now, then = np.arange(len(block.skill)), chance, later
    else:
        asked = np.zeros(block.n_skills, dtype=np.bool_)
        asked[skills] = True
        tried = np.flatnonzero(asked.take(block.skill))
        now, then = chance.take(skills, axis=1), later.take(skills, axis=1)
    if len(tried) < len(block) * len(skills):
        expected = _expected(_after_first_try(reading, skills), now)
        out[:, slice(None) if whole else skills] = np.subtract(expected, then, out=expected)
    if len(tried):  # these overwrite what was worked out as if they were fresh
        place = block.place.take(tried)
        logits = _after_another_try(reading, tried)[:, : len(tried)]
        out.put(place, _expected(logits, chance.take(place)) - later.take(place))
    return out


def _expected(logits: Floats, chance: Floats) -> Floats:
    """Return p F⁺ + (1 - p) F⁻ from the `logits` (2, ...) of F⁺ and F⁻; `chance` is p."""
    right, wrong = sigmoid(logits)
    right *= chance
    wrong *= _ONE - chance
    right += wrong
    return np.asarray(right)


def _after_first_try(reading: Reading, skills: Ints) -> Floats:
    """Return the logits after a first try at each of `skills`, right or wrong, (2, B, D)."""
    reader, block = reading.reader, reading.block
    p = sigmoid(reading.of_skills(reader.skill_logit).take(skills, axis=1) + block.own(MEAN))
    not_p = _ONE - p
    w = p * not_p
    den = w * (_ONE + block.own(VARIANCE))
    den += _ONE
    w /= den
    np.subtract(_ONE, w, out=w)
    w += _DRIFT
    np.minimum(w, _MOST, out=w)
    not_p /= den
    p /= den
    p *= _MINUS
    level_fading = np.empty((2, 2, *p.shape))  # each after a right and a wrong answer
    for part, (mean_weight, variance_weight) in zip(level_fading, reader.of_filter, strict=True):
        of_variance = variance_weight * w
        for after, mean in zip(part, (not_p, p), strict=True):
            np.add(np.multiply(mean_weight, mean, out=after), of_variance, out=after)
    level_fading += reading.of_skills(reader.first_tries).take(skills, axis=3)
    level_fading += _first_counters(reading, len(skills))
    level, fading = level_fading
    return reading.forecast_logits(level, fading, skills)


def _first_counters(reading: Reading, n_skills: int) -> Floats:
    """Return what the counters of a first try add, (2, 2, B or 1, D or 1), see ``SuccessParts.clock``."""
    if reading.after_last_answers:
        return reading.reader.clock_at_once[..., :n_skills]
    now = reading.moments
    gone = elapsed_until(np.where(np.isnan(now), -np.inf, now), reading.last_answer)
    return reading.reader.clock(gone)[..., None]


def _after_another_try(reading: Reading, tried: Ints) -> Floats:
    """Return the logits after one more try at skills tried before, rows `tried` (Q,) of the block, right or
    wrong, (2, Q), padded to full `LANES`."""
    reader, block = reading.reader, reading.block
    at = np.zeros(-(-len(tried) // LANES) * LANES, dtype=np.int64)
    at[: len(tried)] = tried
    columns, owner, skill = block.rows.columns.take(at, axis=1), block.owner.take(at), block.skill.take(at)
    rows = np.empty((N_ROW, 2, len(owner)))
    _kalman(rows[FILTER_PART], columns, reading, owner, skill)
    weight = columns[WEIGHT] * _DECAYS
    weight += _THREE
    residual, standard = np.empty((2, len(owner))), reading.of_skills(reader.standard_chance).take(skill)
    np.subtract(_ONE, standard, out=residual[0])
    np.multiply(standard, _MINUS, out=residual[1])
    residuals = np.add((columns[RESIDUAL] * _DECAYS)[:, None], residual, out=rows[RESIDUAL_PART])
    residuals /= weight[:, None]
    _counters(rows[TIMED_PART], reading, columns, at=at, owner=owner)
    np.add(columns[SUCCESSES : FAILURES + 1, None], _RIGHT_WRONG, out=rows[COUNT_PART])
    np.multiply(columns[RUN_RIGHT : RUN_WRONG + 1, None] + _ONE, _RIGHT_WRONG, out=rows[RUN_PART])
    counted = rows[TIMED_PART.start : RUN_PART.stop]
    np.log1p(counted, out=counted)
    recent = columns[RECENT_RIGHT] * _DECAY
    right, wrong = rows[RECENT_PLACE]
    np.add(recent, _ONE, out=wrong)
    np.add(wrong, _ONE, out=right)
    rows[RECENT_PLACE] /= weight[0]
    rows[RECENT_PLACE] -= _HALF
    rows[LAST_PART] = _LAST
    both = np.einsum("on,nq->oq", reader.both_forecasts, rows.reshape(N_ROW, -1))
    level, fading = both.reshape(2, 2, -1)
    return reading.forecast_logits(level, fading, skill, owner)


def _kalman(out: Floats, columns: Floats, reading: Reading, owner: Ints, skill: Ints) -> None:
    """Write mean and variance after a right and a wrong answer, (2, 2, Q)."""
    mean, variance, block = columns[MEAN], columns[VARIANCE], reading.block
    p = mean + block.own_of(MEAN, owner)
    p += reading.of_skills(reading.reader.parameters.skill_logit).take(skill)
    p = sigmoid(p)
    not_p = _ONE - p
    w = p * not_p
    den = w * (variance + block.own_of(VARIANCE, owner))
    den += _ONE
    for residual, after in zip((not_p, p), out[0], strict=True):
        np.divide(np.multiply(residual, variance, out=residual), den, out=after)
    out[0, 1] *= _MINUS
    out[0] += mean
    w *= variance
    w *= variance
    w /= den
    np.subtract(variance, w, out=w)
    w += _DRIFT
    out[1] = np.minimum(w, _MOST, out=w)


def _counters(out: Floats, reading: Reading, columns: Floats, *, at: Ints, owner: Ints) -> None:
    """Write the decayed counters as the answer leaves them, read at the learner's last answer, (8, 2, Q)."""
    fade = reading.fade.take(at, axis=1)
    out[:4] = (columns[TRIED] * fade + _ONE)[:, None]
    right = np.multiply(columns[RIGHT], fade, out=fade)
    np.add(right, _ONE, out=out[4:, 0])
    out[4:, 1] = right
    if reading.after_last_answers:
        return
    now, last = reading.moments.take(owner), columns[LAST_TIME]
    known = ~np.isnan(now)
    if not known.all():
        out[:, :, ~known] = columns[TRIED.start : RIGHT.stop, None, ~known]
    after = np.where(known, np.maximum(np.where(known, now, 0.0), last), last)
    gone = elapsed_until(after, reading.last_answer.take(owner))
    if gone.any():  # asked about a time before the last answer, or the time of some answer is not known
        out.reshape(2, 4, 2, -1)[...] *= faded(gone)[None, :, None]
