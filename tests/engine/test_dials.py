"""Each of the teacher's dials moves its own outcome, and leaves the others where they were."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest

from segue.engine.recommender import Recommender, fit
from segue.engine.requests.request import Dials, Request
from segue.experiments.simulation.simulated_class import SimulatedClass
from segue.features.catalogue import Catalogue, Resource
from segue.features.history.streaming_update import LearnerState, encode, fold

NOW = datetime(2026, 9, 7, 8, tzinfo=UTC)
N_LEARNERS, N_SKILLS, N_RESOURCES, ROUNDS = 80, 24, 192, 3
PACE, MATCH, AUTONOMY = range(3)


@dataclass(frozen=True)
class Room:
    """A class after four weeks of lessons: what decides, and the learners' states and stated interests."""

    made: Recommender
    learners: list[tuple[LearnerState, tuple[str, ...]]]

    @classmethod
    def of(cls, seed: int) -> Room:
        """Return a class of a course of its own."""
        rng = np.random.default_rng(seed)
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
        room = SimulatedClass.before(NOW, catalogue, n_learners=N_LEARNERS, weeks=4, rng=rng)
        made = fit(room.cohort.world.catalogue, room.events, rng=np.random.default_rng(1), now=NOW)
        attempts, names = encode(room.events, made.catalogue)
        states = fold(attempts, len(names), made.kernel.parameters).states()
        stated = dict(zip(room.learners["learner"], room.learners["interests"], strict=True))
        return cls(made, [(state, tuple(stated[name])) for state, name in zip(states, names, strict=True)])

    def outcomes(self, dials: Dials) -> np.ndarray:
        """Return new ground, interests met and options offered of each learner, (L, 3)."""
        total = np.zeros((len(self.learners), 3))
        for round_ in range(ROUNDS):
            requests = [
                Request(f"u{i}", NOW, state=state, interests=tags, k=10, dials=dials)
                for i, (state, tags) in enumerate(self.learners)
            ]
            rngs = [np.random.default_rng([round_, i]) for i in range(len(self.learners))]
            for i, playlist in enumerate(self.made.recommend_batch(requests, rngs=rngs)):
                contexts = [step.context for step in playlist.steps]
                total[i, PACE] += np.mean([c["novelty"] for c in contexts])
                total[i, MATCH] += np.mean([c["interest"] for c in contexts])
                total[i, AUTONOMY] += np.mean([max(len(step.menu), 1) for step in playlist.steps])
        return total / ROUNDS


@pytest.fixture(scope="module")
def rooms() -> list[Room]:
    """Return several classes: in one alone, what little choice a dial leaves moves other outcomes too."""
    return [Room.of(seed) for seed in range(3)]


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
def test_a_dial_moves_its_own_outcome_only(rooms: list[Room], dials: Dials, own: int, sign: int) -> None:
    moved = np.zeros(3)
    for room in rooms:
        before, after = room.outcomes(Dials()), room.outcomes(dials)
        spread = np.where(before.std(axis=0) > 0, before.std(axis=0), 1.0)
        moved += (after - before).mean(axis=0) / spread / len(rooms)
    assert sign * moved[own] > 0.4
    others = np.delete(np.abs(moved), own)
    assert (others < 0.1).all()
