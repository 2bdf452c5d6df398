"""The commands as a school runs them, each killed with -9 in the middle and run again: nothing differs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segue import sample
from segue.engine.requests.request import Request
from segue.features.events.event_records import check, identify
from segue.workspace.operations import integrity as doctor
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace

pytestmark = pytest.mark.journey

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
KEY = {"SEGUE_KEY": "11" * 32}
LEARNERS = [f"pupil-{i:03d}" for i in range(60)]


def events(rng: np.random.Generator, n: int, first: datetime, name: str) -> pd.DataFrame:
    codes = [resource.resource_id for resource in sample.load().resources]
    return pd.DataFrame(
        {
            "event_id": [f"{name}-{i}" for i in range(n)],
            "learner": rng.choice(LEARNERS, n),
            "resource": rng.choice(codes, n),
            "score": rng.integers(0, 2, n).astype(float),
            "time": pd.Timestamp(first) + pd.to_timedelta(rng.integers(0, 6 * 86400, n), unit="s"),
        }
    )


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with a model, a week of decisions and what the class did since."""
    folder = tmp_path_factory.mktemp("journeys")
    rng = np.random.default_rng(2)
    space = Workspace.init(folder / "school", environment=KEY, configuration=Configuration())
    catalogue = space.set_catalogue(sample.load())
    for name, first in (("before", MONDAY - timedelta(days=14)), ("since", MONDAY)):
        frame = events(rng, 3_000, first, name)
        done = check(frame, range(len(frame)), resources=catalogue.resource_index)
        space.add_events(identify(done.events))
        if name == "before":
            space.fit(now=MONDAY)
            space.recommend_many([Request(learner, MONDAY, k=8) for learner in LEARNERS])
    space.close()
    events(rng, 40_000, MONDAY, "new").to_csv(folder / "new.csv", index=False)
    return folder


def command(path: Path, words: list[str], *, kill_after: float | None = None) -> float:
    """Run `segue ...` on a workspace, killed after some seconds; return how long it took."""
    program = [sys.executable, "-m", "segue.cli.main", words[0], str(path), *words[1:]]
    began = time.perf_counter()
    process = subprocess.Popen(program, env={**os.environ, **KEY}, stdout=subprocess.DEVNULL, cwd=path.parent)
    if kill_after is None:
        assert process.wait() == 0
    else:
        time.sleep(kill_after)
        process.send_signal(signal.SIGKILL)
        assert process.wait() in (0, -signal.SIGKILL)
    return time.perf_counter() - began


def left_behind(path: Path) -> tuple[str, dict[str, bytes]]:
    space = Workspace.open(path, environment=KEY)
    assert all(finding.well for finding in doctor.examine(space))
    digest = doctor.digest(space)
    space.close()
    files = sorted(file for file in (path / "out").rglob("*") if file.is_file())
    return digest, {str(file.relative_to(path)): file.read_bytes() for file in files}


@pytest.mark.parametrize(
    "words",
    [
        ["import", "--events", "new.csv"],
        ["learn", "--now", "2026-11-30T00:00:00Z"],
        ["weekly", "--week", "2026-W49", "--out", "OUT", "--workers", "2"],
    ],
    ids=lambda words: words[0],
)
def test_killed_and_run_again_equals_left_alone(school: Path, words: list[str]) -> None:
    states = {}
    whole = 0.0
    for name, moment in (("alone", None), ("killed", 0.75)):
        path = school / f"{words[0]}-{name}"
        shutil.copytree(school / "school", path)
        mine = [str(path / "out") if word == "OUT" else word for word in words]
        if moment is not None:
            command(path, mine, kill_after=moment * whole)
        whole = command(path, mine)
        states[name] = left_behind(path)
    assert states["killed"] == states["alone"]
