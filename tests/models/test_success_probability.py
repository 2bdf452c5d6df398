"""The success models: scikit-learn as the oracle, fractions as weights, the prior as the cold start."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from segue.models.base import Floats
from segue.models.conditional_logit import ConditionalLogit
from segue.models.success_probability import BLOCK_ROWS, BoostedSuccess, LogisticSuccess


@pytest.fixture(name="rows", scope="module")
def random_rows() -> tuple[Floats, Floats]:
    rng = np.random.default_rng(0)
    X = rng.normal(2.0, 3.0, (BLOCK_ROWS + 500, 4)) @ np.diag([1.0, 10.0, 0.1, 1.0])
    X[:, 3] = 5.0  # a column that says nothing
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-(X @ [0.3, -0.02, 4.0, 0.0] - 0.5)))).astype(float)
    return X, y


def test_without_a_prior_mean_it_is_scikit_learns(rows: tuple[Floats, Floats]) -> None:
    X, y = rows
    ours = LogisticSuccess(prior=np.zeros(4), precision=2.0).fit(X, y)
    Z = StandardScaler().fit_transform(X)
    theirs = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(Z, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(Z), atol=1e-6)
    assert ours.weights_[3] == 0.0


def test_a_fraction_is_a_weighted_pair(rows: tuple[Floats, Floats]) -> None:
    X, y = rows[0][:400], rows[1][:400]
    score = np.where(np.arange(400) % 3 == 0, 0.3, y)
    ours = LogisticSuccess(prior=np.zeros(4), precision=1.0).fit(X, score)
    Z = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(
        np.vstack([Z, Z]),
        np.repeat([1.0, 0.0], 400),
        sample_weight=np.concatenate([score, 1.0 - score]) + 1e-300,
    )
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(Z), atol=1e-5)


def test_with_no_data_the_prior_is_the_model() -> None:
    prior = np.array([1.0, -2.0])
    model = LogisticSuccess(prior=prior).fit(np.zeros((0, 2)), np.zeros(0))
    np.testing.assert_allclose(model.decision_function(np.array([[1.0, 0.25]])), [0.5])


def test_a_strong_prior_holds_and_a_weak_one_yields(rows: tuple[Floats, Floats]) -> None:
    X, y = rows[0][:300], rows[1][:300]
    prior = np.array([-1.0, 0.0, 0.0, 0.0])
    strong = LogisticSuccess(prior=prior, precision=1e8).fit(X, y)
    weak = LogisticSuccess(prior=prior, precision=1e-3).fit(X, y)
    np.testing.assert_allclose(strong.weights_[:3], prior[:3], atol=1e-3)
    assert weak.weights_[0] > 0.1


def test_it_is_calibrated_and_changes_no_input(rows: tuple[Floats, Floats]) -> None:
    X, y = rows[0].copy(), rows[1].copy()
    p = LogisticSuccess(prior=np.zeros(4)).fit(X, y).predict_proba(X)
    assert p[:, 1].mean() == pytest.approx(y.mean(), abs=1e-6)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    np.testing.assert_array_equal(X, rows[0])


def test_boosting_finds_what_is_not_linear() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(3000, 2))
    y = ((X[:, 0] * X[:, 1] > 0) == (rng.random(3000) < 0.9)).astype(float)
    p = BoostedSuccess(prior=np.zeros(2)).fit(X[:2000], y[:2000]).predict_proba(X[2000:])[:, 1]
    assert ((p > 0) & (p < 1)).all()
    assert np.mean((p > 0.5) == y[2000:]) > 0.8
    again = BoostedSuccess(prior=np.zeros(2)).fit(X[:2000], y[:2000]).predict_proba(X[2000:])[:, 1]
    np.testing.assert_array_equal(p, again)


def test_boosting_takes_fractions_for_what_they_are() -> None:
    rng = np.random.default_rng(5)
    X = rng.integers(0, 2, (2000, 1)).astype(float)
    model = BoostedSuccess(prior=np.zeros(1)).fit(X, np.where(X[:, 0] > 0, 0.8, 0.3))
    p = model.predict_proba(np.array([[0.0], [1.0]]))
    np.testing.assert_allclose(p[:, 1], [0.3, 0.8], atol=0.02)


def test_choices_recover_the_weights_they_were_drawn_with() -> None:
    rng = np.random.default_rng(4)
    truth = np.array([1.0, -0.5])
    candidates = [rng.normal(size=(int(rng.integers(2, 9)), 2)) for _ in range(2000)]
    chosen = [int(np.argmax(x @ truth + rng.gumbel(size=len(x)))) for x in candidates]
    fitted = ConditionalLogit(precision=1e-6).fit(candidates, chosen)
    # three standard errors of about 1 / sqrt(2000 × .6)
    np.testing.assert_allclose(fitted.weights_, truth, atol=3 / np.sqrt(1200))
    gradient = sum(
        x[j] - np.exp(x @ fitted.weights_) @ x / np.exp(x @ fitted.weights_).sum()
        for x, j in zip(candidates, chosen, strict=True)
    )
    np.testing.assert_allclose(gradient, 0.0, atol=0.5)


def test_no_choice_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one choice"):
        ConditionalLogit().fit([], [])


NOT_APPLICABLE = {
    "check_estimators_empty_data_messages": "no rows at all is a cold start: the model is its prior",
}


@pytest.mark.parametrize("estimator", [LogisticSuccess(), BoostedSuccess()])
def test_scikit_learns_checks_hold(estimator: LogisticSuccess | BoostedSuccess) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = estimator_checks.check_estimator(
            estimator, on_fail=None, expected_failed_checks=NOT_APPLICABLE
        )
    failed = [(r["check_name"], str(r["exception"])) for r in results if r["status"] == "failed"]
    assert failed == []


def test_it_can_be_searched_and_calibrated(rows: tuple[Floats, Floats]) -> None:
    X, y = rows[0][:600], rows[1][:600]
    search = GridSearchCV(LogisticSuccess(), {"precision": [1.0, 1e6]}, scoring="neg_log_loss", cv=3).fit(
        X, y
    )
    assert search.best_params_ == {"precision": 1.0}
    calibrated = CalibratedClassifierCV(make_pipeline(StandardScaler(), LogisticSuccess()), cv=3).fit(X, y)
    assert calibrated.predict_proba(X).shape == (600, 2)
    with pytest.raises(ValueError, match="for each of 4 columns"):
        LogisticSuccess(prior=np.zeros(3)).fit(X, y)
