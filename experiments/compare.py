"""Two policies on one log: the paired difference, and whether to ship."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.experiments.estimators import Floats, Parts


@dataclass(frozen=True)
class Difference:
    """First estimate minus second, round by round: what both policies share cancels out of the error."""

    first: Parts
    second: Parts

    @property
    def n(self) -> int:
        """Number of rounds."""
        return self.first.n

    @property
    def value(self) -> float:
        """The difference of the estimates."""
        return self.first.value - self.second.value

    @property
    def spare(self) -> int:
        """Degrees of freedom taken off the variance."""
        return self.first.spare

    def influence(self) -> Floats:
        """Return each round's influence on the difference, (n,)."""
        return np.asarray(self.first.influence() - self.second.influence())
