"""The gain of a practice: what the forecast would be after the fold itself, right or wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segue.features.catalogue import Catalogue, Resource
from segue.features.contexts.look_ahead import look_ahead
from segue.features.history.attempts import HistoryParameters
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.history.state_rows import N_ROW
from segue.features.history.streaming_update import Attempt, update
from segue.features.vectors.success_forecast import WEEK_HOURS, SuccessReader
from segue.features.vectors.success_model import ForecastWeights, SuccessModel

N = 5
SKILLS = np.array([1, 2, 4])


def reader(parameters: HistoryParameters) -> SuccessReader:
    """Return a reader whose forecast reads everything there is."""
    rng = np.random.default_rng(3)
    model = SuccessModel.prior(n_combinations=N, n_items=N)
    level, fading = rng.normal(0, 0.3, (2, N_ROW)), rng.normal(0, 0.05, (2, N_ROW))
    object.__setattr__(model, "forecast", ForecastWeights(level, fading, np.array([0.1, 0.8, 0.3])))
    return SuccessReader(model, parameters)


@pytest.mark.parametrize("now", [2e7, 4e6, math.nan])
def test_a_practice_tried_out_is_the_practice_made(now: float) -> None:
    made = Catalogue.build([Resource(f"r{i}", skills=(f"s{i}",)) for i in range(N)])
    logit = np.array([0.4, -0.3, 1.0, 0.2, -1.2])  # every resource is a standard item of its skill
    parameters = HistoryParameters.of(made, item_logit=logit, skill_logit=logit, global_logit=0.0)
    reads, rng = reader(parameters), np.random.default_rng(0)
    states = [LearnerState.fresh(made) for _ in range(4)]
    for n in range(9):
        for who, state in enumerate(states[1:]):  # the first one has done nothing
            time = 1e6 * n if who else math.nan  # the second one's times are not known
            update(state, Attempt(int(rng.integers(3)), float(rng.random()), time, n), parameters)
    block = StateBlock.of(states)
    reading = reads.reading(block, np.full(len(states), now))
    chance, later = reading.forecasts
    gain = look_ahead(reading, chance, later, skills=SKILLS)
    assert not gain[:, [0, 3]].any()
    for who, state in enumerate(states):
        for skill in SKILLS.tolist():
            right, wrong = (
                reads.forecast(tried(state, skill, score, now, parameters), WEEK_HOURS, now)[0, skill]
                for score in (1.0, 0.0)
            )
            p = chance[who, skill]
            expected = p * right + (1.0 - p) * wrong - later[who, skill]
            assert gain[who, skill] == pytest.approx(expected, abs=1e-12)
        alone = reads.reading(StateBlock.of([state]), np.array([now]))
        assert np.array_equal(look_ahead(alone, *alone.forecasts, skills=SKILLS)[0], gain[who])


def tried(
    state: LearnerState, skill: int, score: float, now: float, parameters: HistoryParameters
) -> StateBlock:
    """Return a learner after one more attempt; what is known over all skills stays as it was."""
    after = state.copy()
    update(after, Attempt(skill, score, now, 99), parameters)
    after.rows[-1] = state.rows[-1]
    return StateBlock.of([after])
