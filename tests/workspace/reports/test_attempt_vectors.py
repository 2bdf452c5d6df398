"""The command `segue vectors`: one row an attempt, in a table that any tool reads."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from segue.cli.main import app


@pytest.mark.parametrize("name", ["vectors.parquet", "vectors.csv"])
def test_vectors_of_a_workspace_are_a_table(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_KEY", "0a" * 32)
    runner, folder = CliRunner(), str(tmp_path / "w")
    pd.DataFrame({"resource_id": ["a", "b"], "skills": ["x", "y"]}).to_csv(tmp_path / "c.csv", index=False)
    events = pd.DataFrame(
        {
            "learner": ["ann", "ann", "bob"],
            "resource": ["a", "a", "b"],
            "score": [1.0, 0.0, 1.0],
            "time": ["2026-11-02T08:00:00Z", "2026-11-03T08:00:00Z", "2026-11-03T09:00:00Z"],
        }
    )
    events.to_csv(tmp_path / "e.csv", index=False)
    for command in (
        ["init", folder],
        ["import", folder, "--catalogue", str(tmp_path / "c.csv"), "--events", str(tmp_path / "e.csv")],
        ["vectors", folder, "--out", str(tmp_path / name)],
    ):
        result = runner.invoke(app, command)
        assert result.exit_code == 0, result.output
    path = tmp_path / name
    table = pd.read_parquet(path) if name.endswith("parquet") else pd.read_csv(path)
    assert sorted(table["learner_log_successes"].round(3)) == [0.0, 0.0, 0.693]
    assert "ann" not in table.to_csv()
