"""`segue week` as an operator runs it where memory, disk or the right to write are scarce."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from segue import sample
from segue.workspace.operations import integrity
from segue.workspace.workspace import Workspace

pytestmark = pytest.mark.journey

KEY = {"SEGUE_KEY": "11" * 32}
WEEK = ("--week", "2026-W48", "--roster", "roster.csv", "--events", "late.csv", "-k", "3", "--out", "out")
ENOUGH = 8 << 30

SQUEEZED = """
import resource, sys
from pathlib import Path

class Out:
    '''What is printed; after the line of one step, only so many bytes more can be had.'''
    def __init__(self, out, step, more):
        self.out, self.step, self.more = out, step, more
    def write(self, text):
        if text.startswith(self.step + ':'):
            pages = int(Path('/proc/self/statm').read_text().split()[0])
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + self.more,) * 2)
        return self.out.write(text)
    def __getattr__(self, name):
        return getattr(self.out, name)

step, more, *sys.argv[1:] = sys.argv[1:]
from segue.cli.main import main
sys.stdout = Out(sys.stdout, step, int(more) << 20)
main()
"""


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a fitted workspace, its roster and a file of late events."""
    folder = tmp_path_factory.mktemp("founded")
    codes = [resource.resource_id for resource in sample.load().resources]
    rows = {"learner": [f"u{i % 90}" for i in range(900)], "resource": [codes[i % 20] for i in range(900)]}
    times = pd.date_range("2026-11-01T08:00:00Z", periods=900, freq="20min").astype(str)
    log = pd.DataFrame(rows | {"score": [1.0, 0.0, 1.0] * 300, "time": times})
    log[:600].to_csv(folder / "log.csv", index=False)
    log[600:].to_csv(folder / "late.csv", index=False)
    log[["learner"]].drop_duplicates().to_csv(folder / "roster.csv", index=False)
    files = ("--catalogue", str(sample.paths().resources), "--events", "log.csv")
    for words in (
        ("init", "school"),
        ("import", "school", *files),
        ("fit", "school", "--now", "2026-11-09T00:00:00Z"),
    ):
        assert run(folder, *words).returncode == 0
    return folder


@pytest.fixture
def school(founded: Path, tmp_path: Path) -> Path:
    return shutil.copytree(founded, tmp_path / "here")


def run(
    folder: Path,
    *words: str,
    begin: Sequence[str] = (sys.executable, "-m", "segue.cli.main"),
    limit: int = resource.RLIMIT_AS,
    most: int = ENOUGH,
) -> subprocess.CompletedProcess[str]:
    """Run `segue ...` in a folder under a limit of the system."""
    return subprocess.run(
        [*begin, *words],
        cwd=folder,
        env={**os.environ, **KEY},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(limit, (most, most)),
    )


def made(folder: Path) -> tuple[str, dict[str, bytes]]:
    """Return the canonical digest of a workspace that is well, and the files of its week."""
    space = Workspace.open(folder / "school", environment=KEY)
    assert [finding for finding in integrity.examine(space) if not finding.well] == []
    digest = integrity.digest(space)
    space.close()
    files = (file for file in (folder / "out").rglob("*.*") if file.is_file() and file.name != "week.json")
    return digest, {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def alone(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, bytes]]:
    """Return what a week makes that nothing disturbs."""
    folder = shutil.copytree(founded, tmp_path_factory.mktemp("alone") / "here")
    assert run(folder, "week", "school", *WEEK, most=resource.RLIM_INFINITY).returncode == 0
    return made(folder)


def one_sentence(done: subprocess.CompletedProcess[str], part: str) -> None:
    said = " ".join(done.stderr.split())
    assert (done.returncode, said.count("segue: "), said[:7]) == (2, 1, "segue: "), done.stderr
    assert "Traceback" not in said
    assert part in said


def test_with_enough_memory_all_is_done(school: Path, alone: tuple[str, dict[str, bytes]]) -> None:
    done = run(school, "week", "school", *WEEK, "--workers", "2", most=3 << 30)
    assert (done.returncode, done.stderr) == (0, "")
    assert made(school) == alone


@pytest.mark.parametrize(
    ("after", "megabytes", "workers"), [("import", 0, 1), ("import", 20, 1), ("fit", 0, 2)]
)
def test_a_week_that_is_refused_memory_says_so_and_is_taken_up(
    school: Path, alone: tuple[str, dict[str, bytes]], after: str, megabytes: int, workers: int
) -> None:
    words = (after, str(megabytes), "week", "school", *WEEK, "--workers", str(workers))
    done = run(school, *words, begin=(sys.executable, "-c", SQUEEZED))
    one_sentence(done, "there is not enough memory for this")
    assert f"{after}: " in done.stdout
    assert "weekly: " not in done.stdout
    assert not list((school / "school" / "models").glob("*.new"))
    again = run(school, "week", "school", *WEEK)
    assert again.returncode == 0
    assert made(school) == alone


def test_a_week_whose_files_may_not_grow_says_so_and_is_taken_up(
    school: Path, alone: tuple[str, dict[str, bytes]]
) -> None:
    """What does not fit is refused as by a full disk."""
    most = (school / "school" / "segue.db").stat().st_size // 4
    done = run(school, "week", "school", *WEEK, limit=resource.RLIMIT_FSIZE, most=most)
    one_sentence(done, "the database failed: ")
    assert run(school, "week", "school", *WEEK).returncode == 0
    assert made(school) == alone


def test_a_database_that_may_not_be_written_is_said_with_what_to_mend(
    school: Path, alone: tuple[str, dict[str, bytes]]
) -> None:
    caps = "-dac_override,-dac_read_search"  # without them, root too may not write what is read-only
    drop = ("setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}") if os.geteuid() == 0 else ()
    (school / "school" / "segue.db").chmod(0o444)
    done = run(school, "week", "school", *WEEK, begin=(*drop, sys.executable, "-m", "segue.cli.main"))
    one_sentence(done, "segue.db, segue.db-wal, segue.db-shm and their folder must be writable")
    for file in (school / "school").glob("segue.db*"):
        file.chmod(0o644)
    assert run(school, "week", "school", *WEEK).returncode == 0
    assert made(school) == alone
