"""What one practice now adds to a forecast: the fold's own rule, tried out on every skill of a block at once.

A skill tried before is one row after a right and after a wrong answer. A skill never tried is the same fresh
row for everybody, so that only what the Kalman filter makes of it depends on the learner.
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
from segue.features.history.state_rows import LANES, N_ROW, elapsed_until, faded
from segue.features.vectors.success_forecast import Reading
from segue.models.base import sigmoid

_DECAYS = np.array(DECAYS)[:, None]
_ONE, _HALF, _MINUS, _THREE = (np.array(x) for x in (1.0, 0.5, -1.0, 3.0))  # numpy takes these at once
_DRIFT, _MOST, _DECAY = np.array(DRIFT_SKILL), np.array(MOST_VARIANCE), np.array(DECAYS[0])
_EACH = np.array([[[1.0], [0.0]], [[0.0], [1.0]]])  # what counts right answers, and wrong ones
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
        first = _expected(_first(reading, skills), now)
        out[:, slice(None) if whole else skills] = np.subtract(first, then, out=first)
    if len(tried):
        place = block.place.take(tried)
        right_wrong = _again(reading, tried)[:, : len(tried)]
        out.put(place, _expected(right_wrong, chance.take(place)) - later.take(place))
    return out


def _expected(logits: Floats, chance: Floats) -> Floats:
    right, wrong = sigmoid(logits)
    right *= chance
    wrong *= _ONE - chance
    right += wrong
    return np.asarray(right)


def _first(reading: Reading, skills: Ints) -> Floats:
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
    said = np.empty((2, 2, *p.shape))  # level and fading, after a right and a wrong answer
    for of_both, (of_mean, of_variance) in zip(said, reader.of_filter, strict=True):
        spread = of_variance * w
        for after, mean in zip(of_both, (not_p, p), strict=True):
            np.add(np.multiply(of_mean, mean, out=after), spread, out=after)
    said += reading.of_skills(reader.first_tries).take(skills, axis=3)
    said += _clock(reading, len(skills))
    return reading.ahead(said[0], said[1], skills)


def _clock(reading: Reading, n_skills: int) -> Floats:
    """Return what the clock says of a first try, right or wrong, (2, 2, B or 1, S or 1)."""
    if reading.in_order:
        return reading.reader.clock_at_once[..., :n_skills]
    now = reading.moments
    gone = elapsed_until(np.where(np.isnan(now), -np.inf, now), reading.known)
    return reading.reader.clock(gone)[..., None]


def _again(reading: Reading, tried: Ints) -> Floats:
    """Return the logits after one more try at skills tried before, rows `tried` (Q,) of the block, (2, Q),
    padded to full `LANES`."""
    reader, block = reading.reader, reading.block
    at = np.zeros(-(-len(tried) // LANES) * LANES, dtype=np.int64)
    at[: len(tried)] = tried
    columns, owner, skill = block.rows.columns.take(at, axis=1), block.owner.take(at), block.skill.take(at)
    facts = np.empty((N_ROW, 2, len(owner)))
    _kalman(facts[:2], columns, reading, owner, skill)
    weight = columns[WEIGHT] * _DECAYS
    weight += _THREE
    residual, standard = np.empty((2, len(owner))), reading.of_skills(reader.standard_chance).take(skill)
    np.subtract(_ONE, standard, out=residual[0])
    np.multiply(standard, _MINUS, out=residual[1])
    residuals = np.add((columns[RESIDUAL] * _DECAYS)[:, None], residual, out=facts[2:5])
    residuals /= weight[:, None]
    _counters(facts[5:13], reading, columns, at=at, owner=owner)
    np.add(columns[SUCCESSES : FAILURES + 1, None], _EACH, out=facts[13:15])
    np.multiply(columns[RUN_RIGHT : RUN_WRONG + 1, None] + _ONE, _EACH, out=facts[15:17])
    np.log1p(facts[5:17], out=facts[5:17])
    recent = columns[RECENT_RIGHT] * _DECAY
    np.add(recent, _ONE, out=facts[17, 1])
    np.add(facts[17, 1], _ONE, out=facts[17, 0])
    facts[17] /= weight[0]
    facts[17] -= _HALF
    facts[18:21] = _LAST
    said = np.einsum("on,nq->oq", reader.both_forecasts, facts.reshape(N_ROW, -1))
    level, fading = said.reshape(2, 2, -1)
    return reading.ahead(level, fading, skill, owner)


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
    if reading.in_order:
        return
    now, last = reading.moments.take(owner), columns[LAST_TIME]
    known = ~np.isnan(now)
    if not known.all():
        out[:, :, ~known] = columns[TRIED.start : RIGHT.stop, None, ~known]
    after = np.where(known, np.maximum(np.where(known, now, 0.0), last), last)
    gone = elapsed_until(after, reading.known.take(owner))
    if gone.any():  # asked about a time before the last answer, or the time of some answer is not known
        out.reshape(2, 4, 2, -1)[...] *= faded(gone)[None, :, None]
