"""Every way a row can be wrong leaves with its own sentence; what is right is kept as it was said."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.features.events.event_records import COLUMNS, Clock, RecordsError, check, identify

GOOD = {"learner": "ada", "resource": "r1", "score": "1", "time": "2026-11-23T08:00:00Z", "seq": "1"}


def one(clock: Clock | None = None, **changes: object) -> tuple[pd.DataFrame, str]:
    """Return the events of a single row, and the reason it was rejected for."""
    row = {key: value for key, value in (GOOD | changes).items() if value is not None}
    done = check(pd.DataFrame([row]), [2], resources={"r1", "r2"}, clock=clock or Clock())
    return done.events, (done.rejects["reason"].tolist() or [""])[0]


def test_a_good_row_is_kept_as_said() -> None:
    events, reason = one(seconds="12.5", class_id="7b", completed="true")
    assert reason == ""
    assert tuple(events.columns) == COLUMNS
    row = events.iloc[0]
    assert (row.learner, row.resource, row.kind) == ("ada", "r1", "attempt")
    assert row.time == pd.Timestamp("2026-11-23T08:00:00Z")
    assert (row.score, row.seconds, row.completed, row.seq) == (1.0, 12.5, 1.0, 1)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"score": "87"}, r"score must be in \[0, 1\], got 87 \(percent\?"),
        ({"score": "-0.1"}, "score must be in"),
        ({"score": "well done"}, "score must be a number"),
        ({"score": "inf"}, "score must be in"),
        ({"score": ""}, "an attempt needs a score"),
        ({"learner": " "}, "learner is empty"),
        ({"resource": ""}, "resource is empty"),
        ({"resource": "r9"}, "unknown resource, got r9: add it to the catalogue"),
        ({"kind": "cheer"}, "kind must be one of attempt"),
        ({"time": "2026-11-23 08:00"}, "time has no zone, got 2026-11-23 08:00: say where .*--time-zone"),
        ({"time": "23/11/2026"}, "time has no zone|ISO 8601"),
        ({"time": "yesterdayZ"}, "time must be ISO 8601"),
        ({"time": "", "seq": None}, "time is empty"),
        ({"seq": "1.5"}, "seq must be a whole number"),
        ({"seconds": "-3"}, "seconds must be in"),
        ({"completed": "0.5"}, "completed must be 0 or 1"),
        ({"attempt_no": "-1"}, "attempt_no must be a whole"),
        ({"event_id": "e", "supersedes": "e"}, "cannot supersede or void itself"),
        ({"event_id": "e", "voids": "e"}, "cannot supersede or void itself"),
    ],
)
def test_each_fault_has_its_sentence(changes: dict[str, object], sentence: str) -> None:
    events, reason = one(**changes)
    assert len(events) == 0
    assert pd.Series([reason]).str.contains(sentence)[0], reason


def test_a_reason_never_quotes_the_learner_or_free_text() -> None:
    for changes in ({"score": "Canary Smith"}, {"learner": "Canary Smith", "score": "9"}):
        assert "Canary" not in one(**changes)[1]


def test_naive_times_are_read_in_their_zone() -> None:
    events, _ = one(Clock(time_zone="Europe/Paris"), time="2026-07-01 08:00:00")
    assert events["time"][0] == pd.Timestamp("2026-07-01T06:00:00Z")


def test_of_a_repeated_hour_the_first_is_meant_and_a_skipped_one_moves_on() -> None:
    zone = Clock(time_zone="Europe/Paris")
    assert one(zone, time="2026-10-25 02:30")[0]["time"][0] == pd.Timestamp("2026-10-25T00:30Z")
    assert one(zone, time="2026-03-29 02:30")[0]["time"][0] == pd.Timestamp("2026-03-29T01:00Z")


def test_numeric_times_need_their_unit() -> None:
    assert one(Clock(epoch="s"), time="864000000")[0]["time"][0] == pd.Timestamp("1997-05-19T00:00Z")
    assert one(Clock(epoch="ms"), time=864_000_000_000)[0]["time"][0] == pd.Timestamp("1997-05-19T00:00Z")
    assert "seconds since 1970" in one(Clock(epoch="s"), time="1e300")[1]


def test_an_unknown_zone_stops_everything() -> None:
    with pytest.raises(RecordsError, match="IANA name"):
        one(Clock(time_zone="Paris"), time="2026-07-01 08:00")


def test_missing_columns_are_named_with_the_remedy() -> None:
    with pytest.raises(RecordsError, match=r"column learner is missing \(found: who, score\).*--map"):
        check(pd.DataFrame({"who": ["a"], "score": [1]}), [2])
    with pytest.raises(RecordsError, match=r"column time is missing.*--order-by seq"):
        check(pd.DataFrame({"learner": ["a"], "score": [1]}), [2])


def test_columns_not_needed_are_dropped_and_listed() -> None:
    done = check(pd.DataFrame([GOOD | {"name": "Ada L.", "iep": "yes"}]), [2])
    assert done.dropped == ("name", "iep")
    assert set(done.events.columns) == set(COLUMNS)


def test_percentages_are_divided() -> None:
    done = check(pd.DataFrame([GOOD | {"score": "87"}]), [2], max_score=100.0)
    assert done.events["score"][0] == pytest.approx(0.87)


def test_typed_columns_read_as_text_ones() -> None:
    texts = pd.DataFrame([GOOD, GOOD | {"learner": "7", "score": "0.5", "seq": "2"}])
    typed = pd.DataFrame(
        {
            "learner": ["ada", "7"],
            "resource": ["r1", "r1"],
            "score": [1.0, 0.5],
            "time": pd.to_datetime(["2026-11-23T08:00:00Z"] * 2, utc=True),
            "seq": np.array([1, 2]),
        }
    )
    pd.testing.assert_frame_equal(check(texts, [2, 3]).events, check(typed, [1, 2]).events)


def test_ids_that_went_through_floats_stay_whole() -> None:
    done = check(
        pd.DataFrame({"learner": [7.0, np.nan], "resource": ["r", "r"], "score": [1, 1], "seq": [1, 2]}),
        [1, 2],
    )
    assert done.events["learner"].tolist() == ["7"]
    assert done.rejects["reason"].tolist() == ["learner is empty"]


def test_rows_without_an_id_get_one_from_what_they_say() -> None:
    frame = pd.DataFrame([GOOD, GOOD, GOOD | {"score": "0"}])
    events = check(frame, [2, 3, 4]).events
    ids = identify(events)["event_id"].tolist()
    assert len(set(ids)) == 3
    assert identify(events)["event_id"].tolist() == ids
    assert identify(events.iloc[[0, 2]])["event_id"].tolist() == [ids[0], ids[2]]


def test_ids_follow_a_law_that_stays_however_odd_a_row_is() -> None:
    rng, n = np.random.default_rng(0), 600
    odd = ["a", "b'c", 'd"e', "f\\g", "é", "日本", "\u200b", "x'\"y", "😀", "", "a b"]
    times = pd.to_datetime(rng.integers(0, 4 * 10**9, n) * 10**9 + 7, utc=True)
    said = {
        "kind": rng.choice(["attempt", "view"], n),
        "learner": rng.choice(odd, n),
        "resource": rng.choice(odd, n),
        "score": rng.choice([0.0, -0.0, 1.0, 1 / 3, 1e-5, 5e-324, np.nan], n),
        "time": times.where(rng.random(n) < 0.8),
        "completed": rng.choice([0.0, 1.0, np.nan], n),
        "step": rng.choice(odd, n),
        "seq": rng.integers(-5, 2**53, n),
    }
    events = pd.DataFrame({"event_id": [""] * n, **said})
    cells = events.assign(time=events["time"].astype("int64"))
    texts = [repr((*row, 0)) for row in zip(*(cells[name].tolist() for name in said), strict=True)]
    law = [hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in texts]
    assert identify(events)["event_id"].tolist() == law


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["0", "1", "0.5", "87", "", "x", "nan", "-1", "1e309"]), max_size=20))
def test_every_row_is_either_kept_or_explained(scores: list[str]) -> None:
    frame = pd.DataFrame([GOOD | {"score": s} for s in scores], columns=list(GOOD))
    lines = list(range(2, len(scores) + 2))
    done = check(frame, lines)
    assert len(done.events) + len(done.rejects) == len(scores) == done.rows
    assert done.events["score"].between(0, 1).all()
    assert (done.rejects["reason"] != "").all()
    assert set(done.rejects["line"]) <= set(lines)


NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
ROW = {"event_id": "e", "learner": "a", "resource": "r", "score": 1, "time": "2026-11-24T09:00:00Z"}


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ({"time": "1969-12-31T23:00:00Z"}, "between 1990 and 2200"),
        ({"time": "2999-01-01T00:00:00Z"}, "between 1990 and 2200"),
        ({"time": "2026-11-25T09:00:01Z"}, "in the future"),
        ({"learner": "x" * 300}, "at most 200 letters"),
        ({"event_id": "x" * 300}, "at most 200 letters"),
        ({"learner": "a\x07b"}, "control characters"),
        ({"attempt_no": 0}, "1 to 10000"),
        ({"attempt_no": 1.5}, "1 to 10000"),
        ({"seconds": 1e9}, "seconds must be in"),
        ({"tags": "x" * 300}, "at most 200 letters"),
        ({"tags": ";".join("x" * 300)}, "at most 200"),
    ],
)
def test_one_law_sets_a_row_aside_and_keeps_the_others(cell: dict[str, object], reason: str) -> None:
    rows = pd.DataFrame([ROW, ROW | cell, ROW | {"time": "2026-11-25T08:00:00Z"}])
    done = check(rows, [1, 2, 3], now=NOW)
    assert done.rejects["line"].tolist() == [2]
    assert reason in done.rejects["reason"][0]
    assert len(done.events) == 2
