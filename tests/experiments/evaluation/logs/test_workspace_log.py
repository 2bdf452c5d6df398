from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segue.engine.requests.request import Request
from segue.experiments.evaluation.evaluate import evaluate
from segue.experiments.evaluation.logs.workspace_log import decision_log
from segue.experiments.simulation.simulated_class import SimulatedClass
from segue.experiments.simulation.worlds.synthetic_course import course
from segue.features.events.event_records import check, identify
from segue.workspace.reports.frames import DECISION_COLUMNS, decision_frame
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace

NOW = datetime(2026, 9, 7, tzinfo=UTC)
CATALOGUE = course(np.random.default_rng(0), n_skills=4, n_resources=16, n_tags=3).catalogue


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "learner": [1, 1, 2, 2, 3],
            "playlist_id": ["a", "a", "b", "b", "c"],
            "position": [0, 1, 0, 1, 0],
            "propensity": [0.5, 1.0, 0.5, 0.25, 0.5],
            "overridden": [False, True, False, False, False],
            "reward": [1.0, 0.0, np.nan, np.nan, 0.5],
            "status": ["matured", "matured", "pending", "censored", "matured"],
        }
    )


def test_what_a_teacher_set_and_what_is_not_known_is_left_out_and_counted() -> None:
    log = decision_log(table(), np.array([0.25, np.nan, 0.5, 0.5, np.nan]))
    assert log.reward.tolist() == [1.0]
    assert log.rejected.n == 4
    assert log.rejected.reasons == {
        "set by a teacher": 1,
        "reward censored": 1,
        "reward pending": 1,
        "target probability is not known": 1,
    }


def test_ignoring_overrides_is_wrong_and_leaving_them_out_is_right() -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    action = rng.random(n) < 0.5
    overridden = rng.random(n) < 0.3
    chosen = action & ~overridden  # a teacher always puts in the other thing
    frame = pd.DataFrame(
        {
            "learner": np.arange(n) % 200,
            "playlist_id": np.arange(n) // 4,
            "position": np.arange(n) % 4,
            "propensity": np.where(overridden, 1.0, 0.5),
            "overridden": overridden,
            "reward": np.where(chosen, 0.8, 0.2),
        }
    )
    target = np.where(chosen, 0.9, 0.1)
    truth = 0.9 * 0.8 + 0.1 * 0.2
    honest = evaluate(decision_log(frame, target)).estimates["IPS"]
    naive = evaluate(decision_log(frame.assign(overridden=False), target))
    assert honest.low <= truth <= honest.high
    assert naive.estimates["IPS"].value < truth - 0.15
    assert naive.verdict == "not enough evidence"  # its weights do not average 1, and that is seen


def test_the_store_s_decisions_become_a_log(tmp_path: Path) -> None:
    room = SimulatedClass.before(NOW, CATALOGUE, n_learners=8, weeks=2, rng=np.random.default_rng(1))
    workspace = Workspace.init(tmp_path / "w", environment={}, configuration=Configuration())
    workspace.set_catalogue(CATALOGUE)
    workspace.add_events(checked(room.events))
    workspace.fit(now=NOW)
    learners = room.learners["learner"].tolist()
    given = workspace.recommend_many([Request(learner, NOW, k=4) for learner in learners])
    playlists = {
        learner: [step.resource for step in g.playlist.steps]
        for learner, g in zip(learners, given, strict=True)
    }
    later = room.answer(playlists, now=NOW)
    workspace.add_events(checked(later))
    workspace.learn(now=NOW + timedelta(days=6))
    with workspace.store.read() as connection:
        frame = decision_frame(connection)
    workspace.close()
    assert tuple(frame.columns) == DECISION_COLUMNS
    assert len(frame) == sum(len(g.playlist.steps) for g in given)
    logged = [step.propensity for g in given for step in g.playlist.steps]
    assert sorted(frame["propensity"]) == pytest.approx(sorted(logged))
    assert (frame["status"] == "matured").any()
    assert not frame["overridden"].any()
    assert (frame["reward"].notna() == (frame["status"] == "matured")).all()
    log = decision_log(frame, frame["propensity"].to_numpy())
    assert log.n == (frame["status"] == "matured").sum()
    assert log.rejected.n == len(frame) - log.n


def checked(events: pd.DataFrame) -> pd.DataFrame:
    return identify(check(events, range(len(events))).events)
