"""The same journey on teachers' own learning: from catalogue to lists, reasons, groups, and rights."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from segue import sample
from segue.engine.request import Request
from segue.features.events.event_records import check, identify
from segue.workspace.answering import Ask
from segue.workspace.configuration import Configuration
from segue.workspace.practices.feedback_given import talks_due
from segue.workspace.practices.group_work import form_groups, pair_reviews
from segue.workspace.privacy import learner_rights
from segue.workspace.workspace import Workspace

MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)
STAFF = [f"t{n}" for n in range(10)]


def test_a_school_plans_the_learning_of_its_staff_and_no_text_says_student(tmp_path: Path) -> None:
    catalogue = sample.load("staff")
    assert {skill for one in catalogue.resources for skill in one.skills} == set(catalogue.skill_index)
    assert all("segue" not in one.title.lower() for one in catalogue.resources)
    rng = np.random.default_rng(4)
    with Workspace.init(tmp_path / "staff", environment={}, configuration=Configuration()) as space:
        space.set_catalogue(catalogue)
        frame = pd.DataFrame(
            [
                {"learner": name, "resource": catalogue.resources[int(rng.integers(26))].resource_id}
                | {"score": float(rng.random() < 0.6), "time": MONDAY - timedelta(hours=9 * n + 1)}
                for name in STAFF
                for n in range(12)
            ]
        )
        found = check(frame, range(len(frame)), resources=catalogue.resource_index)
        space.add_events(identify(found.events))
        space.fit(now=MONDAY)
        requests = [Request(name, MONDAY, k=4) for name in STAFF]
        given = space.recommend_many(requests, ask=Ask(surface="weekly", week="2026-W48"))
        assert all(one.playlist.steps for one in given)
        texts = [
            text
            for request, one in zip(requests, given, strict=True)
            for why in space.explain(request, one.playlist)
            for text in (why.student, why.teacher)
        ]
        groups = form_groups(space, "staff", "levels", names=STAFF, size=3, now=MONDAY, keep=True)
        assert sorted(name for group in groups for name in group.members) == STAFF
        assert len(pair_reviews(space, "staff", "observation", STAFF, each=1, now=MONDAY)) == 10
        texts += [talk.reason for talk in talks_due(space, "staff", names=STAFF, minutes=30, now=MONDAY)]
        texts += [step.why for one in space.lists(STAFF[0], now=MONDAY) for step in one.todo]
        assert texts
        assert not [text for text in texts if "student" in text.lower()]
        assert "student" not in json.dumps(learner_rights.export(space, STAFF[0])).lower()
        assert learner_rights.erase(space, STAFF[0], now=MONDAY).rows["practices"] == 1
