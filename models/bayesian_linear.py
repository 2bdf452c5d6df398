"""Bayesian linear regression as two sums, so that a row, a learner or a week can be taken out again.

With prior weights N(m0, diag(p0)⁻¹) and rewards r = wᵀx + noise of variance σ², the posterior after any rows
is N(m, P⁻¹) with P = diag(p0) + A / σ² and P m = p0 m0 + b / σ² (Bishop 2006, equations 3.50 and 3.51), where
A = Σ g xxᵀ and b = Σ g r x. The sums are all that is kept. They are factorised when a prediction asks, not
at an update: at 24 features that takes microseconds, less than an update of the factor in numpy would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtri

from segue.models.base import Floats, Ints

__all__ = ["BayesianLinear"]


@dataclass(frozen=True, eq=False)
class _Posterior:
    """The posterior mean (d,) and the inverse W of the lower Cholesky factor of its precision: P⁻¹ = WᵀW."""

    mean: Floats
    whitener: Floats


class BayesianLinear:
    """Posterior over the weights of a linear reward model.

    Parameters
    ----------
    n_features : int
        Length d of a row x.
    prior_mean : array of shape (d,), optional
        Weights believed before any reward, from pedagogy; 0 when not given.
    prior_precision : float or array of shape (d,)
        How firmly each is believed, as 1 / variance, above 0.
    noise_variance : float
        σ², variance of a reward around its expectation, above 0.
    weekly_decay : float
        γ in (0, 1]: a row that is k calendar weeks old counts g = γᵏ. The prior is never discounted.

    Attributes
    ----------
    A, b : arrays of shapes (d, d) and (d,)
        The sums, as of `week`.
    n : float
        Σ g, the rows seen less those forgotten.
    week : int or None
        Latest calendar week seen, as any running number of weeks; None before the first.

    Examples
    --------
    >>> model = BayesianLinear(2, prior_mean=np.array([0.0, 1.0]), noise_variance=0.5)
    >>> model.update(np.array([1.0, 2.0]), 3.0)
    >>> mean, std = model.predict(np.array([[1.0, 2.0], [0.0, 0.0]]))
    >>> mean.round(3), std.round(3)
    (array([2.909, 0.   ]), array([0.674, 0.   ]))
    """

    def __init__(
        self,
        n_features: int,
        prior_mean: ArrayLike | None = None,
        *,
        prior_precision: ArrayLike = 1.0,
        noise_variance: float = 1.0,
        weekly_decay: float = 1.0,
    ) -> None:
        self.n_features = n_features
        self.prior_mean = _vector("prior_mean", 0.0 if prior_mean is None else prior_mean, n_features)
        self.prior_precision = _vector("prior_precision", prior_precision, n_features)
        self.noise_variance = float(noise_variance)
        self.weekly_decay = float(weekly_decay)
        if not (self.prior_precision > 0.0).all():
            raise ValueError(f"prior_precision must be above 0, got {self.prior_precision.min()}")
        if not 0.0 < self.noise_variance < math.inf:
            raise ValueError(f"noise_variance must be above 0 and finite, got {noise_variance}")
        if not 0.0 < self.weekly_decay <= 1.0:
            raise ValueError(f"weekly_decay must be in (0, 1], got {weekly_decay}: 1 means no drift")
        self.A = np.zeros((n_features, n_features))
        self.b = np.zeros(n_features)
        self.n = 0.0
        self.week: int | None = None
        self._known: _Posterior | None = None

    def update(self, x: Floats, reward: float, *, week: int | None = None) -> None:
        """Learn from one row x (d,) and its reward, seen in calendar `week` (needed with drift)."""
        self._add_row(x, reward, sign=1.0, week=week)

    def update_many(self, X: Floats, rewards: Floats, *, weeks: ArrayLike | None = None) -> None:
        """Learn from rows X (m, d) and rewards (m,), seen in `weeks` (m,) or one week for all.

        Equal to one `update` a row, in any order, up to rounding.
        """
        self._add_rows(X, rewards, sign=1.0, weeks=weeks)

    def forget(self, X: Floats, rewards: Floats, *, weeks: ArrayLike | None = None) -> None:
        """Take rows (m, d) out again: what remains equals a fit without them, up to rounding.

        The rows, rewards and weeks are those that were learned. A corrected reward is forget, then update.

        Raises
        ------
        ValueError
            When more is taken out than is in.
        """
        self._add_rows(X, rewards, sign=-1.0, weeks=weeks)

    def advance(self, week: int) -> int:
        """Let time pass to calendar `week` and return the latest week seen.

        With drift, what was learned before counts less; an earlier week changes nothing.
        """
        latest = week if self.week is None else max(week, self.week)
        g = 1.0 if self.week is None else self.weekly_decay ** (latest - self.week)
        self.week = latest
        if g < 1.0:
            self.A *= g
            self.b *= g
            self.n *= g
            self._known = None
        return latest

    @property
    def mean(self) -> Floats:
        """Posterior mean of the weights, shape (d,)."""
        return self._posterior().mean

    @property
    def covariance(self) -> Floats:
        """Posterior covariance of the weights, shape (d, d)."""
        whitener = self._posterior().whitener
        return whitener.T @ whitener

    def predict(self, X: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of the expected reward of rows X (..., d), each (...)."""
        return self.predict_columns(np.moveaxis(np.asarray(X, dtype=np.float64), -1, 0))

    def predict_columns(self, columns: Floats) -> tuple[Floats, Floats]:
        """Return the same of `columns` (d, ...), feature by feature: the form the engine keeps them in.

        Each result is a sum over features in their order, so a candidate has the same bits alone and among
        thousands. The standard deviation is that of the expectation; noise is not part of it.
        """
        if columns.shape[0] != self.n_features:
            raise ValueError(f"columns must have {self.n_features} features first, got shape {columns.shape}")
        known = self._posterior()
        flat = np.ascontiguousarray(columns.reshape(self.n_features, -1))
        alone = flat.shape[1] == 1
        if alone:  # einsum would sum one lone column in another order
            flat = np.repeat(flat, 2, axis=1)
        mean = np.einsum("c,cn->n", known.mean, flat)
        white = np.einsum("dc,cn->dn", known.whitener, flat)
        std = np.sqrt(np.einsum("dn,dn->n", white, white))
        keep = slice(1) if alone else slice(None)
        return mean[keep].reshape(columns.shape[1:]), std[keep].reshape(columns.shape[1:])

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """Return `size` draws of the weights from the posterior, shape (size, d)."""
        known = self._posterior()
        return known.mean + rng.standard_normal((size, self.n_features)) @ known.whitener

    def copy(self) -> BayesianLinear:
        """Return an independent copy."""
        return BayesianLinear.from_arrays(self.to_arrays())

    def to_arrays(self) -> dict[str, Floats | Ints]:
        """Return all that `from_arrays` needs, as named arrays for an ``.npz``."""
        return {
            "A": self.A.copy(),
            "b": self.b.copy(),
            "prior_mean": self.prior_mean.copy(),
            "prior_precision": self.prior_precision.copy(),
            "scalars": np.array([self.noise_variance, self.weekly_decay, self.n]),
            "week": np.array([] if self.week is None else [self.week], dtype=np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Floats | Ints]) -> BayesianLinear:
        """Return the model that `to_arrays` described."""
        noise_variance, weekly_decay, n = (float(v) for v in arrays["scalars"])
        model = cls(
            len(arrays["b"]),
            arrays["prior_mean"],
            prior_precision=arrays["prior_precision"],
            noise_variance=noise_variance,
            weekly_decay=weekly_decay,
        )
        model.A[...], model.b[...], model.n = arrays["A"], arrays["b"], n
        model.week = int(arrays["week"][0]) if len(arrays["week"]) else None
        return model

    def _add_row(self, x: Floats, reward: float, *, sign: float, week: int | None) -> None:
        if x.shape != (self.n_features,):
            raise ValueError(f"x must have shape ({self.n_features},), got {x.shape}")
        if not math.isfinite(reward + float(x @ x)):
            raise ValueError("x and reward must be finite, found NaN or infinity: leave the row out")
        g = sign * self._weight(week)
        scaled = x * g
        self.A += scaled[:, None] * x
        self.b += scaled * reward
        self.n += g
        self._known = None

    def _add_rows(self, X: Floats, rewards: Floats, *, sign: float, weeks: ArrayLike | None) -> None:
        if X.ndim != 2 or X.shape[1] != self.n_features or rewards.shape != X.shape[:1]:
            raise ValueError(
                f"X must be (m, {self.n_features}) with m rewards, got X {X.shape}, rewards {rewards.shape}"
            )
        if not (np.isfinite(X).all() and np.isfinite(rewards).all()):
            raise ValueError("X and rewards must be finite, found NaN or infinity: leave those rows out")
        g = self._weights(weeks, len(X))
        if sign < 0.0 and g.sum() > self.n * (1.0 + 1e-9) + 1e-9:
            raise ValueError(f"cannot forget rows of weight {g.sum():.6g}: the model holds {self.n:.6g}")
        scaled = X if (g == 1.0).all() else X * g[:, None]
        self.A += sign * (scaled.T @ X)
        self.b += sign * (rewards @ scaled)
        self.n += sign * float(g.sum())
        self._known = None

    def _weight(self, week: int | None) -> float:
        if week is None:
            self._check_no_drift()
            return 1.0
        return float(self.weekly_decay ** (self.advance(week) - week))

    def _weights(self, weeks: ArrayLike | None, m: int) -> Floats:
        if weeks is None:
            self._check_no_drift()
            return np.ones(m)
        each = np.broadcast_to(np.asarray(weeks, dtype=np.int64), (m,))
        latest = self.advance(int(each.max())) if m else 0
        return np.asarray(self.weekly_decay ** (latest - each), dtype=np.float64)

    def _check_no_drift(self) -> None:
        if self.weekly_decay < 1.0:
            raise ValueError(
                "the week of each row must be given when weekly_decay is below 1: how old is it?"
            )

    def _posterior(self) -> _Posterior:
        if self._known is None:
            precision = self.A / self.noise_variance
            precision.flat[:: self.n_features + 1] += self.prior_precision
            factor, failed = dpotrf(precision, lower=1)
            if failed:
                raise ValueError(
                    "the sums are no longer positive definite: rows were forgotten that never came"
                )
            shift = self.prior_precision * self.prior_mean + self.b / self.noise_variance
            mean, _ = dpotrs(factor, shift, lower=1)
            whitener, _ = dtrtri(factor, lower=1)
            self._known = _Posterior(mean, np.ascontiguousarray(whitener))
        return self._known


def _vector(name: str, value: ArrayLike, n_features: int) -> Floats:
    array = np.asarray(value, dtype=np.float64)
    if array.shape not in ((), (n_features,)) or not np.isfinite(array).all():
        raise ValueError(f"{name} must be one finite number or {n_features} of them, got shape {array.shape}")
    return np.broadcast_to(array, (n_features,)).copy()
