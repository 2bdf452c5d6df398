"""What goes wrong around a command ends with one sentence and a code that says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from segue import sample
from segue.cli import main as cli
from segue.cli.main import sentence

Run = Callable[..., tuple[int, str]]
WEEK = ("--week", "2026-W48")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs `segue ...`: code and what it said; a defect of the program fails the test."""
    monkeypatch.delenv("SEGUE_KEY", raising=False)

    def call(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["segue", *map(str, words)])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return call


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("founded")

    def run(*words: object) -> tuple[int, str]:
        done = CliRunner().invoke(cli.app, list(map(str, words)), env={"SEGUE_KEY": None})
        return done.exit_code, done.output

    space = folder / "school"
    run("init", space)
    codes = [resource.resource_id for resource in sample.load().resources]
    rows = {"learner": [f"u{i % 5}" for i in range(40)], "resource": [codes[i % 20] for i in range(40)]}
    times = pd.date_range("2026-11-01T08:00:00Z", periods=40, freq="7h").astype(str)
    pd.DataFrame(rows | {"score": [1.0, 0.0] * 20, "time": times}).to_csv(folder / "log.csv", index=False)
    files = ("--catalogue", sample.paths().resources, "--events", folder / "log.csv")
    assert run("import", space, *files)[0] == 0
    assert run("fit", space, "--now", "2026-11-20T00:00:00Z")[0] == 0
    return folder


@pytest.fixture
def school(founded: Path, tmp_path: Path) -> Path:
    shutil.copytree(founded, tmp_path, dirs_exist_ok=True)
    return tmp_path / "school"


def one_sentence(found: tuple[int, str], part: str, code: int = 2) -> None:
    assert found[0] == code, found[1]
    assert part in found[1]
    assert found[1].startswith("segue: ")
    assert found[1].count("\n") == 1


def test_a_database_is_one_workspaces_alone(run: Run, tmp_path: Path, database: str) -> None:
    assert run("init", tmp_path / "east", "--database", database)[0] == 0
    one_sentence(run("init", tmp_path / "west", "--database", database), "another workspace's already")
    assert not (tmp_path / "west.key").exists()
    assert run("doctor", tmp_path / "east")[0] == 0  # it would be a stranger to its own key
    (tmp_path / "east" / "workspace.json").unlink()
    one_sentence(run("doctor", tmp_path / "east"), "is no workspace")
    assert run("init", tmp_path / "east", "--database", database)[0] == 0  # brought back by its key


def test_an_init_that_met_no_database_can_be_tried_again(run: Run, tmp_path: Path, database: str) -> None:
    away = "postgresql://nobody@localhost:1/none"
    one_sentence(run("init", tmp_path / "east", "--database", away), "cannot be opened")
    assert run("init", tmp_path / "east", "--database", database)[0] == 0
    shutil.rmtree(tmp_path / "east")
    one_sentence(run("init", tmp_path / "east"), "east.key is there already: move it away")


def test_a_database_that_another_command_holds_is_said(
    run: Run, tmp_path: Path, new_postgresql: Callable[..., str]
) -> None:
    import psycopg

    url = new_postgresql()
    space = tmp_path / "east"
    assert run("init", space, "--database", f"{url}&options=-clock_timeout%3D50ms")[0] == 0
    run("import", space, "--catalogue", sample.paths().resources)
    with psycopg.connect(url) as other:
        other.execute("SELECT value FROM counters FOR UPDATE")
        one_sentence(run("import", space, "--catalogue", sample.paths().resources), "run this again when it")


def test_damage_of_the_database_is_found_and_said(run: Run, school: Path) -> None:
    file = school / "segue.db"
    for wal in school.glob("segue.db-*"):
        wal.unlink()
    whole = bytearray(file.read_bytes())
    torn = whole.copy()
    for page in range(4, len(torn) // 4096, 3):
        torn[page * 4096 : page * 4096 + 512] = b"\xff" * 512
    file.write_bytes(torn)
    code, said = run("doctor", school)
    assert (code in (1, 2), "Traceback" in said) == (True, False), said
    assert "BAD" in said or said.startswith("segue: the database")
    code, said = run("week", school, *WEEK, "--out", school / "out")
    assert (code, "Traceback" in said, said.count("segue: ")) == (2, False, 1), said
    file.write_bytes(b"garbage" * 10_000)
    one_sentence(run("doctor", school), "the database cannot be opened: file is not a database")
    file.write_bytes(whole[: len(whole) // 2])
    code, said = run("doctor", school)
    assert (code in (1, 2), "Traceback" in said) == (True, False), said


def test_places_and_names_that_cannot_be(run: Run, school: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one_sentence(run("week", school, *WEEK, "--out", tmp_path / "file"), "is a file: --out must be a folder")
    (school / "workspace.json").write_text("{")
    one_sentence(run("week", school, *WEEK, "--out", tmp_path / "out"), "workspace.json")


def test_batches_of_files_that_cannot_be_read(run: Run, school: Path, tmp_path: Path) -> None:
    (model,) = (school / "models").iterdir()
    (tmp_path / "log.parquet").write_bytes(b"PAR1garbagePAR1")
    words = ("batch", tmp_path / "log.parquet", "--model", model, *WEEK, "--out", tmp_path / "out")
    one_sentence(run(*words), "cannot be read as Parquet")
    one_sentence(run(*words, "--time-zone", "Mars/Olympus"), "time zone must be an IANA name")
    log = pd.DataFrame({"learner": ["a"], "resource": ["nothing"], "score": [1.0], "seq": [1]})
    log.to_parquet(tmp_path / "log.parquet")
    one_sentence(run(*words), "not one of 1 rows")
    log["resource"] = sample.load().resources[0].resource_id
    log.to_parquet(tmp_path / "log.parquet")
    nowhere = ("--engine", "dask", "--scheduler", "127.0.0.1:1")
    one_sentence(run(*words, *nowhere), "no Dask scheduler answers at 127.0.0.1:1")


def test_an_import_of_nothing_but_rejects_says_so(run: Run, school: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("learner,resource,score,time\nx,nowhere,1,2026-11-20T08:00:00Z\n")
    code, said = run("import", school, "--events", bad)
    assert (code, "not one row of" in said) == (2, True), said
    code, said = run("week", school, *WEEK, "--out", tmp_path / "out", "--events", bad)
    assert (code, "not one of 1 rows of" in said) == (2, True), said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device", "out/playlists.csv"), "No space left on device: out/"),
        (ValueError("week must be\nan ISO week"), "week must be an ISO week"),
        (MemoryError(), "there is not enough memory for this"),
    ],
)
def test_a_fault_is_one_sentence(error: Exception, said: str) -> None:
    assert (sentence(error) or "").startswith(said)


@pytest.mark.parametrize("option", ["-v", "-d"])
def test_memory_in_which_a_library_would_wait_for_ever_is_refused(option: str) -> None:
    limited = f"ulimit {option} 500000; exec {sys.executable} -m segue.cli.main --version"
    said = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith("segue: 512 MB of memory (`ulimit -v`, `ulimit -d`)")


def test_a_week_is_the_same_where_the_machine_grants_little(school: Path, tmp_path: Path) -> None:
    """Locale C, nobody else may read what is made, 256 open files."""
    rows = pd.read_csv(school.parent / "log.csv").assign(learner=lambda frame: "né-" + frame["learner"])
    rows.to_csv(tmp_path / "é.csv", index=False)
    made = []
    for name, prelude, locale in (("usual", "", "C.UTF-8"), ("poor", "umask 077; ulimit -n 256;", "C")):
        space = shutil.copytree(school, tmp_path / name)
        shutil.copy(school.with_name(f"{school.name}.key"), space.with_name(f"{name}.key"))
        words = (
            "week",
            name,
            *WEEK,
            "--events",
            "é.csv",
            "--skip",
            "fit",
            "--workers",
            "2",
            "--out",
            f"{name}/out",
        )
        said = subprocess.run(
            ["bash", "-c", f'{prelude} exec "$0" -m segue.cli.main "$@"', sys.executable, *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LC_ALL": locale},
        )
        assert said.returncode == 0, said.stderr
        made.append(pd.read_csv(space / "out/playlists.csv").drop(columns="learner"))
    pd.testing.assert_frame_equal(*made)
    assert (tmp_path / "poor/out/playlists.csv").stat().st_mode & 0o077 == 0


def test_a_defect_of_the_program_is_shown_as_one() -> None:
    assert sentence(ZeroDivisionError()) is None
