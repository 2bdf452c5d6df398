"""How much more of what is liked gets finished: told where it is so, silent where it is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segue.engine.training.fit import TrainingLog
from segue.features.catalogue import Bools, Catalogue, Floats, Ints, Resource
from segue.models.liking import liking

N_TAGS, EACH = 8, 100


def work(seed: int, n_learners: int, push: float, *, each: int = EACH) -> tuple[Ints, Ints, Floats, Bools]:
    """Return work whose log-odds of being finished are `push` higher where its tag is one of two liked."""
    rng = np.random.default_rng(seed)
    learner = np.repeat(np.arange(n_learners), each)
    tags = np.stack([rng.integers(N_TAGS, size=len(learner)), np.full(len(learner), -1)], axis=1)
    liked = (tags[:, 0] - learner) % N_TAGS < 2
    own = rng.normal(1.0, 1.0, n_learners)[learner] + 0.5 * (tags[:, 0] == 3)
    chance = 1.0 / (1.0 + np.exp(-(own + push * liked)))
    return learner, tags, (rng.random(len(learner)) < chance).astype(np.float64), liked


@pytest.mark.parametrize("n_learners", [3, 10, 100])
def test_learners_and_tags_that_differ_are_no_liking(n_learners: int) -> None:
    found = [liking(*work(seed, n_learners, push=0.0)[:3]) for seed in range(40)]
    assert np.mean(found) < 0.03
    assert np.mean(np.array(found) > 0.06) < 0.1


@pytest.mark.parametrize(("n_learners", "least"), [(10, 0.1), (100, 0.14)])
def test_liking_is_told_from_few_learners(n_learners: int, least: float) -> None:
    found = [liking(*work(seed, n_learners, push=2.5)[:3]) for seed in range(20)]
    assert np.mean(np.array(found) > 0.05) >= 0.9
    assert np.mean(found) > least


def test_many_short_histories_tell_it_as_well() -> None:
    found = [liking(*work(seed, 1000, push=2.5, each=10)[:3]) for seed in range(10)]
    assert np.mean(found) > 0.08
    assert np.min(found) > 0.04
    assert max(liking(*work(seed, 1000, push=0.0, each=10)[:3]) for seed in range(10)) < 0.06


def test_a_fit_reads_it_from_events() -> None:
    learner, tags, finished, _ = work(1, 30, push=3.0)
    catalogue = Catalogue.build([Resource(f"r{t}", skills=("s",), tags=(f"t{t}",)) for t in range(N_TAGS)])
    frame = pd.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(len(learner))],
            "kind": np.where(finished > 0, "attempt", "view"),
            "learner": [f"u{i}" for i in learner],
            "resource": [f"r{t}" for t in tags[:, 0]],
            "score": np.where(finished > 0, 1.0, np.nan),
            "time": pd.Timestamp("2026-09-01", tz="UTC") + pd.to_timedelta(np.arange(len(learner)), unit="h"),
            "seq": np.arange(len(learner)),
            "completed": finished,
        }
    )
    assert TrainingLog.of(frame, catalogue).liking > 0.1
    assert TrainingLog.of(frame.assign(completed=1.0), catalogue).liking == 0.0
    assert TrainingLog.of(frame.drop(columns="completed"), catalogue).liking == 0.0
