"""Carry-over: what the answer just given says of the next one, by the two resources or by their skills.

With s the surprise at an attempt (score minus the filter's prediction), the surprise at the next attempt of
the same learner is expected to be c · s. The coefficient c of a pair of resources is shrunk to that of
their sets of skills, and this to the one of all pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.features.history.attempts import Attempts, Bools, Floats, Ints

SHRINKAGE = 3.0  # in squared surprise: about twenty attempts' worth


@dataclass(frozen=True, eq=False)
class Moves:
    """Coefficients of moves from one code to the next, sorted by both.

    Attributes
    ----------
    start : int array of shape (m + 1,)
        The moves from code i are those from `start[i]` up to `start[i + 1]`.
    then : int array of shape (E,)
        The code moved to.
    value : array of shape (E,)
    """

    start: Ints
    then: Ints
    value: Floats

    @classmethod
    def none(cls, n_codes: int) -> Moves:
        """Return no moves."""
        return cls(np.zeros(n_codes + 1, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))

    @classmethod
    def of(cls, pair: Ints, value: Floats, n_codes: int) -> Moves:
        """Return the moves numbered `pair` = before · n_codes + now, ascending."""
        before, then = np.divmod(pair, n_codes)
        return cls(np.searchsorted(before, np.arange(n_codes + 1)), then, value)

    def renumbered(self, code: Ints, n_codes: int) -> Moves:
        """Return the moves under other codes: `code` (m,) says which, -1 where there is none any more."""
        before = code[np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))]
        then = code[self.then]
        kept = np.flatnonzero((before >= 0) & (then >= 0))
        pair = before[kept] * n_codes + then[kept]
        order = np.argsort(pair)
        return Moves.of(pair[order], self.value[kept][order], n_codes)

    def over(self, before: Ints, now: Ints, default: Floats) -> Floats:
        """Return the coefficient of each pair, (n,), `default` (n,) where it was never seen."""
        n_codes = len(self.start) - 1
        known = np.repeat(np.arange(n_codes), np.diff(self.start)) * n_codes + self.then
        asked = before * n_codes + now
        place = np.minimum(np.searchsorted(known, asked), max(len(known) - 1, 0))
        if not len(known):
            return default
        return np.where(known[place] == asked, self.value[place], default)

    def onward(self, before: Ints) -> tuple[Ints, Ints, Floats]:
        """Return the moves from each of `before` (B,): row of `before`, code moved to, coefficient."""
        row, edge = edges(self.start, before)
        return row, self.then[edge], self.value[edge]


def edges(start: Ints, before: Ints) -> tuple[Ints, Ints | slice]:
    """Return the edges that begin at each of `before` (B,), those of i from `start[i]` up to `start[i + 1]`:
    row of `before`, and edge."""
    if len(before) == 1:
        first, last = start[before[0] : before[0] + 2].tolist()
        return np.zeros(last - first, dtype=np.int64), slice(first, last)
    first, count = start[before], start[before + 1] - start[before]
    row = np.repeat(np.arange(len(before)), count)
    return row, np.arange(len(row)) + np.repeat(first - np.cumsum(count) + count, count)


def flat_places(learner: Ints, row: Ints, at: Ints, shape: tuple[int, int]) -> Ints:
    """Return where `at`, of the learners at each `row`, lies in a flat array of `shape`."""
    return at if shape[0] == 1 else learner.take(row) * shape[1] + at


@dataclass(frozen=True, eq=False)
class CarryOver:
    """The coefficients: of all pairs, of pairs of skill sets, of pairs of resources."""

    overall: float
    sets: Moves
    items: Moves

    @classmethod
    def none(cls, n_sets: int, n_items: int) -> CarryOver:
        """Return a table that carries nothing over."""
        return cls(0.0, Moves.none(n_sets), Moves.none(n_items))

    @classmethod
    def fit(cls, attempts: Attempts, set_of: Ints, *, surprise: Floats, used: Bools) -> CarryOver:
        """Return the coefficients of moves between rows that are `used` (n,); `surprise` is of shape (n,)."""
        now = np.flatnonzero(used & np.append(False, used[:-1]) & (attempts.position > 0))
        square, product = surprise[now - 1] ** 2, surprise[now - 1] * surprise[now]
        overall = float(product.sum() / max(square.sum(), 1.0))
        above, levels = np.full(len(now), overall), []
        for codes, n_codes in (
            (set_of[attempts.resource], int(set_of.max(initial=-1)) + 1),
            (attempts.resource, len(set_of)),
        ):
            pair, place = np.unique(codes[now - 1] * n_codes + codes[now], return_inverse=True)
            place = place.reshape(-1)
            prior = np.bincount(place, above, len(pair)) / np.bincount(place, minlength=len(pair))
            total, weight = np.bincount(place, product, len(pair)), np.bincount(place, square, len(pair))
            value = (total + SHRINKAGE * prior) / (weight + SHRINKAGE)
            levels.append(Moves.of(pair, value, n_codes))
            above = value[place]
        return cls(overall, levels[0], levels[1])

    def carried(self, attempts: Attempts, set_of: Ints, surprise: Floats) -> Floats:
        """Return the surprise expected at each attempt, (n,); 0 at a first one."""
        now = np.flatnonzero(attempts.position > 0)
        out = np.zeros(len(attempts))
        last, here = attempts.resource[now - 1], attempts.resource[now]
        by_set = self.sets.over(set_of[last], set_of[here], np.full(len(now), self.overall))
        out[now] = self.items.over(last, here, by_set) * surprise[now - 1]
        return out


def carry_over(
    attempts: Attempts, set_of: Ints, *, surprise: Floats, fold: Ints, train: Bools
) -> tuple[Floats, CarryOver]:
    """Return the surprise expected at each attempt, (n,), and the coefficients of all training rows.

    For a training row the coefficients come from other folds than its learner's.

    Parameters
    ----------
    set_of : int array of shape (n_items,)
        Number of each resource's set of skills.
    surprise : array of shape (n,)
        Score minus prediction, of the past only.
    fold : int array of shape (n_learners,)
    train : bool array of shape (n,)
    """
    whole = CarryOver.fit(attempts, set_of, surprise=surprise, used=train)
    out, own = whole.carried(attempts, set_of, surprise), fold[attempts.learner]
    for number in np.unique(own[train]).tolist():
        rows = np.flatnonzero(own == number)
        part = CarryOver.fit(attempts, set_of, surprise=surprise, used=train & (own != number))
        mine = part.carried(attempts.take(rows), set_of, surprise[rows])
        out[rows] = np.where(train[rows], mine, out[rows])
    return out, whole
