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


def sample(probabilities: Floats, uniform: Floats | float) -> Ints:
    """Return the index drawn from each row: the inverse distribution function at `uniform`.

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
    running = np.add.accumulate(probabilities, axis=-1)
    total = running[..., -1]
    if not (np.minimum.reduce(total, axis=None) > 0.0 and isfinite(np.add.reduce(total, axis=None))):
        raise ValueError("probabilities must have a positive, finite sum in every row: nothing can be drawn")
    target = total * uniform
    drawn: Ints = (running > target[..., None]).argmax(axis=-1)
    return drawn


def _complaint(top: Floats, count: Ints) -> str:
    row = int(np.flatnonzero(~np.isfinite(top.ravel()))[0])
    if not count.ravel()[row]:
        return f"allowed must leave a candidate in every row, none is left in row {row}: relax a rule first"
    return f"scores must be finite, the best of row {row} is {top.ravel()[row]}: repair its context"
