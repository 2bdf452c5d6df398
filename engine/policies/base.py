"""What a choice is: checked scores, the probability of every candidate, and the one draw from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(slots=True)
class Choice:
    """One decision per row, checked: what a policy's `weigh` turns into probabilities, in place.

    Attributes
    ----------
    values : array of shape (..., n)
        Scores, -inf where not allowed; scratch space that may be overwritten and returned.
    std : array that broadcasts to (..., n)
    allowed : boolean array of shape (..., n)
    top, count : arrays of shape (..., 1)
        Best allowed score and number of allowed candidates of each row.
    rng : Generator or None
    """

    values: Floats
    std: Floats
    allowed: Bools
    top: Floats
    count: Ints
    rng: np.random.Generator | None

    def floored(self, probabilities: Floats, floor: float) -> Floats:
        """Return (1 - floor) probabilities + floor / |allowed|, written over `probabilities`."""
        probabilities *= 1.0 - floor
        probabilities += self.allowed * (floor / self.count)
        return probabilities


class Policy(ABC):
    """A rule for choosing: `weigh` is what a policy writes, `probabilities` what everyone calls."""

    def probabilities(
        self,
        scores: Floats,
        std: Floats,
        *,
        allowed: Bools,
        rng: np.random.Generator | None = None,
    ) -> Floats:
        """Return the probability of each candidate, shape (..., n); every row sums to 1.

        Not-allowed candidates get exactly 0, equal candidates equal shares, and a row's result depends on
        nothing but the allowed entries of that row: neither more rows nor more not-allowed candidates
        change a bit.

        Parameters
        ----------
        scores : array of shape (..., n)
            Higher is better; what stands where nothing is allowed is not read.
        std : array that broadcasts to (..., n)
            Standard deviation of each score, at least 0.
        allowed : boolean array of shape (..., n)
            What the hard rules leave; at least one per row.
        rng : Generator, optional
            For a policy that estimates its probabilities by simulation; those of this file need none.

        Raises
        ------
        ValueError
            When a row allows nothing, or the best allowed score of a row is not finite.
        """
        values = np.where(allowed, scores, -np.inf)
        top = np.maximum.reduce(values, axis=-1, keepdims=True)
        count = np.add.reduce(allowed, axis=-1, dtype=np.int64, keepdims=True)
        if not isfinite(np.add.reduce(top, axis=None)):
            raise ValueError(_complaint(top, count))
        return self.weigh(Choice(values, std, allowed, top, count, rng))

    @abstractmethod
    def weigh(self, choice: Choice) -> Floats:
        """Return the probabilities of `choice`, shape (..., n), written over ``choice.values``."""

    def odds(self, field: Field) -> Odds:
        """Return what draws the steps of lists from `field`."""
        return Odds(self, field)


@dataclass(frozen=True, eq=False)
class Field:
    """The candidates of a block of lists; a score falls as a list gives steps to the same skills.

    Attributes
    ----------
    scores : array of shape (B, n)
        For the first step.
    std : array that broadcasts to (B, n)
    open : boolean array of shape (B, n)
        Allowed at the first step; rules that give way may add to it later.
    group : int array of shape (n,)
        Candidates that fall alike: those of the same skills.
    pull : float
        What a step on just these skills takes from the score, at most 0.
    """

    scores: Floats
    std: Floats
    open: Bools
    group: Ints
    pull: float


class Odds:
    """The probabilities of the next step of a block of lists, from all scores anew at every step."""

    def __init__(self, policy: Policy, field: Field) -> None:
        self.policy = policy
        self.field = field

    def units(self, shares: Floats, allowed: Bools) -> tuple[Floats, Ints]:
        """Return the probability of every candidate (B, n) in `UNIT`s, and the best one allowed in each row.

        `shares` (B, D) is how many steps each list has given to each group.
        """
        return self.anew(shares, allowed, slice(None))

    def anew(self, shares: Floats, allowed: Bools, rows: Ints | slice) -> tuple[Floats, Ints]:
        """Return the same for some rows."""
        field = self.field
        scores = shares[rows].take(field.group, axis=1)
        scores *= field.pull
        scores += field.scores[rows]
        std = field.std if len(field.std) == 1 else field.std[rows]
        probabilities = self.policy.probabilities(scores, std, allowed=allowed[rows])
        best = np.where(allowed[rows], scores, -np.inf).argmax(axis=1)
        return np.rint(probabilities * UNIT), best


def sample(probabilities: Floats, uniform: Floats | float) -> Ints:
    """Return the index drawn from each row: the inverse distribution function at `uniform`.

    Probabilities are rounded to multiples of 2⁻⁵⁰ first. Sums of these are exact, so that neither the order
    of adding nor entries of 0 in between change a draw, and a long row can be searched block by block.

    Parameters
    ----------
    probabilities : array of shape (..., n)
        At least 0; a row's sum is 1 up to rounding and is divided out.
    uniform : float or array of shape (...)
        In [0, 1), one a row.

    Returns
    -------
    index : integer array of shape (...)
        Never that of a zero: the running sum first *exceeds* its target where it rises.

    Raises
    ------
    ValueError
        When a row does not have a positive, finite sum.

    Examples
    --------
    >>> p = np.array([[0.25, 0.0, 0.75], [0.25, 0.0, 0.75]])
    >>> sample(p, np.array([0.2499, 0.25]))
    array([0, 2])
    """
    units = np.rint(_normalised(probabilities) * UNIT)
    rows = drawn_from(units.reshape(-1, units.shape[-1]), np.ravel(uniform))[0]
    return rows.reshape(units.shape[:-1])


UNIT = 2.0**50
_BLOCK = 64
_SHORT = 256  # entries of one row up to which a running sum costs less than two levels
_FEW = 8
_NO_SUM = "probabilities must have a positive, finite sum in every row: nothing can be drawn"


def drawn_from(units: Floats, uniform: Floats) -> tuple[Ints, Floats]:
    """Return the index drawn from each row of probabilities (B, n) in `UNIT`s, and that one's own, both (B,).

    They are whole numbers, so that sums are exact: a long row is searched block by block. What is drawn and
    what is returned as its probability come from the very same sums.
    """
    if len(units) == 1:
        return _from_row(units.reshape(-1), uniform)
    starts = np.arange(0, units.shape[1], _BLOCK)
    blocks: Floats = np.add.reduceat(units, starts, axis=1)
    running = np.add.accumulate(blocks, axis=1)
    total = _checked(running[:, -1])
    target = total * uniform
    block = (running > target[:, None]).argmax(axis=1)
    drawn = _within(units, running - blocks, target, block)
    return drawn, units.take(drawn + np.arange(0, units.size, units.shape[1])) / total


def _from_row(units: Floats, uniform: Floats) -> tuple[Ints, Floats]:
    """Return the same of one row (n,): numpy searches that faster than it compares."""
    if len(units) > _SHORT:
        blocks: Floats = np.add.reduceat(units, np.arange(0, len(units), _BLOCK))
        running = np.add.accumulate(blocks)
        total = _checked_one(running.item(-1))
        block = int(running.searchsorted(total * uniform.item(), side="right"))
        first, before = block * _BLOCK, running.item(block) - blocks.item(block)
        inside = np.add.accumulate(units[first : first + _BLOCK])
    else:
        first, before, inside = 0, 0.0, np.add.accumulate(units)
        total = _checked_one(inside.item(-1))
    at = first + int(inside.searchsorted(total * uniform.item() - before, side="right"))
    return np.array([at]), np.array([units.item(at) / total])


def _checked(total: Floats) -> Floats:
    if not _near(UNIT, total):
        raise ValueError(_NO_SUM)
    return total


def _checked_one(total: float) -> float:
    if not 0.5 * UNIT < total < 2.0 * UNIT:
        raise ValueError(_NO_SUM)
    return total


def every(flags: Bools) -> bool:
    """Return whether all of a few flags (B,) are set: without numpy's overhead of a reduction."""
    return all(flags.tolist())


def _near(unit: float, total: Floats) -> bool:
    """Return whether all sums are numbers, within a factor of two of `unit`."""
    low, high = 0.5 * unit, 2.0 * unit
    if total.size <= _FEW:
        return all(low < t < high for t in total.ravel().tolist())
    return bool(np.minimum.reduce(total, axis=None) > low and np.maximum.reduce(total, axis=None) < high)


def _within(units: Floats, before: Floats, target: Floats, block: Ints) -> Ints:
    """Return the index within the `block` of each row; `before` is what lies in front of every block."""
    rows = np.arange(len(units))
    at = np.minimum(block[:, None] * _BLOCK + np.arange(_BLOCK), units.shape[1] - 1)
    running = np.add.accumulate(units[rows[:, None], at], axis=1)
    running += before[rows, block][:, None]
    drawn: Ints = at[rows, (running > target[:, None]).argmax(axis=1)]
    return drawn


def _normalised(probabilities: Floats) -> Floats:
    total = np.add.reduce(probabilities, axis=-1, keepdims=True)
    if _near(1.0, total):
        return probabilities
    if not (np.minimum.reduce(total, axis=None) > 0.0 and isfinite(np.add.reduce(total, axis=None))):
        raise ValueError(_NO_SUM)
    return np.asarray(probabilities / total)


def _complaint(top: Floats, count: Ints) -> str:
    row = int(np.flatnonzero(~np.isfinite(top.ravel()))[0])
    if not count.ravel()[row]:
        return f"allowed must leave a candidate in every row, none is left in row {row}: relax a rule first"
    return f"scores must be finite, the best of row {row} is {top.ravel()[row]}: repair its context"
