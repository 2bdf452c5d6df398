"""Reading a source record by record: whatever shape the file has, and never more of it than asked for."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from segue.lms.records import source_records as base
from segue.lms.records.source_records import Event, Json, Mode, ReadReport, RecordRefusedError


def translate(record: Json, _: Mode, report: ReadReport) -> Iterator[Event]:
    if not isinstance(record, dict) or "n" not in record:
        raise RecordRefusedError("no number")
    name = str(record["n"])
    yield {"kind": "view", "learner": "u", "resource": name, "score": None, "time": None, "id": name}


def numbers(source: Any) -> tuple[list[str], int]:
    events, report = base.read(source, "strict", translate=translate)
    return [event["id"] for event in events], sum(report.refused.values())


TWO = [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.ndjson", '{"n": 1}\n{"n": 2}\n', (["1", "2"], 0)),
        ("a.ndjson", '{"n": 1}\n\n{"n": 2}', (["1", "2"], 0)),
        ("a.ndjson", '\ufeff{"n": 1}\n{"n": 2}', (["1", "2"], 0)),
        ("a.ndjson", 'garbage\n{"n": 2}', (["2"], 1)),
        ("a.ndjson", '{"n": 1, \n{"n": 2}', ([], 1)),
        ("a.ndjson", '{"n": 1\n{"n": 2}', (["2"], 1)),
        ("a.json", json.dumps(TWO, indent=1), (["1", "2"], 0)),
        ("a.json", json.dumps(TWO), (["1", "2"], 0)),
        ("a.json", '{"n": 1}', (["1"], 0)),
        ("a.json", '{\n "n": 1\n}', (["1"], 0)),
        ("a.json", '{"n": 1\n, "m": 2}', (["1"], 0)),
        ("a.json", "", ([], 0)),
        ("a.json", '{"n": NaN}', ([], 1)),
    ],
)
def test_files_of_any_shape(tmp_path: Path, name: str, content: str, expected: tuple[list[str], int]) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert numbers(tmp_path / name) == expected
    with gzip.open(tmp_path / f"{name}.gz", "wt", encoding="utf-8") as handle:
        handle.write(content)
    if name.endswith(".ndjson"):
        assert numbers(tmp_path / f"{name}.gz") == expected


def test_a_damaged_or_missing_file_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"\x1f\x8b\x08\x00" + b"\x00" * 20)
    for path in (tmp_path / "a.gz", tmp_path / "nowhere", tmp_path):
        assert numbers(path) == ([], 1)


def test_a_line_beyond_the_limit_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_LINE", 50)
    long = json.dumps({"n": "x" * 200})
    (tmp_path / "a.ndjson").write_text(f'{{"n": 1}}\n{long}\n{{"n": 2}}')
    assert numbers(tmp_path / "a.ndjson") == (["1", "2"], 1)


def test_records_are_read_one_at_a_time() -> None:
    given = 0

    def endless() -> Iterator[Json]:
        nonlocal given
        while True:
            given += 1
            yield {"n": given}

    events, report = base.read(endless(), "strict", translate=translate)
    assert [next(events)["id"] for _ in range(3)] == ["1", "2", "3"]
    assert given == 3
    assert report.taken["view"] == 3


def test_a_report_tells_only_so_many_types_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_TYPES", 2)
    report = ReadReport()
    for what in ("a", "b", "c", "a", "d"):
        report.skip(what)
    assert dict(report.skipped) == {"a": 2, "b": 1, "other": 2}
