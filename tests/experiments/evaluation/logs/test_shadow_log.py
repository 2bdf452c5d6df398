from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segue.batch.from_workspace import weekly
from segue.batch.plan import WeeklyPlan
from segue.engine.policies import Uniform
from segue.engine.recommender import fit
from segue.engine.requests.request import Request
from segue.experiments.evaluation.logs.shadow_log import shadow_frame
from segue.experiments.evaluation.logs.shadow_policy import with_policy
from segue.experiments.simulation.simulated_class import SimulatedClass
from segue.experiments.simulation.worlds.synthetic_course import course
from segue.features.events.event_records import check
from segue.features.iso_weeks import start_of
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace

NOW = datetime(2026, 9, 7, tzinfo=UTC)
CATALOGUE = course(np.random.default_rng(0), n_skills=4, n_resources=16, n_tags=3).catalogue
ZONE = "Europe/Paris"
PLAN = WeeklyPlan("2026-W37", start_of("2026-W37", ZONE), "segue", 3, 60.0)
WEEKLY, APP = PLAN.request(""), Request("", NOW, k=2, menu=2)


def checked(events: pd.DataFrame) -> pd.DataFrame:
    return check(events, range(len(events))).events


@pytest.fixture
def school(tmp_path: Path) -> Workspace:
    """Return a workspace with a week's lists, two lists with menus and a pin, and more events since."""
    room = SimulatedClass.before(NOW, CATALOGUE, n_learners=6, weeks=2, rng=np.random.default_rng(1))
    space = Workspace.init(
        tmp_path / "school", environment={}, configuration=Configuration(time_zone=ZONE, seed="segue")
    )
    space.set_catalogue(CATALOGUE)
    space.add_events(checked(room.events))
    space.fit(now=NOW)
    weekly(space, PLAN, tmp_path / "out")
    learners = sorted(set(room.events["learner"]))[:2]
    space.recommend_many([replace(APP, learner=name) for name in learners])
    pin = CATALOGUE.resources[3].resource_id
    space.recommend_many([replace(APP, learner=learners[0], pins=(pin,))])
    later = SimulatedClass.before(NOW, CATALOGUE, n_learners=6, weeks=1, rng=np.random.default_rng(2))
    events = later.events.assign(event_id="later-" + later.events["event_id"].astype(str))
    space.add_events(checked(events))
    return space


def test_the_champion_of_then_would_have_done_what_it_did(school: Workspace) -> None:
    with school.store.read() as connection:
        champion = school.champion(connection).recommender
    frame = shadow_frame(school, champion, questions=[WEEKLY, APP])
    known = frame["target"].notna()
    assert known.sum() == 6 * 3 + 2 * 2
    assert frame.loc[known, "target"].to_numpy() == pytest.approx(frame.loc[known, "propensity"], rel=1e-9)
    assert (~known).sum() == 2  # the list with a pin was asked otherwise


def test_a_question_of_another_shape_is_not_taken_for_the_one_asked(school: Workspace) -> None:
    with school.store.read() as connection:
        champion = school.champion(connection).recommender
    assert shadow_frame(school, champion, questions=[replace(WEEKLY, minutes=None)])["target"].isna().all()
    pinned = replace(APP, pins=(CATALOGUE.resources[3].resource_id,))
    target = shadow_frame(school, champion, questions=[pinned]).tail(2)["target"]
    assert target.isna().tolist() == [True, False]


def test_another_model_gives_its_own_chances(school: Workspace) -> None:
    other = SimulatedClass.before(NOW, CATALOGUE, n_learners=20, weeks=4, rng=np.random.default_rng(7))
    rival = fit(CATALOGUE, other.events, rng=np.random.default_rng(0), now=NOW)
    frame = shadow_frame(school, rival, questions=[WEEKLY, APP]).dropna(subset="target")
    assert not np.allclose(frame["target"], frame["propensity"], rtol=0.05)
    assert frame["target"].between(0, 1).all()
    uniform = shadow_frame(school, with_policy(rival, Uniform()), questions=[WEEKLY], since="2026-W37")
    told = uniform["target"].dropna()
    assert (1 / told[told > 0]).round(9).mod(1).eq(0).all()
    assert told.gt(0).mean() > 0.9  # after a step that it cannot offer there is no chance of the next
    assert shadow_frame(school, rival, questions=[WEEKLY], since="2026-W38").empty
