"""Logs in the shape that schools publish, from import to a week's lists, by the tutorials' commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

MODULES = ("AAA", "EEE")
NOW, WEEK = "2014-03-03T08:00:00Z", "2014-W10"
ZONE = ("--time-zone", "Europe/London")
Command = Callable[..., str]


@pytest.fixture
def segue(tmp_path: Path) -> Command:
    """Return a function that runs a command in an empty folder and returns what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE")}
    program = str(Path(sys.executable).parent / "segue")

    def run(*words: str) -> str:
        done = subprocess.run(
            [program, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (words, done.stdout[-2_000:], done.stderr[-2_000:])
        return done.stdout

    return run


def open_university(data: Path, folder: Path) -> None:
    """Write OULAD's resources, submissions and registrations of two modules as a school would export them."""

    def table(name: str) -> pd.DataFrame:
        frame = pd.read_csv(data / f"{name}.csv.gz")
        if "code_presentation" in frame:
            frame = frame[(frame["code_presentation"] == "2013J") & frame["code_module"].isin(MODULES)]
        return frame

    assessments, sites = table("assessment"), table("vle")
    names = assessments["code_module"] + " " + assessments["assessment_type"]
    tests = pd.DataFrame(
        {
            "resource_id": assessments["id_assessment"],
            "title": names,
            "skills": assessments["code_module"],
            "course": assessments["code_module"],
            "kind": "quiz",
        }
    )
    pages = sites.groupby(["code_module", "activity_type"]).head(10)
    readings = pd.DataFrame(
        {
            "resource_id": pages["id_site"],
            "title": pages["code_module"] + " " + pages["activity_type"],
            "skills": pages["code_module"],
            "course": pages["code_module"],
            "kind": "lesson",
        }
    )
    pd.concat([tests, readings]).to_csv(folder / "resources.csv", index=False)
    done = pd.read_csv(data / "student_assessment.csv.gz").merge(assessments, on="id_assessment")
    day = pd.Timestamp("2013-10-01", tz="UTC") + pd.to_timedelta(
        done["date_submitted"].clip(0, 150), unit="D"
    )
    pd.DataFrame(
        {
            "id_student": done["id_student"],
            "id_assessment": done["id_assessment"],
            "mark": done["score"],
            "submitted": day.dt.strftime("%Y-%m-%d"),
            "module": done["code_module"],
        }
    ).to_csv(folder / "marks.csv", index=False)
    here = table("student_registration")
    here = here[here["date_unregistration"].isna()].groupby("code_module").head(100)
    roster = pd.DataFrame({"learner": here["id_student"], "class": here["code_module"]})
    roster.to_csv(folder / "roster.csv", index=False)
    courses = pd.DataFrame({"class": MODULES, "minutes": 90, "skills": MODULES})
    courses.to_csv(folder / "courses.csv", index=False)


def mapped(names: dict[str, str]) -> list[str]:
    return [part for theirs, ours in names.items() for part in ("--map", f"{theirs}={ours}")]


def week_of_work(segue: Command, folder: Path) -> None:
    """Let a class do its week twice over, and judge another policy by what came of it."""
    rng = np.random.default_rng(1)
    lists = pd.read_csv(folder / "out" / "playlists.csv", dtype=str)
    first = lists.assign(time="2014-03-04T10:00Z", step=lists["decision_id"])
    done = pd.concat([first, lists.assign(time="2014-03-07T10:00Z", step="")])
    done["score"] = (rng.random(len(done)) < 0.6).astype(int)
    done[["learner", "resource", "score", "time", "step"]].to_csv(folder / "answers.csv", index=False)
    version = json.loads(segue("policy", "show", "school"))
    version["policy"]["parameters"]["temperature"] = 0.12
    (folder / "bolder.json").write_text(json.dumps(version), encoding="utf-8")
    before = "2014-03-02T20:00:00Z"
    segue("experiment", "challenger", "school", "--policy", "bolder.json", "--now", before)
    assert f"{len(done)} stored" in segue("import", "school", "--events", "answers.csv")
    assert "rewards matured" in segue("learn", "school", "--now", "2014-03-17T08:00:00Z")
    segue("experiment", "shadow", "school", "--since", WEEK, "--out", "evidence.csv")
    columns = ("--reward", "reward", "--propensity", "propensity", "--target", "target")
    said = segue("evaluate", "evidence.csv", *columns, "--cluster", "learner", "--report", "verdict.html")
    assert "SNIPS: " in said
    assert "effective sample size" in said
    assert (folder / "verdict.html").stat().st_size > 0


@pytest.mark.slow
def test_a_university_of_two_modules(
    segue: Command, tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    open_university(shared_data("oulad-core"), tmp_path)
    segue("init", "school", *ZONE)
    segue("import", "school", "--catalogue", "resources.csv")
    names = (
        "id_student=learner",
        "id_assessment=resource",
        "mark=score",
        "submitted=time",
        "module=class_id",
    )
    mapping = [part for name in names for part in ("--map", name)]
    said = segue("import", "school", "--events", "marks.csv", *mapping, *ZONE, "--max-score", "100")
    assert "stored" in said
    assert "is in charge" in segue("fit", "school", "--now", NOW)
    roster = pd.read_csv(tmp_path / "roster.csv", dtype=str)
    one = roster["learner"][0]
    assert "Profile of" in segue("profile", "school", "--learner", one, "--now", NOW)
    module = pd.read_csv(tmp_path / "resources.csv", dtype=str).set_index("resource_id")["course"]
    mine = roster.groupby("learner")["class"].agg(set)
    given = json.loads(segue("recommend", "school", "-l", one, "-k", "8", "--now", NOW, "--json"))
    assert {module[step["resource"]] for step in given["steps"]} == mine[one]  # by the events alone
    for out, more in (("shared", ("--courses", "courses.csv")), ("out", ())):
        segue("weekly", "school", "--week", WEEK, "--roster", "roster.csv", *more, "--out", out)
        lists = pd.read_csv(tmp_path / out / "playlists.csv", dtype=str)
        assert set(lists["learner"]) == set(roster["learner"])
        strange = [
            r
            for who, r in zip(lists["learner"], lists["resource"], strict=True)
            if module[r] not in mine[who]
        ]
        assert strange == [], "a learner of one module was given another's work"
    week_of_work(segue, tmp_path)


def school_log(rng: np.random.Generator, n_learners: int) -> pd.DataFrame:
    """Return attempts of learners who differ, at thirty items of six skills that differ too."""
    able, hard = rng.normal(0, 1, n_learners), rng.normal(0, 1, 30)
    who, item = np.divmod(np.arange(n_learners * 60), 60)
    item = (item * 7 + who) % 30
    right = rng.random(len(who)) < 1 / (1 + np.exp(hard[item] - able[who]))
    time = pd.Timestamp("2014-01-06 09:00") + pd.to_timedelta(np.arange(len(who)) % 60, unit="D")
    return pd.DataFrame({"who": who, "item": item, "right": right, "time": time})


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["semicolons", "ids only"])
def test_a_log_as_others_write_it(segue: Command, tmp_path: Path, dialect: str) -> None:
    log = school_log(np.random.default_rng(11), 20)
    items = pd.DataFrame(
        {"resource_id": [f"q{n}" for n in range(30)], "skills": [f"s{n % 6}" for n in range(30)]}
    )
    items.to_csv(tmp_path / "items.csv", index=False)
    learner = "u" + log["who"].astype(str)
    item = "q" + log["item"].astype(str)
    if dialect == "semicolons":
        made = pd.DataFrame({"User": learner, "Item": item, "Grade": 100 * log["right"], "Date": log["time"]})
        made.to_csv(tmp_path / "log.csv", index=False, sep=";")
        more = mapped({"User": "learner", "Item": "resource", "Grade": "score", "Date": "time"})
        more += [*ZONE, "--max-score", "100"]
    else:
        made = pd.DataFrame({"learner": learner, "resource": item, "score": log["right"].astype(int)})
        made.to_csv(tmp_path / "log.csv", index=False)
        more = ["--order-by", "line"]
    segue("init", "school")
    segue("import", "school", "--catalogue", "items.csv")
    assert f"{len(made)} stored" in segue("import", "school", "--events", "log.csv", *more)
    said = segue("fit", "school", "--now", NOW)
    assert ("no rewards yet" in said) == (dialect == "ids only")
    facts = json.loads(segue("profile", "school", "--learner", "u3", "--now", NOW, "--json"))
    assert facts["strengths"] or facts["needs"]
    pd.DataFrame({"learner": sorted(set(learner))}).to_csv(tmp_path / "roster.csv", index=False)
    segue("weekly", "school", "--week", WEEK, "--roster", "roster.csv", "--out", "out")
    lists = pd.read_csv(tmp_path / "out" / "playlists.csv", dtype=str)
    assert lists["learner"].nunique() == 20
    week_of_work(segue, tmp_path)
