"""How often the next answer at a skill is right, by those before it: what tells how a class learns.

Where learning is all or nothing a wrong answer is seldom followed by a right one, even after an earlier right
one; where memory decides it often is, and less so weeks later. Four numbers tell such classes apart.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segue.models.base import Bools, Floats, Ints

SOON, LATE = 8.0, 20.0  # days between two answers
LIKE = 40.0  # answers that the usual share counts as much as
_DAY = 86400.0


class NextAnswers(NamedTuple):
    """Mean scores of the next answer at a skill, in [0, 1], and what of them is lost in three weeks.

    Attributes
    ----------
    after_wrong : within 8 days of a wrong answer
    after_relapse : after a wrong answer that followed a right one
    lost_after_wrong, lost_after_right : mean score within 8 days minus that after 20 days and more
    """

    after_wrong: float
    after_relapse: float
    lost_after_wrong: float
    lost_after_right: float


USUAL = NextAnswers(0.48, 0.595, 0.06, 0.04)
_RIGHT = 0.76  # usual score within 8 days of a right answer


def next_answers(
    learner: Ints,
    skill: Ints,
    score: Floats,
    time: Floats,
) -> NextAnswers:
    """Return what the answers of a log say, drawn to `USUAL` by as much as 40 answers weigh.

    Parameters
    ----------
    learner, skill, score, time : arrays of shape (n,)
        In the order of each learner's answers; `time` in epoch seconds, NaN where unknown (such answers count
        as soon after each other).

    Examples
    --------
    >>> import numpy as np
    >>> nobody = np.zeros(0, dtype=np.int64)
    >>> next_answers(nobody, nobody, np.zeros(0), np.zeros(0)) == USUAL
    True
    """
    order = np.lexsort((skill, learner))  # stable: answers stay in order
    who, what, right, when = learner[order], skill[order], score[order] >= 0.5, time[order]
    same = (who[1:] == who[:-1]) & (what[1:] == what[:-1])
    if not same.any():
        return USUAL
    days = np.diff(when) / _DAY
    before, late = right[:-1], days >= LATE
    soon = same & ~(days > SOON)
    relapse = np.zeros(len(same), dtype=np.bool_)
    relapse[1:] = same[1:] & same[:-1] & ~before[1:] & right[:-2]
    value = score[order][1:]

    def mean(rows: Bools, usual: float) -> float:
        return float((value[rows].sum() + LIKE * usual) / (rows.sum() + LIKE))

    wrong, well = mean(soon & ~before, USUAL.after_wrong), mean(soon & before, _RIGHT)
    return NextAnswers(
        wrong,
        mean(relapse, USUAL.after_relapse),
        wrong - mean(same & late & ~before, USUAL.after_wrong - USUAL.lost_after_wrong),
        well - mean(same & late & before, _RIGHT - USUAL.lost_after_right),
    )
