"""A week's job, run again and again with one folder: what was not done is done, nothing old is new."""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from segue.batch import from_workspace
from segue.batch.from_workspace import weekly
from segue.batch.parts import output
from segue.batch.plan import Course, WeeklyPlan
from segue.batch.weekly_job import Week, WeekDone, weekly_job
from segue.cli.main import app
from segue.engine.policies import Uniform
from segue.engine.requests.request import Request
from segue.features.events.file_readers import Source
from segue.features.iso_weeks import week_of
from segue.workspace.playlists.step_feedback import StepChange
from segue.workspace.records.learners import find_learners
from segue.workspace.records.rosters.enrolments import Enrolment, add_enrolments, roster_of
from segue.workspace.records.statements import Statement, append_statement
from segue.workspace.sources.model_registry import current_fit
from segue.workspace.workspace import Workspace
from tests.school import KEY

MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)
School = Any  # the class in conftest.py
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
W47, W48 = Week("2026-W47", k=3, skip=("learn", "fit")), Week("2026-W48", k=3, skip=("learn", "fit"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def rows(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "playlists.csv", keep_default_na=False)


def written(out: Path) -> dict[str, bytes]:
    """Return every file but the record, which says how long each step took."""
    return {p.name: p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != "week.json"}


def with_events(school: School, path: Path, name: str, asked: Week = W48, **how: Any) -> Week:
    """Return the week with one more file of events: an attempt of somebody new."""
    resource = school.space.catalogue().resources[0].resource_id
    path.mkdir(exist_ok=True)
    file = path / f"{name}.csv"
    frame = {"learner": [name], "resource": [resource], "score": [1.0], "time": ["2026-11-20T08:00:00Z"]}
    pd.DataFrame(frame | how).to_csv(file, index=False)
    return Week(asked.week, (*asked.events, file), asked.source, k=3, skip=asked.skip)


def job(school: School, asked: Week, out: Path) -> WeekDone:
    return weekly_job(school.space, asked, out, workers=1)


def test_the_next_week_is_done_in_the_same_folder(school: School, out: Path) -> None:
    job(school, W47, out)
    first = (out / "playlists.csv").read_bytes()
    stored = school.count("playlists")
    job(school, W48, out)
    assert set(rows(out)["week"]) == {"2026-W48"}
    assert all(said == json.dumps(json.loads(said)) for said in rows(out)["reasons"])
    assert school.count("playlists") == 2 * stored
    job(school, W47, out)  # it was done: it comes back, and nothing is drawn
    assert (out / "playlists.csv").read_bytes() == first
    assert school.count("playlists") == 2 * stored
    assert set(pd.read_parquet(out / "playlists")["week"]) == {"2026-W47"}
    assert [p.name[:8] for p in (out / "earlier").iterdir()] == ["2026-W48"]


def by_command(school: School, out: Path, *words: str, skip: Sequence[str] = W48.skip) -> str:
    asked = ["week", str(school.space.path), "--week", "2026-W48", "--out", str(out), "-k", "3"]
    skipped = [word for step in skip for word in ("--skip", step)]
    done = CliRunner().invoke(app, [*asked, *skipped, *words], env=KEY)
    assert done.exit_code == 0, done.output
    return done.output


def enrol(school: School, *places: Enrolment) -> None:
    with school.space.store.write() as connection:
        add_enrolments(connection, school.space.keyring, list(places))


def test_who_comes_after_a_finished_week_gets_a_list_and_the_others_keep_theirs(
    school: School, out: Path
) -> None:
    enrol(school, *(Enrolment(who, "7a") for who in school.roster))
    assert "weekly: 8 playlists" in by_command(school, out)
    first = rows(out)
    school.study(now=MONDAY)  # what is drawn now would be drawn otherwise
    left = datetime(2026, 11, 22, tzinfo=UTC)
    came = MONDAY + timedelta(days=2)
    enrol(school, Enrolment("late", "7a", begins=came), Enrolment(school.roster[0], "7a", ends=left))
    enrol(school, Enrolment("later", "7a", begins=came + timedelta(days=7)))
    assert "weekly: 9 playlists" in by_command(school, out)
    grown = rows(out)
    assert grown.iloc[: len(first)].equals(first)
    assert len(grown) == len(first) + 3
    assert len(list((out / "playlists").glob("*.parquet"))) == 2
    before = written(out), school.count("playlists")
    (out / "playlists.csv").unlink()  # killed before the table was made anew
    assert "weekly: 9 playlists" in by_command(school, out)
    assert (written(out), school.count("playlists")) == before
    assert not (out / "earlier").exists()
    assert school.well()


def test_a_roster_file_that_has_grown_leaves_lists_as_they_are_and_another_one_does_not(
    school: School, out: Path, tmp_path: Path
) -> None:
    def asked(*who: str) -> tuple[str, str]:
        pd.DataFrame({"learner": who, "class": "7a"}).to_csv(tmp_path / "roster.csv", index=False)
        return "--roster", str(tmp_path / "roster.csv")

    five = school.roster[:5]
    by_command(school, out, *asked(*five))
    first = rows(out)
    school.study(now=MONDAY)
    assert "weekly: 6 playlists" in by_command(school, out, *asked("late", *five))
    assert rows(out).iloc[: len(first)].equals(first)
    assert set(rows(out)["learner"]) == {"late", *five}
    by_command(school, out, *asked(*five[1:]))
    assert set(rows(out)["learner"]) == set(five[1:])
    assert len(pd.read_parquet(out / "playlists")) == len(rows(out)) == 12


def test_who_is_enrolled_twice_in_a_class_gets_one_list(school: School, out: Path, tmp_path: Path) -> None:
    rows_ = [
        ("ended, and back", "active", "", "2026-10-01"),
        ("ended, and back", "active", "2026-11-01", ""),
        ("back, and ended", "active", "2026-11-01", ""),
        ("back, and ended", "active", "", "2026-10-01"),
        ("this term and the next", "active", "", "2027-01-31"),
        ("this term and the next", "active", "2027-02-01", ""),
        ("given anew", "active", "", ""),
        ("given anew", "tobedeleted", "", ""),
        ("in midweek", "active", "2026-11-25", ""),
        ("gone", "active", "", "2026-09-20"),
        ("gone", "active", "", "2026-10-01"),
    ]
    frame = pd.DataFrame(rows_, columns=["userSourcedId", "status", "beginDate", "endDate"])
    frame = frame.assign(sourcedId=[f"e{i}" for i in frame.index], classSourcedId="7a", role="student")
    frame["dateLastModified"] = "2026-10-01T00:00:00Z"
    frame.to_csv(file := tmp_path / "enrollments.csv", index=False)
    there = sorted(set(frame["userSourcedId"]) - {"gone"})
    imported = ["import", str(school.space.path), "--format", "oneroster", "--events", str(file)]
    done = CliRunner().invoke(app, imported, env=KEY)
    assert "0 rejected" in done.output
    by_command(school, out, "--roster", str(file))
    assert sorted(rows(out)["learner"].unique()) == there
    by_command(school, out)
    with school.space.store.read() as connection:
        found = find_learners(connection, school.space.keyring, [*there, "gone"])
    drawn = set(rows(out)["learner"])
    assert {who for who, person in found.items() if person.surrogate in drawn} == set(there)


@pytest.mark.parametrize("skip", [("learn",), ("learn", "fit")])
def test_what_was_done_since_a_backup_is_done_again_after_it_is_restored(
    school: School, out: Path, tmp_path: Path, skip: tuple[str, ...]
) -> None:
    backup, done = tmp_path / "backup", tmp_path / "done"
    asked = "--events", str(with_events(school, tmp_path / "in", "new").events[0])

    def decisions() -> set[str]:
        with Workspace.open(school.space.path, environment=KEY) as space:
            return set(space.decisions()["decision_id"])

    CliRunner().invoke(app, ["backup", str(school.space.path), str(backup)], env=KEY)
    assert "import: 1 events stored" in by_command(school, out, *asked, skip=skip)
    first = rows(out).drop(columns="learner")  # the new one's surrogate is drawn by lot
    school.space.path.rename(done)
    backup.rename(school.space.path)
    assert decisions().isdisjoint(rows(out)["decision_id"])
    assert "import: 1 events stored" in by_command(school, out, *asked, skip=skip)
    assert rows(out).drop(columns="learner").equals(first)
    assert decisions() >= set(rows(out)["decision_id"])
    assert len(rows(out)) == 3 * (len(school.roster) + 1)


@pytest.mark.parametrize(("mode", "left"), [("bulk", 1), ("delta", 0)])
def test_who_is_missing_in_a_class_of_a_whole_roster_has_left(
    school: School, out: Path, tmp_path: Path, mode: str, left: int
) -> None:
    def imported(*places: tuple[str, str]) -> str:
        (tmp_path / "o").mkdir(exist_ok=True)
        (tmp_path / "o" / "manifest.csv").write_text(f"propertyName,value\nfile.enrollments,{mode}\n")
        frame = pd.DataFrame(places, columns=["userSourcedId", "classSourcedId"]).assign(role="student")
        frame.assign(sourcedId=frame.index).to_csv(tmp_path / "o" / "enrollments.csv", index=False)
        words = ["import", str(school.space.path), "--format", "oneroster", "--events", str(tmp_path / "o")]
        done = CliRunner().invoke(app, words, env=KEY)
        assert done.exit_code == 0, done.output
        return done.output

    imported(*((who, "7a") for who in school.roster), ("ines", "8a"))
    moved = (school.roster[1], "7b")
    said = imported(moved, *((who, "7a") for who in school.roster[2:]))
    assert ("2 left a class" in said) == bool(left)
    with school.space.store.read() as connection:
        (here,) = find_learners(connection, school.space.keyring, school.roster[1:2]).values()
        other = roster_of(connection, school.space.keyring, "7a", at=datetime.now(UTC))
    assert (here not in other) == bool(left)
    week = week_of(datetime.now(UTC) + timedelta(days=7), "UTC")
    words = ["weekly", str(school.space.path), "--week", week, "--out", str(out), "-k", "3"]
    assert f"{9 - left} learners" in CliRunner().invoke(app, words, env=KEY).output


def test_gate_and_alarms_look_at_what_was_before_the_week(school: School, out: Path) -> None:
    school.study(now=MONDAY - timedelta(days=8))

    def seen(folder: str) -> list[tuple[str, str]]:
        said = by_command(school, out / folder, skip=("weekly",))
        return re.findall(r"on (\d+ attempts of the last week|\d+ steps done)|share of (\d+ steps)", said)

    out.mkdir()
    before = seen("before")
    assert len(before) == 3
    assert all(not found.startswith("0 ") for pair in before for found in pair)
    school.study(now=MONDAY + timedelta(days=2))
    assert seen("after") == before


def test_events_options_and_another_model_make_another_run(school: School, out: Path, tmp_path: Path) -> None:
    job(school, W48, out)
    late = with_events(school, tmp_path / "in", "late")
    done = job(school, late, out)
    assert done.steps["import"].said == "1 events stored, 0 repeats, 0 rejected"
    assert len(rows(out)) == 3 * (len(school.roster) + 1)
    again = job(school, late, out)
    assert again.steps == done.steps  # what was done is said, and not done again
    with_events(school, tmp_path / "in", "late", time=["2026-11-20T09:00:00Z"])  # the same name, other bytes
    assert job(school, late, out).steps["import"].said.startswith("1 events stored")
    shorter = Week("2026-W48", late.events, k=2, skip=late.skip)
    job(school, shorter, out)
    assert rows(out)["position"].max() == 2
    before = rows(out)["decision_id"].tolist()
    refit = Week("2026-W48", late.events, k=2, skip=("learn",))
    job(school, refit, out)
    assert job(school, refit, out).steps == job(school, refit, out).steps
    after = rows(out)["decision_id"].tolist()
    assert before != after
    school.space.fit(now=pd.Timestamp("2026-11-30T00:00:00Z").to_pydatetime())  # by hand, another model
    job(school, refit, out)
    assert school.well()


def test_another_model_makes_another_run_where_this_one_does_not_fit(school: School, out: Path) -> None:
    job(school, W48, out)
    before = rows(out)["decision_id"].tolist()
    school.space.fit(now=MONDAY, policy=Uniform())  # by hand
    done = job(school, W48, out)
    after = rows(out)["decision_id"].tolist()
    assert set(before).isdisjoint(after)
    assert job(school, W48, out).steps == done.steps
    assert rows(out)["decision_id"].tolist() == after
    assert school.well()


def test_a_week_long_over_puts_no_model_in_charge_that_has_seen_less(school: School, out: Path) -> None:
    school.space.fit(now=MONDAY)

    def in_charge() -> str | None:
        with school.space.store.read() as connection:
            return current_fit(connection)

    before = in_charge()
    done = job(school, Week("2026-W01", k=3), out)
    assert "the model in charge stays" in done.steps["fit"].said
    assert "a fit as of this week 0" in done.steps["fit"].said
    assert in_charge() == before
    assert set(rows(out)["week"]) == {"2026-W01"}
    assert "in charge" in job(school, Week("2026-W50", k=3), out).steps["fit"].said


@pytest.mark.parametrize("taken", ["model", "folder"])
def test_what_takes_over_meanwhile_leaves_no_mixture(
    school: School, out: Path, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    monkeypatch.setattr(from_workspace, "BLOCK", 4)

    def take(done: int, _: int) -> None:
        if not list(out.glob("playlists/*.parquet")) or not done:
            return
        if taken == "model":
            school.space.fit(now=MONDAY, policy=Uniform())
        else:
            output.claim(out, "2026-W48", {"k": 99})
            (out / "playlists").mkdir()

    def work() -> WeekDone:
        return weekly_job(school.space, W48, out, workers=1, tick=take)

    if taken == "model":
        done = work()
        assert job(school, W48, out).steps == done.steps
    else:
        with pytest.raises(
            output.OutputError, match=r"another run has taken .* meanwhile: run the same again"
        ):
            work()
        job(school, W48, out)
    decisions = school.space.decisions().set_index("decision_id")
    assert decisions.loc[rows(out)["decision_id"], "model_hash"].nunique() == 1
    assert len(rows(out)) == 3 * len(school.roster)
    assert school.well()


def test_what_somebody_keeps_among_earlier_runs_stays_and_is_in_nobodys_way(
    school: School, out: Path
) -> None:
    job(school, W47, out)
    first = (out / "playlists.csv").read_bytes()
    for _ in range(2):
        job(school, W48, out)
        (earlier,) = (out / "earlier").glob("2026-W47-*")
        (earlier / ".DS_Store").touch()
        job(school, W47, out)
        assert (out / "playlists.csv").read_bytes() == first
    assert (earlier / ".DS_Store").exists()


def test_a_torn_part_or_table_is_made_again(
    school: School, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(from_workspace, "BLOCK", 4)
    job(school, W48, out)
    whole = written(out)
    stored = school.count("decisions")
    for name in ("playlists.csv", "playlists/part-00001.parquet"):
        with (out / name).open("r+b") as file:
            file.truncate(100)
        job(school, W48, out)
        assert written(out) == whole
    part = out / "playlists" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-1] + b"!")  # as long, and not the same
    job(school, W48, out)
    assert written(out) == whole
    part.unlink()
    part.with_name("_part-00000.json").unlink()
    job(school, W48, out)
    assert written(out) == whole
    assert school.count("decisions") == stored


@contextlib.contextmanager
def full(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    """Let the disk be full when something is moved to `name`."""
    rename = Path.rename

    def refused(self: Path, target: Path) -> Path:
        if Path(target).name == name:
            raise OSError(28, "No space left on device", str(target))
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refused)
        yield


@pytest.mark.parametrize("item", ["playlists", "manifest.json", "week.json"])
def test_a_move_that_was_cut_off_is_finished(
    school: School, out: Path, monkeypatch: pytest.MonkeyPatch, item: str
) -> None:
    job(school, W47, out)
    first = (out / "playlists.csv").read_bytes()
    with full(monkeypatch, item), pytest.raises(OSError, match="No space left"):
        job(school, W48, out)
    job(school, W48, out)
    assert set(rows(out)["week"]) == {"2026-W48"}
    with full(monkeypatch, item), pytest.raises(OSError, match="No space left"):
        job(school, W47, out)
    job(school, W47, out)
    assert (out / "playlists.csv").read_bytes() == first
    assert set(pd.read_parquet(out / "playlists")["week"]) == {"2026-W47"}


def test_playlists_of_unknown_origin_stay(school: School, out: Path) -> None:
    out.mkdir()
    (out / "playlists.csv").write_text("mine")
    with pytest.raises(output.OutputError, match="of unknown origin: choose another folder"):
        job(school, W48, out)
    assert (out / "playlists.csv").read_text() == "mine"


def test_two_weeks_at_once_are_one_too_many(school: School, out: Path) -> None:
    with (school.space.path / "week.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(output.BusyError, match="another `segue week` is at work") as caught:
            job(school, W48, out)
    assert caught.value.exit_code == 3
    job(school, W48, out)


def test_a_folder_that_another_run_writes_is_left_to_it(school: School, out: Path) -> None:
    job(school, W47, out)
    before = written(out)
    with output.at_work(out, 0), pytest.raises(output.BusyError, match="another run is at work in") as caught:
        weekly(school.space, WeeklyPlan("2026-W48", MONDAY, "segue", k=3), out)
    assert caught.value.exit_code == 3
    assert written(out) == before


def test_a_file_of_nothing_but_rejects_ends_the_week_or_rings(
    school: School, out: Path, tmp_path: Path
) -> None:
    bad = with_events(school, tmp_path / "in", "bad", score=[87.0])
    with pytest.raises(ValueError, match=r"not one of 1 rows of .*bad\.csv could be read"):
        job(school, bad, out)
    assert not (out / "playlists.csv").exists()
    assert "score" in (out / "rejects" / "1-bad.csv.rejects.csv").read_text()
    both = with_events(school, tmp_path / "in", "good", bad)
    done = job(school, both, out)
    assert done.rings
    assert "ALL of bad.csv" in done.steps["import"].said
    assert (out / "playlists.csv").exists()


def test_columns_of_events_are_named(school: School, out: Path, tmp_path: Path) -> None:
    file = with_events(school, tmp_path / "in", "new").events[0]
    file.write_text(file.read_text().replace("learner", "who"))
    named = Week("2026-W48", (file,), Source({"who": "learner"}), k=3, skip=("learn", "fit"))
    assert job(school, named, out).steps["import"].said.startswith("1 events stored")
    pd.read_csv(file).assign(decision_id="0" * 32, score=0.0, tags="boxing").to_csv(file, index=False)
    said = job(school, named, out).steps["import"].said
    assert said.startswith("1 events stored")
    assert "1 rows: step names no decision about this learner" in said
    assert "1 rows: tags that the catalogue does not have" in said


def test_a_week_is_heard_of_while_it_is_at_work(school: School, out: Path, tmp_path: Path) -> None:
    heard: list[Any] = []
    asked = with_events(school, tmp_path / "in", "new")
    weekly_job(
        school.space,
        asked,
        out,
        workers=1,
        tick=lambda *far: heard.append(far),
        begin=heard.append,
        say=lambda name, _: heard.append(f"{name} ended"),
    )
    n = len(rows(out)["learner"].unique())
    assert heard[:5] == [
        "import",
        (1, 0),
        "import ended",
        "learn ended",
        "fit ended",
    ]  # these two are skipped
    assert heard[5:7] == ["weekly", "states"]
    begun = heard.index("weekly", 7)
    folded, listed = heard[7:begun], heard[begun + 1 : -2]
    assert sum(done for done, _ in folded) == folded[-1][1] > 0
    assert sum(done for done, _ in listed) == listed[-1][1] == n
    assert heard[-2:] == ["weekly ended", "alarms"]


def test_a_record_that_cannot_be_read_is_another_runs(school: School, out: Path) -> None:
    job(school, W48, out)
    (out / "week.json").write_text("{")
    job(school, W48, out)
    assert json.loads((out / "week.json").read_text())["name"].startswith("2026-W48")
    assert (out / "earlier" / "unreadable").is_dir()


def test_events_of_the_future_and_of_another_content_are_set_aside(
    school: School, out: Path, tmp_path: Path
) -> None:
    days = {"time": ["2026-11-20T08:00:00Z", "2026-12-24T08:00:00Z", "2026-11-23T09:00:00Z"]}
    days |= {"learner": ["a", "b", "c"], "score": [1.0, 1.0, 1.0], "event_id": ["x", "y", "z"]}
    days["resource"] = [school.space.catalogue().resources[0].resource_id] * 3
    asked = with_events(school, tmp_path / "in", "ahead", **days)
    clock = pd.Timestamp("2026-11-24T08:00:00Z").to_pydatetime()
    done = weekly_job(school.space, asked, out, clock=clock, workers=1)
    assert done.steps["import"].said.startswith("2 events stored, 0 repeats, 1 rejected")
    (rejects,) = (out / "rejects").iterdir()
    assert pd.read_csv(rejects)["reason"][0].startswith("time lies in the future")
    other = with_events(school, tmp_path / "in", "other", **days | {"score": [0.0, 1.0, 1.0]})
    done = weekly_job(school.space, other, out, clock=clock, workers=1)
    assert done.steps["import"].said.startswith("0 events stored, 1 repeats, 2 rejected")
    found = pd.concat([pd.read_csv(path) for path in (out / "rejects").iterdir()])
    assert found["reason"].str.contains("other content").sum() == 1


def test_who_is_a_student_in_no_class_of_a_roster_gets_no_list(school: School, out: Path) -> None:
    past, ahead = (pd.Timestamp(day, tz="UTC").to_pydatetime() for day in ("2026-11-20", "2027-01-01"))
    with school.space.store.write() as connection:
        places = [
            Enrolment(school.roster[0], "7a", ends=past),
            Enrolment(school.roster[1], "7a", ends=past),
            Enrolment(school.roster[1], "7b", ends=ahead),
            Enrolment(school.roster[2], "7b", begins=ahead),
            Enrolment("rosa", "7a", "teacher"),
            Enrolment("a parent", "7a", "mentor"),
            Enrolment(school.roster[3], "7a", "aide"),
            Enrolment(school.roster[3], "7b"),
        ]
        add_enrolments(connection, school.space.keyring, places)
        found = find_learners(connection, school.space.keyring, school.roster)
    assert not job(school, W48, out).steps["weekly"].rings
    inside = {found[who].surrogate for who in school.roster}
    gone = {found[who].surrogate for who in (school.roster[0], school.roster[2])}
    assert set(rows(out)["learner"]) == inside - gone


def test_a_week_with_nobody_to_draw_for_rings(school: School, out: Path) -> None:
    past = pd.Timestamp("2026-06-30", tz="UTC").to_pydatetime()
    with school.space.store.write() as connection:
        last_year = [Enrolment(who, "7a", ends=past) for who in school.roster]
        add_enrolments(connection, school.space.keyring, last_year)
    done = job(school, W48, out)
    assert done.steps["weekly"].said.startswith("0 playlists")
    assert done.rings


def test_a_list_of_a_course_follows_what_was_said_and_pinned(school: School, out: Path) -> None:
    space, who = school.space, school.roster[0]
    skill = space.catalogue().skills[-1].skill_id
    with space.store.write() as connection:
        number = find_learners(connection, space.keyring, [who])[who].number
        body = {"skills": [skill], "due": "2026-11-10T00:00:00+00:00"}
        append_statement(connection, Statement("g", 0, number, "goal", "", MONDAY, body))
    given = space.recommend(Request(who, MONDAY, k=1))
    pinned = next(
        r.resource_id
        for r in space.catalogue().resources
        if r.resource_id != given.playlist.steps[0].resource
    )
    space.override(given.decision_ids[0], StepChange("pin", "t1", resource=pinned), now=MONDAY)
    courses = (Course("6m", 500.0, ()), Course("6x", 500.0, ()))
    asked = Week("2026-W48", roster=[who], classes={who: ["6m", "6x"]}, courses=courses, k=4, skip=W48.skip)
    job(school, asked, out)
    assert pinned in set(rows(out)["resource"])
    (first, second) = space.lists(who, now=MONDAY, surface="weekly")
    assert "overdue since 2026-11-10" in first.notes[0]
    assert "overdue since 2026-11-10" in second.notes[0]
    assert all("goal" in step.step.reasons for step in first.steps)
