"""Carry-over: nothing from the future, nothing of the own fold, and the truth where there is much of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segue.features.catalogue import Catalogue
from segue.features.history.attempts import Attempts
from segue.features.vectors.carry_over import carry_over

MakeAttempts = Callable[..., Attempts]


def test_it_knows_neither_the_present_nor_the_own_fold(
    catalogue: Catalogue, make_attempts: MakeAttempts
) -> None:
    attempts = make_attempts(0)
    fold, train = np.arange(6) % 3, attempts.learner != 5
    set_of = np.unique(np.sort(catalogue.skill_matrix, axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    surprise = np.random.default_rng(0).normal(0.0, 0.4, len(attempts))

    def carried(values: np.ndarray) -> np.ndarray:
        return carry_over(attempts, set_of, surprise=values, fold=fold, train=train)[0]

    before = carried(surprise)
    for learner in (1, 5):
        row = int(attempts.starts[learner + 1]) - 1  # the learner's last
        changed = surprise.copy()
        changed[row] += 0.5
        after = carried(changed)
        own = attempts.learner == learner
        np.testing.assert_array_equal(after[own], before[own])
    assert (before[attempts.position == 0] == 0.0).all()


def test_it_finds_what_carries_over() -> None:
    rng = np.random.default_rng(1)
    n_learners, length = 200, 60
    learner = np.repeat(np.arange(n_learners), length)
    n = len(learner)
    resource = rng.integers(0, 4, n)
    truth = np.linspace(-0.5, 0.9, 16)
    surprise = rng.normal(0.0, 0.4, n)
    for i in range(1, n):
        if i % length:
            surprise[i] += truth[resource[i - 1] * 4 + resource[i]] * surprise[i - 1]
    none = np.full(n, np.nan)
    attempts = Attempts(learner, resource, np.ones(n), none, np.arange(n))
    every = np.ones(n, dtype=np.bool_)
    carried, whole = carry_over(
        attempts, np.zeros(4, dtype=np.int64), surprise=surprise, fold=learner[::length] % 5, train=every
    )
    last = np.roll(surprise, 1)
    row, then, value = whole.items.onward(np.arange(4))
    np.testing.assert_allclose(value, truth[row * 4 + then], atol=0.12)
    moves = np.flatnonzero(np.arange(n) % length > 0)
    expected = truth[resource[moves - 1] * 4 + resource[moves]]
    # 750 moves a pair: a standard error of about .04, and a little shrinkage
    np.testing.assert_allclose(carried[moves] / last[moves], expected, atol=0.16)
