"""What goes wrong around a command ends with one sentence and a code that says what to do."""

from __future__ import annotations

import gc
import gzip
import json
import os
import re
import select
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
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


def test_a_week_years_away_is_a_slip(run: Run, founded: Path, tmp_path: Path) -> None:
    space = founded / "school"
    for command in (["weekly", space, "--out", tmp_path], ["recommend", space, "--learner", "u1"]):
        code, said = run(*command, "--week", "2062-W48")
        assert (code, "week 2062-W48 is more than two years off" in said) == (2, True), said
    assert not list(tmp_path.iterdir())


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


def test_a_slip_in_a_day_ends_the_week_before_it_begins(run: Run, school: Path, tmp_path: Path) -> None:
    before = run("list", "models", str(school), "--csv")[1]
    job = ("week", str(school), "--week", "2026-W48", "--out", str(tmp_path / "out"))
    code, said = run(*job, "--holiday", "26.11.2026")
    assert code == 2
    assert "a day must be written as 2026-11-26, got '26.11.2026'" in said
    assert run("list", "models", str(school), "--csv")[1] == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["week", "weekly"])
def test_a_roster_that_names_nobody_draws_nothing(
    run: Run, school: Path, tmp_path: Path, command: str
) -> None:
    roster, out = tmp_path / "roster.csv", tmp_path / "out"
    job = (command, str(school), "--week", "2026-W48", "--out", str(out), "--roster", str(roster))
    roster.write_text("learner,class\nu1,7b\n")
    assert run(*job)[0] == 0
    before = (out / "playlists.csv").read_bytes()
    for content in ("learner,class\n", "learner,class\n,7b\n"):
        roster.write_text(content)
        code, said = run(*job)
        assert code == 2
        assert "roster.csv names no learner" in said
        assert (out / "playlists.csv").read_bytes() == before


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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
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
    gc.collect()  # the connection of the command that failed, which a process of its own would take along


class Pooler(socketserver.BaseRequestHandler):
    """Stands before a PostgreSQL, and drops the settings that a connection brings, as pgbouncer may."""

    def handle(self) -> None:
        size = int.from_bytes(self.request.recv(4))
        begun = re.sub(rb"options\0[^\0]*\0", b"", self.request.recv(size - 4))
        with socket.socket(socket.AF_UNIX) as behind:
            behind.connect(self.server.behind)
            behind.sendall((len(begun) + 4).to_bytes(4) + begun)
            other = {self.request: behind, behind: self.request}
            while True:
                for one in select.select(list(other), [], [])[0]:
                    if not (said := one.recv(65536)):
                        return
                    other[one].sendall(said)


def test_a_pooler_that_drops_the_settings_of_a_connection_is_refused(
    run: Run, tmp_path: Path, new_postgresql: Callable[..., str]
) -> None:
    database, folder = new_postgresql().removeprefix("postgresql://postgres:@/").split("?host=")
    with socketserver.TCPServer(("127.0.0.1", 0), Pooler) as server:
        server.behind = f"{folder}/.s.PGSQL.5432"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"postgresql://postgres@127.0.0.1:{server.server_address[1]}/{database}?sslmode=disable"
        said = run("init", tmp_path / "east", "--database", f"{url}&gssencmode=disable")
        server.shutdown()
        thread.join()
    one_sentence(said, "give the address of PostgreSQL itself, not of a pooler (pgbouncer) before it")
    assert run("init", tmp_path / "east", "--database", new_postgresql())[0] == 0


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
    log.assign(time="2026-11-20").to_parquet(tmp_path / "log.parquet")
    one_sentence(run(*words), "column time must hold timestamps, or seconds since 1970, found")
    log.to_parquet(tmp_path / "log.parquet")
    nowhere = ("--engine", "dask", "--scheduler", "127.0.0.1:1")
    one_sentence(run(*words, *nowhere), "no Dask scheduler answers at 127.0.0.1:1")
    percent = pd.concat([log, log.assign(score=80.0), log.assign(score=100.0)])
    percent.to_parquet(tmp_path / "log.parquet")
    code, said = run(*words)
    assert (code, "ALARM import: 2 of 3 rows were rejected" in said) == (1, True), said


def test_an_import_of_nothing_but_rejects_says_so(run: Run, school: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("learner,resource,score,time\nx,nowhere,1,2026-11-20T08:00:00Z\n")
    code, said = run("import", school, "--events", bad)
    assert (code, "not one row of" in said) == (2, True), said
    code, said = run("week", school, *WEEK, "--out", tmp_path / "out", "--events", bad)
    assert (code, "not one of 1 rows of" in said) == (2, True), said


def test_of_several_files_each_is_named_and_one_that_is_good_makes_it_an_alarm(
    run: Run, school: Path, tmp_path: Path
) -> None:
    for name, what in (("a", "nowhere"), ("b", "no-place"), ("good", sample.load().resources[0].resource_id)):
        (tmp_path / f"{name}.csv").write_text(
            f"learner,resource,score,time\nx,{what},1,2026-11-20T08:00:00Z\n"
        )
    both = [word for name in "ab" for word in ("--events", tmp_path / f"{name}.csv")]
    code, said = run("import", school, *both)
    assert (code, said.count("not one row of")) == (2, 2), said
    code, said = run("import", school, *both, "--events", tmp_path / "good.csv")
    assert (code, said.count("ALARM import: "), "good.csv: 1 rows read, 1 stored" in said) == (1, 2, True), (
        said
    )


def table(rows: int, score: Callable[[int], object], *, sep: str = ",", stop: str = "\n") -> str:
    """Return a table of attempts at one resource."""
    code = sample.load().resources[0].resource_id
    made = [("learner", "resource", "score", "time")]
    made += [(f"u{i}", code, str(score(i)), f"2026-11-20T08:00:{i:02d}Z") for i in range(rows)]
    return "".join(sep.join(row) + stop for row in made)


@pytest.mark.parametrize(
    ("score", "options", "code", "said"),
    [
        (lambda i: i % 2, (), 0, "40 stored"),
        (lambda i: "a" if i < 2 else 1, (), 0, "2 rejected"),  # a handful
        (
            lambda i: "a" if i < 20 else 1,
            (),
            1,
            "ALARM import: log.csv: 20 of 40 rows were rejected: score must",
        ),
        (lambda i: 5 if i < 14 else 1, (), 1, "26 stored"),  # good rows beside bad ones stay
        (lambda i: 100 * (i % 3 == 0), (), 2, "not one row of"),
        (lambda i: i * 2.5, (), 2, "(percent? give the highest score: --max-score 100)"),
        (lambda i: i * 2.5, ("--max-score", "100"), 0, "40 stored"),
        (lambda i: f"{i * 2} %", (), 2, "without the sign, and --max-score 100"),
        (lambda i: "0,5", (), 0, "40 stored"),
    ],
)
def test_an_import_tells_by_its_code_how_much_was_set_aside(
    run: Run,
    school: Path,
    tmp_path: Path,
    *,
    score: Callable[[int], object],
    options: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    log = tmp_path / "log.csv"
    log.write_text(table(40, score, sep=";"))
    found = run("import", school, "--events", log, *options)
    assert (found[0], said in " ".join(found[1].split())) == (code, True), found
    last = found[1].strip().splitlines()[-1]
    assert last.startswith({0: ("log.csv: ", "  all of them"), 1: "ALARM import: ", 2: "segue: "}[code])
    week = run(
        "week",
        school,
        *WEEK,
        "--out",
        tmp_path / "out",
        "--events",
        log,
        "--skip",
        "fit",
        "--skip",
        "weekly",
        *options,
    )
    assert week[0] == code or (code, week[0]) == (0, 1), week
    assert ("ALARM import: " in week[1]) == (code == 1)


def test_a_file_of_percentages_leaves_no_row_of_any_part(
    run: Run, school: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segue.features.events import file_readers

    log = tmp_path / "log.csv"
    log.write_text(table(60, lambda i: 100 if i < 20 else 1))
    monkeypatch.setattr(
        file_readers.event_parts, "__kwdefaults__", {**file_readers.event_parts.__kwdefaults__, "rows": 30}
    )
    code, said = run("import", school, "--events", log)
    assert (code, "30 rows read, 0 stored, 0 repeats, 30 rejected" in said) == (2, True), said


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv.gz", gzip.compress(table(3, lambda _: 1).encode("utf-16"), mtime=0), "3 stored"),
        ("a.csv", gzip.compress(table(3, lambda _: 1).encode(), mtime=0), "3 stored"),
        ("a.csv", b"sep=;\r\n" + table(3, lambda _: 1, sep=";", stop="\r\n").encode(), "3 stored"),
        ("a.csv", table(3, lambda _: 1, stop="\r").encode(), "does not end its lines as CSV does"),
        ("a.xlsx", b"PK\x03\x04", "is a ZIP file, as Excel's are too"),
        ("a.csv.gz", gzip.compress(b"learner", mtime=0)[:-9], "cannot be read as gzip"),
    ],
)
def test_files_as_spreadsheets_and_packers_leave_them(
    run: Run, school: Path, tmp_path: Path, *, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    found = run("import", school, "--events", tmp_path / name)
    assert said in found[1]
    if found[0]:
        one_sentence(found, said)


STATEMENT = {
    "id": "7f87ccde-bb56-4c2e-ab83-000000000001",
    "actor": {"account": {"homePage": "https://lms.example", "name": "u1"}},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
    "object": {"id": sample.load().resources[0].resource_id},
    "timestamp": "2026-11-20T08:00:00Z",
    "result": {"score": {"scaled": 0.5}},
}


@pytest.mark.parametrize(
    ("kind", "content", "code", "said"),
    [
        ("xapi", [STATEMENT], 0, "1 events stored"),
        ("xapi", [], 0, "0 events stored"),
        ("xapi", b"", 2, "is empty"),
        ("xapi", b"hello", 2, "could be read: 1 of 1 rows were rejected: not JSON"),
        ("xapi", None, 2, "does not exist"),
        ("xapi", [STATEMENT | {"object": {"id": "https://lms.example/none"}}], 2, "unknown resource"),
        ("xapi", [STATEMENT, {}, {}], 0, "1 events stored"),  # a handful
        ("xapi", [STATEMENT, *[{}] * 11], 1, "ALARM import: log.json: 11 of 12 rows were rejected"),
        ("xapi", [STATEMENT | {"result": {"score": {"raw": 87}}}], 0, "noticed 1: score left out"),
        ("xapi", [STATEMENT | {"result": {"score": {"raw": 87, "min": 0, "max": 1}}}], 0, "taken as its end"),
        ("xapi", [STATEMENT | {"timestamp": "20.11.2026"}], 0, "1 attempts have no time that can be read"),
        ("caliper", {}, 2, "could be read"),
        ("canvas", b"PK\x03\x04garbage", 2, "could be read"),
        ("case", b"[]", 2, "could be read: 1 of 1 rows were rejected: a CASE package is one JSON object"),
        ("cartridge", b"garbage", 2, "could be read"),
        ("oneroster", b"garbage", 2, "could be read"),
        ("moodle", b"garbage", 2, "could be read"),
    ],
)
def test_a_document_tells_by_its_code_whether_it_was_read(
    run: Run, school: Path, tmp_path: Path, *, kind: str, content: object, code: int, said: str
) -> None:
    path = tmp_path / "log.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    found = run("import", school, "--format", kind, "--events", path)
    assert (found[0], said in " ".join(found[1].split())) == (code, True), found
    if code == 2:
        assert found[1].strip().splitlines()[-1].startswith("segue: ")


def test_a_moodle_table_without_the_columns_sought_was_not_read(
    run: Run, school: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log.csv.gz"
    log.write_bytes(gzip.compress(b"Zeit;Ereignisname\n1;2\n"))
    code, said = run("import", school, "--format", "moodle", "--events", log)
    assert (code, "1 rows gave nothing: columns sought: eventname" in " ".join(said.split())) == (2, True), (
        said
    )


def test_strict_ends_with_two_where_a_record_is_refused(run: Run, school: Path, tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps([STATEMENT, {}]))
    words = ("import", school, "--format", "xapi", "--events", tmp_path / "log.json")
    assert [run(*words)[0], run(*words, "--strict")[0]] == [0, 2]


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
