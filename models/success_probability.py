"""Probability of success from a learner vector: a logistic regression (default) and a boosted challenger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from segue.models.base import Floats

NEWTON_STEPS = 50
BLOCK_ROWS = 8192


LEAST_SCALE = 0.25
"""A column that hardly moved in training may move at serving (practice within the hour, after a year of
weekly homework). Scaled to 1, its coefficient would be anything: 250 a count was seen, and chances of 1.0
after twelve failures. All columns are counts, logs and shares, so one of a smaller spread is held to its
prior instead."""


PRECISION = 100.0
LEARNERS_FELT = 45.0
ANSWER_PRECISION = 0.2  # p (1 - p) of usual answers


def learner_precision(n_learners: int) -> float:
    """Return the prior precision of a fit on so many learners: 100 (1 + 45 / learners).

    Answers of one learner resemble each other, so a few learners are little evidence, however long their
    histories: at 2 learners the prior weighs 24 times as much as at thousands, at 10 learners 5.5 times.
    """
    return PRECISION * (1.0 + LEARNERS_FELT / max(n_learners, 1))


def answers_felt(n_learners: int) -> float:
    """Return how many answers the prior of a fit on so many learners weighs as much as.

    An answer with an even-to-likely outcome brings about .2 of precision to a standardised coefficient.

    >>> round(answers_felt(10)), round(answers_felt(1000))
    (2750, 522)
    """
    return learner_precision(n_learners) / ANSWER_PRECISION


class _Success(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both models share as classifiers of two classes, whose labels may also be scores in [0, 1]."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _checked(self, X: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return X, and y as scores in [0, 1] of the second class; remember what was seen."""
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=0)
        scores = np.issubdtype(y.dtype, np.number) and bool(((y >= 0) & (y <= 1)).all())
        if scores:
            self.classes_ = np.array([0, 1]).astype(y.dtype if set(np.unique(y)) <= {0, 1} else np.int64)
            return X, y.astype(np.float64)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) > 2:
            raise ValueError(
                f"Only binary classification is supported: y has {len(self.classes_)} classes "
                "(scores? they must be in [0, 1])"
            )
        return X, (y == self.classes_[-1]).astype(np.float64)

    def _rows(self, X: Floats) -> Floats:
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, dtype=np.float64, reset=False), dtype=np.float64)

    def predict(self, X: Floats) -> NDArray[np.generic]:
        """Return the class that is more probable, (n,)."""
        second = self.predict_proba(X)[:, 1] >= 0.5
        return np.asarray(self.classes_[np.minimum(second.astype(np.int64), len(self.classes_) - 1)])


class LogisticSuccess(_Success):
    """Logistic regression with a Gaussian prior on standardised coefficients; scores may be fractions.

    Parameters
    ----------
    prior : array of shape (d,)
        Prior mean of the raw coefficients (None: 0). With no data it *is* the model, so a cold start
        predicts by it.
    precision : float
        Prior precision on the standardised scale (of columns with a spread of at least `LEAST_SCALE`). The
        default weighs about as much as a thousand answers; see `learner_precision`.
        With prior mean 0 it is scikit-learn's ``LogisticRegression(C=1 / precision)``.
    intercept, intercept_precision : float
        Prior mean and precision of the intercept; by default it is free.

    Attributes
    ----------
    weights_ : array of shape (d,)
        Raw coefficients.
    intercept_ : float
    """

    def __init__(
        self,
        *,
        prior: Floats | None = None,
        precision: float = PRECISION,
        intercept: float = 0.0,
        intercept_precision: float = 1e-6,
    ) -> None:
        self.prior = prior
        self.precision = precision
        self.intercept = intercept
        self.intercept_precision = intercept_precision

    def fit(self, X: Floats, y: Floats) -> Self:
        """Fit by Newton's method, with halved steps where one would not improve the posterior."""
        X, y = self._checked(X, y)
        before = np.zeros(X.shape[1]) if self.prior is None else np.asarray(self.prior, dtype=np.float64)
        if before.shape != (X.shape[1],):
            raise ValueError(
                f"prior must have one entry for each of {X.shape[1]} columns, got {before.shape}"
            )
        self.weights_, self.intercept_ = before, self.intercept
        if not len(y):
            return self
        mean, scale = X.mean(axis=0), X.std(axis=0)
        scale = np.maximum(scale, LEAST_SCALE)
        prior = np.append(self.intercept + mean @ before, before * scale)
        precision = np.append(float(self.intercept_precision), np.full(X.shape[1], float(self.precision)))
        theta = _mode(_Posterior(X, np.asarray(y, dtype=np.float64), mean, scale, prior, precision))
        self.weights_ = theta[1:] / scale
        self.intercept_ = float(theta[0] - mean @ self.weights_)
        return self

    def decision_function(self, X: Floats) -> Floats:
        """Return logits, shape (n,)."""
        return np.asarray(self._rows(X) @ self.weights_ + self.intercept_)

    def predict_proba(self, X: Floats) -> Floats:
        """Return probabilities, shape (n, 2), columns (failure, success)."""
        p = _sigmoid(self.decision_function(X))
        return np.stack([1.0 - p, p], axis=1)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


@dataclass(frozen=True, eq=False)
class _Posterior:
    """Minus the log posterior of intercept and standardised coefficients; X is read in blocks."""

    X: Floats
    y: Floats
    mean: Floats
    scale: Floats
    prior: Floats
    precision: Floats

    def at(self, theta: Floats) -> tuple[float, Floats, Floats]:
        """Return value, gradient (d + 1,) and Hessian (d + 1, d + 1)."""
        gap = theta - self.prior
        value = 0.5 * float((self.precision * gap * gap).sum())
        gradient, hessian = self.precision * gap, np.diag(self.precision)
        for start in range(0, len(self.y), BLOCK_ROWS):
            y = self.y[start : start + BLOCK_ROWS]
            Z = np.ones((len(y), len(theta)))
            np.subtract(self.X[start : start + BLOCK_ROWS], self.mean, out=Z[:, 1:])
            Z[:, 1:] /= self.scale
            eta = Z @ theta
            p = _sigmoid(eta)
            value += float((np.logaddexp(0.0, eta) - y * eta).sum())
            gradient += (p - y) @ Z
            hessian += (Z * (p * (1.0 - p))[:, None]).T @ Z
        return value, gradient, hessian


def _mode(posterior: _Posterior) -> Floats:
    theta = posterior.prior
    value, gradient, hessian = posterior.at(theta)
    for _ in range(NEWTON_STEPS):
        step, size = np.linalg.solve(hessian, gradient), 1.0
        after = posterior.at(theta - step)
        while after[0] > value and size > 1e-4:
            size *= 0.5
            after = posterior.at(theta - size * step)
        gained, theta = value - after[0], theta - size * step
        value, gradient, hessian = after
        if gained < 1e-9 * len(posterior.y):
            break
    return theta


TREE_SHARE = 0.75


class BoostedSuccess(_Success):
    """Gradient-boosted trees on the same vector: the challenger; it stays out of serving.

    Their logits are mixed with those of the logistic regression, which knows better where rows are rare, as
    at a learner's very first attempt.

    Parameters
    ----------
    prior : array of shape (d,)
        Of the logistic part.
    seed : int
        Of the trees.
    """

    def __init__(self, *, prior: Floats | None = None, seed: int = 0) -> None:
        self.prior = prior
        self.seed = seed

    def fit(self, X: Floats, y: Floats) -> Self:
        """Fit; a fraction counts as a success of that weight and a failure of the rest."""
        from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - spared where none is asked for

        X, y = self._checked(X, y)
        part = np.flatnonzero((y > 0.0) & (y < 1.0))
        rows = np.concatenate([np.arange(len(y)), part])
        label = np.concatenate([y > 0.0, np.zeros(len(part), dtype=np.bool_)])
        weight = np.concatenate([np.where(y > 0.0, y, 1.0), 1.0 - y[part]])
        self.linear_ = LogisticSuccess(prior=self.prior).fit(X, y)
        self.trees_ = HistGradientBoostingClassifier(
            learning_rate=0.08,
            max_iter=200,
            max_leaf_nodes=15,
            min_samples_leaf=40,
            l2_regularization=5.0,
            early_stopping=False,
            random_state=self.seed,
        ).fit(X[rows] if len(part) else X, label, sample_weight=weight)
        return self

    def predict_proba(self, X: Floats) -> Floats:
        """Return probabilities, shape (n, 2), columns (failure, success)."""
        X = self._rows(X)
        if len(self.trees_.classes_) < 2:
            return self.linear_.predict_proba(X)
        trees = np.clip(self.trees_.predict_proba(X)[:, 1], 1e-9, 1.0 - 1e-9)
        logit = TREE_SHARE * np.log(trees / (1.0 - trees)) + (
            1.0 - TREE_SHARE
        ) * self.linear_.decision_function(X)
        p = _sigmoid(logit)
        return np.stack([1.0 - p, p], axis=1)
