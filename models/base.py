"""What a model of this package promises: arrays in, posterior out; it knows no learner and no resource."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class ProbabilityModel(Protocol):
    """A model of P(y = 1 | x), y in [0, 1]."""

    def fit(self, X: Floats, y: Floats) -> Self:
        """Learn from rows `X` (n, d) and scores `y` (n,); return the model itself."""

    def predict_proba(self, X: Floats) -> Floats:
        """Return probabilities of success and failure, shape (n, 2), columns (failure, success)."""
