"""The fit: no worse than its prior on few learners, saved as arrays, and forecasts that never rise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from segue.features.catalogue import Catalogue, Resource
from segue.features.history.attempts import Attempts, Floats, HistoryParameters
from segue.features.history.difficulty import EasinessMet
from segue.features.vectors.forecast_fit import columns, forecast_rows
from segue.features.vectors.success_fit import (
    FEWEST_LEARNERS,
    TrainingRows,
    drawn_learners,
    fit_model,
    training_rows,
)
from segue.features.vectors.success_forecast import SuccessReader
from segue.features.vectors.success_model import SuccessModel

DAY = 86400.0
MakeAttempts = Callable[..., Attempts]


def school(seed: int, n_learners: int) -> tuple[Attempts, Catalogue]:
    """Return learners of differing ability who come every other day and forget a little in between."""
    rng = np.random.default_rng(seed)
    n = 100
    catalogue = Catalogue.build([Resource(f"r{i}", skills=(f"s{i % 6}",)) for i in range(24)])
    learner, resource = np.repeat(np.arange(n_learners), n), rng.integers(0, 24, n_learners * n)
    time = np.tile(np.repeat(np.arange(10) * 2 * DAY, 10) + np.tile(np.arange(10) * 60.0, 10), n_learners)
    logit = rng.normal(size=n_learners)[learner] + np.linspace(-1.5, 2.0, 24)[resource]
    score = (rng.random(len(logit)) < 1.0 / (1.0 + np.exp(-logit))).astype(np.float64)
    return Attempts(learner, resource, score, time + 1.7e9, np.arange(len(logit))), catalogue


def loss(model: SuccessModel, rows: TrainingRows, at: np.ndarray) -> float:
    resource, y = rows.attempts.resource[at], rows.attempts.score[at]
    logit = model.logit(
        rows.X[at], resource=resource, combination=rows.combination[at], carried=rows.carried[at]
    )
    return float((np.logaddexp(0.0, logit) - y * logit).mean())


@pytest.mark.parametrize("n_learners", [2, 5, 10])
def test_a_fit_on_few_learners_is_no_worse_than_its_prior(n_learners: int) -> None:
    gained = []
    for seed in range(3):
        attempts, catalogue = school(seed, n_learners + 20)
        train = attempts.learner < n_learners
        fold = np.arange(n_learners + 20) % min(n_learners, 5)
        rows = training_rows(attempts, catalogue, fold=fold, train=train)
        model = fit_model(rows, rng=np.random.default_rng(0))
        prior = SuccessModel.prior(n_combinations=len(model.combination_slopes), n_items=24)
        assert model.layered == (n_learners >= FEWEST_LEARNERS)
        at = np.flatnonzero(~train)
        gained.append(loss(prior, rows, at) - loss(model, rows, at))
    assert np.mean(gained) > -0.002


def test_a_model_survives_its_arrays() -> None:
    attempts, catalogue = school(1, 20)
    rows = training_rows(attempts, catalogue, fold=np.arange(20) % 4)
    model = fit_model(rows, rng=np.random.default_rng(0))
    again = SuccessModel.from_arrays(model.to_arrays())
    at = np.arange(len(attempts))
    assert loss(again, rows, at) == loss(model, rows, at)
    same = fit_model(rows, rng=np.random.default_rng(0))
    for name, array in model.to_arrays().items():
        np.testing.assert_array_equal(array, same.to_arrays()[name])


def test_a_forecast_is_of_state_and_moment_alone_and_never_rises() -> None:
    from segue.features.history.streaming_update import fold

    attempts, catalogue = school(2, 20)
    rows = training_rows(attempts, catalogue, fold=np.arange(20) % 4)
    reader = SuccessReader(fit_model(rows, rng=np.random.default_rng(0)), rows.parameters)
    block, now = fold(attempts, 20, rows.parameters), float(attempts.time.max())
    ahead = np.stack([reader.forecast(block, 24.0 * days, now) for days in (0.0, 1.0, 7.0, 30.0, 60.0)])
    assert (np.diff(ahead, axis=0) <= 1e-12).all()
    np.testing.assert_allclose(reader.forecast(block, 0.0, now + 7 * DAY), ahead[2], rtol=1e-12)


def test_forecast_rows_are_states_of_the_past(
    parameters: HistoryParameters, make_attempts: MakeAttempts
) -> None:
    attempts = make_attempts(3, unknown=0.0)
    met, every = EasinessMet.by(parameters, attempts.resource), np.ones(len(attempts), dtype=np.bool_)

    def read(score: Floats) -> tuple[Floats, np.ndarray]:
        changed = Attempts(attempts.learner, attempts.resource, score, attempts.time, attempts.seq)
        rng = np.random.default_rng(0)
        found = forecast_rows(changed, parameters, met=met, chosen=every, share=1.0, rng=rng)
        return columns(found), found.attempt

    row = len(attempts) // 2
    flipped = np.where(np.arange(len(attempts)) == row, 1.0 - attempts.score, attempts.score)
    (before, attempt), (after, _) = read(attempts.score), read(flipped)
    np.testing.assert_array_equal(before[attempt <= row], after[attempt <= row])


def test_of_a_long_log_vectors_are_made_for_learners_drawn_by_lot() -> None:
    attempts, catalogue = school(0, 20)
    assert drawn_learners(attempts, len(attempts), np.random.default_rng(1)) is None
    some = drawn_learners(attempts, 750, np.random.default_rng(1))
    assert some is not None
    drawn = attempts.learner[some]
    assert np.array_equal(np.unique(drawn, return_counts=True)[1], np.full(7, 100))  # whole ones
    assert drawn.max() > 6  # not the first ones
    fold = np.arange(20) % 4
    whole, part = (
        training_rows(attempts, catalogue, fold=fold),
        training_rows(attempts, catalogue, fold=fold, some=some),
    )
    assert np.array_equal(part.X, whole.X[some])  # histories are read with the difficulty of all attempts
    assert np.array_equal(part.parameters.item_logit, whole.parameters.item_logit)
