"""One more attempt tried out: what the fold itself would do."""

from __future__ import annotations

import numpy as np
import pytest

from segue.features.catalogue import Catalogue, Resource
from segue.features.history.attempts import HistoryParameters
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.history.one_more import one_more
from segue.features.history.streaming_update import Attempt, update


def test_an_attempt_tried_out_is_the_attempt_made() -> None:
    made = Catalogue.build([Resource(f"r{i}", skills=(f"s{i}",)) for i in range(3)])
    logit = np.array([0.4, -0.3, 1.0])  # every resource is a standard item of its skill
    parameters = HistoryParameters.of(made, item_logit=logit, skill_logit=logit, global_logit=0.0)
    rng = np.random.default_rng(0)
    states = [LearnerState.fresh(made) for _ in range(2)]
    for n in range(9):
        for state in states:
            update(state, Attempt(int(rng.integers(2)), float(rng.random()), 1e6 * n, n), parameters)
    now, skills = np.array([2e7, np.nan]), np.array([1, 2])
    tried = one_more(StateBlock.of(states), skills, now=now, parameters=parameters).states()
    for outcome, score in enumerate((1.0, 0.0)):
        for who, state in enumerate(states):
            for skill in skills.tolist():
                after = state.copy()
                update(after, Attempt(skill, score, float(now[who]), 99), parameters)
                found = tried[2 * outcome + who].rows[skill]
                assert found == pytest.approx(after.rows[skill], abs=1e-9)
