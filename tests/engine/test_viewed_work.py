"""Work without a score counts as used: a video that was watched is not proposed day after day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from segue.engine.recommender import Recommender, fit
from segue.engine.requests.request import Request
from segue.features.catalogue import Catalogue, Floats, Resource
from segue.features.contexts.context_columns import INDEX
from segue.features.history.attempts import Attempt
from segue.features.history.learner_state import SITTING, LearnerState
from segue.features.history.streaming_update import update
from segue.features.vectors.interests import worked_through

NOW = datetime(2026, 9, 7, 8, tzinfo=UTC)
VIDEO, OTHER_VIDEO, EXERCISE, OF_ANOTHER_SKILL = 0, 1, 2, 4


@pytest.fixture(scope="module")
def made() -> Recommender:
    kinds = ("video", "video", "exercise", "exercise")
    resources = [Resource(f"{s}{i}", skills=(s,), kind=kinds[i]) for s in "abc" for i in range(4)]
    return fit(Catalogue.build(resources), pd.DataFrame(), rng=np.random.default_rng(0), now=NOW)


def watched(made: Recommender, resource: int, *hours_ago: float) -> LearnerState:
    state = LearnerState.fresh(made.catalogue)
    for hours in hours_ago:
        state.view(resource, (NOW - timedelta(hours=hours)).timestamp())
    return state


def uses(made: Recommender, state: LearnerState) -> Floats:
    asked = made.asked((Request("u", NOW, state=state, k=3),))
    return np.asarray(4.0 * made.kernel.scene(asked).columns[INDEX["uses"], 0])


def test_what_was_watched_yesterday_waits(made: Recommender) -> None:
    for seed in range(20):
        state = watched(made, VIDEO, 20.0)
        playlist = made.recommend(Request("u", NOW, state=state, k=6), rng=np.random.default_rng(seed))
        assert len(playlist.steps) == 6
        assert "a0" not in {step.resource for step in playlist.steps}


def test_views_of_one_sitting_are_one_use(made: Recommender) -> None:
    assert uses(made, watched(made, VIDEO, 72.0, 71.0, 70.0))[VIDEO] == pytest.approx(1.5)
    assert uses(made, watched(made, VIDEO, 72.0, 72.0 - SITTING / 3600.0))[VIDEO] == pytest.approx(3.0)


def test_explanations_wait_until_an_answer_follows(made: Recommender) -> None:
    state = watched(made, VIDEO, 72.0)
    four = [VIDEO, OTHER_VIDEO, EXERCISE, OF_ANOTHER_SKILL]
    assert uses(made, state)[four].tolist() == [1.5, 0.5, 0.0, 0.0]
    later = (NOW - timedelta(hours=48)).timestamp()
    update(state, Attempt(EXERCISE, 1.0, later, 0), made.kernel.parameters)
    assert uses(made, state)[[VIDEO, OTHER_VIDEO, EXERCISE]].tolist() == [1.0, 0.0, 1.0]


def test_what_is_viewed_and_answered_counts_once(made: Recommender) -> None:
    state, when = watched(made, EXERCISE, 72.0), (NOW - timedelta(hours=72)).timestamp()
    update(state, Attempt(EXERCISE, 1.0, when, 0), made.kernel.parameters)
    assert uses(made, state)[EXERCISE] == 1.0


def test_a_state_with_views_comes_back_from_its_bytes(made: Recommender) -> None:
    state = watched(made, OTHER_VIDEO, 90.0)
    state.view(VIDEO, float("nan"))
    back = LearnerState.from_bytes(state.to_bytes())
    assert back.to_bytes() == state.to_bytes()
    assert sorted(back.views.ids.tolist()) == [VIDEO, OTHER_VIDEO]
    assert uses(made, back)[VIDEO] == 2.0


@pytest.mark.parametrize(
    ("kind", "event", "completed", "used"),
    [
        ("video", "view", None, True),
        ("exercise", "view", None, False),
        ("exercise", "completion", 1.0, True),
        ("video", "view", 0.0, False),
        ("video", "choice", None, False),
    ],
)
def test_opening_what_only_asks_is_not_doing_it(
    kind: str, event: str, completed: float | None, *, used: bool
) -> None:
    assert worked_through(Resource("r", skills=("a",), kind=kind), event, completed) == used
