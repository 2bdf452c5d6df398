"""The columns of a row of state, and the one rule by which an attempt changes them.

Every column but those of the Kalman filter and the two clocks follows ``x ← gain · x + push``, where gain
and push are linear in the score y and the residual r: the constants stand in `RULE`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segue.features.history.attempts import Floats

HOUR = 3600.0
DECAYS = (0.8, 0.95, 1.0)  # per attempt
DRIFT_LEARNER = 0.003  # variance gained at each attempt: learners change, skills change faster
DRIFT_SKILL = 0.02
MOST_VARIANCE = 1.0
SPANS = (HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR)  # seconds: time constants of forgetting

MEAN, VARIANCE = 0, 1  # Kalman filter, logits
RESIDUAL = slice(2, 5)  # sum of score - expected by item difficulty, decayed by DECAYS
WEIGHT = slice(5, 8)  # its count, decayed alike
RECENT, RECENT_WEIGHT = 3, 6  # of the two, over about the last 20 attempts
COUNT = 7  # attempts ever (the decay of 1)
TRIED = slice(8, 12)  # attempts, decayed by SPANS
RIGHT = slice(12, 16)  # scores, decayed by SPANS
TIMED = slice(8, 16)
SUCCESSES, FAILURES, RUN_RIGHT, RUN_WRONG = 16, 17, 18, 19
RECENT_RIGHT = 20  # scores, decayed by DECAYS[0]
LAST_SCORE = 21  # 2 score - 1; 0 before the first attempt
LAST_POSITION = 22  # how many attempts the learner had made before it
LAST_TIME = 23  # UTC epoch seconds; -inf: never, or not known
SURPRISE = 24  # score minus what the Kalman filter expected, at the last attempt; 0 before the first
N_COLUMNS = 25


class UpdateRule(NamedTuple):
    """Constants, each (N_COLUMNS,), of an attempt with score y and residual r.

    ``x ← (keep + keep_score · y) x + add + add_score · y + add_residual · r``
    """

    keep: Floats
    keep_score: Floats
    add: Floats
    add_score: Floats
    add_residual: Floats


def _rule() -> UpdateRule:
    keep, keep_score, add, add_score, add_residual = np.zeros((5, N_COLUMNS))
    keep[:] = 1.0
    keep[RESIDUAL] = keep[WEIGHT] = DECAYS
    add_residual[RESIDUAL] = 1.0
    add[WEIGHT] = add[TRIED] = 1.0
    add_score[RIGHT] = add_score[SUCCESSES] = 1.0
    add[FAILURES], add_score[FAILURES] = 1.0, -1.0
    # A run grows with a success and is cut in proportion to a failure: x ← y (x + 1), and the same for 1 - y.
    keep[RUN_RIGHT], keep_score[RUN_RIGHT], add_score[RUN_RIGHT] = 0.0, 1.0, 1.0
    keep[RUN_WRONG], keep_score[RUN_WRONG] = 1.0, -1.0
    add[RUN_WRONG], add_score[RUN_WRONG] = 1.0, -1.0
    keep[RECENT_RIGHT], add_score[RECENT_RIGHT] = DECAYS[0], 1.0
    keep[LAST_SCORE], add[LAST_SCORE], add_score[LAST_SCORE] = 0.0, -1.0, 2.0
    keep[LAST_POSITION] = keep[SURPRISE] = 0.0
    return UpdateRule(keep, keep_score, add, add_score, add_residual)


RULE = _rule()

USES, ITEM_SCORE, ITEM_POSITION, ITEM_TIME = range(4)  # columns of the memory of one resource
