"""Reads of states: bits do not depend on company, bytes keep everything, a long pause makes less sure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from segue.features.catalogue import Catalogue
from segue.features.history.attempts import Attempts, HistoryParameters
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.history.state_columns import LAST_TIME, USES
from segue.features.history.streaming_update import fold, update
from segue.features.vectors.learner_vector import NAMES
from segue.features.vectors.mastery import epoch_seconds, evidence, mastery, recent_residual
from segue.features.vectors.success_forecast import SuccessReader

MakeAttempts = Callable[..., Attempts]
NOW = 1.8e9


@pytest.fixture(scope="module")
def reader(parameters: HistoryParameters) -> SuccessReader:
    weights = np.random.default_rng(0).normal(0.0, 0.2, len(NAMES))
    return SuccessReader.of(weights, 0.1, parameters)


def test_the_mastery_of_a_learner_alone_and_in_a_crowd_has_the_same_bits(
    reader: SuccessReader, make_attempts: MakeAttempts
) -> None:
    states = fold(make_attempts(5, n_learners=256), 256, reader.parameters).states()
    now = np.linspace(NOW, NOW + 1e6, 256)
    mean, variance = mastery(StateBlock.of(states), now)
    for i, state in enumerate(states):
        alone = mastery(StateBlock.of([state]), now[i])
        np.testing.assert_array_equal(alone[0][0], mean[i])
        np.testing.assert_array_equal(alone[1][0], variance[i])


def test_bytes_keep_everything_and_say_the_same_for_the_same_history(
    reader: SuccessReader, catalogue: Catalogue, make_attempts: MakeAttempts
) -> None:
    state = fold(make_attempts(2), 6, reader.parameters).states()[0]
    state.stated[1], state.revealed[2], state.kinds[0, 1] = 1.0, 0.25, 3.0
    data = state.to_bytes()
    again = LearnerState.from_bytes(data)
    assert again.to_bytes() == data
    assert state.copy().to_bytes() == data
    a, b = StateBlock.of([state]), StateBlock.of([again])
    np.testing.assert_array_equal(
        reader.success(a, np.arange(30), NOW), reader.success(b, np.arange(30), NOW)
    )
    attempt = make_attempts(9).one(0)
    update(state, attempt, reader.parameters)
    update(again, attempt, reader.parameters)
    assert again.to_bytes() == state.to_bytes() != data
    assert len(LearnerState.fresh(catalogue).to_bytes()) < 300


def test_plain_reads(reader: SuccessReader, make_attempts: MakeAttempts) -> None:
    attempts = make_attempts(11, unknown=0.0)
    block = fold(attempts, 6, reader.parameters)
    own = attempts.learner == 2
    uses = np.bincount(attempts.resource[own], minlength=30)
    known = block.item_owner == 2
    np.testing.assert_array_equal(block.item_values[known, USES], uses[block.item_id[known]])
    assert known.sum() == np.count_nonzero(uses)
    tried = (reader.parameters.skill_matrix[attempts.resource[own]] == 3).any(axis=1)
    assert evidence(block)[2, 3] == tried.sum()
    assert np.abs(recent_residual(block)).max() < 1.0
    assert block.of_skills(block.touched[:, LAST_TIME], -np.inf)[2, 3] == attempts.time[own][tried].max()
    mean, variance = mastery(block, NOW)
    assert mean.shape == variance.shape == (6, len(reader.parameters.skill_logit))
    assert (variance > 0).all()


def test_mastery_is_less_sure_after_a_long_pause(reader: SuccessReader, make_attempts: MakeAttempts) -> None:
    block = fold(make_attempts(11, unknown=0.0), 6, reader.parameters)
    tried = evidence(block) > 0
    last = float(block.general[:, LAST_TIME].max())
    soon, late = mastery(block, last)[1], mastery(block, last + 30 * 86400.0)[1]
    assert (late[tried] >= soon[tried]).all()
    assert (late[tried] > soon[tried]).any()


def test_a_naive_now_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        epoch_seconds(datetime(2026, 9, 1))
    assert epoch_seconds(datetime(1970, 1, 2, tzinfo=UTC)) == 86400.0
