"""The transformers: scikit-learn's checks, rows in their place, pipelines, and never a row's own score."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from segue.features.history.attempts import Attempts
from segue.features.vectors.learner_vector import NAMES
from segue.features.vectors.transformers import InterestVectors, LearnerVectors
from segue.models.success_probability import LogisticSuccess

MakeAttempts = Callable[..., Attempts]


@pytest.fixture(name="frame", scope="module")
def class_of_thirty() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 900
    learner, resource = np.repeat(np.arange(30), 30), rng.integers(0, 12, n)
    right = rng.random(n) < 1 / (
        1 + np.exp(-(rng.normal(size=30)[learner] + np.linspace(-1, 2, 12)[resource]))
    )
    times = pd.Timestamp("2026-09-01", tz="UTC") + pd.to_timedelta(rng.permutation(n) * 60, unit="s")
    return pd.DataFrame(
        {"learner": learner, "resource": resource, "score": right.astype(float), "time": times}
    ).sample(frac=1.0, random_state=1)


WITHOUT_ARRAYS = (
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_valid_tag_types,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    estimator_checks.check_mixin_order,
    estimator_checks.check_parameters_default_constructible,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_set_params,
)
SKILLS = {str(i): (f"s{i % 4}", "all") for i in range(12)}


@pytest.mark.parametrize("estimator", [LearnerVectors(), InterestVectors()])
def test_scikit_learns_applicable_checks(estimator: LearnerVectors | InterestVectors) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says which checks need an array, that a frame cannot be
        results = estimator_checks.check_estimator(estimator, on_fail=None)
    assert [r["check_name"] for r in results if r["status"] == "failed"] == []
    for check in WITHOUT_ARRAYS:
        check(type(estimator).__name__, estimator)


def test_rows_stay_in_their_place(frame: pd.DataFrame) -> None:
    vectors = LearnerVectors(skills=SKILLS).fit(frame)
    one = vectors.transform(frame)
    pd.testing.assert_index_equal(one.index, frame.index)
    assert one.columns.tolist() == vectors.get_feature_names_out().tolist() == list(NAMES)
    tidy = frame.sort_values(["learner", "time"])
    pd.testing.assert_frame_equal(vectors.transform(tidy).loc[frame.index], one)
    first = tidy.groupby("learner").head(1).index
    assert (one.loc[first, "learner_log_successes"] == 0.0).all()


def test_a_score_never_enters_its_own_vector(frame: pd.DataFrame) -> None:
    vectors = LearnerVectors(skills=SKILLS).fit(frame)
    flipped = frame.assign(score=1.0 - frame["score"])
    first = frame.sort_values("time").groupby("learner").head(1).index
    pd.testing.assert_frame_equal(vectors.transform(frame).loc[first], vectors.transform(flipped).loc[first])


def test_in_a_pipeline_it_predicts_learners_held_out(frame: pd.DataFrame) -> None:
    model = make_pipeline(LearnerVectors(skills=SKILLS), StandardScaler(), LogisticRegression(C=0.1))
    groups = frame["learner"]
    found = cross_val_score(model, frame, frame["score"], groups=groups, cv=GroupKFold(3), scoring="roc_auc")
    assert found.mean() > 0.65


def test_training_rows_do_not_know_their_own_answers(frame: pd.DataFrame) -> None:
    fitted = LearnerVectors(folds=30)
    before = fitted.fit_transform(frame)["item_logit"]
    own = frame["learner"] == 3
    flipped = frame.assign(score=frame["score"].where(~own, 1.0 - frame["score"]))
    after = clone(fitted).fit_transform(flipped)["item_logit"]
    pd.testing.assert_series_equal(before[own], after[own])
    assert not before.equals(after)


def test_resources_never_met_get_a_difficulty_all_the_same(frame: pd.DataFrame) -> None:
    vectors = LearnerVectors().fit(frame)
    new = frame.assign(resource="new")
    assert vectors.transform(new)["item_logit"].nunique() == 1


def test_numbers_serve_as_times_and_no_time_as_well(frame: pd.DataFrame) -> None:
    vectors = LearnerVectors(skills=SKILLS).fit(frame)
    seconds = frame.assign(time=frame["time"].dt.as_unit("ns").astype("int64") / 1e9)
    pd.testing.assert_frame_equal(vectors.transform(seconds), vectors.transform(frame))
    untimed = vectors.transform(frame.drop(columns="time"))
    assert (untimed[[name for name in NAMES if name.endswith("_7d")]] == 0.0).all(axis=None)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((3, 3)), "X must be a frame with columns learner, resource, got ndarray"),
        (pd.DataFrame({"learner": ["a"]}), r"got \['learner'\]"),
    ],
)
def test_other_input_is_refused(X: pd.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LearnerVectors().fit(X)


def test_interests_halve_with_every_view_and_start_empty() -> None:
    views = pd.DataFrame(
        {
            "learner": ["a", "b", "a", "a"],
            "item": ["x", "y", "y", "x"],
            "time": [3.0, 1.0, 5.0, 4.0],
        }
    )
    fitted = InterestVectors(tags={"x": ["music", "art"], "y": ["art"]}).fit(views)
    assert fitted.get_feature_names_out().tolist() == ["art", "music"]
    np.testing.assert_allclose(
        fitted.transform(views).to_numpy(), [[0.0, 0.0], [0.0, 0.0], [1.5, 1.5], [1.0, 1.0]]
    )


def test_a_row_without_a_score_is_a_question_that_changes_nothing(frame: pd.DataFrame) -> None:
    vectors = LearnerVectors(skills=SKILLS).fit(frame)
    whole = vectors.transform(frame)
    asked = frame.assign(score=frame["score"].where(np.random.default_rng(0).random(len(frame)) < 0.8))
    known = asked[asked["score"].notna()]
    found = vectors.transform(asked)
    pd.testing.assert_frame_equal(found.loc[known.index], vectors.transform(known))
    first = asked[asked["score"].isna()].sort_values("time").groupby("learner").head(1).index
    pd.testing.assert_frame_equal(found.loc[first], whole.loc[first])  # what came before is the same
    nothing = vectors.transform(frame.drop(columns="score"))
    assert (nothing["learner_log_successes"] == 0.0).all()


def test_scores_may_come_as_y_and_the_columns_are_remembered(frame: pd.DataFrame) -> None:
    bare = frame.drop(columns="score")
    fitted = LearnerVectors(skills=SKILLS)
    pd.testing.assert_frame_equal(
        fitted.fit_transform(bare, frame["score"]), clone(fitted).fit_transform(frame)
    )
    assert fitted.feature_names_in_.tolist() == bare.columns.tolist()
    assert fitted.n_features_in_ == len(bare.columns)
    assert isinstance(fitted.set_output(transform="pandas").transform(frame), pd.DataFrame)


def test_a_search_reaches_into_the_pipeline(frame: pd.DataFrame) -> None:
    model = Pipeline([("vectors", LearnerVectors(skills=SKILLS)), ("success", LogisticSuccess())])
    grid = {"success__precision": [100.0, 1e7], "vectors__folds": [5]}
    search = GridSearchCV(model, grid, cv=GroupKFold(2), scoring="neg_log_loss")
    search.fit(frame, frame["score"].astype(int), groups=frame["learner"])
    assert search.best_params_["success__precision"] in (100.0, 1e7)
    assert np.isfinite(search.best_score_)
    calibrated = CalibratedClassifierCV(model, cv=2).fit(frame, frame["score"].astype(int))
    assert calibrated.predict_proba(frame).shape == (len(frame), 2)
