"""A small catalogue with resources of one to four skills, and random histories on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from segue.features.catalogue import Catalogue, Resource
from segue.features.history.attempts import Attempts, HistoryParameters

N_ITEMS, N_SKILLS = 30, 8
MakeAttempts = Callable[..., Attempts]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    rng = np.random.default_rng(7)
    return Catalogue.build(
        [
            Resource(
                f"r{i}",
                skills=tuple(
                    f"s{k}" for k in rng.choice(N_SKILLS, size=int(rng.integers(1, 5)), replace=False)
                ),
                tags=tuple(f"t{k}" for k in rng.choice(5, size=int(rng.integers(0, 4)), replace=False)),
            )
            for i in range(N_ITEMS)
        ]
    )


@pytest.fixture(scope="session")
def parameters(catalogue: Catalogue) -> HistoryParameters:
    rng = np.random.default_rng(8)
    return HistoryParameters.of(
        catalogue,
        item_logit=rng.normal(0.5, 1.0, len(catalogue.resources)),
        skill_logit=rng.normal(0.5, 0.7, len(catalogue.skills)),
        global_logit=0.5,
    )


@pytest.fixture(scope="session")
def make_attempts() -> MakeAttempts:
    """Return a maker of histories: irregular times (some unknown), fractional scores, repeated resources."""

    def make(seed: int, *, n_learners: int = 6, longest: int = 60, unknown: float = 0.2) -> Attempts:
        rng = np.random.default_rng(seed)
        lengths = rng.integers(1, longest + 1, n_learners)
        n = int(lengths.sum())
        learner = np.repeat(np.arange(n_learners), lengths)
        time = np.cumsum(rng.exponential(1.0, n) ** 3 * 4000.0) + 1.7e9
        timeless = rng.random(n_learners) < unknown
        time[timeless[learner] & (rng.random(n) < 0.5)] = np.nan
        score = np.where(rng.random(n) < 0.2, rng.random(n), rng.integers(0, 2, n))
        return Attempts.sorted(learner, rng.integers(0, N_ITEMS, n), score, time, np.arange(n))

    return make
