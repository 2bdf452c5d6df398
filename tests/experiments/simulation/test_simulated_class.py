"""Simulated classes on any catalogue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from segue.experiments.simulation.simulated_class import SimulatedClass
from segue.experiments.simulation.student_models import MODELS
from segue.experiments.simulation.worlds.synthetic_course import course
from segue.features.catalogue import Catalogue, Resource

MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
NAMES = [model.name for model in MODELS]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return course(np.random.default_rng(5), n_skills=12, n_resources=40).catalogue


@pytest.fixture
def room(catalogue: Catalogue) -> SimulatedClass:
    rng = np.random.default_rng(7)
    return SimulatedClass.before(MONDAY, catalogue, n_learners=8, weeks=3, rng=rng)


@pytest.mark.parametrize("model", NAMES)
def test_every_model_gives_well_formed_events(catalogue: Catalogue, model: str) -> None:
    rng = np.random.default_rng(1)
    room = SimulatedClass.before(MONDAY, catalogue, n_learners=6, weeks=2, rng=rng, model=model)
    learners, events = room.learners, room.events
    assert len(learners) == 6
    assert set(events["learner"]) <= set(learners["learner"])
    assert set(events["resource"]) <= {r.resource_id for r in catalogue.resources}
    assert events["event_id"].is_unique
    assert events["time"].is_monotonic_increasing
    assert (events["time"] < MONDAY).all()
    done = events["kind"] == "attempt"
    assert events["score"].notna().equals(done)
    assert set(events.loc[done, "score"]) <= {0.0, 1.0}


def test_the_same_generator_gives_the_same_class(catalogue: Catalogue) -> None:
    one, two = (
        SimulatedClass.before(MONDAY, catalogue, n_learners=5, weeks=2, rng=np.random.default_rng(3))
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one.learners, two.learners)
    pd.testing.assert_frame_equal(one.events, two.events)


def test_playlists_are_done_in_order_two_a_weekday(room: SimulatedClass) -> None:
    wanted = [r.resource_id for r in room.cohort.world.catalogue.resources[:5]]
    events = room.answer({"pupil-003": wanted}, now=MONDAY)
    assert events["resource"].tolist() == wanted
    assert events["step"].tolist() == [1, 2, 3, 4, 5]
    assert events["time"].dt.day_of_week.tolist() == [0, 0, 1, 1, 2]
    assert not set(events["event_id"]) & set(room.events["event_id"])


def test_a_stranger_or_an_unknown_resource_is_named(room: SimulatedClass) -> None:
    with pytest.raises(ValueError, match="'nobody'"):
        room.answer({"nobody": []}, now=MONDAY)
    with pytest.raises(ValueError, match="'no such thing'"):
        room.answer({"pupil-000": ["no such thing"]}, now=MONDAY)


def test_no_playlists_no_events(room: SimulatedClass) -> None:
    assert room.answer({}, now=MONDAY).empty
    assert room.answer({"pupil-000": []}, now=MONDAY).empty


def test_practice_raises_mastery_and_a_month_without_lowers_it(catalogue: Catalogue) -> None:
    rng = np.random.default_rng(11)
    room = SimulatedClass(catalogue, 20, rng=rng, began=MONDAY, model="forgetting")
    skill = catalogue.resources[0].skills[0]
    about = [r.resource_id for r in catalogue.resources if skill in r.skills]
    before = room.mastery(MONDAY)[skill].mean()
    room.answer(dict.fromkeys(room.learners["learner"], about * 2), now=MONDAY)
    after = room.mastery(MONDAY + timedelta(days=7))[skill].mean()
    later = room.mastery(MONDAY + timedelta(days=42))[skill].mean()
    assert after > before + 0.05
    assert before < later < after


def test_a_catalogue_without_labels_or_tags_works() -> None:
    bare = Catalogue.build([Resource(f"r{i}", skills=(f"k{i % 3}",)) for i in range(6)])
    room = SimulatedClass.before(MONDAY, bare, n_learners=3, weeks=1, rng=np.random.default_rng(0))
    learners, events = room.learners, room.events
    assert learners["interests"].tolist() == [[], [], []]
    assert len(events) == 30
