"""A real Kolibri here: attempts in, a fit, one lesson a learner out, and a second push that adds nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.peers
TOOL = Path(__file__).resolve().parents[3] / "shared" / "tools" / "kolibri_peer.py"
PORT, WEEK = "8995", "2026-W48"
SEGUE = Path(sys.executable).with_name("segue")


def peer(*arguments: str) -> str:
    run = subprocess.run([sys.executable, str(TOOL), *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def segue(*arguments: str) -> str:
    environment = os.environ | {"SEGUE_KOLIBRI_PASSWORD": "admin123"}
    run = subprocess.run(
        [str(SEGUE), *arguments], capture_output=True, text=True, check=False, env=environment
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture
def school(tmp_path: Path) -> Iterator[dict[str, object]]:
    kolibri = os.environ.get("KOLIBRI") or shutil.which("kolibri")
    if kolibri is None or not TOOL.exists():
        pytest.skip("needs Kolibri (set KOLIBRI to its command) and the tool that starts and seeds one")
    peer("start", "--home", str(tmp_path / "home"), "--port", PORT, "--kolibri", kolibri)
    yield json.loads(peer("seed", "--port", PORT))
    peer("stop", "--home", str(tmp_path / "home"))


def test_each_learner_sees_one_lesson_of_the_week_and_a_second_push_adds_nothing(
    school: dict[str, list[dict[str, object]]], tmp_path: Path
) -> None:
    workspace, where = str(tmp_path / "school"), ["--url", f"http://127.0.0.1:{PORT}", "--user", "admin"]
    where += ["--class", str(school["class"])]
    segue("init", workspace)
    pulled = segue("pull", "kolibri", workspace, *where)
    attempts = sum(len(learner["attempts"]) for learner in school["learners"])
    hints = sum(bool(a[2]) for learner in school["learners"] for a in learner["attempts"])
    assert f"kolibri: {attempts + hints} events stored, 0 repeats, 0 rejected" in pulled
    assert f"{attempts + hints} repeats" in segue("pull", "kolibri", workspace, *where)
    segue("fit", workspace)
    segue("weekly", workspace, "--week", WEEK, "--out", str(tmp_path / "out"), "-k", "5")
    push = ["push", "kolibri", workspace, *where, "--week", WEEK]
    assert "4 lessons added, 0 updated, 0 unchanged, 0 without" in segue(*push)
    assert "0 lessons added, 0 updated, 4 unchanged, 0 without" in segue(*push)
    seen = peer("playlists", "--port", PORT, "--class", str(school["class"]), "--week", WEEK, "--require-all")
    lessons = json.loads(seen[: seen.rindex("}") + 1])
    assert [len(own) for own in lessons.values()] == [1] * 4
    items = {own[0]["title"]: own[0]["items"] for own in lessons.values()}
    assert all(len(i) == 5 for i in items.values())
