"""Probability of success from a learner vector: a logistic regression (default) and a boosted challenger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from segue.models.base import Floats

NEWTON_STEPS = 50


@dataclass(frozen=True, eq=False)
class Coefficients:
    """A fitted logistic predictor on the raw vector: ``intercept + x @ weights``."""

    weights: Floats
    intercept: float


class LogisticSuccess:
    """Logistic regression with a Gaussian prior on standardised coefficients; scores may be fractions.

    Parameters
    ----------
    prior : array of shape (d,)
        Prior mean of the raw coefficients. With no data it *is* the model, so a cold start predicts by it.
    precision : float
        Prior precision on the standardised scale; scikit-learn's ``LogisticRegression(C=1/precision)`` when
        the prior mean is 0.

    Attributes
    ----------
    weights_ : array of shape (d,)
        Raw coefficients.
    intercept_ : float
    """

    def __init__(self, *, prior: Floats, precision: float = 1.0) -> None:
        self.prior = prior
        self.precision = precision

    def fit(self, X: Floats, y: Floats) -> Self:
        """Fit by Newton's method with halved steps when one would not improve the posterior."""
        self.weights_, self.intercept_ = np.asarray(self.prior, dtype=np.float64), 0.0
        if not len(y):
            return self
        mean, scale = X.mean(axis=0), X.std(axis=0)
        scale = np.where(scale > 1e-12, scale, 1.0)
        Z = np.empty((len(X), X.shape[1] + 1))
        Z[:, 0] = 1.0
        np.subtract(X, mean, out=Z[:, 1:])
        Z[:, 1:] /= scale
        prior = np.append(mean @ self.prior, self.prior * scale)
        precision = np.full(Z.shape[1], self.precision)
        precision[0] = 1e-6
        theta = _newton(Z, np.asarray(y, dtype=np.float64), prior, precision)
        self.weights_ = theta[1:] / scale
        self.intercept_ = float(theta[0] - mean @ self.weights_)
        return self

    def decision_function(self, X: Floats) -> Floats:
        """Return logits, shape (n,)."""
        return np.asarray(X @ self.weights_ + self.intercept_)

    def predict_proba(self, X: Floats) -> Floats:
        """Return probabilities, shape (n, 2), columns (failure, success)."""
        p = _sigmoid(self.decision_function(X))
        return np.stack([1.0 - p, p], axis=1)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _newton(Z: Floats, y: Floats, prior: Floats, precision: Floats) -> Floats:
    theta, loss = prior.copy(), _loss(Z, y, prior, prior, precision)
    for _ in range(NEWTON_STEPS):
        p = _sigmoid(Z @ theta)
        gradient = Z.T @ (p - y) + precision * (theta - prior)
        hessian = (Z * (p * (1.0 - p))[:, None]).T @ Z + np.diag(precision)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while (after := _loss(Z, y, theta - size * step, prior, precision)) > loss + 1e-12 and size > 1e-4:
            size *= 0.5
        theta = theta - size * step
        if loss - after < 1e-9 * len(y):
            break
        loss = after
    return theta


def _loss(Z: Floats, y: Floats, theta: Floats, prior: Floats, precision: Floats) -> float:
    eta = Z @ theta
    gap = theta - prior
    return float((np.logaddexp(0.0, eta) - y * eta).sum() + 0.5 * (precision * gap * gap).sum())


class BoostedSuccess:
    """Gradient-boosted trees on the same vector: the challenger; it stays out of serving."""

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, X: Floats, y: Floats) -> Self:
        """Fit on scores cut at 1/2."""
        self.trees_ = HistGradientBoostingClassifier(
            learning_rate=0.06,
            max_iter=250,
            max_leaf_nodes=31,
            min_samples_leaf=40,
            l2_regularization=5.0,
            early_stopping=False,
            random_state=self.seed,
        ).fit(X, y >= 0.5)
        return self

    def predict_proba(self, X: Floats) -> Floats:
        """Return probabilities, shape (n, 2), columns (failure, success)."""
        return np.asarray(self.trees_.predict_proba(X))
