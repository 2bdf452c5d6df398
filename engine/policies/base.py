"""What a policy is: checked scores in, the probability of every candidate out, at every step of a list."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import numpy as np

from segue.engine.policies.sampling import UNIT, drawn_from
from segue.features.candidates import AlikeGroups
from segue.features.catalogue import Bools, Floats, Ints


@dataclass(slots=True)
class Choice:
    """One decision per row, checked: what a policy's `weigh` turns into probabilities.

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
            For a policy that estimates its probabilities by simulation; those of this package need none.

        Raises
        ------
        ValueError
            When a row allows nothing, the best allowed score of a row is not finite, or `weigh` gave weight
            to what is not allowed.
        """
        values = np.where(allowed, scores, -np.inf)
        top = np.maximum.reduce(values, axis=-1, keepdims=True)
        count = np.add.reduce(allowed, axis=-1, dtype=np.int64, keepdims=True)
        if not isfinite(np.add.reduce(top, axis=None)):
            raise ValueError(_complaint(top, count))
        weights = self.weigh(Choice(values, std, allowed, top, count, rng))
        if np.count_nonzero(weights) > np.count_nonzero(weights[allowed]):
            raise ValueError(f"{type(self).__name__}.weigh gave weight to candidates that are not allowed")
        return weights

    @abstractmethod
    def weigh(self, choice: Choice) -> Floats:
        """Return the probabilities, shape (..., n): a new array, or ``choice.values`` written over.

        Sums along candidates are taken by `total`, and for a uniform part there is ``Choice.floored``.
        """

    @property
    def reads_std(self) -> bool:
        """Whether uncertainty changes a probability; where it does not, nobody needs to compute it."""
        return True

    def odds(self, candidates: OpenCandidates) -> Odds:
        """Return what draws the steps of lists, from their `candidates`."""
        return Odds(self, candidates)


class DrawnCandidate(NamedTuple):
    """What was drawn in each row, its probability, and the best score that was allowed, each (B,)."""

    position: Ints
    propensity: Floats
    best: Floats


@dataclass(frozen=True, eq=False)
class OpenCandidates:
    """The candidates of a block of lists while these are drawn.

    A score falls by `log_diversity` for each step that the list has given to the candidate's skills.

    Attributes
    ----------
    scores : array of shape (B, n)
        For the first step.
    std : array that broadcasts to (B, n)
    open : boolean array of shape (B, n)
        What may be drawn but for rules that change from step to step. The sampler closes what it has given,
        and tells the odds (``Odds.close``).
    groups : AlikeGroups
        Candidates whose scores fall alike: those of the same skills.
    log_diversity : float
        What a step on just these skills takes from the score, at most 0.
    """

    scores: Floats
    std: Floats
    open: Bools
    groups: AlikeGroups
    log_diversity: float

    @property
    def group(self) -> Ints:
        """The group of each candidate, (n,)."""
        return self.groups.of

    def scores_after(self, shares: Floats, rows: Ints | slice = slice(None)) -> Floats:
        """Return the scores of some rows, (R, n), after `shares` (B, D), see ``Odds.draw``."""
        scores = (shares[rows] * self.log_diversity).take(self.group, axis=1)
        scores += self.scores[rows]
        return scores


class Odds:
    """Draws the steps of a block of lists, one after the other: the policy is asked anew at every step.

    What is drawn and its propensity come from one vector, ``Policy.probabilities`` of the scores as they have
    fallen. A policy may return odds that reach the same law with less work (``SoftmaxOdds``).
    """

    def __init__(self, policy: Policy, candidates: OpenCandidates) -> None:
        self.policy = policy
        self.candidates = candidates

    def draw(self, shares: Floats, allowed: Bools, uniform: Floats) -> DrawnCandidate:
        """Return the candidate that `uniform` (B,) draws in each row.

        `shares` (B, D) is how many steps each list has given to the skills of each group.
        """
        position, propensity = drawn_from(self.units(shares, allowed), uniform)
        best = np.where(allowed, self.candidates.scores_after(shares), -np.inf).max(axis=1)
        return DrawnCandidate(position, propensity, best)

    def units(self, shares: Floats, allowed: Bools) -> Floats:
        """Return the probability of every candidate (B, n) in `UNIT`s."""
        scores, std = self.candidates.scores_after(shares), self.candidates.std
        probabilities = self.policy.probabilities(scores, std, allowed=allowed)
        return np.rint(probabilities * UNIT)

    def close(self, position: Ints) -> None:
        """Take note that each list has been given the candidate at `position` (B,), which is open no more."""

    def draw_one(self, shares: Floats, allowed: Bools, uniform: float) -> tuple[int, float, float]:
        """Return what `draw` does for a lone list: position, propensity, and the best score allowed."""
        position, propensity, best = self.draw(shares, allowed, np.array([uniform]))
        return position.item(), propensity.item(), best.item()

    def close_one(self, position: int) -> None:
        """Do what `close` does for a lone list."""
        self.close(np.array([position]))


def _complaint(top: Floats, count: Ints) -> str:
    row = int(np.flatnonzero(~np.isfinite(top.ravel()))[0])
    if not count.ravel()[row]:
        return f"allowed must leave a candidate in every row, none is left in row {row}: relax a rule first"
    return f"scores must be finite, the best of row {row} is {top.ravel()[row]}: repair its context"


def check_share(name: str, value: float) -> None:
    """Raise ValueError unless a parameter is a share in [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} must be in [0, 1], got {value}: it is the share given to all alike")


def check_positive(name: str, value: float) -> None:
    """Raise ValueError unless a parameter is positive and finite."""
    if not 0.0 < value < np.inf:
        raise ValueError(f"{name} must be positive and finite, got {value}")


def total(values: Floats) -> Floats:
    """Sum along candidates, left to right, (..., 1): a pairwise sum would change its bits with padding."""
    running: Floats = np.add.accumulate(values, axis=-1)
    return running[..., -1:]


def shared(best: Bools, *, out: Floats) -> Floats:
    """Return equal shares for the `best` of each row, written to `out`."""
    np.divide(best, best.sum(axis=-1, keepdims=True), out=out)
    return out
