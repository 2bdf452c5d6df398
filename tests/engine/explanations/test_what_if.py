"""What would follow is what does follow when the edit is made, and nothing is touched by asking."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from segue.engine.explanations.what_if import Edit
from segue.engine.recommender import Recommender, fit
from segue.engine.requests.request import Dials, Goal, Place, Request
from segue.features.catalogue import Catalogue, CatalogueError, Resource
from segue.features.history.streaming_update import Attempt, LearnerState, update

NOW = datetime(2026, 9, 7, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def made() -> Recommender:
    resources = [Resource(f"r{i}", skills=(f"s{i % 6}",), tags=(f"t{i % 4}",)) for i in range(30)]
    catalogue = Catalogue.build(resources, prerequisites=[(f"s{i}", f"s{i + 1}") for i in range(5)])
    return fit(catalogue, pd.DataFrame(), rng=np.random.default_rng(0), now=NOW)


def asked(made: Recommender) -> Request:
    state = LearnerState.fresh(made.catalogue)
    for i in range(8):
        attempt = Attempt(i, float(i % 3 > 0), NOW.timestamp() - 9e5 + i, i)
        update(state, attempt, made.kernel.parameters)
    return Request("u", NOW, state=state, k=5, interests=("t1",))


def test_an_answer_foreseen_is_the_answer_given(made: Recommender) -> None:
    request = asked(made)
    before = request.state.to_bytes()
    answers = (("r8", 1.0), ("r9", 0.25))
    foreseen = made.what_if(request, Edit(answers=answers), rng=np.random.default_rng(3))
    assert request.state.to_bytes() == before
    for seq, (resource, score) in enumerate(answers):
        code = made.catalogue.resource_index[resource]
        update(request.state, Attempt(code, score, NOW.timestamp(), 100 + seq), made.kernel.parameters)
    assert made.recommend(request, rng=np.random.default_rng(3)) == foreseen


@pytest.mark.parametrize(
    "edit",
    [
        Edit(interests=("t2", "t3")),
        Edit(goal=Goal(("s5",))),
        Edit(place=Place(kinds=("exercise",)), minutes=30.0),
        Edit(dials=Dials(pace=1.0, match=-1.0)),
    ],
)
def test_an_edit_of_the_request_is_the_edited_request(made: Recommender, edit: Edit) -> None:
    request = asked(made)
    given = {name: value for name, value in vars(edit).items() if value not in (None, ())}
    foreseen = made.what_if(request, edit, rng=np.random.default_rng(4))
    assert foreseen == made.recommend(replace(request, **given), rng=np.random.default_rng(4))


def test_nothing_edited_is_the_list_itself(made: Recommender) -> None:
    request = asked(made)
    foreseen = made.what_if(request, Edit(), rng=np.random.default_rng(5))
    assert foreseen == made.recommend(request, rng=np.random.default_rng(5))


def test_faults_are_named(made: Recommender) -> None:
    with pytest.raises(CatalogueError, match="nowhere"):
        made.what_if(asked(made), Edit(answers=(("nowhere", 1.0),)), rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="score must be in"):
        made.what_if(asked(made), Edit(answers=(("r1", 87.0),)), rng=np.random.default_rng(0))


def test_other_interests_take_the_place_of_those_stated(made: Recommender) -> None:
    request = replace(asked(made), interests=())
    request.state.stated[:] = [1.0, 0.0, 0.0, 1.0]
    foreseen = made.what_if(request, Edit(interests=("t2",)), rng=np.random.default_rng(6))
    request.state.stated[:] = [0.0, 0.0, 1.0, 0.0]
    real = made.recommend(request, rng=np.random.default_rng(6))
    assert [s.resource for s in foreseen.steps] == [s.resource for s in real.steps]
    assert [s.score for s in foreseen.steps] == [s.score for s in real.steps]
