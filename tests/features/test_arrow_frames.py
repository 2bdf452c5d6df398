"""Frames of polars and Arrow are read as those of pandas, wherever a frame is taken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import segue
from segue import sample
from segue.experiments.evaluation.logs.columns import Columns
from segue.experiments.evaluation.logs.logged_data import log_of_frame
from segue.features.events.event_records import Frame, as_pandas, check
from segue.features.history.attempts import encode

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
RESOURCES = [resource.resource_id for resource in sample.load().resources[:12]]


def log() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    days = pd.date_range("2026-11-01", periods=12, tz="UTC")
    rows = [(f"p{n}", rng.choice(RESOURCES), float(rng.integers(2)), day) for n in range(4) for day in days]
    frame = pd.DataFrame(rows, columns=["learner", "resource", "score", "time"])
    return frame.assign(event_id=[f"e{n}" for n in range(len(frame))])


def polars_frame(frame: pd.DataFrame) -> Frame:
    polars = pytest.importorskip("polars")
    made: Frame = polars.DataFrame({name: frame[name].to_list() for name in frame})
    return made


def arrow_table(frame: pd.DataFrame) -> Frame:
    made: Frame = pa.table({name: frame[name].to_list() for name in frame})
    return made


@pytest.mark.parametrize("other", [polars_frame, arrow_table])
def test_another_library_s_frame_says_the_same(other: Callable[[pd.DataFrame], Frame]) -> None:
    frame = log()
    vectors = segue.learner_vectors(frame)
    pd.testing.assert_frame_equal(segue.learner_vectors(other(frame)), vectors)
    found = segue.LearnerVectors().fit(other(frame)).transform(other(frame))
    pd.testing.assert_frame_equal(found, segue.LearnerVectors().fit(frame).transform(frame))
    lines = range(len(frame))
    events = check(other(frame), lines).events
    pd.testing.assert_frame_equal(events, check(frame, lines).events)
    fits = [
        segue.fit(sample.load(), one, now=NOW, rng=np.random.default_rng(0))
        for one in (events, other(events))
    ]
    assert fits[0].model_hash == fits[1].model_hash
    logged = pd.DataFrame({"reward": [0.0, 1.0] * 20, "p": 0.5, "target": [0.2, 0.8] * 20})
    columns = Columns(reward="reward", propensity="p", target="target")
    for one, two in zip(
        *(
            (read.reward, read.propensity, read.target)
            for read in (log_of_frame(logged, columns), log_of_frame(other(logged), columns))
        ),
        strict=True,
    ):
        assert np.array_equal(one, two)


def test_what_is_no_frame_is_named() -> None:
    with pytest.raises(TypeError, match="a frame of pandas, polars or Arrow is needed, got list"):
        as_pandas([1])  # type: ignore[arg-type]


def test_categories_that_are_numbers_are_read_as_their_texts() -> None:
    frame = log().assign(seq=range(48), learner=[[7, 12, 101, 9][n // 12] for n in range(48)])
    texts, names = encode(frame.astype({"learner": str}), sample.load())
    for learner in (frame["learner"], frame["learner"].astype("category")):
        found, called = encode(frame.assign(learner=learner), sample.load())
        assert called == names == ("101", "12", "7", "9")
        assert found.learner.tolist() == texts.learner.tolist()
        assert found.resource.tolist() == texts.resource.tolist()
