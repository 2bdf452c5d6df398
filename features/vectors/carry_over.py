"""Carry-over: what the answer just given says of the next one, by the two resources or by their skills.

With s the surprise at an attempt (score minus the filter's prediction), the surprise at the next attempt of
the same learner is expected to be c · s. The coefficient c of a pair of resources is shrunk to that of
their sets of skills, and this to the one of all pairs. A batch feature for the challenger; the served
vector does without.
"""

from __future__ import annotations

import numpy as np

from segue.features.catalogue import Catalogue
from segue.features.history.attempts import Attempts, Bools, Floats, Ints

SHRINKAGE = 3.0  # in squared surprise: about twenty attempts' worth
NAMES = ("carried", "last_surprise")


def carry_over(
    attempts: Attempts, catalogue: Catalogue, *, surprise: Floats, fold: Ints, train: Bools
) -> Floats:
    """Return the surprise expected at each attempt, and the one before it, shape (n, 2); 0 for a first
    attempt.

    Coefficients come from the training rows; for a training row, from those of other folds than its
    learner's.

    Parameters
    ----------
    surprise : array of shape (n,)
        Score minus prediction, of the past only.
    fold : int array of shape (n_learners,)
    train : bool array of shape (n,)
    """
    follows = np.flatnonzero(attempts.position > 0)
    last, product = surprise[follows - 1], surprise[follows - 1] * surprise[follows]
    levels = [_pairs(codes, follows) for codes in (_sets(catalogue)[attempts.resource], attempts.resource)]
    own, taught = fold[attempts.learner[follows]], train[follows] & train[follows - 1]
    out = np.zeros((len(attempts), 2))
    out[follows, 1] = last
    for number in range(int(fold.max(initial=0)) + 2):
        # the number after the last fold stands for the rows outside training
        asked = train[follows] & (own == number) if number <= fold.max(initial=0) else ~train[follows]
        used = taught & (own != number)
        out[follows[asked], 0] = (_coefficients(levels, last**2, product, used) * last)[asked]
    return out


def _sets(catalogue: Catalogue) -> Ints:
    """Return a number for each resource's set of skills, shape (n,)."""
    ordered = np.sort(catalogue.skill_matrix, axis=1)
    return np.unique(ordered, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _pairs(codes: Ints, follows: Ints) -> Ints:
    """Return a number for each (code before, code now), shape (len(follows),)."""
    key = codes[follows - 1] * (codes.max(initial=0) + 1) + codes[follows]
    return np.unique(key, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _coefficients(levels: list[Ints], square: Floats, product: Floats, used: Bools) -> Floats:
    """Return the coefficient of each move, level by level shrunk to the one above."""
    c = np.full(len(square), product[used].sum() / max(square[used].sum(), 1.0))
    for pair in levels:
        n_pairs = int(pair.max(initial=-1)) + 1
        above = np.bincount(pair, c, n_pairs) / np.maximum(np.bincount(pair, minlength=n_pairs), 1)
        weight = np.bincount(pair[used], square[used], n_pairs)
        total = np.bincount(pair[used], product[used], n_pairs)
        c = ((total + SHRINKAGE * above) / (weight + SHRINKAGE))[pair]
    return c
