"""The command line, in this process: what it prints, what it stores, and the sentences it ends with."""

from __future__ import annotations

import json
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
from segue.workspace.records.rosters.enrolments import Enrolment, add_enrolments
from segue.workspace.workspace import Workspace
from tests import readme_output

NOW = "2026-11-23T08:00:00+00:00"
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs `segue ...` and returns exit code and output (both streams)."""
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
    """Return a folder with a workspace, made by commands, that is only ever copied."""
    files, folder = sample.paths(), tmp_path_factory.mktemp("founded")
    space = str(folder / "school")
    resources = ("--catalogue", files.resources, "--skills", files.skills)
    for words, told in (
        (("init", space), "is ready"),
        (("import", space, *resources, "--prerequisites", files.prerequisites), "159 resources"),
        (("import", space, "--events", attempts(folder)), "60 stored"),
        (("fit", space, "--now", NOW), "is in charge"),
    ):
        done = CliRunner().invoke(cli.app, list(map(str, words)), env={"SEGUE_KEY": None})
        assert (done.exit_code, told in done.output) == (0, True), done.output
    return folder


@pytest.fixture
def school(founded: Path, tmp_path: Path) -> Path:
    """Return a workspace with the bundled catalogue, a few attempts and a model."""
    shutil.copytree(founded, tmp_path, dirs_exist_ok=True)
    return tmp_path / "school"


def attempts(folder: Path, **changes: object) -> Path:
    """Write sixty attempts by six learners."""
    ids = [resource.resource_id for resource in sample.load().resources][:10]
    rows = [
        {
            "learner": f"pupil-{who}",
            "resource": ids[n],
            "score": (who + n) % 3 > 0,
            "time": f"2026-11-{n + 1:02d}T09:00Z",
        }
        for who in range(6)
        for n in range(10)
    ]
    path = folder / "events.csv"
    pd.DataFrame(rows).assign(**changes).to_csv(path, index=False)
    return path


def test_a_playlist_holds_what_it_promises(run: Run, school: Path) -> None:
    question = ("recommend", school, "--learner", "pupil-1", "-k", "10", "--now", NOW, "--json")
    code, said = run(*question)
    assert code == 0
    answer = json.loads(said)
    assert len(answer["steps"]) == 10
    joint = 1.0
    for step in answer["steps"]:
        assert 0.0 < step["propensity"] <= 1.0
        joint *= step["propensity"]
        assert step["joint_propensity"] == pytest.approx(joint, rel=1e-12)
        assert sum(step["reasons"].values()) == pytest.approx(step["score"], abs=1e-9)
    assert set(answer["rules"].values()) == {"held"}


def test_same_seed_same_bytes_another_seed_another_draw(run: Run, school: Path) -> None:
    question = ("recommend", school, "-l", "pupil-1", "--json")
    assert run(*question) == run(*question)
    first = run(*question, "--now", NOW, "--seed", "a")[1]
    assert run(*question, "--now", NOW, "--seed", "a")[1] == first
    assert run(*question, "--now", NOW, "--seed", "b")[1] != first


def test_a_learner_nobody_has_seen_is_a_cold_start(run: Run, school: Path) -> None:
    code, said = run("recommend", school, "-l", "a stranger", "-k", "3", "--now", NOW)
    assert (code, said.splitlines()[0]) == (0, "Playlist for a stranger")
    assert len([line for line in said.splitlines()[2:] if line.strip()[:1].isdigit()]) == 3
    assert run("profile", school, "-l", "another", "--now", NOW)[0] == 0


def test_an_unknown_resource_is_named(run: Run, school: Path) -> None:
    code, said = run("recommend", school, "-l", "pupil-1", "--candidate", "no-such-thing", "--now", NOW)
    assert code == 2
    assert "unknown resource 'no-such-thing'" in said


def test_an_empty_set_says_which_rules_emptied_it(run: Run, school: Path) -> None:
    code, said = run("recommend", school, "-l", "pupil-1", "--language", "xx", "--now", NOW)
    assert code == 0
    assert "no step is possible: language" in said


def test_profile_shows_strengths_needs_and_interests(run: Run, school: Path) -> None:
    code, said = run("profile", school, "-l", "pupil-1", "--now", NOW, "--json")
    assert code == 0
    shown = json.loads(said)
    assert shown["attempts"] == 10
    for line in [*shown["strengths"], *shown["needs"], *shown["others"]]:
        assert 0 < line["low"] <= line["chance"] <= line["high"] < 1
    assert all(0 < line["ready"] <= 1 for line in shown["next_steps"])


def test_reading_again_changes_nothing(run: Run, school: Path, tmp_path: Path) -> None:
    assert "0 stored, 60 repeats, 0 rejected" in run("import", school, "--events", attempts(tmp_path))[1]


def test_bad_rows_are_counted_and_kept_apart(run: Run, school: Path, tmp_path: Path) -> None:
    events = attempts(tmp_path)
    events.write_text(
        events.read_text() + "pupil-9,trail-mix-talk,87,2026-11-20T09:00Z\nx,nowhere,1,2026-11-20T09:00Z\n"
    )
    code, said = run("import", school, "--events", events)
    assert (code, "62 rows read, 0 stored, 60 repeats, 2 rejected" in said) == (0, True), said
    rejects = pd.read_csv(school / "rejects" / "events.csv.rejects.csv")
    assert rejects["line"].tolist() == [62, 63]
    assert rejects["reason"][1] == "unknown resource, got nowhere: add it to the catalogue, then import again"
    code, said = run("import", school, "--events", events, "--strict")
    assert (code, "nothing of this file was stored" in said) == (2, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("import", "SPACE"), "nothing to import"),
        (("import", "SPACE", "--events", "none.csv"), "does not exist"),
        (("import", "SPACE", "--events", "EVENTS", "--map", "a"), "--map must be THEIRS=OURS"),
        (("import", "SPACE", "--events", "EVENTS", "--map", "who=learner"), "no column 'who' to map"),
        (("recommend", "SPACE", "-l", "x", "--now", "2026-11-23"), "must carry a zone"),
        (("recommend", "SPACE", "-l", "x", "--now", "soon"), "must be ISO 8601"),
        (("recommend", "SPACE", "-l", "x", "--week", "2026-W60"), "ISO week such as 2026-W48"),
        (("init", "SPACE"), "is a workspace already"),
        (("init", "OTHER", "--time-zone", "Paris"), "IANA name"),
        (("fit", "OTHER"), "is no workspace: make one with"),
        (
            ("weekly", "SPACE", "--week", "2026-W48", "--out", "OUT", "--part", "3/2"),
            "--part must be like 2/8",
        ),
    ],
)
def test_a_fault_ends_with_one_sentence(
    run: Run, school: Path, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    paths = {
        "SPACE": school,
        "EVENTS": attempts(tmp_path),
        "OTHER": tmp_path / "other",
        "OUT": tmp_path / "out",
    }
    code, said = run(*(paths.get(word, word) for word in words))
    assert code == 2
    assert sentence in said
    assert said.startswith("segue: ")
    assert said.count("\n") == 1


def test_without_its_key_a_workspace_stays_shut(run: Run, school: Path) -> None:
    school.with_name("school.key").unlink()
    code, said = run("learn", school)
    assert (code, "no key for" in said) == (2, True)


def test_before_a_catalogue_or_a_model_the_next_command_is_named(run: Run, tmp_path: Path) -> None:
    run("init", tmp_path / "new")
    assert "has no catalogue yet: segue import" in run("fit", tmp_path / "new")[1]
    assert "has no model yet: segue fit" in run("recommend", tmp_path / "new", "-l", "x")[1]


def test_weekly_equals_the_single_call(run: Run, school: Path, tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("learner\n" + "".join(f"pupil-{i}\n" for i in range(7)))
    week = ("--week", "2026-W48")
    code, said = run("weekly", school, *week, "--out", tmp_path / "out", "--roster", roster, "--workers", "1")
    assert (code, "7 learners, 1 blocks" in said) == (0, True), said
    table = pd.read_csv(tmp_path / "out" / "playlists.csv")
    for learner, rows in table.groupby("learner"):
        single = json.loads(run("recommend", school, "-l", learner, *week, "--json")[1])
        assert rows["decision_id"].tolist() == [step["decision_id"] for step in single["steps"]]
        assert rows["propensity"].tolist() == [step["propensity"] for step in single["steps"]]


def test_the_facade_is_light() -> None:
    program = (
        "import sys, time; t = time.perf_counter(); import segue; segue.recommend\n"
        "t = time.perf_counter() - t\n"
        "heavy = {'mlflow', 'matplotlib', 'fastapi', 'pandas'} & set(sys.modules); print(t, sorted(heavy))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    seconds, heavy = said.split(" ", 1)
    assert float(seconds) < 1.5
    assert heavy.strip() == "[]"


def test_demo_tells_the_whole_story(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "class"
    monkeypatch.setenv("COLUMNS", "80")
    code, said = run("demo", "--folder", folder)
    assert code == 0, said
    for heading in (
        "1. A class of 30",
        "2. Playlists",
        "3. The class works",
        "4. pupil",
        "5. The teacher's view",
        "6. The class together",
    ):
        assert heading in said
    assert "rewards matured" in said
    assert [line for line in said.replace(str(folder), "demo").splitlines() if len(line) > 80] == []
    shown = readme_output.SHOWN.search(readme_output.README.read_text("utf-8"))
    assert shown is not None
    assert shown[0] == readme_output.excerpt(said), "README shows another output: make readme"
    assert (folder / "2026-W49" / "playlists.csv").exists()
    other = tmp_path / "mine"
    other.mkdir()
    assert "no demo made it" in run("demo", "--folder", other)[1]


def test_a_week_is_done_in_order_and_once(run: Run, school: Path, tmp_path: Path) -> None:
    job = ("week", school, "--week", "2026-W48", "--out", tmp_path / "job", "--events", attempts(tmp_path))
    rest = ("--workers", "1", "--holiday", "2026-11-26", "--holiday", "2026-11-27")
    code, said = run(*job, *rest)
    assert code == 0, said
    order = [
        line.split(":")[0]
        for line in said.splitlines()
        if line.split(":")[0] in ("import", "learn", "fit", "weekly")
    ]
    assert order == ["import", "learn", "fit", "weekly"]
    assert "6 playlists of 6 steps" in said  # three school days of five
    table = (tmp_path / "job" / "playlists.csv").read_bytes()
    assert run(*job, *rest) == (code, said)
    assert (tmp_path / "job" / "playlists.csv").read_bytes() == table
    assert "--skip must be one of" in run(*job, "--skip", "sleep")[1]


def test_a_week_is_shared_among_courses(run: Run, school: Path, tmp_path: Path) -> None:
    roster, courses = tmp_path / "roster.csv", tmp_path / "courses.csv"
    roster.write_text("learner,class\npupil-1,maths\npupil-1,club\npupil-2,club\n")
    courses.write_text("class,minutes,skills\nmaths,50,ratio-language;unit-rates\nclub,50,\n")
    job = ("week", school, "--week", "2026-W48", "--out", tmp_path / "job", "--courses", courses)
    assert "--courses needs --roster" in run(*job, "--minutes", "60")[1]
    rest = ("--roster", roster, "--minutes", "60", "--holiday", "2026-11-26", "--workers", "1")
    code, said = run(*job, *rest)
    assert code == 0, said
    table = pd.read_csv(tmp_path / "job" / "playlists.csv")
    assert set(table.loc[table["learner"] == "pupil-1", "course"]) == {"maths", "club"}
    assert set(table.loc[table["learner"] == "pupil-2", "course"]) == {"club"}
    assert table.groupby("learner")["minutes"].sum().max() <= 48.0  # four days of five
    courses.write_text("class,minutes,skills\nmaths,50,ratio-lang\n")
    assert "maths names the unknown skill ratio-lang" in run(*job, *rest)[1]
    courses.write_text("class,minutes\nmaths,many\n")
    assert "minutes of maths must be a number of 0 or more, got many" in run(*job, *rest)[1]


def test_a_week_without_school_has_no_playlists(run: Run, school: Path, tmp_path: Path) -> None:
    free = [word for day in range(21, 26) for word in ("--holiday", f"2026-12-{day}")]
    code, said = run("week", school, "--week", "2026-W52", "--out", tmp_path / "job", *free)
    assert (code, "2026-W52 has no school day" in said) == (0, True)


def test_the_stores_own_commands(run: Run, school: Path, tmp_path: Path) -> None:
    run("recommend", school, "-l", "pupil-1", "--now", NOW)
    code, said = run("doctor", school, "--dump", tmp_path / "before.txt")
    assert (code, "BAD" in said) == (0, False), said
    assert run("rebuild", school) == (0, "6 learners made anew\n")
    run("doctor", school, "--dump", tmp_path / "after.txt")
    assert (tmp_path / "before.txt").read_bytes() == (tmp_path / "after.txt").read_bytes()
    assert run("backup", school, tmp_path / "copy")[0] == 0
    assert run("rotate-key", school)[0] == 0
    stored = json.loads(run("export-data", school, "-l", "pupil-1")[1])
    assert len(stored["events"]) == 10
    certificate = json.loads(run("erase", school, "-l", "pupil-1", "--now", NOW)[1])
    assert certificate["difference"] == 0.0
    assert (
        "60 rows read, 0 stored, 50 repeats, 10 of erased learners"
        in run("import", school, "--events", attempts(tmp_path))[1]
    )
    assert run("opt-out", school, "-l", "pupil-2")[0] == 0
    assert "50 events" in run("purge", school, "--before", "2027-01-01T00:00:00Z")[1]
    assert run("doctor", school)[0] == 0


def test_a_log_goes_from_file_to_file(run: Run, school: Path, tmp_path: Path) -> None:
    log = pd.read_csv(attempts(tmp_path)).assign(
        score=1.0, time=lambda f: pd.to_datetime(f["time"], utc=True)
    )
    log.to_parquet(tmp_path / "log.parquet")
    (model,) = (school / "models").iterdir()
    words = (
        "batch",
        tmp_path / "log.parquet",
        "--model",
        model,
        "--week",
        "2026-W48",
        "--out",
        tmp_path / "out",
    )
    assert "6 learners in 1 buckets, 60 attempts, 0 rejected" in run(*words, "--workers", "1")[1]
    assert "needs --scheduler" in run(*words, "--engine", "dask")[1]


def test_a_class_is_printed_a_page_a_learner(run: Run, school: Path, tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text(
        "learner,class,name\npupil-1,7b,Ada <A>\npupil-2,7b,\npupil-3,8a,Cyd\npupil-99,8a,New\n"
    )
    week = ("--week", "2026-W48", "--workers", "1")
    assert run("weekly", school, *week, "--out", tmp_path / "out", "--roster", roster, "-k", "4")[0] == 0
    code, said = run("print", tmp_path / "out", "--roster", roster)
    assert (code, "class-001.html: 7b, 2 learners" in said) == (0, True), said
    page = (tmp_path / "out" / "print" / "class-001.html").read_text()
    assert page.count("<section") == 2
    assert page.count("<li") == 8
    assert "Ada &lt;A&gt;" in page
    assert "http" not in page  # nothing from outside


def test_real_logs_from_csv_to_playlists(
    run: Run, tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    data, space = shared_data("statics2011"), tmp_path / "statics"
    log = pd.read_csv(data / "interactions.csv.gz", dtype="str")
    few = log[log["user_id"].isin(log["user_id"].unique()[:20])]
    few.to_csv(tmp_path / "log.csv", index=False)
    names = ("--map", "item_id=resource_id")
    run("init", space)
    assert run("import", space, "--catalogue", data / "item_skills.csv.gz", *names)[0] == 0
    code, said = run(
        "import",
        space,
        "--events",
        tmp_path / "log.csv",
        *names,
        "--map",
        "correct=score",
        "--order-by",
        "seq",
    )
    assert (code, f"{len(few)} rows read, {len(few)} stored, 0 repeats, 0 rejected" in said) == (0, True), (
        said
    )
    assert run("fit", space, "--now", NOW)[0] == 0
    week = ("--week", "2026-W48", "--workers", "1")
    assert "20 learners" in run("weekly", space, *week, "--out", tmp_path / "out")[1]
    table = pd.read_csv(tmp_path / "out" / "playlists.csv")
    assert len(table) == 200
    assert table["propensity"].between(0, 1, inclusive="right").all()


def test_with_a_roster_a_mistyped_learner_is_set_aside_not_made(
    run: Run, school: Path, tmp_path: Path
) -> None:
    with Workspace.open(school, environment=os.environ) as space, space.store.write() as connection:
        add_enrolments(connection, space.keyring, [Enrolment(f"pupil-{n}", "7b") for n in range(6)])
    path = attempts(tmp_path, learner="Pupil_1")
    code, said = run("import", school, "--events", path)
    assert (code, "60 rows rejected" in said, "spelled almost the same" in said) == (2, True, True), said
    code, said = run("import", school, "--events", path, "--new-learners")
    assert (code, "60 stored" in said, "spelled almost like others" in said) == (0, True, True), said
    code, said = run("list", "learners", school)
    assert (code, len(said.splitlines())) == (0, 8), said


def test_strict_stores_nothing_of_a_file_that_contradicts_itself(
    run: Run, school: Path, tmp_path: Path
) -> None:
    path = tmp_path / "twice.csv"
    resource = sample.load().resources[0].resource_id
    twice = pd.DataFrame({"event_id": "e1", "learner": "pupil-1", "resource": resource, "score": [1, 0]})
    twice.assign(seq=[1, 2]).to_csv(path, index=False)
    code, said = run("import", school, "--events", path, "--strict")
    assert (code, "1 stored" in said, "nothing of this file was stored" in said) == (2, False, True), said
    code, said = run("import", school, "--events", path)
    assert (code, "1 stored" in said) == (0, True), said
