"""A study is run, recorded and compared; a challenger goes through the gate: as a data scientist does it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from segue.cli.main import app
from segue.engine.requests.request import Request
from segue.experiments.simulation.simulated_class import SimulatedClass
from segue.experiments.simulation.worlds.synthetic_course import course
from segue.features.events.event_records import check
from segue.workspace.playlists.answering import Given
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace
from tests.test_cli_width import OF_EXPERIMENTS

pytest.importorskip("mlflow")

NOW = datetime(2026, 9, 7, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "TERMINAL_WIDTH"):
        monkeypatch.delenv(name, raising=False)


def run(command: str, *arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code and what it said, in one line; no line of it is too wide."""
    assert command in OF_EXPERIMENTS | {"gate"}
    done = CliRunner().invoke(app, ["experiment", command, *arguments])
    assert [line for line in done.output.splitlines() if len(line) > 80] == []
    return done.exit_code, " ".join((done.output + (str(done.exception) if done.exception else "")).split())


def test_a_study_is_recorded_term_by_term_and_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    from segue.experiments.simulation import sweeps
    from segue.experiments.tracking.mlflow_store import Tracker

    two = replace(sweeps.SWEEPS["learning"], settings=sweeps.SWEEPS["learning"].settings[:2])
    monkeypatch.setattr(sweeps, "SWEEPS", {**sweeps.SWEEPS, "learning": two})
    study = two.quick()
    code, printed = run("sweep", "learning", "--quick", "--store", "runs")
    assert code == 0, printed
    runs = Tracker(Path("runs")).runs("learning")
    assert len(runs) == study.n_runs
    assert set(runs["setting"]) == {setting.name for setting in study.settings}
    assert (runs["violations"] == 0).all()
    code, printed = run("compare", "learning", "--store", "runs")
    assert code == 0
    best = runs.groupby(["setting", "model"])["gain"].mean().groupby("setting").mean()
    assert all(f"{gain:.3f}" in printed for gain in best)
    assert " se " in printed
    assert "some of them are of --quick: noise" in printed
    assert "segue experiment sweep factors" in run("compare", "factors", "--store", "runs")[1]


def test_a_study_that_is_none_or_was_not_run_is_named() -> None:
    assert "name must be one of exploration, factors, learning" in run("sweep", "nothing")[1]
    assert "runs is no tracking store" in run("compare", "factors", "--store", "runs")[1]
    assert not Path("runs").exists()


def log(path: Path, *, better: float) -> str:
    rng = np.random.default_rng(0)
    second = rng.integers(2, size=3000)
    reward = (rng.random(3000) < 0.5 + better * (second - 0.5)).astype(int)
    group = np.where(rng.random(3000) < 0.5, "a", "b")
    target = np.where(second == 1, 0.9, 0.1)
    frame = pd.DataFrame({"r": reward, "p": 0.5, "t": target, "g": group})
    frame.to_csv(path, index=False)
    return str(path)


@pytest.mark.parametrize(("better", "decision", "code"), [(0.5, "Promote", 0), (-0.5, "Reject", 1)])
def test_the_gate_says_why_and_its_exit_code_is_the_decision(better: float, decision: str, code: int) -> None:
    columns = ["--reward", "r", "--propensity", "p", "--target", "t", "--group", "g"]
    found, printed = run("gate", log(Path("log.csv"), better=better), *columns)
    assert found == code, printed
    assert printed.startswith(f"{decision}. Overall: ")


def school(folder: Path, *, seed: int, resources: int = 16) -> Path:
    """Return a workspace with a catalogue and the history of a simulated class."""
    rng = np.random.default_rng(seed)
    catalogue = course(np.random.default_rng(0), n_skills=4, n_resources=resources, n_tags=3).catalogue
    room = SimulatedClass.before(NOW, catalogue, n_learners=8, weeks=2, rng=rng)
    space = Workspace.init(folder, environment={}, configuration=Configuration())
    space.set_catalogue(catalogue)
    space.add_events(check(room.events, range(len(room.events))).events)
    space.close()
    return folder


def model_in_charge(folder: Path) -> str:
    with Workspace.open(folder, environment={}).store.read() as connection:
        return Workspace.open(folder, environment={}).champion(connection).fitted.model_hash


def test_a_challenger_goes_through_the_gate_into_a_workspace() -> None:
    folder, store = school(Path("school"), seed=1), ("--store", "registry")
    code, printed = run("challenger", str(folder), *store, "--now", NOW.isoformat())
    assert code == 0, printed
    model = printed.split()[-1]
    assert "gate --promote` makes the challenger one" in run("deploy", str(folder), *store)[1]
    columns = ["--reward", "r", "--propensity", "p", "--target", "t"]
    worse = run("gate", log(Path("log.csv"), better=-0.5), *columns, "--promote", *store)
    assert worse[0] == 1
    assert "no model is registered as 'champion'" in run("deploy", str(folder), *store)[1]
    better = run("gate", log(Path("log.csv"), better=0.5), *columns, "--promote", *store)
    assert "champion is now version 1" in better[1]
    code, printed = run("deploy", str(folder), *store)
    assert code == 0, printed
    assert f"champion version 1, model {model}, is in charge" in printed
    assert model_in_charge(folder) == model


def test_a_model_of_another_school_is_not_deployed() -> None:
    other, store = school(Path("other"), seed=2, resources=24), ("--store", "registry")
    assert run("challenger", str(other), *store, "--now", NOW.isoformat())[0] == 0
    mine = school(Path("mine"), seed=1)
    code, printed = run("deploy", str(mine), *store, "--alias", "challenger")
    assert code == 1
    assert "8 resources that the workspace lacks" in printed


def outcomes(given: list[Given], learners: list[str]) -> pd.DataFrame:
    """Return two tries of every step of some lists, a day and three days later."""
    rows = [
        {
            "event_id": f"{one.decision_ids[position]}-{day}",
            "learner": learner,
            "resource": step.resource,
            "score": float((position + day) % 2),
            "time": (NOW + timedelta(days=day, minutes=position)).isoformat(),
        }
        for one, learner in zip(given, learners, strict=True)
        for position, step in enumerate(one.playlist.steps)
        for day in (1, 3)
    ]
    return check(pd.DataFrame(rows), range(len(rows))).events


def test_what_the_challenger_would_have_done_is_evidence_for_the_gate() -> None:
    folder, store = school(Path("school"), seed=1), ("--store", "registry")
    space = Workspace.open(folder, environment={})
    space.fit(now=NOW - timedelta(days=7))
    before = NOW - timedelta(days=3)
    space.recommend_many([Request(f"new-{i}", before, k=3) for i in range(5)])
    catalogue = space.catalogue()
    more = SimulatedClass.before(NOW, catalogue, n_learners=12, weeks=3, rng=np.random.default_rng(5))
    events = more.events.assign(event_id="more-" + more.events["event_id"].astype(str))
    space.add_events(check(events, range(len(events))).events)
    assert run("challenger", str(folder), *store, "--now", NOW.isoformat())[0] == 0
    learners = [f"new-{i}" for i in range(40)]
    given = space.recommend_many([Request(learner, NOW, k=3) for learner in learners])
    space.add_events(outcomes(given, learners))
    space.learn(now=NOW + timedelta(days=10))
    space.close()
    evidence = Path("evidence.csv")
    code, printed = run("shadow", str(folder), *store, "-k", "3", "--out", str(evidence))
    assert code == 0, printed
    frame = pd.read_csv(evidence)
    assert printed.startswith("15 decisions are older than the challenger")
    assert f"{len(frame)} decisions of 120 are in" in printed
    assert len(frame) > 100
    weights = frame["target"] / frame["propensity"]
    assert weights.std() > 0.05
    assert frame["target"].between(0.0, 1.0).all()
    assert weights.mean() < 1 + 4 * weights.std() / np.sqrt(len(frame))  # far below where models disagree
    columns = ["--reward", "reward", "--propensity", "propensity", "--target", "target"]
    code, printed = run("gate", str(evidence), *columns, "--cluster", "learner")
    assert printed.split(".")[0] in ("Promote", "Hold", "Reject")
    weeks = ("--since", "2026W37"), ("--since", "2026-W60")
    for wrong in weeks:
        assert "week must be an ISO week" in run("shadow", str(folder), *store, "--out", "x", *wrong)[1]
    printed = run("shadow", str(folder), *store, "-k", "4", "--out", str(evidence))[1]
    assert "0 decisions of 120 are in" in printed
