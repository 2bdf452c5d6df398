"""Rows of state as numbers that a linear model can read, and all rows of a block of learners side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.features.catalogue import Once
from segue.features.history.attempts import Floats, Ints
from segue.features.history.state_columns import (
    COUNT,
    LAST_POSITION,
    LAST_SCORE,
    LAST_TIME,
    MEAN,
    N_COLUMNS,
    RECENT_RIGHT,
    RESIDUAL,
    RUN_WRONG,
    SPANS,
    SUCCESSES,
    TIMED,
    VARIANCE,
    WEIGHT,
)

ROW_NAMES = (
    "mean",
    "variance",
    "residual_80",
    "residual_95",
    "residual_100",
    "tried_1h",
    "tried_1d",
    "tried_7d",
    "tried_30d",
    "right_1h",
    "right_1d",
    "right_7d",
    "right_30d",
    "log_successes",
    "log_failures",
    "log_run_right",
    "log_run_wrong",
    "recent_right",
    "last_score",
    "log_since",
    "seen",
)
N_ROW = len(ROW_NAMES)
ROW_AT = {name: place for place, name in enumerate(ROW_NAMES)}
FILTER_PART, RESIDUAL_PART, TIMED_PART = slice(0, 2), slice(2, 5), slice(5, 13)
COUNT_PART, RUN_PART, LAST_PART = slice(13, 15), slice(15, 17), slice(18, 21)
RECENT_PLACE, SINCE_PLACE, SEEN_PLACE = ROW_AT["recent_right"], ROW_AT["log_since"], ROW_AT["seen"]
RATES = np.array([[-1.0 / span] for span in SPANS])
LANES = 8  # rows are read in full groups of so many, so that no sum depends on how many there are


def fresh_rows(*shape: int) -> Floats:
    """Return rows of learners who have done nothing yet, shape ``shape + (N_COLUMNS,)``."""
    rows = np.zeros((*shape, N_COLUMNS))
    rows[..., VARIANCE] = 1.0
    rows[..., LAST_TIME] = -np.inf
    return rows


_FRESH = fresh_rows()[:, None]
_ZERO, _HALF, _ONE, _TWO = (np.array(x) for x in (0.0, 0.5, 1.0, 2.0))  # numpy takes these at once


def elapsed_since(last: Floats, now: Floats) -> Floats:
    """Return seconds from `last` (-inf: never) to `now` (NaN: unknown); inf when either is unknown."""
    return elapsed_until(last, np.where(np.isnan(now), np.inf, now))


def elapsed_until(last: Floats, moment: Floats) -> Floats:
    """Return the same for a `moment` that is inf when unknown."""
    elapsed = moment - last
    return np.asarray(np.maximum(elapsed, _ZERO, out=elapsed))


def read_rows(rows: Floats, elapsed: Floats, position: Floats) -> Floats:
    """Return the numbers of `ROW_NAMES`, shape (n, N_ROW).

    Parameters
    ----------
    rows : array of shape (n, N_COLUMNS)
    elapsed : array of shape (n,)
        Seconds from the row's last time to the reading; inf when either is unknown.
    position : array of shape (n,)
        How many attempts the learner has made.
    """
    out = _steady(rows.T, position)
    _read_timed(rows.T, faded(elapsed), out=out[TIMED_PART])
    return out.T


def faded(elapsed: Floats) -> Floats:
    """Return what is left of a counter of each span after `elapsed` seconds (n,), (4, n)."""
    fade = elapsed * RATES
    np.exp(fade, out=fade)
    return np.asarray(fade)


def _read_timed(columns: Floats, fade: Floats, *, out: Floats) -> None:
    """Write the numbers of rows (N_COLUMNS, n) that change with the clock, `TIMED_PART` of them, (8, n)."""
    timed = out.reshape(2, len(SPANS), -1)  # attempts and scores fade alike
    np.multiply(columns[TIMED].reshape(timed.shape), fade, out=timed)
    np.log1p(timed, out=timed)


def _steady(columns: Floats, position: Floats) -> Floats:
    """Return the numbers of rows (N_COLUMNS, n), (N_ROW, n), all but those that change with the clock."""
    out = np.empty((N_ROW, columns.shape[1]))
    out[FILTER_PART] = columns[MEAN : VARIANCE + 1]
    weight = columns[WEIGHT] + _TWO
    np.divide(columns[RESIDUAL], weight, out=out[RESIDUAL_PART])
    np.log1p(columns[SUCCESSES : RUN_WRONG + 1], out=out[COUNT_PART.start : RUN_PART.stop])
    recent = np.add(columns[RECENT_RIGHT], _ONE, out=out[RECENT_PLACE])
    recent /= weight[0]
    recent -= _HALF
    out[LAST_PART.start] = columns[LAST_SCORE]
    seen = np.minimum(columns[COUNT], _ONE, out=out[SEEN_PLACE])
    since = np.subtract(position, columns[LAST_POSITION], out=out[SINCE_PLACE])
    np.log1p(np.multiply(since, seen, out=since), out=since)
    return out


@dataclass(eq=False)
class StateRows:
    """The rows of a block side by side, feature by feature, each kind padded to full `LANES`.

    First the skills touched and a fresh row, which stands for every other skill; then sets of skills; then
    the learners' own.

    Attributes
    ----------
    columns : array of shape (N_COLUMNS, Q)
    owner : int array of shape (Q,)
    skills, sets, own : slice
        Where each kind lies, padding included.
    """

    columns: Floats
    owner: Ints
    skills: slice
    sets: slice
    own: slice

    @classmethod
    def of(cls, *parts: tuple[Floats, Ints]) -> StateRows:
        """Return the rows of three kinds, each (n, N_COLUMNS) with the learner of each row, (n,)."""
        ends = [0]
        for kind, (rows, _) in enumerate(parts):
            size = len(rows) + (kind == 0)  # a fresh skill at least
            ends.append(ends[-1] + -(-size // LANES) * LANES)
        columns = np.empty((N_COLUMNS, ends[-1]))
        columns[:] = _FRESH
        owner = np.zeros(ends[-1], dtype=np.int64)
        for start, (rows, of) in zip(ends, parts, strict=False):
            if len(rows):
                columns[:, start : start + len(rows)] = rows.T
                owner[start : start + len(rows)] = of
        return cls(columns, owner, *map(slice, ends[:-1], ends[1:]))

    @Once
    def _steady(self) -> Floats:
        own = self.columns[COUNT, self.own]
        return _steady(self.columns, own.take(self.owner))

    def read(self, fade: Floats) -> Floats:
        """Return the numbers of `ROW_NAMES`, (N_ROW, Q); `fade` (4, Q) is what is left of counters."""
        out = self._steady.copy()
        _read_timed(self.columns, fade, out=out[TIMED_PART])
        return out
