"""Files of one's own, as a newcomer has them: other names in each, totals without attempts, ids alone."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from segue.cli.main import app, sentence
from segue.cli.weekly import BatchProgress
from segue.workspace.storage.schema import events
from segue.workspace.workspace import Workspace
from tests.school import MONDAY

NOW = ("--now", MONDAY.isoformat())


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.output if done.exception is None else str(sentence(done.exception))  # type: ignore[arg-type]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "items.csv").write_text("item,name,topic\nq1,First,k1\nq2,Second,k2\nq3,Third,k1\n")
    (tmp_path / "topics.csv").write_text("topic,says\nk1,Add.\nk2,Halve.\n")
    (tmp_path / "log.csv").write_text(
        "item,user,score,when\nq1,ann,1,2026-11-01T09:00Z\nq2,ann,0,2026-11-02T09:00Z\n"
        "q1,bob,1,2026-11-02T09:00Z\n"
    )
    (tmp_path / "more.csv").write_text("item,pupil,score,when\nq3,bob,1,2026-11-03T09:00Z\n")
    run("init", "school")
    return tmp_path


def test_each_file_has_its_own_names(files: Path) -> None:
    both = (
        "--catalogue",
        "items.csv",
        "--skills",
        "topics.csv",
        "--events",
        "log.csv",
        "--events",
        "more.csv",
    )
    names = (
        *("catalogue:item=resource_id", "name=title", "catalogue:topic=skills"),
        *("skills:topic=skill_id", "says=statement"),
        *("events:item=resource", "user=learner", "more.csv:pupil=learner", "when=time"),
    )
    said = run("import", "school", *both, *(word for name in names for word in ("--map", name)))
    assert "3 resources, 2 skills" in said
    assert "log.csv: 3 rows read, 3 stored" in said
    assert "more.csv: 1 rows read, 1 stored" in said
    with Workspace.open(files / "school", environment={}) as space:
        assert space.skills()["statement"].tolist() == ["Add.", "Halve."]
        assert space.resources()["title"].tolist() == ["First", "Second", "Third"]
    wrong = run("import", "school", *both, "--map", "events:usr=learner")
    assert wrong.startswith("no column 'usr' to map (log.csv has item, user, score, when; more.csv has")


def test_ids_alone_still_make_a_sentence(files: Path) -> None:
    names = (
        "--map",
        "item=resource_id",
        "--map",
        "topic=skills",
        "--map",
        "user=learner",
        "--map",
        "when=time",
    )
    run("import", "school", "--catalogue", "items.csv", "--events", "log.csv", *names)
    assert "no rewards yet" in run("fit", "school", *NOW)
    given = run("recommend", "school", "-l", "ann", "-k", "3", *NOW)
    assert "You have tried this skill once. That was" in given
    assert "This skill is new for you." in run("recommend", "school", "-l", "zoe", "-k", "1", *NOW)


def test_engagement_totals_have_a_door(files: Path) -> None:
    (files / "tagged.csv").write_text("resource_id,tags\nr1,music\nr2,sports\nr3,\n")
    run("import", "school", "--catalogue", "tagged.csv")
    totals = [("ann", "r1", 3), ("ann", "r2", 40), ("bob", "r1", 7)]
    pd.DataFrame(totals, columns=["learner", "resource", "clicks"]).to_csv(files / "totals.csv", index=False)
    assert "--kind view --order-by" in run("import", "school", "--events", "totals.csv", "--kind", "view")
    done = run("import", "school", "--events", "totals.csv", "--kind", "view", "--order-by", "clicks")
    assert "3 stored" in done
    run("fit", "school", *NOW)
    with Workspace.open(files / "school", environment={}) as space:
        vectors = space.vectors(["ann", "bob"], now=MONDAY).set_index("learner")
    assert vectors.loc["ann", "interest:sports"] > vectors.loc["ann", "interest:music"] > 0
    assert vectors.loc["bob", "interest:sports"] == 0
    assert "music" in run("profile", "school", "-l", "bob", *NOW)


def test_a_step_of_the_weeks_file_comes_back_with_its_decision(files: Path) -> None:
    run("import", "school", "--catalogue", "items.csv", "--map", "item=resource_id", "--map", "topic=skills")
    own_names = ("--map", "item=resource", "--map", "user=learner", "--map", "when=time")
    run("import", "school", "--events", "log.csv", *own_names)
    run("fit", "school", *NOW)
    (files / "roster.csv").write_text("learner,class\nann,7b\nbob,7b\n")
    run("weekly", "school", "--week", "2026-W48", "--out", "week", "--roster", "roster.csv")
    lists = pd.read_csv(files / "week" / "playlists.csv")
    asked = lists[lists["learner"] == "ann"].head(1)
    done = asked[["learner", "resource", "decision_id"]].assign(score=1.0, time=MONDAY.isoformat())
    done.to_csv(files / "done.csv", index=False)
    assert "1 stored" in run("import", "school", "--events", "done.csv")
    with Workspace.open(files / "school", environment={}) as space, space.store.read() as connection:
        steps = connection.execute(select(events.c.step).where(events.c.step != "")).scalars().all()
    assert steps == asked["decision_id"].tolist()


def test_where_there_is_no_terminal_a_long_work_says_now_and_then_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("segue.cli.weekly.MINUTE", 0.001)

    def heard(line: str) -> bool:
        for _ in range(1000):
            if line in capsys.readouterr().err:
                return True
            time.sleep(0.005)
        return False

    with BatchProgress() as tick:
        tick.begin("import")
        tick(1500, 0)
        tick(200, 0)
        assert heard("import: 0 min, 1,700 rows\n")
        tick.begin("fit")
        assert heard("fit: 0 min\n")
        tick.begin("weekly")
        tick(20, 50)
        assert heard("weekly: 0 min, 20 of 50 learners\n")


def test_no_table_that_people_open_holds_a_formula_or_a_broken_cell(files: Path) -> None:
    (files / "items.csv").write_text("resource_id,title,skills\n=1+1,@SUM(1),k1\nq2,Second,k2\n")
    (files / "log.csv").write_text("resource,learner,score,time\n=1+1,ann,1,2026-11-01T09:00Z\n")
    run("import", "school", "--catalogue", "items.csv", "--events", "log.csv")
    run("fit", "school", *NOW)
    listed = pd.read_csv(io.StringIO(run("list", "resources", "school", "--csv")))
    assert listed["resource"].tolist() == ["'=1+1", "q2"]
    assert listed["title"].tolist() == ["'@SUM(1)", "Second"]
    run("vectors", "school", "--out", "vectors.csv")
    assert pd.read_csv("vectors.csv")["resource"].tolist() == ["'=1+1"]
    (files / "trial.json").write_text(
        '{"name": "t", "metric": "reward", "start": "2099-01-05T00:00:00Z", "arms": {"a, b": {}, "=2": {}}}'
    )
    (files / "roster.csv").write_text('learner\n"Lee, Ann"\n=cmd\n')
    assert "is declared" in run("trial", "declare", "school", "trial.json", *NOW)
    arms = pd.read_csv(io.StringIO(run("trial", "arms", "school", "t", "--roster", "roster.csv", *NOW)))
    assert arms["learner"].tolist() == ["Lee, Ann", "'=cmd"]
    assert set(arms["arm"]) <= {"a, b", "'=2"}
