"""What a workspace knows, as tables that a data scientist can go on with."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from segue.workspace.reports.frames import learner_frame, resource_frame, skill_frame, written

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def test_tables_say_what_the_catalogue_and_the_states_say(school: Any) -> None:
    catalogue = school.space.catalogue()
    resources, skills = resource_frame(catalogue), skill_frame(catalogue)
    assert resources["resource"].tolist() == [r.resource_id for r in catalogue.resources]
    assert skills["resources"].sum() == sum(len(r.skills) for r in catalogue.resources)
    assert sum(map(bool, ";".join(skills["prerequisites"]).split(";"))) == len(catalogue.prerequisites)
    champion, known = school.space.known([*school.roster, "nobody"])
    learners = learner_frame(champion, list(known), list(known.values()), now=MONDAY)
    per_skill = learners.filter(like="attempts:").sum(axis=1)
    assert (per_skill >= learners["attempts"]).all()
    assert learners.set_index("learner").loc["nobody", "attempts"] == 0
    mastery = school.space.mastery(school.roster, now=MONDAY)
    assert learners.filter(like="mastery:").shape == (len(school.roster) + 1, mastery.shape[1])


def test_written_tables_are_csv_or_json_without_nan(school: Any) -> None:
    champion, known = school.space.known(["nobody"])
    frame = learner_frame(champion, list(known), list(known.values()), now=MONDAY)
    (row,) = json.loads(written(frame, as_json=True))
    assert row["share_right"] is None
    assert written(frame, as_json=False).startswith("learner,attempts,share_right,mastery:")
    assert row["attempts"] == pytest.approx(0)


def test_a_workspace_hands_out_its_tables(school: Any) -> None:
    school.decide()
    named = school.space.vectors(school.roster, now=MONDAY)
    numbered = school.space.vectors(now=MONDAY)
    rows = [sorted(frame.drop(columns="learner").itertuples(index=False)) for frame in (named, numbered)]
    assert rows[0] == rows[1]
    decisions = school.space.decisions()
    assert set(decisions["learner"]) == set(numbered["learner"])
    assert set(decisions["resource"]) <= set(school.space.resources()["resource"])
    assert set(school.space.skills()["skill"]) == {
        skill.skill_id for skill in school.space.catalogue().skills
    }
