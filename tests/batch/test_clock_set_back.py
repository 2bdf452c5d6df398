"""A machine whose clock steps back: what runs by it says so, or ends the same; nothing is lost or twice."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segue import sample
from segue.batch.parts.output import RECORD
from segue.experiments.simulation.simulated_class import SimulatedClass
from segue.features.iso_weeks import start_of, week_of
from segue.workspace.operations import integrity
from segue.workspace.workspace import Workspace
from tests import moved_clock

pytestmark = pytest.mark.journey

KEY = {"SEGUE_KEY": "11" * 32}
WEEK = week_of(datetime.now(UTC), "UTC")
BEFORE = week_of(datetime.now(UTC) - timedelta(days=7), "UTC")
HOUR, DAY, ALL = timedelta(hours=1), timedelta(days=1), timedelta(seconds=datetime.now(UTC).timestamp() - 60)


class School:
    """A folder with a workspace; its commands run by the machine's clock, or by one that is set back."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.folder, self.library = folder, library

    def run(self, *words: str, back: timedelta | None = None) -> tuple[int, str]:
        set_back = {} if back is None else moved_clock.environment(self.library, back)
        done = subprocess.run(
            [sys.executable, "-m", "segue.cli.main", words[0], "school", *words[1:]],
            cwd=self.folder,
            env={**os.environ, **KEY, **set_back},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def week(self, week: str, events: str, *, back: timedelta | None = None) -> int:
        words = ("--week", week, "--events", events, "--roster", "roster.csv", "--out", "out", "-k", "4")
        return self.run("week", *words, back=back)[0]

    def copied(self, folder: Path) -> School:
        return School(shutil.copytree(self.folder, folder), self.library)

    def holds(self) -> tuple[str, dict[str, bytes]]:
        """Return the canonical digest of a workspace that is well, and the files of its week."""
        with Workspace.open(self.folder / "school", environment=KEY) as space:
            assert [finding for finding in integrity.examine(space) if not finding.well] == []
            digest = integrity.digest(space)
        files = [f for f in (self.folder / "out").rglob("*") if f.is_file() and f.name != RECORD]
        return digest, {str(f.relative_to(self.folder)): f.read_bytes() for f in files}


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> School:
    """Return a school that had its lists of the week before, and what was done with them since."""
    folder = tmp_path_factory.mktemp("founded")
    school = School(folder, moved_clock.built(tmp_path_factory.mktemp("clock")))
    monday, files = start_of(BEFORE, "UTC"), sample.paths()
    room = SimulatedClass.before(monday, sample.load(), n_learners=8, weeks=2, rng=np.random.default_rng(3))
    room.events.drop(columns="step").to_csv(folder / "old.csv", index=False)
    room.learners[["learner"]].to_csv(folder / "roster.csv", index=False)
    assert school.run("init")[0] == 0
    assert school.run("import", "--catalogue", str(files.resources), "--skills", str(files.skills))[0] == 0
    assert school.week(BEFORE, "old.csv") in (0, 1)
    table = pd.read_csv(folder / "out/playlists.csv")
    lists = {str(who): list(steps) for who, steps in table.groupby("learner")["resource"]}
    room.answer(lists, now=monday).drop(columns="step").to_csv(folder / "new.csv", index=False)
    return school


@pytest.fixture(scope="module")
def alone(founded: School, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, bytes]]:
    """Return what a school holds whose clock goes on."""
    school = founded.copied(tmp_path_factory.mktemp("alone") / "here")
    assert school.week(WEEK, "new.csv") in (0, 1)
    assert school.run("learn")[0] == 0
    return school.holds()


@pytest.mark.parametrize("back", [HOUR, DAY, ALL], ids=["an hour", "a day", "to 1970"])
def test_a_week_whose_clock_is_set_back_ends_as_any_other(
    founded: School, alone: tuple[str, dict[str, bytes]], tmp_path: Path, back: timedelta
) -> None:
    school = founded.copied(tmp_path / "here")
    assert school.week(WEEK, "new.csv", back=back) in (0, 1)
    assert school.run("learn", back=back)[0] == 0
    lists = ("--week", WEEK, "--roster", "roster.csv", "-k", "4")
    assert school.run("weekly", *lists, "--out", "again", back=back)[0] == 0
    assert school.week(WEEK, "new.csv") in (0, 1)
    assert school.run("learn")[0] == 0
    assert school.holds() == alone
    assert (school.folder / "again/playlists.csv").read_bytes() == alone[1]["out/playlists.csv"]


def test_a_timer_a_week_behind_asks_for_the_week_before_and_the_next_one_stands(
    founded: School, alone: tuple[str, dict[str, bytes]], tmp_path: Path
) -> None:
    """The week before is drawn anew, by what is in charge since; the lists of the week are as they were."""
    school = founded.copied(tmp_path / "here")
    assert school.week(WEEK, "new.csv") in (0, 1)
    assert school.week(BEFORE, "old.csv", back=timedelta(days=7)) in (0, 1)
    assert set(pd.read_csv(school.folder / "out/playlists.csv")["week"]) == {BEFORE}
    assert school.week(WEEK, "new.csv") in (0, 1)
    table = "out/playlists.csv"
    assert school.holds()[1][table] == alone[1][table]
    in_one_go = school.holds()
    assert school.week(WEEK, "new.csv") in (0, 1)
    assert school.holds() == in_one_go


def test_a_clock_that_stands_in_1970_is_said(
    founded: School, alone: tuple[str, dict[str, bytes]], tmp_path: Path
) -> None:
    school = founded.copied(tmp_path / "here")
    for words, said in (
        (("import", "--events", "new.csv"), r"segue: not one row of new.csv could be read: .*in the future"),
        (("fit",), r"segue: all \d+ events stored are dated after 1970-01-01 .*: is the clock right\?"),
    ):
        code, printed = school.run(*words, back=ALL)
        assert code == 2
        assert re.search(said, " ".join(printed.split())), printed
    assert school.run("fit", back=HOUR)[0] == 0
    again = school.copied(tmp_path / "again")
    shutil.rmtree(again.folder / "school")
    shutil.copytree(founded.folder / "school", again.folder / "school")
    assert again.run("import", "--events", "new.csv", back=ALL)[0] == 2
    assert again.run("import", "--events", "new.csv")[0] == 0
    assert again.week(WEEK, "new.csv") in (0, 1)
    assert again.run("learn")[0] == 0
    assert again.holds() == alone
