"""A fitted model over a catalogue that has grown: new resources are decided on at once, old as before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segue.engine.recommender import Recommender, fit
from segue.engine.requests.request import Request
from segue.features.catalogue import Catalogue, CatalogueError, Resource, with_resources
from segue.features.contexts.context_columns import INDEX
from segue.features.history.streaming_update import LearnerState, encode, update

NOW = datetime(2026, 9, 7, 8, tzinfo=UTC)
OLD = tuple(f"r{i}" for i in range(12))


def catalogue() -> Catalogue:
    resources = [
        Resource(
            name,
            skills=(f"s{i % 4}",) if i % 3 else (f"s{i % 4}", "s3"),
            kind=("lesson", "game", "maze")[i % 3],
            difficulty=float(i),
            tags=("sea",),
        )
        for i, name in enumerate(OLD)
    ]
    return Catalogue.build(resources, prerequisites=[("s0", "s1")])


def grown(before: Catalogue) -> Catalogue:
    """Return the catalogue with a new set of skills, skill, kind and tag, each before the others in order."""
    return with_resources(
        before,
        [
            Resource("new", skills=("s1", "s0"), kind="craft", tags=("air",), difficulty=3.0),
            Resource("hard", skills=("s1",), kind="game", difficulty=30.0),
            Resource("other", skills=("q",), kind="lesson"),
        ],
    )


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 14 * 20
    return pd.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(n)],
            "kind": "attempt",
            "learner": [f"u{i // 20:02d}" for i in range(n)],
            "resource": [f"r{i}" for i in rng.integers(0, 12, n)],
            "score": (rng.random(n) < 0.6).astype(float),
            "time": [pd.Timestamp(NOW) - pd.Timedelta(days=9) + pd.Timedelta(hours=i % 20) for i in range(n)],
            "seq": np.arange(n),
        }
    )


@pytest.fixture(scope="module")
def fitted(log: pd.DataFrame) -> Recommender:
    return fit(catalogue(), log, rng=np.random.default_rng(1), now=NOW)


def state_of(recommender: Recommender, log: pd.DataFrame, who: str) -> LearnerState:
    attempts = encode(log[log["learner"] == who], recommender.catalogue)[0]
    state = LearnerState.fresh(recommender.catalogue)
    for i in range(len(attempts)):
        update(state, attempts.one(i), recommender.kernel.parameters)
    return state


def columns(recommender: Recommender, log: pd.DataFrame, who: str) -> np.ndarray:
    asked = Request(who, NOW, state=state_of(recommender, log, who), candidates=OLD, interests=("sea",))
    kernel = recommender.kernel
    found = kernel.scene(recommender.asked((asked,))).columns[:, 0]
    return np.delete(found, INDEX["frontier"], axis=0)  # which skills come next depends on the whole course


def test_what_was_fitted_is_read_as_before(fitted: Recommender, log: pd.DataFrame) -> None:
    over = fitted.over(grown(fitted.catalogue))
    assert over.model_hash != fitted.model_hash
    for who in ("u00", "u05", "u13"):
        assert columns(over, log, who) == pytest.approx(columns(fitted, log, who), abs=1e-12)


def test_what_is_new_can_be_drawn_and_is_as_hard_as_its_skills_and_label_say(
    fitted: Recommender, log: pd.DataFrame
) -> None:
    over = fitted.over(grown(fitted.catalogue))
    asked = Request("u00", NOW, state=state_of(over, log, "u00"), pins=("new",), k=3)
    playlist = over.recommend(asked, rng=np.random.default_rng(0))
    assert playlist.steps[0].resource == "new"
    assert over.explain(playlist.steps[0], asked).student
    free = [over.recommend(replace(asked, pins=(), k=1), rng=np.random.default_rng(n)) for n in range(300)]
    assert {"new", "hard", "other"} & {one.steps[0].resource for one in free}
    index, easy = over.catalogue.resource_index, over.kernel.parameters.item_logit
    same = [easy[index[name]] for name in OLD if over.catalogue.resources[index[name]].skills == ("s1",)]
    assert easy[index["hard"]] < min(same)  # by its label
    assert (
        min(same) - 1.0
        < fitted.over(
            with_resources(fitted.catalogue, [Resource("mid", skills=("s1",), difficulty=5.0)])
        ).kernel.parameters.item_logit[-1]
        < max(same) + 1.0
    )


def test_it_is_the_same_from_the_disk_where_only_the_change_lies(fitted: Recommender, tmp_path: Path) -> None:
    over = fitted.over(grown(fitted.catalogue))
    fitted.save(tmp_path / fitted.model_hash)
    over.save(tmp_path / over.model_hash, base=fitted)
    assert Recommender.load(tmp_path / over.model_hash).model_hash == over.model_hash
    assert not (tmp_path / over.model_hash / "arrays.npz").exists()
    over.save(tmp_path / "whole")
    assert Recommender.load(tmp_path / "whole").model_hash == over.model_hash


def test_a_retired_resource_is_never_drawn_and_comes_back(fitted: Recommender) -> None:
    first = fitted.catalogue.resources[0]
    over = fitted.over(with_resources(fitted.catalogue, [replace(first, retired=True)]))
    assert over.model_hash != fitted.model_hash
    playlist = over.recommend(Request("x", NOW, k=12, fill=True), rng=np.random.default_rng(0))
    assert set(OLD) - {step.resource for step in playlist.steps} == {"r0"}
    back = over.over(with_resources(over.catalogue, [first]))
    assert back.model_hash == fitted.model_hash


def test_a_catalogue_that_lost_its_places_is_refused(fitted: Recommender) -> None:
    with pytest.raises(CatalogueError, match="every resource of the model's in its place"):
        fitted.over(Catalogue.build(fitted.catalogue.resources[1:]))
