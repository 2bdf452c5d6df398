"""A workspace on both databases: what is decided is stored first, what is rewarded is counted once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select

from segue import sample
from segue.batch.plan import WeeklyPlan
from segue.batch.rebuild import rebuild
from segue.batch.weekly_job import Week, weekly_job
from segue.engine.requests.request import Request
from segue.features.history.learner_state import StateBlock
from segue.workspace.dialogue.class_lists import draw_week
from segue.workspace.operations import integrity as doctor
from segue.workspace.playlists.answering import Ask
from segue.workspace.records.matured_rewards import latest_rewards
from segue.workspace.sources.model_registry import load_sums
from segue.workspace.storage import schema
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.storage.pseudonyms import KeyMissingError
from segue.workspace.workspace import Workspace

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
KEY = {"SEGUE_KEY": "11" * 32}
STEPS = 6
School = Any  # the class in conftest.py


def test_a_decision_is_stored_before_it_is_returned_and_once(school: School) -> None:
    request = Request("pupil-001", MONDAY, k=STEPS)
    given = school.space.recommend(request)
    assert (school.count("playlists"), school.count("decisions")) == (1, STEPS)
    again = school.space.recommend(request)
    assert again.decision_ids == given.decision_ids
    assert list(again.playlist.steps) == list(given.playlist.steps)
    assert school.count("decisions") == STEPS
    other = school.space.recommend(request, ask=Ask(request_no=1))
    assert not set(other.decision_ids) & set(given.decision_ids)


def test_what_is_logged_is_what_was_drawn(school: School) -> None:
    given = school.space.recommend(Request("pupil-001", MONDAY, k=STEPS))
    with school.space.store.read() as connection:
        rows = connection.execute(select(schema.decisions).order_by(schema.decisions.c.position)).all()
    champion, known = school.space.known(["pupil-001"])
    catalogue, block = champion.fitted.catalogue, StateBlock.of([known["pupil-001"]])
    reader = champion.fitted.kernel.reader
    ahead = [reader.forecast(block, hours, MONDAY.timestamp())[0] for hours in (0.0, 168.0)]
    for row, step in zip(rows, given.playlist.steps, strict=True):
        assert (row.resource, row.propensity, row.score) == (step.resource, step.propensity, step.score)
        assert np.frombuffer(row.context).tolist() == list(step.context.values())
        resource = catalogue.resources[catalogue.resource_index[row.resource]]
        skills = [catalogue.skill_index[skill] for skill in resource.skills]
        found = np.frombuffer(row.forecast).reshape(2, -1)[:, : len(skills)]
        assert np.array_equal(found, [chance[skills] for chance in ahead])


def test_many_at_once_are_what_each_is_alone(school: School) -> None:
    together = school.decide()
    for learner in school.roster:
        alone = school.space.recommend(Request(learner, MONDAY, k=STEPS))
        assert [step.resource for step in alone.playlist.steps] == together[learner]
    assert school.count("playlists") == len(school.roster)


def test_rewards_mature_once_and_the_model_counts_each(school: School) -> None:
    school.study()
    later = MONDAY + timedelta(days=7)
    done = school.space.learn(now=later)
    assert done.matured > 10
    assert school.space.learn(now=later).learners == 0  # no news: nothing to look at
    with school.space.store.read() as connection:
        rows = connection.execute(latest_rewards().where(schema.rewards.c.status == "matured")).all()
        sums = load_sums(connection)
    assert sums.n == len(rows) == done.matured
    assert all(-1 <= row.value <= 1 for row in rows)
    champion = school.space.known(school.roster)[0]
    assert champion.recommender.model_hash != champion.fitted.model_hash
    assert school.well()


def test_without_later_attempts_a_reward_is_pending_then_censored(school: School) -> None:
    school.decide()
    assert school.space.learn(now=MONDAY + timedelta(days=7)).censored == 0
    done = school.space.learn(now=MONDAY + timedelta(days=29))
    assert (done.matured, done.censored) == (0, STEPS * len(school.roster))
    with school.space.store.read() as connection:
        assert load_sums(connection).n == 0


def test_a_regrade_takes_the_old_reward_back(school: School) -> None:
    events = school.study()
    school.space.learn(now=MONDAY + timedelta(days=7))
    last = events[events["kind"] == "attempt"].iloc[-1:]
    regrade = last.assign(event_id="regrade", supersedes=last["event_id"], score=1 - last["score"])
    school.space.add_events(regrade)
    done = school.space.learn(now=MONDAY + timedelta(days=7))
    assert done.learners == 1
    assert school.well()
    digest = school.digest()
    rebuild(school.space)
    assert school.digest() == digest


def test_the_same_facts_in_another_order_are_the_same_store(school: School, tmp_path: Path) -> None:
    other = Workspace.init(
        tmp_path / "other", environment=KEY, configuration=Configuration(time_zone="Europe/Paris")
    )
    other.set_catalogue(sample.load())
    frame = school.checked(school.room.events)
    first = frame.drop_duplicates("learner")  # learners arrive in the same order, their events do not
    rest = frame.drop(first.index).sample(frac=1.0, random_state=1)
    other.add_events(pd.concat([first, rest.iloc[:50], rest.iloc[::-1]]))
    other.fit(now=MONDAY)
    asked = [Request(learner, MONDAY, k=STEPS) for learner in school.roster]
    mine = [g.playlist.steps for g in other.recommend_many(asked)]
    assert mine == [g.playlist.steps for g in school.space.recommend_many(asked)]
    other.close()


def test_a_model_of_the_past_has_not_seen_what_came_after(school: School) -> None:
    then = school.space.challenger(now=MONDAY)
    school.study()
    again = school.space.challenger(now=MONDAY)
    assert again.model_hash == then.model_hash
    assert again.fitted["attempts"] == then.fitted["attempts"]
    later = school.space.challenger(now=MONDAY + timedelta(days=7))
    assert int(later.fitted["attempts"]) > int(then.fitted["attempts"])


def test_a_late_event_refolds_its_learner(school: School) -> None:
    school.decide()
    late = school.room.events.iloc[[0]].assign(event_id="late", time=MONDAY - timedelta(days=30), score=1.0)
    school.space.add_events(school.checked(late.assign(kind="attempt", seq=-1)))
    school.decide(MONDAY + timedelta(days=1))
    digest = school.digest()
    rebuild(school.space)
    assert school.digest() == digest


def test_rebuild_gives_the_same_dump(school: School) -> None:
    school.study()
    school.space.learn(now=MONDAY + timedelta(days=7))
    school.study(MONDAY + timedelta(days=7))
    school.space.learn(now=MONDAY + timedelta(days=14))
    school.decide(MONDAY + timedelta(days=14))
    digest = school.digest()
    assert rebuild(school.space) == len(school.roster)
    assert school.digest() == digest
    assert school.well()


def test_attempts_that_were_known_before_a_decision_dated_earlier_count_at_once(school: School) -> None:
    school.study()
    school.space.learn(now=MONDAY + timedelta(days=7))
    school.decide(MONDAY + timedelta(days=1))  # by a clock that runs behind
    assert school.space.learn(now=MONDAY + timedelta(days=7)).matured > 0
    digest = school.digest()
    rebuild(school.space)
    assert school.digest() == digest


def test_doctor_sees_what_is_wrong(school: School) -> None:
    school.study()
    school.space.learn(now=MONDAY + timedelta(days=7))
    with school.space.store.write() as connection:
        connection.execute(schema.rewards.delete().where(schema.rewards.c.number == 1))
        connection.execute(schema.playlists.delete().where(schema.playlists.c.number == 1))
    ill = {finding.name for finding in doctor.examine(school.space) if not finding.well}
    assert ill == {"decisions without playlist", "every reward counted once"}


def test_the_folder_is_for_its_owner_alone(school: School) -> None:
    assert school.space.path.stat().st_mode & 0o777 == 0o700


def test_a_week_years_away_is_a_slip(school: School, tmp_path: Path) -> None:
    far = "week 2062-W48 is more than two years off"
    with pytest.raises(ValueError, match=far):
        school.space.recommend(Request("u1", MONDAY), ask=Ask(week="2062-W48"))
    with pytest.raises(ValueError, match=far):
        WeeklyPlan("2062-W48", MONDAY, "seed")
    with pytest.raises(ValueError, match=far):
        weekly_job(school.space, Week("2062-W48"), tmp_path / "out", clock=MONDAY)
    with pytest.raises(ValueError, match=far):
        draw_week(school.space, ["u1"], "2062-W48", k=3, menu=1, now=MONDAY)


def test_a_wrong_key_is_refused(school: School, tmp_path: Path) -> None:
    with pytest.raises(KeyMissingError, match="this is not the key of"):
        Workspace.open(tmp_path / "school", environment={"SEGUE_KEY": "22" * 32})


def test_a_broken_model_says_so(school: School) -> None:
    champion = school.space.known([])[0]
    (school.space.models / champion.fitted.model_hash / "arrays.npz").write_bytes(b"")
    fresh = Workspace.open(school.space.path, environment=KEY)
    with pytest.raises(WorkspaceError, match="cannot be read"):
        fresh.recommend(Request("pupil-001", MONDAY))
    fresh.close()


def test_a_catalogue_grows_and_forgets_nothing(school: School) -> None:
    before = school.space.catalogue()
    first = replace(before.resources[0], title="A new title")
    smaller = type(before).build([first], before.skills)
    whole = school.space.set_catalogue(smaller)
    assert whole.resources[0].title == "A new title"
    assert len(whole.resources) == len(before.resources)
    assert len(whole.prerequisites) == len(before.prerequisites)
    assert any("158 resources" in note for note in whole.notes)
