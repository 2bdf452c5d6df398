"""What one practice now adds to a forecast: the fold's own rule, tried out on every skill of a block at once.

A skill tried before is one row after a right and after a wrong answer. A skill never tried is the same fresh
row for everybody, so that only what the Kalman filter makes of it depends on the learner.
"""

from __future__ import annotations

import numpy as np

from segue.features.catalogue import Floats, Ints
from segue.features.history.learner_state import StateBlock
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
    SPANS,
    SUCCESSES,
    TRIED,
    VARIANCE,
    WEIGHT,
)
from segue.features.history.state_rows import LANES, N_ROW, elapsed_until
from segue.features.vectors.success_forecast import Reading
from segue.models.base import sigmoid

_RATES = np.array([[-1.0 / span] for span in SPANS])
_DECAYS = np.array(DECAYS)[:, None]
_Y = np.array([[1.0], [0.0]])  # a right answer, a wrong one
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
    return np.asarray(chance * right + (1.0 - chance) * wrong)


def _first(reading: Reading, skills: Ints) -> Floats:
    """Return the logits after a first try at each of `skills`, right or wrong, (2, B, D)."""
    reader, general = reading.reader, reading.block.general
    mean, variance = general[:, MEAN, None], general[:, VARIANCE, None]
    p = sigmoid(mean + reading.of_skills(reader.parameters.skill_logit).take(skills))
    w = p * (1.0 - p)
    den = 1.0 + w * (1.0 + variance)
    kalman = np.empty((2, 2, *p.shape))  # mean after a right and a wrong answer, and the variance of both
    np.divide(1.0 - p, den, out=kalman[0, 0])
    np.divide(-p, den, out=kalman[0, 1])
    kalman[1] = np.minimum(1.0 - w / den + DRIFT_SKILL, MOST_VARIANCE)
    weights = reader.both_forecasts[:, :2, None, None, None]
    said = weights[:, 0] * kalman[0]  # level and fading, after a right and a wrong answer
    said += weights[:, 1] * kalman[1]
    said += reading.of_skills(reader.first_tries).take(skills, axis=2)[:, :, None]
    said += _clock(reading)[..., None]
    return reading.ahead(said[0], said[1], skills)


def _clock(reading: Reading) -> Floats:
    """Return what the decayed counters of a first answer say, right or wrong, (2, 2, B)."""
    now = reading.moments
    gone = elapsed_until(np.where(np.isnan(now), -np.inf, now), reading.known)
    counted = np.log1p(np.exp(gone * _RATES))  # 4 spans, (4, B)
    said = reading.reader.both_forecasts[:, 5:13].reshape(2, 2, 4, 1) * counted
    out = np.add.accumulate(said, axis=2)[:, ::-1, -1]  # right, tried
    out[:, 0] += out[:, 1]
    return out


def _again(reading: Reading, tried: Ints) -> Floats:
    """Return the logits after one more try at skills tried before, rows `tried` (Q,) of the block, (2, Q),
    padded to full `LANES`."""
    reader, block = reading.reader, reading.block
    at = np.append(tried, np.zeros(-len(tried) % LANES, dtype=np.int64))
    columns, owner, skill = block.rows.columns.take(at, axis=1), block.owner.take(at), block.skill.take(at)
    facts = np.empty((N_ROW, 2, len(owner)))
    _kalman(facts, columns, block, owner, reading.of_skills(reader.parameters.skill_logit).take(skill))
    weight = columns[WEIGHT] * _DECAYS + 3.0
    residual = _Y - reading.of_skills(reader.standard_chance).take(skill)
    facts[2:5] = ((columns[RESIDUAL] * _DECAYS)[:, None] + residual) / weight[:, None]
    facts[5:13] = _counters(reading, columns, owner)
    facts[13:15] = columns[SUCCESSES : FAILURES + 1, None] + _EACH
    facts[15:17] = (columns[RUN_RIGHT : RUN_WRONG + 1, None] + 1.0) * _EACH
    np.log1p(facts[5:17], out=facts[5:17])
    facts[17] = (columns[RECENT_RIGHT] * DECAYS[0] + 1.0 + _Y) / weight[0] - 0.5
    facts[18:21] = _LAST
    said = np.einsum("on,nq->oq", reader.both_forecasts, facts.reshape(N_ROW, -1))
    level, fading = said.reshape(2, 2, -1)
    return reading.ahead(level, fading, skill, owner)


def _kalman(facts: Floats, columns: Floats, block: StateBlock, owner: Ints, easiness: Floats) -> None:
    """Write mean and variance after the answer into `facts`."""
    mean, variance = columns[MEAN], columns[VARIANCE]
    p = sigmoid(mean + block.general[:, MEAN].take(owner) + easiness)
    w = p * (1.0 - p)
    den = 1.0 + w * (variance + block.general[:, VARIANCE].take(owner))
    facts[0] = mean + variance * (_Y - p) / den
    facts[1] = np.minimum(variance - w * variance * variance / den + DRIFT_SKILL, MOST_VARIANCE)


def _counters(reading: Reading, columns: Floats, owner: Ints) -> Floats:
    """Return the decayed counters as the answer leaves them, read at the learner's last answer, (8, 2, Q)."""
    now, last = reading.moments.take(owner), columns[LAST_TIME]
    known = ~np.isnan(now)
    time = np.where(known, now, 0.0)
    fade = np.exp(np.maximum(time - last, 0.0) * _RATES)
    out = np.empty((8, 2, len(owner)))
    out[:4] = (columns[TRIED] * fade + 1.0)[:, None]
    out[4:] = (columns[RIGHT] * fade)[:, None] + _Y
    if np.count_nonzero(reading.moments >= reading.known) == len(reading.known):
        return out  # nobody's last answer is later than this one
    if not known.all():
        out[:, :, ~known] = columns[TRIED.start : RIGHT.stop, None, ~known]
    after = np.where(known, np.maximum(time, last), last)
    gone = elapsed_until(after, reading.known.take(owner))
    if gone.any():  # asked about a time before the last answer, or the time of some answer is not known
        out.reshape(2, 4, 2, -1)[...] *= np.exp(gone * _RATES)[None, :, None]
    return out
