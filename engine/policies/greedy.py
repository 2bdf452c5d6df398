"""Policies that take the best score, nearly always, or never: greedy, epsilon-greedy and uniform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.engine.policies.base import Choice, Policy, check_share, shared
from segue.features.catalogue import Floats


@dataclass(frozen=True)
class Uniform(Policy):
    """Every allowed candidate alike: the reference, and the most informative log."""

    @property
    def reads_std(self) -> bool:
        """Uncertainty changes nothing here."""
        return False

    def weigh(self, choice: Choice) -> Floats:
        """Return 1 / |allowed| on the allowed candidates."""
        return np.divide(choice.allowed, choice.count, out=choice.values)


@dataclass(frozen=True)
class Greedy(Policy):
    """The best score always; ties share."""

    @property
    def reads_std(self) -> bool:
        """Uncertainty changes nothing here."""
        return False

    def weigh(self, choice: Choice) -> Floats:
        """Return 1 / |best| on the best allowed candidates, 0 elsewhere."""
        return shared(choice.values == choice.top, out=choice.values)


@dataclass(frozen=True)
class EpsilonGreedy(Policy):
    """The best score with probability 1 - `epsilon`, otherwise any allowed candidate."""

    epsilon: float = 0.1

    def __post_init__(self) -> None:
        check_share("epsilon", self.epsilon)

    @property
    def reads_std(self) -> bool:
        """Uncertainty changes nothing here."""
        return False

    def weigh(self, choice: Choice) -> Floats:
        """Return (1 - epsilon) / |best| on the best plus epsilon / |allowed| on all allowed."""
        return choice.floored(shared(choice.values == choice.top, out=choice.values), self.epsilon)
