"""The success model read from states: the fast way equals the vectors, bits do not depend on company."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.features.catalogue import Catalogue
from segue.features.history.attempts import Attempts, HistoryParameters
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.history.state_rows import N_ROW
from segue.features.history.streaming_update import fold, update
from segue.features.vectors.carry_over import CarryOver, Moves
from segue.features.vectors.learner_vector import NAMES, design, prior_weights
from segue.features.vectors.success_fit import HIDDEN_COLUMNS
from segue.features.vectors.success_forecast import SuccessReader
from segue.features.vectors.success_model import GROUP_COLUMNS, ForecastWeights, SuccessModel
from segue.models.success_layers import UNITS, HiddenUnits

MakeAttempts = Callable[..., Attempts]
NOW = 1.8e9


@pytest.fixture(scope="module")
def reader(parameters: HistoryParameters) -> SuccessReader:
    return SuccessReader(layered(0, parameters), parameters)


def layered(seed: int, parameters: HistoryParameters) -> SuccessModel:
    """Return a model with every layer at random."""
    rng = np.random.default_rng(seed)
    d, n, n_sets = len(NAMES), len(parameters.item_logit), int(parameters.combination_of.max()) + 1
    inward = np.zeros((d, UNITS))
    inward[HIDDEN_COLUMNS] = rng.normal(0.0, 0.2, (len(HIDDEN_COLUMNS), UNITS))
    moves = [
        Moves.of(np.sort(rng.choice(m * m, m * 2, replace=False)), rng.normal(size=m * 2), m)
        for m in (n_sets, n)
    ]
    return SuccessModel(
        rng.normal(0.0, 0.2, d),
        -0.2,
        0.7,
        CarryOver(0.1, *moves),
        HiddenUnits(inward, rng.normal(size=UNITS), rng.normal(size=UNITS), 0.1),
        rng.normal(0.0, 0.1, (n_sets, 1 + len(GROUP_COLUMNS))),
        rng.normal(0.0, 0.1, (n, 3)),
        ForecastWeights(
            rng.normal(0.0, 0.2, (2, N_ROW)), rng.normal(0.0, 0.1, (2, N_ROW)), np.array([0.1, 0.9, 0.2])
        ),
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_fast_way_equals_the_model_on_the_vectors(
    seed: int,
    catalogue: Catalogue,
    parameters: HistoryParameters,
    make_attempts: MakeAttempts,
) -> None:
    model = layered(seed, parameters)
    reader = SuccessReader(model, parameters)
    attempts = make_attempts(seed, n_learners=1)
    set_of = parameters.combination_of
    X = design(attempts, parameters)
    surprise = attempts.score - 1.0 / (1.0 + np.exp(-(X @ prior_weights())))
    carried = model.carry.carried(attempts, set_of, surprise)
    combination = set_of[attempts.resource]
    logit = model.logit(X, resource=attempts.resource, combination=combination, carried=carried)
    slow = 1.0 / (1.0 + np.exp(-logit))
    state, fast = LearnerState.fresh(catalogue), []
    for i in range(len(attempts)):
        block = StateBlock.of([state])
        fast.append(reader.success(block, attempts.resource[i : i + 1], attempts.time[i])[0, 0])
        update(state, attempts.one(i), parameters)
    np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-9)


@pytest.mark.parametrize("n_candidates", [1, 7, 30])
def test_a_learner_alone_and_in_a_crowd_gets_the_same_bits(
    n_candidates: int, reader: SuccessReader, make_attempts: MakeAttempts
) -> None:
    states = fold(make_attempts(5, n_learners=256), 256, reader.parameters).states()
    crowd = StateBlock.of(states)
    candidates = np.random.default_rng(1).permutation(30)[:n_candidates]
    now = np.linspace(NOW, NOW + 1e6, 256)
    success, forecast = reader.success(crowd, candidates, now), reader.forecast(crowd, 168.0, now)
    for i, state in enumerate(states):
        alone = StateBlock.of([state])
        np.testing.assert_array_equal(reader.success(alone, candidates, now[i])[0], success[i])
        np.testing.assert_array_equal(reader.forecast(alone, 168.0, now[i])[0], forecast[i])


def test_a_candidate_gets_the_same_bits_in_any_company(
    reader: SuccessReader, make_attempts: MakeAttempts
) -> None:
    block = fold(make_attempts(6), 6, reader.parameters)
    whole = reader.success(block, np.arange(30), NOW)
    for i in range(30):
        np.testing.assert_array_equal(reader.success(block, np.array([i]), NOW)[:, 0], whole[:, i])


def test_a_model_that_has_seen_nothing_is_the_filter(
    parameters: HistoryParameters, catalogue: Catalogue
) -> None:
    reader = SuccessReader.of(prior_weights(), 0.0, parameters)
    block = StateBlock.of([LearnerState.fresh(catalogue)])
    p = reader.success(block, np.arange(30), NOW)[0]
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-parameters.item_logit)), rtol=1e-12)
    np.testing.assert_allclose(
        reader.forecast(block, 24.0, NOW)[0], 1 / (1 + np.exp(-parameters.skill_logit)), rtol=1e-12
    )


def test_an_unknown_time_reads_as_no_features_of_time(
    reader: SuccessReader, make_attempts: MakeAttempts
) -> None:
    block = fold(make_attempts(4, unknown=0.0), 6, reader.parameters)
    unknown = reader.success(block, np.arange(30), float("nan"))
    assert np.isfinite(unknown).all()
    assert not np.array_equal(unknown, reader.success(block, np.arange(30), NOW))


def test_weights_of_another_length_are_refused(parameters: HistoryParameters) -> None:
    with pytest.raises(ValueError, match="one entry for each of"):
        SuccessReader.of(np.zeros(3), 0.0, parameters)
