"""Inverse-gap weighting: what falls short of the best by less is drawn more often."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from segue.engine.policies.base import Choice, Policy, check_positive, total
from segue.features.catalogue import Floats


@dataclass(frozen=True)
class InverseGap(Policy):
    """Inverse-gap weighting on optimistic values mean + `alpha` std, in units of reward.

    A candidate that falls `gap` short of the best gets 1 / (|allowed| + gamma gap), the best get the rest.
    Scores that are logarithms go through :class:`Exponentiated`.

    References
    ----------
    Abe and Long (1999), "Associative reinforcement learning using linear probabilistic concepts".
    Foster and Rakhlin (2020), "Beyond UCB: optimal and efficient contextual bandits with regression
    oracles" (SquareCB, algorithm 1).
    """

    gamma: float = 100.0
    alpha: float = 0.25

    def __post_init__(self) -> None:
        check_positive("gamma", self.gamma)
        if not 0.0 <= self.alpha < np.inf:
            raise ValueError(f"alpha must be at least 0 and finite, got {self.alpha}: 0 means no optimism")

    def weigh(self, choice: Choice) -> Floats:
        """Return the inverse-gap weights of the optimistic values."""
        values = choice.values
        values += np.where(choice.allowed, self.alpha * choice.std, 0.0)
        top = np.maximum.reduce(values, axis=-1, keepdims=True)
        best = values == top
        np.subtract(top, values, out=values)
        values *= self.gamma
        values += choice.count
        np.divide(1.0, values, out=values)
        values[best] = 0.0
        rest = (1.0 - total(values)) / best.sum(axis=-1, keepdims=True)
        values += best * rest
        return values


@dataclass(frozen=True)
class Exponentiated(Policy):
    """A policy in units of reward on scores that are logarithms: it sees exp(s - max s).

    Standard deviations follow by the chain rule: std exp(s - max s).
    """

    policy: Policy = field(default_factory=InverseGap)

    @property
    def reads_std(self) -> bool:
        """Whether the inner policy does."""
        return self.policy.reads_std

    def weigh(self, choice: Choice) -> Floats:
        """Return what the inner policy gives for the exponentiated scores."""
        values = np.exp(choice.values - choice.top)
        return self.policy.probabilities(values, values * choice.std, allowed=choice.allowed, rng=choice.rng)
