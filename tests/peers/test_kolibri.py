"""A real Kolibri here: attempts in, a fit, one lesson a learner out, and a second push that adds nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.peers
TOOL = Path(__file__).resolve().parents[3] / "shared" / "tools" / "kolibri_peer.py"
WEEK = "2026-W48"
SEGUE = Path(sys.executable).with_name("segue")


def run(*arguments: str) -> str:
    environment = os.environ | {"SEGUE_KOLIBRI_PASSWORD": "admin123"}
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_learner_sees_one_lesson_of_the_week_and_a_second_push_adds_nothing(
    kolibri: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    address, school = kolibri
    segue, workspace = str(SEGUE), str(tmp_path / "school")
    where = ["--url", address, "--user", "admin", "--class", str(school["class"])]
    run(segue, "init", workspace)
    pulled = run(segue, "pull", "kolibri", workspace, *where)
    attempts = sum(len(learner["attempts"]) for learner in school["learners"])
    hints = sum(bool(a[2]) for learner in school["learners"] for a in learner["attempts"])
    assert f"kolibri: {attempts + hints} events stored, 0 repeats, 0 rejected" in pulled
    assert f"{attempts + hints} repeats" in run(segue, "pull", "kolibri", workspace, *where)
    run(segue, "fit", workspace)
    run(segue, "weekly", workspace, "--week", WEEK, "--out", str(tmp_path / "out"), "-k", "5")
    push = [segue, "push", "kolibri", workspace, *where, "--week", WEEK]
    assert "4 lessons added, 0 updated, 0 unchanged, 0 of other weeks" in run(*push)
    assert "0 lessons added, 0 updated, 4 unchanged, 0 of other weeks" in run(*push)
    look = ["playlists", "--port", address.rpartition(":")[2], "--class", str(school["class"])]
    seen = run(sys.executable, str(TOOL), *look, "--week", WEEK, "--require-all")
    lessons = json.loads(seen[: seen.rindex("}") + 1])
    assert [len(own) for own in lessons.values()] == [1] * 4
    assert all(len(own[0]["items"]) == 5 for own in lessons.values())
