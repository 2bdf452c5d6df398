"""A long file is read a part at a time, and says the same as read at once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from segue.features.events.file_readers import Source, event_parts, read_events

SAID = [
    ("ada", "r1", "1", "2026-11-23T08:00:00Z"),
    ("ada", "r1", "1", "2026-11-23T08:00:00Z"),  # says the same: an event of its own
    ("bob", "r2", "0.5", "2026-11-23T09:00:00Z"),
    ("bob", "r2", "7", "2026-11-23T09:00:00Z"),  # no score
    ("ada", "r1", "1", "2026-11-23T08:00:00Z"),
    ("eve", "r2", "", "2026-11-24T09:00:00Z"),
    ("ada", "r2", "0", "2026-11-25T09:00:00Z"),
]


def written(folder: Path, kind: str) -> Path:
    frame = pd.DataFrame(SAID, columns=["learner", "resource", "score", "time"])
    path = folder / f"log.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
        path.write_text(path.read_text().replace("eve,r2,", "eve,r2,extra,"))  # a cell too many
    else:
        frame["seconds"] = pd.array([3, 4, None, 6, 7, 8, 9], dtype="Int64")
        frame.to_parquet(path, index=False)
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_parts_of_a_file_say_what_the_whole_says(tmp_path: Path, kind: str, rows: int) -> None:
    path = written(tmp_path, kind)
    whole, parts = read_events(path, Source()), list(event_parts(path, Source(), rows=rows))
    assert len(parts) >= len(SAID) // rows
    assert max(len(part.events) for part in parts) <= rows
    events = pd.concat([part.events for part in parts], ignore_index=True)
    rejects = pd.concat([part.rejects for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(events, whole.events)
    pd.testing.assert_frame_equal(rejects, whole.rejects, check_dtype=False)
    assert events["event_id"].is_unique
