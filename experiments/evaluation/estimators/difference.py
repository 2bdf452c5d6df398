"""The difference of two estimates on the same rounds."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np

from segue.experiments.evaluation.estimators.single_step import EVERY, NIL, Floats, Linearised


@dataclass(frozen=True)
class Difference:
    """First estimate minus second, round by round: what both policies share cancels out of the error."""

    first: Linearised
    second: Linearised

    @property
    def n(self) -> int:
        """Number of rounds."""
        return self.first.n

    @property
    def value(self) -> float:
        """The difference of the estimates."""
        first, second = self.first.value, self.second.value
        gap = first - second
        return 0.0 if isfinite(gap) and abs(gap) <= NIL * max(abs(first), abs(second)) else gap

    @property
    def spare(self) -> int:
        """Degrees of freedom taken off the variance."""
        return self.first.spare

    @property
    def imagined(self) -> float:
        """Squared influence of the round imagined for either: it is one round, not two."""
        return max(self.first.imagined, self.second.imagined)

    @property
    def masses(self) -> tuple[Floats, ...]:
        """What each round counts for in either."""
        return (*self.first.masses, *self.second.masses)

    def influence(self, rows: slice = EVERY) -> Floats:
        """Return the influence of some rounds on the difference; what is rounding alone is 0."""
        first, second = self.first.influence(rows), self.second.influence(rows)
        difference = np.asarray(first - second)
        difference[np.abs(difference) <= NIL * np.maximum(np.abs(first), np.abs(second))] = 0.0
        return difference
