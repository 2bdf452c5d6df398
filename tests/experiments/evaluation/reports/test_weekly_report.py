"""The weekly report finds what was planted, calls noise noise, and is a page a coordinator can read."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segue.engine.explanations.taught import UNTOLD
from segue.engine.requests.request import Request
from segue.experiments.evaluation.logs.logged_data import read_texts
from segue.experiments.evaluation.logs.shadow_policy import total_variation
from segue.experiments.evaluation.reports.weekly_figures import intervals
from segue.experiments.evaluation.reports.weekly_report import report_page
from segue.workspace.reports.week.effectiveness import Effectiveness, effectiveness
from segue.workspace.reports.week.fairness import fairness_rows
from segue.workspace.reports.week.personalisation import audit_personalisation
from segue.workspace.reports.week.step_frame import COLUMNS, LoggedSteps, logged_steps
from segue.workspace.reports.week.week_figures import WeekFigures, week_figures

School = Any  # the class in conftest.py
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
NOBODY_KNOWS = pd.DataFrame(columns=["resource", "title", "effect", "low", "high", "steps", "verdict"])


def planted(
    seed: int, *, learners: int = 60, skills: int = 6, beside: int = 5, bad: float = 0.0, gain: float = 0.05
) -> pd.DataFrame:
    """Steps of three weeks whose rewards are noise around `gain`; the first skill's first resource is bad."""
    rng = np.random.default_rng(seed)
    n = learners * 30
    who, skill, item = (
        rng.integers(learners, size=n),
        rng.integers(skills, size=n),
        rng.integers(beside, size=n),
    )
    level = rng.normal(0, 0.08, learners)[who] + rng.normal(0, 0.05, skills)[skill]
    reward = gain + level + rng.normal(0, 0.35, n) - bad * ((skill == 0) & (item == 0))
    week = np.array(["2026-W46", "2026-W47", "2026-W48"])[rng.integers(3, size=n)]
    table = pd.DataFrame(
        {
            "learner": who,
            "class": np.array(["7a", "7b"])[who % 2],
            "week": week,
            "showed": week,
            "resource": [f"r{s}.{i}" for s, i in zip(skill, item, strict=True)],
            "skill": [f"s{s}" for s in skill],
            "kind": "exercise",
            "minutes": 5.0,
            "level": rng.integers(2, size=n).astype(float),
            "explored": rng.random(n) < 0.05,
            "overridden": False,
            "menu": False,
            "status": "matured",
            "reward": reward,
            "surprise": reward * 2,
            "done": rng.random(n) < 0.8,
            "rating": np.nan,
        }
    )
    return table[list(COLUMNS)]


def told_of(steps: pd.DataFrame) -> Effectiveness:
    return effectiveness(LoggedSteps(steps, NOBODY_KNOWS, {}), "2026-W48")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_report_says_of_resources_what_the_model_in_charge_says(school: School) -> None:
    school.study(MONDAY)
    school.space.learn(now=MONDAY + timedelta(days=7))
    figures = week_figures(
        school.space, "2026-W48", now=MONDAY + timedelta(days=7), rng=np.random.default_rng(0)
    )
    found, known = figures.effectiveness.resources, school.space.resources_taught()
    used = known[known["steps"] > 0].set_index("resource")
    assert len(used)
    assert found["resource"].tolist() == used.index.tolist()
    assert found["verdict"].tolist() == used["verdict"].tolist()
    assert found["title"].ne("").all()


def test_the_page_names_the_worst_and_the_best_and_counts_the_others() -> None:
    resources = pd.DataFrame(
        {
            "resource": ["r1", "r2", "r3", "r4"],
            "title": ["Good", "Unsure", "Bad", "Worst"],
            "effect": [0.05, 0.01, -0.04, -0.2],
            "low": [0.02, -0.02, -0.06, -0.3],
            "high": [0.08, 0.04, -0.02, -0.1],
            "steps": [90, 3, 80, 70],
            "verdict": [
                "teaches better than others",
                UNTOLD,
                "teaches less than others",
                "learners did worse after it than before",
            ],
        }
    )
    report = effectiveness(LoggedSteps(planted(0), resources, {}), "2026-W48")
    page = report_page(report, now=MONDAY)
    said = [page.index(f"<li>{name}: ") for name in ("Worst", "Bad", "Good")]
    assert said == sorted(said)
    assert "Bad: teaches less than others on its skills, -0.040 (-0.060 to -0.020; 80 steps)." in page
    assert "Unsure:" not in page
    assert "Of 1 of 4 resources it cannot be told yet." in page
    assert report.metrics()["resources_teaching_less"] == 2.0
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["resources"][0]["resource"] == "r1"


def test_learning_by_skill_holds_the_truth_and_reads_the_future_not_at_all() -> None:
    steps = planted(1)
    report = effectiveness(LoggedSteps(steps, NOBODY_KNOWS, {}), "2026-W47")
    assert list(report.trend) == ["2026-W46", "2026-W47"]
    early = steps[steps["week"] <= "2026-W47"]
    assert report.to_dict() == effectiveness(LoggedSteps(early, NOBODY_KNOWS, {}), "2026-W47").to_dict()
    assert report.learning.known
    assert set(report.by_class) == {"7a", "7b"}
    assert json.dumps(report.to_dict(), allow_nan=False)
    with pytest.raises(ValueError, match="nothing was logged up to 2026-W01"):
        effectiveness(LoggedSteps(steps, NOBODY_KNOWS, {}), "2026-W01")


def test_people_read_the_names_of_skills_where_programs_read_ids() -> None:
    report = told_of(planted(0))
    first, second, *rest = report.by_skill
    named = report.called({first: "I can add.", second: "I can add.", rest[0]: "I can halve."})
    assert list(named.by_skill) == [
        f"I can add. ({first})",
        f"I can add. ({second})",
        "I can halve.",
        *rest[1:],
    ]
    assert list(named.by_skill.values()) == list(report.by_skill.values())
    assert set(named.engagement["skill"]) == set(named.by_skill)
    assert "I can halve." in str(intervals(named.by_skill, xlabel="").axes[0].get_yticklabels())


def test_steps_of_teachers_and_of_four_learners_are_not_reported() -> None:
    steps = planted(2)
    steps["overridden"] = steps["skill"] == "s1"
    steps = steps[(steps["skill"] != "s2") | (steps["learner"] < 4)]
    report = effectiveness(LoggedSteps(steps, NOBODY_KNOWS, {}), "2026-W48")
    assert "s1" not in report.by_skill
    assert not report.by_skill["s2"].known
    assert "not reported" in str(report.by_skill["s2"])


def test_fairness_intervals_hold_together_and_none_is_under_five() -> None:
    groups = {"ses": {who: "x" if who < 4 else "ab"[who % 2] for who in range(60)}}
    alarms = 0
    for seed in range(40):
        rows = fairness_rows(planted(seed), groups)
        assert {row.label for row in rows} == {"a", "b"}
        assert {row.measure for row in rows} == {"gain", "minutes", "level", "exposure", "forecast"}
        alarms += any(row.beside.sign for row in rows)
    assert alarms <= 40 * 0.05 + 3 * np.sqrt(40 * 0.05 * 0.95)
    page = report_page(told_of(planted(0)), now=MONDAY, fairness=fairness_rows(planted(0), groups))
    assert 'alt="Is it fair? (each beside all others)"' in page
    steps = planted(7)
    steps.loc[steps["learner"] % 2 == 0, "reward"] -= 0.3
    said = {(row.label, row.measure): row.told for row in fairness_rows(steps, groups)}
    assert said["a", "gain"] == "less than others"
    assert said["b", "gain"] == "more than others"


def lists_of(seed: int, *, follow: float, learners: int = 60) -> tuple[list[list[str]], np.ndarray]:
    """Lists of six of forty resources; `follow` is how much they follow a profile of four figures."""
    rng = np.random.default_rng(seed)
    profiles = rng.normal(size=(learners, 4))
    taste = rng.normal(size=(4, 40))
    score = follow * profiles @ taste + rng.gumbel(size=(learners, 40))
    return [[f"r{i}" for i in np.argsort(-row)[:6]] for row in score], profiles


def test_two_worlds_are_not_personalised_and_one_is() -> None:
    rng = np.random.default_rng(0)
    _, profiles = lists_of(0, follow=0.0)
    same = audit_personalisation([["r1", "r2"]] * 60, profiles, rng=rng)
    assert not same.personal
    assert "everybody got the same list" in str(same)
    halves = audit_personalisation([["a"] if row[0] > 0 else ["b"] for row in profiles], profiles, rng=rng)
    assert halves.personal
    assert str(halves).startswith("Personalised: ")
    noise = [audit_personalisation(*lists_of(seed, follow=0.0), rng=rng).personal for seed in range(20)]
    assert sum(noise) <= 1
    driven = [audit_personalisation(*lists_of(seed, follow=1.0), rng=rng) for seed in range(5)]
    assert all(one.personal and one.explained > 0.1 for one in driven)
    few = audit_personalisation([["r1"]] * 4, profiles[:4], rng=rng)
    assert "cannot be told" in str(few)


def test_who_asks_changes_nothing(school: School) -> None:
    champion, known = school.space.known(school.roster)
    for who in school.roster[:3]:
        request = Request(who, MONDAY, k=4, state=known[who])
        rng = np.random.default_rng(1)
        assert (
            total_variation(champion.recommender, request, replace(request, learner="somebody"), rng=rng)
            == 0.0
        )
        other = Request(who, MONDAY, k=4, state=known[school.roster[-1]])
        assert total_variation(champion.recommender, request, other, rng=np.random.default_rng(1)) > 0.0


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.images: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "img":
            self.images.append(dict(attrs))


def test_the_command_writes_one_page_without_script(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    from typer.testing import CliRunner

    from segue.cli.main import app

    monkeypatch.setenv("SEGUE_KEY", "11" * 32)
    for week in range(2):
        school.study(MONDAY + timedelta(days=7 * week))
    later = MONDAY + timedelta(days=14)
    school.space.learn(now=later)
    roster = tmp_path / "roster.csv"
    half = ["NA" if i % 2 else "None" for i in range(len(school.roster))]
    pd.DataFrame({"learner": school.roster, "class": "7b", "group": half}).to_csv(roster, index=False)
    out = tmp_path / "report.html"
    words = [
        "report",
        str(school.space.path),
        "--week",
        "2026-W49",
        "--out",
        str(out),
        "--roster",
        str(roster),
    ]
    result = CliRunner().invoke(app, [*words, "--now", later.isoformat()], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    text = out.read_text()
    page = Page()
    page.feed(text)
    assert "script" not in page.tags
    assert page.tags.count("h2") >= 5
    assert len(page.images) >= 7
    assert all(image["alt"] and (image["src"] or "").startswith("data:") for image in page.images)
    assert "http" not in text.replace("http://www.w3.org", "")
    for heading in ("Mastery-based", "Flexible", "Empowering", "Tailored"):
        assert heading in text
    indicators = ("steps whose effect is known", "kinds used", "steps that are a choice", "not everybody got")
    assert all(re.search(f"Indicator, [^<]*{name}[^<]*: [0-9]+%", text) for name in indicators)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # the other is read by the page above
def test_odd_weeks_and_rosters_are_told(school: School, tmp_path: Path) -> None:
    space, who = school.space, school.roster
    school.study(MONDAY)
    later = MONDAY + timedelta(days=7)
    space.learn(now=later)

    def figures(roster: str | pd.DataFrame | None, week: str = "2026-W48") -> WeekFigures:
        if isinstance(roster, str):
            (tmp_path / "roster.csv").write_text(roster, encoding="utf-8-sig")
            roster = read_texts(tmp_path / "roster.csv")
        return week_figures(space, week, now=later, rng=np.random.default_rng(0), roster=roster)

    for week, message in (("2026-48", "an ISO week"), ("2026-W99", "an ISO week"), ("2026-W50", "not begun")):
        with pytest.raises(ValueError, match=message):
            figures(None, week)
    texts = "learner,nr\n" + "".join(f"{one},{'7' if i < 2 else '007'}\n" for i, one in enumerate(who))
    assert {row.label for row in figures(texts).fairness} == {"007"}
    with pytest.raises(ValueError, match=f"learner '{who[0]}' twice, with class '7a' and '7b'"):
        figures(f"learner,class\n{who[0]},7a\n{who[0]},7b\n")
    with pytest.raises(ValueError, match="more fields than the header"):
        figures(f"learner,class\n{who[0]},7a\n{who[0]},7a,x\n")
    strangers = figures("learner,class\nnobody,7a\nno one,7a\n")
    assert "2 of 2 learners of the roster are unknown here" in strangers.notes[0]
    alone = figures("learner,own\n" + "".join(f"{one},x{i}\n" for i, one in enumerate(who[1:])))
    assert not alone.fairness
    counted = f"own: of {len(who)} learners {len(who) - 1} are in groups of fewer than 5 and 1 have no label"
    assert alone.notes == (f"{counted}; they are not shown.",)
    one = figures("learner,all\n" + "".join(f"{name},x\n" for name in who))
    assert {row.told for row in one.fairness} == {"too few others"}
    assert one.notes == ()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # the other is read by the page above
def test_a_report_is_kept_as_a_run_with_its_page_and_pictures(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("matplotlib")
    from typer.testing import CliRunner

    from segue.cli.main import app

    monkeypatch.setenv("SEGUE_KEY", "11" * 32)
    school.study(MONDAY)
    later = MONDAY + timedelta(days=7)
    school.space.learn(now=later)
    store, out = tmp_path / "weekly runs", tmp_path / "report.html"
    words = ["report", str(school.space.path), "--week", "2026-W48", "--out", str(out), "--store", str(store)]
    result = CliRunner().invoke(app, [*words, "--now", later.isoformat()], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    runs = [path.parent.parent for path in store.rglob("artifacts/report.html")]
    assert mlflow is not None
    assert len(runs) == 1
    kept = {path.name for path in store.rglob("artifacts/*")}
    assert {"report.html", "report.json", "trend.png", "resources.png", "voice.png"} <= kept
    figures = json.loads(next(store.rglob("artifacts/report.json")).read_text())
    assert {"learning", "personalisation", "fairness", "notes"} <= set(figures)
    assert next(store.rglob("artifacts/report.html")).read_text() == out.read_text()


def test_what_is_done_without_naming_its_step_counts_for_the_list_before_it(school: School) -> None:
    space, (who, other) = school.space, school.roster[:2]
    given = space.recommend(Request(who, MONDAY, k=4))
    resources = [step.resource for step in given.playlist.steps]
    hours = pd.to_timedelta([-1, 2, 3, 24 * 29, 4], unit="h")
    events = pd.DataFrame({"resource": [*resources, resources[3]], "time": pd.Timestamp(MONDAY) + hours})
    events = events.assign(learner=[*[who] * 4, other], score=1.0, event_id=[*"abcde"], step="", voids="")
    taken_back = {"kind": "other", "event_id": "f", "voids": "c", "resource": resources[2], "learner": who}
    told = pd.concat([events, pd.DataFrame([taken_back | {"time": events["time"][2]}])], ignore_index=True)
    space.add_events(school.checked(told))

    def done() -> dict[str, bool]:
        steps = logged_steps(space).steps.tail(4)
        return dict(zip(steps["resource"], steps["done"], strict=True))

    before, after, voided, late = resources
    assert done() == {before: False, after: True, voided: False, late: False}
    named = pd.DataFrame([{"learner": who, "resource": late, "kind": "view", "step": given.decision_ids[3]}])
    space.add_events(school.checked(named.assign(time=pd.Timestamp(MONDAY) + pd.Timedelta(days=40))))
    assert done()[late]
    earlier = {"event_id": "g", "supersedes": "b", "resource": after, "learner": who, "score": 1.0}
    space.add_events(
        school.checked(pd.DataFrame([earlier | {"time": pd.Timestamp(MONDAY) - pd.Timedelta(days=2)}]))
    )
    assert not done()[after]
