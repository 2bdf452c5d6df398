"""What the target policy wants that the log does not show, and how much of that is chance."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np

from segue.experiments.evaluation.estimators.single_step import Floats, Ints, Rounds

CHANCE = 2.0  # standard errors that chance may explain beyond its expectation


def with_support(rounds: Rounds, policy: Floats, action: Ints, propensity: Floats) -> Rounds:
    """Return rounds that know which actions of a policy (n, K) the log's `action` (n,) shows."""
    unseen = unseen_mass(policy, action)
    chance = unseen_by_chance(policy, action, propensity) if unseen.any() else 0.0
    return replace(rounds, unseen=unseen, by_chance=chance)


def unseen_mass(policy: Floats, action: Ints) -> Floats:
    """Return the probability each row of a policy (n, K) gives to actions that `action` (n,) never shows.

    >>> unseen_mass(np.full((3, 4), 0.25), np.array([0, 1, 1])).tolist()
    [0.5, 0.5, 0.5]
    """
    seen = np.bincount(action[action >= 0], minlength=policy.shape[1]) > 0
    return np.zeros(len(policy)) if seen.all() else np.asarray(policy[:, ~seen].sum(axis=1))


def unseen_by_chance(policy: Floats, action: Ints, propensity: Floats) -> float:
    """Return how much probability the target may give to actions that were not drawn, and could have been.

    An action that was drawn with probability p in each of n rounds is missing from a log with probability
    q = (1 - p)^n. So each that is there stands for q / (1 - q) that are not (Horvitz & Thompson 1952); the
    error of that sum is added twice. Where all that is there was sure to be, what is missing was not offered.

    >>> policy, action = np.full((6, 2), 0.5), np.zeros(6, dtype=np.int64)
    >>> round(unseen_by_chance(policy, action, np.full(6, 0.9)), 3)
    0.001
    """
    n_actions, known = policy.shape[1], action >= 0
    count = np.bincount(action[known], minlength=n_actions)
    seen = count > 0
    drawn = np.bincount(action[known], weights=propensity[known], minlength=n_actions)[seen] / count[seen]
    missing = np.maximum(1.0 - drawn, 0.0) ** len(action)
    wanted = policy.mean(axis=0)[seen]
    there = np.maximum(1.0 - missing, np.finfo(float).tiny)
    error = sqrt(float((wanted / there) ** 2 @ missing))
    return float(wanted @ (missing / there)) + CHANCE * error
