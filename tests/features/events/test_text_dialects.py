"""Tables as offices save them: semicolons, UTF-16, another spelling of the names."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.features.events.file_readers import Source, read_events


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_one_table_is_the_same_in_every_dialect(tmp_path: Path, encoding: str, mark: str) -> None:
    rows = ["User ID,resourceId,Score,Timestamp", "ada,r1,0.5,2026-11-23T08:00:00Z"]
    path = tmp_path / "events.csv"
    path.write_text("\n".join(rows).replace(",", mark) + "\n", encoding=encoding)
    events = read_events(path, Source()).events
    assert events[["learner", "resource", "score"]].values.tolist() == [["ada", "r1", 0.5]]
