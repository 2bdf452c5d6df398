"""`segue profile`: bands with their evidence, as text, as JSON and as a picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from segue import sample
from segue.cli import main as cli

NOW = "2026-11-23T08:00:00Z"


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["segue", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code


def test_a_profile_says_what_it_rests_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("SEGUE_KEY", raising=False)
    files, space = sample.paths(), tmp_path / "school"
    first = sample.load().resources[0].resource_id
    rows = [
        {"learner": who, "resource": first, "score": who == "ada", "time": f"2026-11-{n + 10}T09:00Z"}
        for who in ("ada", "ben")
        for n in range(5)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "events.csv", index=False)
    run(monkeypatch, "init", space)
    run(monkeypatch, "import", space, "--catalogue", files.resources, "--skills", files.skills)
    run(monkeypatch, "import", space, "--events", tmp_path / "events.csv")
    run(monkeypatch, "fit", space, "--now", NOW)
    capsys.readouterr()
    asked = ("profile", space, "-l", "ada", "--now", NOW)
    run(monkeypatch, *asked, "--json", "--picture", tmp_path / "ada.png")
    shown = json.loads(capsys.readouterr().out)
    skills = [*shown["strengths"], *shown["needs"], *shown["others"]]
    assert skills
    for skill in skills:
        assert (skill["attempts"], skill["successes"], skill["last"]) == (5, 5.0, "2026-11-14")
        assert skill["band"] in ("excelling", "progressing", "struggling")
        assert 0.0 < skill["low"] < skill["chance"] < skill["high"] < 1.0
    assert (tmp_path / "ada.png").read_bytes()[:4] == b"\x89PNG"
    monkeypatch.setenv("COLUMNS", "140")
    run(monkeypatch, *asked)
    text = capsys.readouterr().out
    assert "Strengths" in text
    assert "5 of 5, last 2026-11-14" in text
