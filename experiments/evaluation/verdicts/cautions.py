"""What may be wrong with an answer although the log gives one: said beside it, in every verdict."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np

from segue.experiments.evaluation.estimators.single_step import Rounds
from segue.experiments.evaluation.intervals.closed_form import Bounds
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.verdicts.interval_rule import RULE

APART = 10.0  # a prize is at least so many times the largest lesser reward that is not 0
RARE = 0.02  # at most of the rounds
ENOUGH = 4.0  # where so many can be expected, intervals hold
MATTERS = 0.05  # of all that was earned


@dataclass(frozen=True)
class Prizes:
    """Rewards that are rare and large: how many rounds brought one, their share of all, the least of them.

    `expected` is how many the rounds that count for the target can be expected to hold.
    """

    rounds: int
    share: float
    least: float
    expected: float

    def __str__(self) -> str:
        """Return the caution."""
        one = self.rounds == 1
        return (
            f"Caution: {self.rounds:,} round{'' if one else 's'} with a reward of {self.least:.4g} or more "
            f"bring{'s' if one else ''} {self.share:.0%} of all that was earned, and {self.expected:.2g} can "
            "be expected among the target's choices: which it met is chance that no interval shows."
        )


def rare_prizes(rounds: Rounds) -> Prizes | None:
    """Return the prizes so rare that chance decides whether the target's choices hold their share, if any.

    >>> reward = np.concatenate([np.full(3, 100.0), np.ones(400), np.zeros(597)])
    >>> found = rare_prizes(Rounds(np.arange(1000) % 2 * 2.0, reward))
    >>> found.rounds, round(found.share, 2), found.expected
    (3, 0.43, 1.5)
    """
    size, n = np.abs(rounds.reward), rounds.n
    most = min(int(RARE * n) + 1, n)
    if most < 2:
        return None
    top = np.sort(np.partition(size, n - most)[n - most :])[::-1]
    apart = np.flatnonzero((top[1:] > 0) & (top[:-1] >= APART * top[1:]))
    if not len(apart):
        return None
    prizes = int(apart[0]) + 1
    share = float(top[:prizes].sum() / size.sum())
    expected = prizes * float(rounds.weight.sum()) ** 2 / float(rounds.weight @ rounds.weight) / n
    if share < MATTERS or expected >= ENOUGH:
        return None
    return Prizes(prizes, share, float(top[prizes - 1]), expected)


def cautions_of(log: Log, rounds: Rounds, *, bounds: Bounds, width: float) -> tuple[str, ...]:
    """Return the cautions of an answer whose interval is so wide, NaN if there is none.

    They are about rows that were lost, rows that repeat others, and prizes.
    """
    known = bounds.over(rounds.reward)
    lost = RULE.cautions(log.lost, reach=known.high - known.low, width=width)
    prizes = rare_prizes(rounds) if isfinite(width) else None
    return (*lost, *log.cautions, *(() if prizes is None else (str(prizes),)))
