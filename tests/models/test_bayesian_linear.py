"""The reward model against closed forms, scikit-learn, and refits without what was forgotten."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import BayesianRidge, Ridge

from segue.models.bayesian_linear import BayesianLinear

D = 6


def rows(seed: int, m: int = 200, d: int = D) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, (m, d))
    return X, X @ rng.normal(size=d) + 0.3 * rng.normal(size=m)


def model(weekly_decay: float = 1.0) -> BayesianLinear:
    return BayesianLinear(
        D,
        np.linspace(-0.5, 0.5, D),
        prior_precision=np.linspace(0.5, 4.0, D),
        noise_variance=0.2,
        weekly_decay=weekly_decay,
    )


def fitted(X: np.ndarray, y: np.ndarray) -> BayesianLinear:
    out = model()
    out.update_many(X, y)
    return out


def test_before_any_row_the_posterior_is_the_prior() -> None:
    np.testing.assert_allclose(model().mean, np.linspace(-0.5, 0.5, D), atol=1e-15)
    np.testing.assert_allclose(model().covariance, np.diag(1.0 / np.linspace(0.5, 4.0, D)), atol=1e-15)


def test_posterior_is_the_closed_form() -> None:
    X, y = rows(1)
    got = fitted(X, y)
    prior = np.diag(got.prior_precision)
    covariance = np.linalg.inv(prior + X.T @ X / 0.2)
    mean = covariance @ (prior @ got.prior_mean + X.T @ y / 0.2)
    np.testing.assert_allclose(got.covariance, covariance, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(got.mean, mean, rtol=1e-10)
    predicted, std = got.predict(X)
    np.testing.assert_allclose(predicted, X @ mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(std, np.sqrt(np.einsum("ni,ij,nj->n", X, covariance, X)), rtol=1e-9)


def test_mean_is_that_of_ridge_regression() -> None:
    X, y = rows(2)
    ours = BayesianLinear(D, prior_precision=3.0, noise_variance=0.5)
    ours.update_many(X, y)
    np.testing.assert_allclose(
        ours.mean, Ridge(alpha=3.0 * 0.5, fit_intercept=False).fit(X, y).coef_, rtol=1e-9
    )


def test_posterior_is_that_of_bayesian_ridge_at_its_hyperparameters() -> None:
    X, y = rows(3)
    theirs = BayesianRidge(fit_intercept=False, max_iter=1000, tol=1e-12).fit(X, y)
    ours = BayesianLinear(D, prior_precision=theirs.lambda_, noise_variance=1.0 / theirs.alpha_)
    ours.update_many(X, y)
    np.testing.assert_allclose(ours.mean, theirs.coef_, rtol=1e-6)
    np.testing.assert_allclose(ours.covariance, theirs.sigma_, rtol=1e-6, atol=1e-12)
    _, noisy = theirs.predict(X, return_std=True)
    np.testing.assert_allclose(ours.predict(X)[1] ** 2 + ours.noise_variance, noisy**2, rtol=1e-6)


def test_many_at_once_equal_one_by_one_in_any_order() -> None:
    X, y = rows(4)
    single = model()
    for i in np.random.default_rng(4).permutation(len(X)):
        single.update(X[i], y[i])
    many = fitted(X, y)
    np.testing.assert_allclose(single.A, many.A, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(single.b, many.b, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(single.mean, many.mean, rtol=1e-10)
    assert single.n == many.n == len(X)


def test_a_valid_posterior_after_every_update() -> None:
    X, y = rows(5, m=40)
    growing = model()
    for i in range(len(X)):
        growing.update(X[i], y[i])
        np.testing.assert_allclose(growing.mean, fitted(X[: i + 1], y[: i + 1]).mean, rtol=1e-9)


@pytest.mark.parametrize("decay", [1.0, 0.9])
def test_forgetting_a_learner_equals_a_refit_without(decay: float) -> None:
    X, y = rows(6, m=1000)
    rng = np.random.default_rng(6)
    learner, weeks = rng.integers(0, 12, 1000), rng.integers(100, 130, 1000)
    everyone = model(decay)
    for i in range(1000):
        everyone.update(X[i], y[i], week=int(weeks[i]))
    gone = learner == 3
    everyone.forget(X[gone], y[gone], weeks=weeks[gone])
    refit = model(decay)
    refit.update_many(X[~gone], y[~gone], weeks=weeks[~gone])
    refit.advance(int(weeks.max()))
    np.testing.assert_allclose(everyone.mean, refit.mean, atol=1e-8)
    np.testing.assert_allclose(everyone.covariance, refit.covariance, atol=1e-8)
    assert everyone.n == pytest.approx(refit.n)


def test_forgetting_everything_leaves_the_prior() -> None:
    X, y = rows(7)
    empty = fitted(X, y)
    empty.forget(X, y)
    np.testing.assert_allclose(empty.mean, model().mean, atol=1e-8)


def test_more_cannot_be_forgotten_than_was_learned() -> None:
    X, y = rows(8)
    with pytest.raises(ValueError, match="cannot forget rows of weight 200: the model holds 100"):
        fitted(X[:100], y[:100]).forget(X, y)


def test_drift_weighs_rows_by_their_age_in_weeks_and_leaves_the_prior_alone() -> None:
    X, y = rows(9, m=60)
    weeks = np.repeat([40, 41, 44], 20)
    drifting = model(0.8)
    drifting.update_many(X, y, weeks=weeks)
    drifting.advance(45)
    g = 0.8 ** (45.0 - weeks)
    np.testing.assert_allclose(drifting.A, (X * g[:, None]).T @ X, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(drifting.b, (g * y) @ X, rtol=1e-12, atol=1e-12)
    drifting.advance(4000)
    np.testing.assert_allclose(drifting.mean, drifting.prior_mean, atol=1e-12)


@given(order=st.permutations(range(12)))
def test_drift_does_not_depend_on_the_order_of_arrival(order: list[int]) -> None:
    X, y = rows(10, m=12)
    arrived = model(0.7)
    for i in order:
        arrived.update(X[i], y[i], week=i // 3)
    batch = model(0.7)
    batch.update_many(X, y, weeks=np.arange(12) // 3)
    np.testing.assert_allclose(arrived.A, batch.A, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("shape", [(1,), (2,), (3, 5), (1, 1), (7, 200), (256, 11)])
def test_a_candidate_has_the_same_bits_alone_and_in_any_batch(shape: tuple[int, ...]) -> None:
    X, y = rows(11)
    fit = fitted(X, y)
    columns = np.random.default_rng(11).uniform(-1, 1, (D, *shape))
    mean, std = fit.predict_columns(columns)
    assert mean.shape == std.shape == shape
    flat = columns.reshape(D, -1)
    for j in range(0, flat.shape[1], 1 + flat.shape[1] // 40):
        alone = fit.predict_columns(flat[:, j])
        assert (float(alone[0]), float(alone[1])) == (mean.flat[j], std.flat[j])
    by_rows = fit.predict(np.moveaxis(columns, 0, -1))
    np.testing.assert_array_equal(by_rows[0], mean)
    np.testing.assert_array_equal(by_rows[1], std)


def test_sampled_weights_have_the_moments_of_the_posterior() -> None:
    X, y = rows(12, m=10)
    fit = fitted(X, y)
    draws = fit.sample(np.random.default_rng(12), 200_000)
    sd = np.sqrt(np.diag(fit.covariance))
    np.testing.assert_allclose(draws.mean(axis=0), fit.mean, atol=5 * sd.max() / np.sqrt(200_000))
    np.testing.assert_allclose(np.cov(draws.T), fit.covariance, atol=5 * np.sqrt(2 / 200_000) * sd.max() ** 2)
    np.testing.assert_array_equal(draws[:3], fit.sample(np.random.default_rng(12), 3))


def test_written_to_arrays_and_read_is_the_same_model() -> None:
    X, y = rows(13)
    before = model(0.9)
    before.update_many(X, y, weeks=7)
    after = BayesianLinear.from_arrays(before.to_arrays())
    for here, there in zip(before.predict(X), after.predict(X), strict=True):
        np.testing.assert_array_equal(here, there)
    for name, array in before.to_arrays().items():
        np.testing.assert_array_equal(array, after.to_arrays()[name])


def test_a_copy_is_independent_and_inputs_stay_untouched() -> None:
    X, y = rows(14)
    X_before, y_before = X.copy(), y.copy()
    first = fitted(X, y)
    mean = first.mean.copy()
    first.copy().update(X[0], 100.0)
    np.testing.assert_array_equal(first.mean, mean)
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(y, y_before)


def test_errors_say_what_is_wrong() -> None:
    X, y = rows(15)
    with pytest.raises(ValueError, match=r"x must have shape \(6,\), got \(5,\)"):
        model().update(X[0, :5], 1.0)
    with pytest.raises(ValueError, match="finite"):
        model().update(X[0], float("nan"))
    with pytest.raises(ValueError, match="finite"):
        model().update_many(np.where(X > 0.9, np.inf, X), y)
    with pytest.raises(ValueError, match=r"X must be \(m, 6\) with m rewards"):
        model().update_many(X, y[1:])
    with pytest.raises(ValueError, match="6 features first"):
        model().predict(X[:, 1:])
    with pytest.raises(ValueError, match="week of each row"):
        model(0.9).update(X[0], 1.0)
    with pytest.raises(ValueError, match="prior_precision must be above 0"):
        BayesianLinear(2, prior_precision=0.0)
    with pytest.raises(ValueError, match="noise_variance"):
        BayesianLinear(2, noise_variance=-1.0)
    with pytest.raises(ValueError, match="weekly_decay"):
        BayesianLinear(2, weekly_decay=1.1)
    with pytest.raises(ValueError, match="prior_mean must be one finite number or 2"):
        BayesianLinear(2, [1.0, 2.0, 3.0])
    stranger = fitted(X, y)
    stranger.forget(np.full((50, D), 10.0), np.zeros(50))
    with pytest.raises(ValueError, match="no longer positive definite"):
        stranger.predict(X)
