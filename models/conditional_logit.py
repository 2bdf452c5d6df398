"""Which of many was chosen: the conditional logit, P(j) ∝ exp(w · x_j) over the candidates of each choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from segue.models.base import Floats

NEWTON_STEPS = 30


class ConditionalLogit:
    """Weights of a mixture, fitted to choices (McFadden, 1974), with a Gaussian prior around 0.

    Parameters
    ----------
    precision : float
        Prior precision of each weight.

    Attributes
    ----------
    weights_ : array of shape (d,)

    Examples
    --------
    >>> both = np.array([[1.0], [0.0]])
    >>> model = ConditionalLogit().fit([both, both, both], [0, 0, 1])
    >>> bool(model.weights_[0] > 0)
    True
    """

    def __init__(self, *, precision: float = 1.0) -> None:
        self.precision = precision

    def fit(self, candidates: Sequence[Floats], chosen: Sequence[int]) -> Self:
        """Fit by Newton's method with halved steps; `candidates` (m, d) each, `chosen` in [0, m)."""
        if not candidates:
            raise ValueError(
                "candidates must hold at least one choice, got none: widen the validation period"
            )
        weights = np.zeros(candidates[0].shape[1])
        value, gradient, hessian = self._posterior(candidates, chosen, weights)
        for _ in range(NEWTON_STEPS):
            step, size = np.linalg.solve(hessian, gradient), 1.0
            after = self._posterior(candidates, chosen, weights + step)
            while after[0] < value and size > 1e-3:
                size *= 0.5
                after = self._posterior(candidates, chosen, weights + size * step)
            weights = weights + size * step
            gained, (value, gradient, hessian) = after[0] - value, after
            if gained < 1e-4:
                break
        self.weights_ = weights
        return self

    def scores(self, candidates: Floats) -> Floats:
        """Return the score of each candidate, shape (m,)."""
        return np.asarray(candidates @ self.weights_)

    def _posterior(
        self, candidates: Sequence[Floats], chosen: Sequence[int], weights: Floats
    ) -> tuple[float, Floats, Floats]:
        """Return log posterior, its gradient, and minus its Hessian."""
        value = -0.5 * self.precision * float(weights @ weights)
        gradient, hessian = -self.precision * weights, self.precision * np.eye(len(weights))
        for x, j in zip(candidates, chosen, strict=True):
            score = x @ weights
            top = score.max()
            p = np.exp(score - top)
            total = p.sum()
            p /= total
            mean = p @ x
            value += float(score[j] - top - np.log(total))
            gradient += x[j] - mean
            hessian += (x * p[:, None]).T @ x - np.outer(mean, mean)
        return value, gradient, hessian
