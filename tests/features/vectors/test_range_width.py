"""Ranges are as wide as learners differ: the spread that was planted is found."""

from __future__ import annotations

import numpy as np
import pytest

from segue.features.catalogue import Catalogue, Resource
from segue.features.history.attempts import Attempts, HistoryParameters
from segue.features.vectors.range_width import WIDEST, extra_precision, widened


def answers(of_learner: float, of_skill: float, *, n: int, seed: int) -> tuple[Attempts, HistoryParameters]:
    """Return two answers at each of two skills of `n` learners who differ by these variances around 0."""
    rng = np.random.default_rng(seed)
    catalogue = Catalogue.build([Resource(f"r{i}", skills=(f"s{i // 2}",)) for i in range(4)])
    parameters = HistoryParameters.of(
        catalogue, item_logit=np.zeros(4), skill_logit=np.zeros(2), global_logit=0.0
    )
    own = rng.normal(0.0, np.sqrt(of_learner), (n, 1)) + rng.normal(0.0, np.sqrt(of_skill), (n, 2))
    chance = 1.0 / (1.0 + np.exp(-own[:, [0, 1, 0, 1]]))
    score = (rng.random((n, 4)) < chance).astype(float).ravel()
    learner, resource = np.repeat(np.arange(n), 4), np.tile([0, 2, 1, 3], n)
    return Attempts.sorted(learner, resource, score, np.full(4 * n, np.nan), np.arange(4 * n)), parameters


@pytest.mark.parametrize(("of_learner", "of_skill"), [(0.3, 0.1), (0.1, 0.4), (0.3, 0.3)])
def test_planted_spreads_are_found(of_learner: float, of_skill: float) -> None:
    attempts, parameters = answers(of_learner, of_skill, n=20_000, seed=1)
    nothing = np.zeros(len(attempts))
    extra = extra_precision(nothing, nothing, attempts, parameters)
    found = [1.0 / (1.0 + e) for e in extra]  # the filter starts both from variance 1
    # predictions of 0 throughout know nothing, so what is found is the spread before anything was seen, but
    # the filter's variances have narrowed: the constant is fitted to all pairs together
    assert found[0] == pytest.approx(of_learner, rel=0.4)
    assert found[1] == pytest.approx(of_skill, rel=0.4)
    assert (found[0] > found[1]) == (of_learner > of_skill) or of_learner == of_skill


def test_few_answers_leave_the_filter_as_it_is() -> None:
    attempts, parameters = answers(1.0, 1.0, n=20, seed=1)
    assert extra_precision(np.zeros(80), np.zeros(80), attempts, parameters) == (0.0, 0.0)


def test_a_range_never_turns_round() -> None:
    assert (widened(np.array([0.1, 2.0, 50.0]), -0.5) <= WIDEST).all()
    assert (widened(np.array([0.1, 2.0, 50.0]), 30.0) > 0.0).all()
