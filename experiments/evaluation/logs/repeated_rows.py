"""Rows that say the same as another: chance, or a decision that was exported twice.

Where nothing names decisions, rows may be alike by chance: of two arms and a reward of 0 or 1 most are. Two
signs tell exports from chance. The file holds the same rows k times in one order, or each kind of row a
multiple of k times. Or the few rows that are alike in all but the reward agree in the reward too (or those
few of one reward in all else), more often than separate decisions would.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from segue.experiments.evaluation.logs.columns import Columns

MOST = 4  # rows that are alike; where there are more they are of few kinds, and alike by chance
AGREE = 0.95  # of them agree in the rest
CHANCE = 1e-4
MIX = np.uint64(0x9E3779B97F4A7C15)  # an odd number without a pattern: its products keep all bits
FEWEST = 20  # rows of a file that are no coincidence a second time
MULTIPLE = 5e-3  # chance of as many multiples
ENOUGH = 500_000  # rows: of more, a sample of their groups is looked at


def repeated_rows(frame: pd.DataFrame, columns: Columns) -> int:
    """Return how many rows repeat another, in what is read or in every column, 0 where that may be chance.

    In long tables the number is an estimate.

    >>> rows = pd.DataFrame({"r": np.arange(40) % 7, "p": np.linspace(0.1, 0.9, 40), "t": 0.5})
    >>> columns = Columns("r", "p", target="t")
    >>> repeated_rows(rows, columns), repeated_rows(pd.concat([rows, rows[:20]]), columns)
    (0, 20)
    """
    read = frame[[name for name in frame.columns if columns.reads(str(name))]]
    return max(
        _repeating(table, columns.reward)
        for table in ([read] if read.shape == frame.shape else [read, frame])
    )


def _repeating(frame: pd.DataFrame, reward: str) -> int:
    """Return how many rows of a table repeat another, 0 where that may be chance."""
    code = _codes(frame)
    for times in range(2, MOST + 1):
        if len(code) >= FEWEST * times and not len(code) % times and _copies(code.reshape(times, -1)):
            return len(code) - len(code) // times
    rest, value = _codes(frame.drop(columns=reward)), _codes(frame[[reward]])
    return max(_agreeing(rest, value), _agreeing(value, rest))


def _copies(parts: NDArray[np.uint64]) -> bool:
    """Return whether k parts of a table, (k, n / k), are the same, or all kinds of rows k times as many.

    By chance one kind in k is; in a design the counts of an arm's kinds have a sum that is no chance.
    """
    if (parts == parts[0]).all():
        return True
    counts = np.unique(parts[_sample(parts)], return_counts=True)[1]
    return not (counts % len(parts)).any() and float(len(parts)) ** (-len(counts) / 2) < MULTIPLE


def _agreeing(group: NDArray[np.uint64], value: NDArray[np.uint64]) -> int:
    """Return how many rows of small groups repeat another's value, 0 where chance may explain it."""
    some, n = _sample(group), len(group)
    group, value = group[some], value[some]
    order = np.lexsort((value, group))
    group, value = group[order], value[order]
    _, code, size = np.unique(group, return_inverse=True, return_counts=True)
    few = (code[1:] == code[:-1]) & (size[code[1:]] <= MOST)
    pairs, agree = int(few.sum()), int((few & (value[1:] == value[:-1])).sum())
    share = np.unique(value, return_counts=True)[1] / max(len(value), 1)
    by_chance = (1 + float(share @ share)) / 2  # halfway to sure: groups may differ in their values
    alike = agree >= AGREE * pairs and stats.binom.sf(agree - 1, pairs, by_chance) < CHANCE
    return round(agree * n / max(len(group), 1)) if alike else 0


def _sample(code: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return which rows to look at, like `code`: all of a group or none of it, about `ENOUGH` in all."""
    return np.asarray(code % np.uint64(max(code.size // ENOUGH, 1)) == 0, dtype=np.bool_)


def _codes(frame: pd.DataFrame) -> NDArray[np.uint64]:
    """Return a number a row, (n,), the same where rows are; cells that are no values count for nothing."""
    code: NDArray[np.uint64] = np.zeros(len(frame), dtype=np.uint64)
    for _, column in frame.items():
        try:
            own = pd.util.hash_pandas_object(column, index=False).to_numpy()
        except TypeError:
            continue
        code *= MIX
        code += own
    return code
