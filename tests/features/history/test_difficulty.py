"""Easiness: the mode of the posterior that the docstring states, shrunk where little is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from segue.features.catalogue import Catalogue, Resource
from segue.features.history.attempts import Attempts, Bools, Floats, Ints
from segue.features.history.difficulty import (
    fit_difficulty,
    fit_difficulty_out_of_fold,
    learner_folds,
    met_out_of_fold,
)

MakeAttempts = Callable[..., Attempts]


def answered(resource: list[int], score: list[float]) -> Attempts:
    n = len(resource)
    return Attempts.sorted(
        np.arange(n), np.array(resource, dtype=np.int64), np.array(score), np.full(n, np.nan), np.arange(n)
    )


def test_the_fit_is_the_mode_of_the_stated_posterior() -> None:
    rng = np.random.default_rng(0)
    labels = rng.normal(size=12)
    catalogue = Catalogue.build(
        [Resource(f"r{i}", skills=(f"s{i % 3}",), difficulty=float(labels[i])) for i in range(12)]
    )
    item, learner = rng.integers(0, 12, 90), rng.integers(0, 8, 90)
    score = (rng.random(90) < 1 / (1 + np.exp(labels[item]))).astype(float)
    z = (labels - labels.mean()) / labels.std()

    def loss(theta: np.ndarray) -> float:
        b, b_set, (b_0, slope), ability = theta[:12], theta[12:15], theta[15:17], theta[17:]
        eta = b[item] + ability[learner]
        prior = ((b - b_set[np.arange(12) % 3] - slope * z) ** 2).sum() / 0.7**2 + ((b_set - b_0) ** 2).sum()
        root = 0.1 * (b_0 - 0.5) ** 2 + (slope + 0.3) ** 2 / 0.3**2
        return float((np.logaddexp(0, eta) - score * eta).sum() + 0.5 * (prior + root + (ability**2).sum()))

    best = minimize(loss, np.zeros(25), method="BFGS", options={"gtol": 1e-8})
    unknown = np.full(90, np.nan)
    fitted = fit_difficulty(Attempts.sorted(learner, item, score, unknown, np.arange(90)), catalogue)
    np.testing.assert_allclose(fitted.item_logit, best.x[:12], atol=1e-3)
    assert fitted.global_logit == pytest.approx(best.x[15], abs=1e-3)
    assert fitted.label_slope == pytest.approx(best.x[16], abs=1e-3)


def test_what_was_never_seen_gets_what_stands_above_it() -> None:
    catalogue = Catalogue.build(
        [
            Resource("easy", skills=("known",)),
            Resource("new", skills=("known",)),
            Resource("other", skills=("hard",)),
            Resource("alien", skills=("unseen",)),
        ]
    )
    fitted = fit_difficulty(answered([0] * 40 + [2] * 40, [1.0] * 36 + [0.0] * 4 + [0.0] * 40), catalogue)
    easy, new, other, alien = fitted.item_logit
    assert easy > new > alien > other
    assert alien == pytest.approx(fitted.global_logit)
    assert fitted.skill_logit[catalogue.skill_index["unseen"]] == pytest.approx(fitted.global_logit)
    assert fitted.skill_logit[0] > fitted.skill_logit[catalogue.skill_index["unseen"]]


def test_rare_resources_are_shrunk_more_than_frequent_ones() -> None:
    catalogue = Catalogue.build([Resource(f"r{i}", skills=("s",)) for i in range(3)])
    fitted = fit_difficulty(answered([0] + [1] * 50 + [2] * 50, [0.0] + [0.0] * 50 + [1.0] * 50), catalogue)
    assert fitted.item_logit[1] < fitted.item_logit[0] < fitted.item_logit[2]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_meaning_of_labels_is_learned(sign: float) -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=60)
    catalogue = Catalogue.build(
        [Resource(f"r{i}", skills=("s",), difficulty=float(sign * truth[i])) for i in range(60)]
    )
    item = np.repeat(np.arange(60), 30)
    score = (rng.random(1800) < 1 / (1 + np.exp(truth[item]))).astype(float)
    fitted = fit_difficulty(answered(item.tolist(), score.tolist()), catalogue)
    assert np.sign(fitted.label_slope) == -sign


def test_without_answers_a_higher_label_is_harder_and_a_missing_one_says_nothing() -> None:
    catalogue = Catalogue.build(
        [Resource(f"r{i}", skills=("s",), difficulty=d) for i, d in enumerate([1.0, 5.0, float("nan")])]
    )
    low, high, missing = fit_difficulty(answered([], []), catalogue).item_logit
    assert low > missing > high


def test_out_of_fold_is_the_fit_without_the_fold(catalogue: Catalogue, make_attempts: MakeAttempts) -> None:
    attempts = make_attempts(0)
    fold = learner_folds(6, 3, np.random.default_rng(0))
    whole, parts = fit_difficulty_out_of_fold(attempts, catalogue, fold)
    np.testing.assert_allclose(whole.item_logit, fit_difficulty(attempts, catalogue).item_logit, atol=1e-9)
    for number, part in enumerate(parts):
        rest = fit_difficulty(attempts.take(fold[attempts.learner] != number), catalogue)
        np.testing.assert_array_equal(part.item_logit, rest.item_logit)


def test_no_learner_meets_a_difficulty_made_of_own_answers(
    catalogue: Catalogue, make_attempts: MakeAttempts
) -> None:
    attempts = make_attempts(0)
    fold = learner_folds(6, 3, np.random.default_rng(0))
    own = attempts.learner == 4
    flipped = replace(attempts, score=np.where(own, 1.0 - attempts.score, attempts.score))
    before, after = (met(log, catalogue, fold) for log in (attempts, flipped))
    np.testing.assert_array_equal(before[own], after[own])
    assert not np.array_equal(before[~own], after[~own])


def test_rows_outside_training_teach_nothing(catalogue: Catalogue, make_attempts: MakeAttempts) -> None:
    attempts = make_attempts(0)
    fold, test = learner_folds(6, 3, np.random.default_rng(0)), attempts.learner == 4
    flipped = replace(attempts, score=np.where(test, 1.0 - attempts.score, attempts.score))
    before, after = (met(log, catalogue, fold, ~test) for log in (attempts, flipped))
    np.testing.assert_array_equal(before, after)


def met(attempts: Attempts, catalogue: Catalogue, fold: Ints, train: Bools | None = None) -> Floats:
    """Return what each attempt met: the easiness of its resource, of its skills together, and of each."""
    found, difficulty = met_out_of_fold(attempts, catalogue, fold=fold, train=train)
    standard = found.standard(difficulty.parameters(catalogue), attempts.resource)
    return np.column_stack([found.item, standard, found.skill[found.reading]])


def test_folds_are_even_and_depend_on_the_seed() -> None:
    fold = learner_folds(11, 3, np.random.default_rng(0))
    assert sorted(np.bincount(fold).tolist()) == [3, 4, 4]
    assert not np.array_equal(fold, learner_folds(11, 3, np.random.default_rng(1)))


def test_easiness_does_not_know_who_happened_to_answer() -> None:
    rng = np.random.default_rng(3)
    ability = np.repeat([1.5, -1.5], 100)  # strong learners meet the first ten resources, weak ones the rest
    learner = np.repeat(np.arange(200), 20)
    item = np.where(rng.random(4000) < 0.8, 0, 10) + rng.integers(0, 10, 4000)
    item = np.where(ability[learner] < 0, 19 - item, item)
    score = (rng.random(4000) < 1 / (1 + np.exp(-ability[learner]))).astype(float)
    catalogue = Catalogue.build([Resource(f"r{i}", skills=("s",)) for i in range(20)])
    b = fit_difficulty(
        Attempts.sorted(learner, item, score, np.full(4000, np.nan), np.arange(4000)), catalogue
    )
    assert abs(b.item_logit[:10].mean() - b.item_logit[10:].mean()) < 0.5  # pooled answers differ by 1.6
