"""The quick starts of README, run as they are written, in the order they are written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from segue import sample

pytestmark = pytest.mark.journey

README = (Path(__file__).resolve().parents[1] / "README.md").read_text("utf-8")


def block(language: str, needle: str) -> str:
    """Return the code block of a language that holds `needle`."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return str(next(found for found in blocks if needle in found))


def run(script: str, folder: Path, program: str = "bash") -> str:
    """Run a block in a folder; return what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SEGUE")} | {"PATH": path}
    command = ["bash", "-e", "-c", script] if program == "bash" else [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def school(tmp_path: Path) -> Path:
    """The workspace that the service's quick start makes, and a file of attempts with names of its own."""
    setup = block("sh", "segue serve").split("export SEGUE_API_KEY")[0]
    run(setup, tmp_path)
    rows = [
        (f"e{n}-{i}", learner, resource.resource_id, (n + i) % 3 > 0, f"2026-11-{1 + i % 20:02d} 10:00")
        for n, learner in enumerate(["ada", "ben", "cleo"])
        for i, resource in enumerate(sample.load().resources[:40])
    ]
    frame = pd.DataFrame(rows, columns=["event_id", "student", "resource", "score", "time"])
    frame.astype({"score": int}).to_csv(tmp_path / "attempts.csv", index=False)
    return tmp_path


def test_python_with_the_store(school: Path) -> None:
    printed = run(block("python", "segue.open"), school, "python")
    assert len(re.findall(r"p=0\.\d{3}  \S", printed)) == 3


def test_python_without_a_store(tmp_path: Path) -> None:
    assert "'readiness':" in run(block("python", "segue.fit("), tmp_path, "python")


def test_the_data_scientist(tmp_path: Path) -> None:
    run(block("python", "log.csv"), tmp_path, "python")
    script = block("sh", "segue evaluate").splitlines()[0]
    assert "SNIPS: " in run(script, tmp_path)
    assert "better than the logged one" in (tmp_path / "report.html").read_text("utf-8")


def test_the_weekly_batch(school: Path) -> None:
    printed = run(block("sh", "segue weekly"), school)
    assert "120 stored, 0 repeats, 0 rejected" in printed
    written = pd.read_csv(school / "out" / "playlists.csv")
    assert len(written) == 30
    assert not written.duplicated(["learner", "position"]).any()
    assert (school / "ada.imscc").stat().st_size > 0
