"""Each of the teacher's dials moves its own outcome, and leaves the others where they were."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from segue.engine.recommender import Recommender, fit
from segue.engine.requests.request import Dials, Request
from segue.experiments.simulation.simulated_class import SimulatedClass
from segue.features.catalogue import Catalogue, Resource
from segue.features.history.streaming_update import LearnerState, encode, fold

NOW = datetime(2026, 9, 7, 8, tzinfo=UTC)
N_LEARNERS, N_SKILLS, N_RESOURCES, ROUNDS = 80, 24, 192, 6
PACE, MATCH, AUTONOMY = range(3)


@pytest.fixture(scope="module")
def room() -> SimulatedClass:
    """Return a class after four weeks of lessons."""
    rng = np.random.default_rng(0)
    resources = [
        Resource(
            f"r{i}",
            skills=(f"s{i % N_SKILLS}",),
            tags=tuple(f"t{t}" for t in rng.choice(10, 2, replace=False)),
            kind=("lesson", "exercise", "game")[i % 3],
        )
        for i in range(N_RESOURCES)
    ]
    edges = [(f"s{i}", f"s{i + 1}") for i in range(0, N_SKILLS - 1, 2)]
    catalogue = Catalogue.build(resources, prerequisites=edges)
    return SimulatedClass.before(NOW, catalogue, n_learners=N_LEARNERS, weeks=4, rng=rng)


@pytest.fixture(scope="module")
def made(room: SimulatedClass) -> Recommender:
    return fit(room.cohort.world.catalogue, room.events, rng=np.random.default_rng(1), now=NOW)


@pytest.fixture(scope="module")
def learners(room: SimulatedClass, made: Recommender) -> list[tuple[LearnerState, tuple[str, ...]]]:
    """Return the learners' states and stated interests."""
    attempts, names = encode(room.events, made.catalogue)
    states = fold(attempts, len(names), made.kernel.parameters).states()
    stated = dict(zip(room.learners["learner"], room.learners["interests"], strict=True))
    return [(state, tuple(stated[name])) for state, name in zip(states, names, strict=True)]


def outcomes(
    made: Recommender, learners: list[tuple[LearnerState, tuple[str, ...]]], dials: Dials
) -> np.ndarray:
    """Return new ground, interests met and options offered of each learner, (L, 3)."""
    total = np.zeros((len(learners), 3))
    for round_ in range(ROUNDS):
        requests = [
            Request(f"u{i}", NOW, state=state, interests=tags, k=10, dials=dials)
            for i, (state, tags) in enumerate(learners)
        ]
        rngs = [np.random.default_rng([round_, i]) for i in range(len(learners))]
        for i, playlist in enumerate(made.recommend_batch(requests, rngs=rngs)):
            contexts = [step.context for step in playlist.steps]
            total[i, PACE] += np.mean([c["novelty"] for c in contexts])
            total[i, MATCH] += np.mean([c["interest"] for c in contexts])
            total[i, AUTONOMY] += np.mean([max(len(step.menu), 1) for step in playlist.steps])
    return total / ROUNDS


@pytest.mark.parametrize(
    ("dials", "own", "sign"),
    [
        (Dials(pace=1.0), PACE, 1),
        (Dials(pace=-1.0), PACE, -1),
        (Dials(match=1.0), MATCH, 1),
        (Dials(match=-1.0), MATCH, -1),
        (Dials(autonomy=1.0), AUTONOMY, 1),
    ],
)
def test_a_dial_moves_its_own_outcome_only(
    made: Recommender,
    learners: list[tuple[LearnerState, tuple[str, ...]]],
    dials: Dials,
    own: int,
    sign: int,
) -> None:
    before, after = outcomes(made, learners, Dials()), outcomes(made, learners, dials)
    spread = np.where(before.std(axis=0) > 0, before.std(axis=0), 1.0)
    moved = (after - before).mean(axis=0) / spread
    assert sign * moved[own] > 0.4
    others = np.delete(np.abs(moved), own)
    assert (others < 0.1).all()
