"""Experiments in class: nobody chooses, nothing is changed afterwards, and looking every week is free."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from segue.cli.main import app
from segue.experiments.evaluation.trials.assignment import arms_of, moved_on, units_of
from segue.experiments.evaluation.trials.declaration import TrialDeclaration, read_trial, trial_from
from segue.experiments.evaluation.trials.running import (
    declare,
    declared,
    trial_arms,
    trial_looks,
    trial_week,
    weeks_since,
)
from segue.experiments.evaluation.trials.sequential import TrialLook, as_comparison, look
from segue.experiments.evaluation.verdicts.promotion_gate import GateRules, gate_comparison
from segue.workspace.records.learners import find_learners
from segue.workspace.records.rosters.arms import began_in, forget_arm

School = Any  # the class in conftest.py
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
ARMS: dict[str, dict[str, Any]] = {"as now": {}, "more variety": {"policy": {"limits": {"per_skill": 1}}}}


def trial(**more: Any) -> TrialDeclaration:
    return TrialDeclaration(**{"name": "t", "metric": "reward", "arms": ARMS, "start": MONDAY} | more)


def units(n: int, stratum: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    return {f"u{i}": stratum for i in range(n)}


def test_assignment_is_by_key_alone() -> None:
    some = arms_of(trial(), units(2_000), seed="s")
    assert abs(Counter(some.values())["as now"] - 1_000) < 4 * np.sqrt(500)
    few = arms_of(trial(), dict(reversed(units(500).items())), seed="s")
    assert few == {unit: some[unit] for unit in few}
    assert arms_of(trial(name="other"), units(2_000), seed="s") != some
    assert arms_of(trial(), units(2_000), seed="another school") != some


def test_strata_are_balanced_and_periods_cross_over() -> None:
    mixed = {f"u{i}": ("ab"[i % 2],) for i in range(43)}
    found = arms_of(trial(strata=("level",)), mixed, seed="s")
    for stratum in "ab":
        sizes = Counter(found[u] for u, own in mixed.items() if own == (stratum,))
        assert max(sizes.values()) - min(sizes.values()) <= 1
    crossed = trial(period_weeks=3)
    for first in crossed.arms:
        weeks = [moved_on(crossed, first, week=week) for week in range(7)]
        assert weeks[0] == weeks[2] == weeks[6] == first != weeks[3]


def test_newcomers_move_nobody_and_fill_the_smaller_arms() -> None:
    balanced = trial(strata=("level",))
    some = arms_of(balanced, units(20, ("a",)), seed="s")
    more = arms_of(balanced, units(31, ("a",)), seed="s", began=some)
    assert {unit: more[unit] for unit in some} == some
    assert abs(Counter(more.values())["as now"] - 15.5) == 0.5
    moved = dict.fromkeys(units(9), ("b",)) | {f"u{i}": ("a",) for i in range(9, 20)}
    assert arms_of(balanced, moved, seed="s", began=some) == some  # another stratum is no other arm


def test_classes_are_drawn_whole() -> None:
    roster = {f"p{i}": {"class": f"c{i % 9}", "level": "x"} for i in range(90)}
    by_class = trial(unit="class", strata=("level",))
    unit_of, strata = units_of(by_class, list(roster), roster)
    assert set(strata) == {f"c{i}" for i in range(9)}
    assert unit_of["p10"] == "c1"
    with pytest.raises(ValueError, match="has no class"):
        units_of(by_class, ["p1", "who"], roster)
    with pytest.raises(ValueError, match="no column 'grade'"):
        units_of(trial(strata=("grade",)), list(roster), roster)
    with pytest.raises(ValueError, match="lies in two strata"):
        units_of(by_class, list(roster), roster | {"p1": {"class": "c1", "level": "y"}})


def test_four_classes_never_fall_into_one_arm() -> None:
    by_class = trial(unit="class")
    for seed in range(40):
        arms = arms_of(by_class, units(4), seed=str(seed))
        assert sorted(Counter(arms.values()).values()) == [2, 2]
        more = arms_of(by_class, units(5), seed=str(seed), began=arms)
        assert {unit: more[unit] for unit in arms} == arms
        assert sorted(Counter(more.values()).values()) == [2, 3]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"metric": "clicks"}, "metric must be one of reward"),
        ({"arms": {"one": {}}}, "two arms"),
        ({"arms": {"a": {}, "b": {"policy": {"limits": {"per_skil": 1}}}}}, "per_skil"),
        ({"arms": {"a": {}, "b": {"path": ["x", "x"]}}}, "each once"),
        ({"arms": {"a": {}, "b": {"path": ["x"], "policy": {}}}}, "not both"),
        ({"unit": "school"}, "learner or class"),
        ({"start": "2026-11-23"}, "time zone"),
        ({"alpha": 0.9}, "alpha"),
        ({"colour": 1}, "no 'colour'"),
        ({"alpha": "0.05"}, "alpha of an experiment must be a number"),
        ({"strata": "class"}, "strata of an experiment must be a list"),
        ({"arms": ["a", "b"]}, "arms of an experiment must be an object"),
        ({"arms": {"a": None, "b": {}}}, "arms of an experiment must be an object"),
        ({"arms": {"a": {}, "b": {"path": "abc"}}}, "must name resources"),
        ({"period_weeks": True}, "a whole number"),
        ({"period_weeks": 1.5}, "a whole number"),
        ({"name": 5}, "name of an experiment must be text"),
        ({"start": "soon"}, "start of an experiment must be a time"),
    ],
)
def test_a_declaration_that_is_none_is_one_sentence(
    tmp_path: Path, said: dict[str, Any], message: str
) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(trial().to_dict() | said))
    with pytest.raises(ValueError, match=message):
        read_trial(path)
    assert trial_from(trial().to_dict()) == trial()


def test_a_file_that_is_no_declaration_says_what_it_is(tmp_path: Path) -> None:
    for text, message in (("hello", "is no JSON"), ("[1]", "an experiment is an object")):
        (tmp_path / "t.json").write_text(text)
        with pytest.raises(ValueError, match=message):
            read_trial(tmp_path / "t.json")


def term(rng: np.random.Generator, *, effect: float, weeks: int = 12) -> list[TrialLook]:
    """Look weekly at a term of one class: learners differ, steps are noise."""
    n = int(rng.choice([16, 30, 60]))
    arm = rng.permutation(n) % 2 == 0
    level = rng.normal(0, 0.1, n) + effect * arm
    value, unit, out = np.zeros(0), np.zeros(0, dtype=np.int64), []
    for _ in range(weeks):
        who = np.repeat(np.arange(n), rng.poisson(4, n))
        value = np.append(value, level[who] + rng.normal(0, 0.35, len(who)))
        unit = np.append(unit, who)
        out.append(look(value, unit, arm[unit], names=("b", "a"), alpha=0.05, expected_se=0.04))
    return out


def false_alarms(terms: int) -> float:
    looks = [term(np.random.default_rng([5, seed]), effect=0.0) for seed in range(terms)]
    alarms = [any(one.verdict != "not enough evidence" for one in found) for found in looks]
    return float(np.mean(alarms))


def test_looking_weekly_finds_nothing_where_nothing_is_and_what_is_there() -> None:
    assert false_alarms(60) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 60)
    found = [term(np.random.default_rng([6, seed]), effect=0.25)[-1].verdict for seed in range(30)]
    assert np.mean([one == "ship" for one in found]) > 0.8


@pytest.mark.slow
def test_five_hundred_terms_of_the_same_against_the_same() -> None:
    assert false_alarms(500) <= 0.05


def test_few_units_and_the_gate() -> None:
    few = look(
        np.arange(6.0), np.arange(6), np.arange(6) % 2 == 0, names=("b", "a"), alpha=0.05, expected_se=0.02
    )
    assert few.verdict == "not enough evidence"
    assert "3 against 3 units" in str(few)
    assert gate_comparison(as_comparison(few)).decision == "hold"
    rng = np.random.default_rng(0)
    unit = np.repeat(np.arange(200), 5)
    value = rng.normal(0, 0.3, 1_000) + 0.3 * (unit % 2)
    better = look(value, unit, unit % 2 == 1, names=("b", "a"), alpha=0.05, expected_se=0.02)
    assert gate_comparison(as_comparison(better)).decision == "promote"
    assert gate_comparison(as_comparison(better), rules=GateRules(margin=0.9)).decision == "reject"
    worse = look(value, unit, unit % 2 == 0, names=("a", "b"), alpha=0.05, expected_se=0.02)
    assert gate_comparison(as_comparison(worse)).decision == "reject"


def test_a_week_that_begins_within_a_period_belongs_to_it() -> None:
    wednesday = trial(start=MONDAY + timedelta(days=2), period_weeks=1)
    weeks = [
        weeks_since(wednesday, MONDAY + timedelta(days=d), "Europe/Paris") for d in (-9, 2, 6, 7, 13, 14)
    ]
    assert weeks == [0, 0, 0, 1, 1, 2]  # as lists are: a week is one arm's


def listed(school: School, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a roster file, with the key that reads the school set."""
    monkeypatch.setenv("SEGUE_KEY", "11" * 32)
    table = folder / "roster.csv"
    table.write_text("learner,class\n" + "".join(f"{who},7b\n" for who in school.roster))
    return table


def command(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(map(str, words)))
    return done.exit_code, done.output + str(done.exception or "")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_week_of_the_school_draws_as_the_arms_decide(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space, table, out = school.space, listed(school, tmp_path, monkeypatch), tmp_path / "out"
    path = [r.resource_id for r in space.catalogue().resources][:6]
    said = trial(arms={"as now": {}, "path": {"path": path}}, start=MONDAY, metric="done")
    week = (
        "week",
        space.path,
        "--week",
        "2026-W48",
        "--out",
        out,
        "-k",
        "3",
        "--skip",
        "learn",
        "--skip",
        "fit",
    )

    def lists() -> dict[str, tuple[str, ...]]:
        rows = pd.read_csv(out / "playlists.csv", dtype=str)
        return {str(who): tuple(own["resource"]) for who, own in rows.groupby("learner", sort=False)}

    assert command(*week, "--roster", table)[0] in (0, 1)
    before = lists()
    declare(space, said, now=MONDAY - timedelta(days=3))
    printed = command(*week)[1]
    assert "experiment t is running: --roster FILE says who is in which arm" in printed
    code, printed = command(*week, "--roster", table)
    assert code in (0, 1), printed
    roster = {who: {"class": "7b"} for who in school.roster}
    drawn = trial_week(space, said, roster, now=MONDAY + timedelta(days=1), k=3)
    assert lists() == {who: resources for who, (_, resources) in drawn.items()}
    assert {arm for arm, _ in drawn.values()} == {"as now", "path"}
    for who, (arm, resources) in drawn.items():
        assert resources == (tuple(path[:3]) if arm == "path" else before[who])
    courses = tmp_path / "courses.csv"
    courses.write_text("class,minutes\n7b,60\n")
    assert (
        "cannot be drawn as an experiment's arms decide"
        in command(*week, "--roster", table, "--courses", courses)[1]
    )

    assert command("trial", "end", space.path, "t", "--now", "2026-11-25T00:00:00+00:00")[0] == 0
    assert "ended on 2026-11-25" in command("trial", "end", space.path, "t")[1]
    with pytest.raises(ValueError, match="nothing is drawn any more"):
        trial_week(space, said, roster, now=MONDAY + timedelta(days=7))
    later = ("weekly", space.path, "--week", "2026-W49", "--out", out, "-k", "3", "--roster", table)
    assert command(*later)[0] == 0
    assert tuple(path[3:6]) not in lists().values()
    assert sum(trial_looks(space, said, roster, now=MONDAY + timedelta(days=70))[0].units) == len(roster)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_roster_that_changes_moves_nobody(school: School) -> None:
    space = school.space
    said = trial(name="strata", strata=("level",), metric="done", unit="learner")
    declare(space, said, now=MONDAY - timedelta(days=3))
    few = {who: {"level": "x"} for who in school.roster[2:]}
    drawn = trial_week(space, said, few, now=MONDAY, k=2)
    looks = [trial_looks(space, said, few, now=MONDAY)]
    everybody = {who: {"level": "x"} for who in school.roster}
    again = trial_arms(space, said, everybody, now=MONDAY)
    assert {who: again[who] for who in few} == {who: arm for who, (arm, _) in drawn.items()}
    looks.append(trial_looks(space, said, everybody, now=MONDAY))
    looks.append(trial_looks(space, said, dict(list(few.items())[:1]), now=MONDAY))  # the others left
    assert repr(looks[0]) == repr(looks[1]) == repr(looks[2])  # as text: what is not known yet is NaN
    assert sum(looks[0][0].units) == len(few)
    gone = next(iter(few))
    with space.store.write() as connection:
        number = find_learners(connection, space.keyring, [gone])[gone].number
        assert number in began_in(connection, said.digest)
        forget_arm(connection, number)
        assert number not in began_in(connection, said.digest)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_term_in_a_workspace(school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = school.space
    path = [r.resource_id for r in space.catalogue().resources][:8]
    arms = {"as now": {}, "path": {"path": path}, "variety": ARMS["more variety"]}
    said = trial(arms=arms, start=MONDAY, metric="done")
    declare(space, said, now=MONDAY - timedelta(days=3))
    declare(space, said, now=MONDAY + timedelta(days=3))  # the same once more
    with pytest.raises(ValueError, match="declared otherwise"):
        declare(space, trial(arms=arms, metric="reward"), now=MONDAY - timedelta(days=2))
    with pytest.raises(ValueError, match="declare it before"):
        declare(space, trial(name="late"), now=MONDAY)
    with pytest.raises(ValueError, match="names 'nowhere', which is no resource here"):
        declare(space, trial(name="p", arms={"a": {}, "b": {"path": ["nowhere"]}}), now=MONDAY)
    with pytest.raises(ValueError, match="no experiment 'x'"):
        declared(space, "x")
    roster = {who: {"class": "7b"} for who in school.roster}
    assigned = trial_arms(space, said, roster, now=MONDAY)
    drawn = trial_week(space, said, roster, now=MONDAY, k=4)
    assert drawn == trial_week(space, said, roster, now=MONDAY, k=4)
    assert {who: arm for who, (arm, _) in drawn.items()} == assigned
    for arm, resources in drawn.values():
        assert resources == tuple(path[:4]) if arm == "path" else len(resources) == 4
    assert drawn == trial_week(space, said, roster, now=MONDAY + timedelta(days=2), k=4)  # the same week
    later = trial_week(space, said, roster, now=MONDAY + timedelta(days=7), k=4)
    assert all(resources == tuple(path[4:8]) for arm, resources in later.values() if arm == "path")
    last = trial_week(space, said, roster, now=MONDAY + timedelta(days=14), k=4)
    assert {len(resources) for arm, resources in last.values() if arm == "path"} == {0}  # it has ended
    assert {len(resources) for arm, resources in last.values() if arm != "path"} == {4}
    with pytest.raises(ValueError, match="nothing is drawn yet"):
        trial_week(space, said, roster, now=MONDAY - timedelta(days=1))
    looks = trial_looks(space, said, roster, now=MONDAY + timedelta(days=8))
    assert [(one.arm, one.against) for one in looks] == [("path", "as now"), ("variety", "as now")]
    assert {one.verdict for one in looks} == {"not enough evidence"}
    assert sum(looks[0].units) + looks[1].units[0] == len(school.roster)

    table = listed(school, tmp_path, monkeypatch)
    words = ["trial", "look", str(space.path), "t", "--roster", str(table), "--gate", "--now", str(MONDAY)]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 1
    assert "path against as now: not enough evidence" in result.stdout
    assert "The gate, for path: Hold." in result.stdout
    assert "About 0 more weeks" not in result.stdout
    table.write_text(table.read_text() + f"{school.roster[0]},8a\n")
    assert (
        "twice, and says of them two things"
        in command("trial", "arms", space.path, "t", "--roster", table)[1]
    )
    table.write_text(f"learner,class\n{school.roster[0]},7b\n")
    one = CliRunner().invoke(app, ["trial", "arms", str(space.path), "t", "--roster", str(table)])
    assert one.stderr.count("Nobody is in arm") == 2
