"""While an experiment runs, a list that is asked for comes from the learner's arm as the week's does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue.experiments.evaluation.trials.declaration import TrialDeclaration
from segue.experiments.evaluation.trials.running import deciding_in, declare, end, trial_arms
from segue.service.http.rate_limits import ServiceLimits
from segue.workspace.records.rosters.arms import DECIDING
from segue.workspace.storage.database import get_document
from segue.workspace.workspace import Workspace

Headers = Callable[[str], dict[str, str]]
LEARNERS = [f"student-{n}" for n in range(1, 25)]


@pytest.mark.parametrize("period", [0, 2])
def test_a_list_asked_for_is_the_arms(
    school: Path,
    serving: Callable[..., AbstractContextManager[httpx.Client]],
    headers: Headers,
    period: int,
) -> None:
    now = datetime.now(UTC)
    roster = {who: {"class": "7b"} for who in LEARNERS}
    with Workspace.open(school, environment={}) as space:
        catalogue = space.catalogue()
        path = [r.resource_id for r in catalogue.resources if not r.courses][3:60:7]
        arms: dict[str, dict[str, Any]] = {
            "as now": {},
            "one each": {"policy": {"limits": {"per_skill": 1}}},
            "own": {"path": path},
        }
        trial = TrialDeclaration("t", "done", arms, now - timedelta(seconds=1), period_weeks=period)
        declare(space, trial, now=now - timedelta(days=9))
        arm_of = trial_arms(space, trial, roster, now=now)
    assert set(arm_of.values()) == set(arms)
    skills = {r.resource_id: r.skills for r in catalogue.resources}

    def lists(client: httpx.Client, **more: Any) -> dict[str, list[str]]:
        asked = [{"learner": who, "k": 5} | more for who in LEARNERS]
        answers = client.post(
            "/v1/recommend:batch", json={"requests": asked}, headers=headers("backend")
        ).json()["answers"]
        return {
            who: [s["resource"] for s in one.get("steps", ())]
            for who, one in zip(LEARNERS, answers, strict=True)
        }

    def once_each(resources: list[str]) -> bool:
        used = [skill for one in resources for skill in skills[one]]
        return len(used) == len(set(used))

    with serving(school, limits=ServiceLimits(waiting_seconds=60)) as client:
        before = lists(client)
        with Workspace.open(school, environment={}) as space:
            deciding_in(space, trial, roster, now=now)  # as `segue week` and `segue weekly` do
        during = lists(client)
        assert lists(client) == during
        mine = {arm: [who for who in LEARNERS if arm_of[who] == arm] for arm in arms}
        assert all(during[who] == path[:5] for who in mine["own"])
        assert all(once_each(during[who]) for who in mine["one each"])
        assert not all(once_each(during[who]) for who in mine["as now"])
        again = lists(client, fresh=True)
        assert all(once_each(again[who]) for who in mine["one each"])
        gone = mine["own"][0]
        client.delete(f"/v1/learners/{gone}", headers=headers("admin"))
        with Workspace.open(school, environment={}) as space:
            with space.store.read() as connection:
                kept = get_document(connection, DECIDING)
            assert kept is not None
            assert kept.count(b'"own"') == len(mine["own"])  # one is the name of the arm itself
            end(space, "t", now=datetime.now(UTC))
        after = lists(client, fresh=True)
        assert all(after[who] != path[:5] for who in mine["own"][1:])
    assert before.keys() == after.keys()
