"""The profile: bands and their evidence, fading, interests with their sources, and its two forms."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from segue.features.catalogue import Catalogue, Resource, Skill
from segue.features.history.difficulty import Difficulty
from segue.features.history.learner_state import LearnerState
from segue.features.history.streaming_update import Attempt, update
from segue.features.learner_profile import LearnerProfile, profile
from segue.features.vectors.learner_vector import NAMES, prior_weights
from segue.features.vectors.success_forecast import SuccessReader

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
SKILLS = ("strong", "weak", "once", "never")


@pytest.fixture(name="catalogue")
def catalogue_of_four() -> Catalogue:
    resources = [
        Resource(f"{skill}{i}", skills=(skill,), tags=("music",) if skill == "strong" else ("art",))
        for skill in SKILLS
        for i in range(10)
    ]
    return Catalogue.build(resources, [Skill("strong", i_can="I can add."), *map(Skill, SKILLS[1:])])


@pytest.fixture(name="reader")
def reader_that_forgets(catalogue: Catalogue) -> SuccessReader:
    weights = prior_weights()
    weights[NAMES.index("skill_tried_7d")] = 1.0
    difficulty = Difficulty(np.zeros(40), np.zeros(4), 0.0, 0.0)
    return SuccessReader.of(weights, -1.0, difficulty.parameters(catalogue))


@pytest.fixture(name="shown")
def profile_of_ada(catalogue: Catalogue, reader: SuccessReader) -> LearnerProfile:
    state = LearnerState.fresh(catalogue)
    day = NOW.timestamp() - 10 * 86400
    attempts = [(i, 1.0) for i in range(8)] + [(10 + i, 0.0) for i in range(8)] + [(20, 1.0)]
    for seq, (resource, score) in enumerate(attempts):
        update(state, Attempt(resource, score, day + seq * 86400 / 2, seq), reader.parameters)
    state.stated[catalogue.tag_index["music"]] = 1.0
    return profile(state, catalogue, reader=reader, now=NOW)


def test_bands_rest_on_evidence(shown: LearnerProfile) -> None:
    assert [s.skill for s in shown.strengths] == ["strong"]
    assert [s.skill for s in shown.needs] == ["weak"]
    assert [(s.skill, s.band) for s in shown.others] == [("once", "not enough evidence")]
    strong, weak = shown.strengths[0], shown.needs[0]
    assert strong.statement == "I can add."
    assert (strong.attempts, strong.successes, weak.attempts, weak.successes) == (8, 8.0, 8, 0.0)
    for line in shown.skills():
        assert 0.0 < line.low < line.chance < line.high < 1.0


def test_dates_say_when_it_was_and_when_it_fades(shown: LearnerProfile) -> None:
    strong, weak = shown.strengths[0], shown.needs[0]
    assert strong.last == "2026-11-17"
    assert weak.last == "2026-11-21"
    assert strong.fades_on is not None
    assert strong.fades_on > "2026-11-24"
    assert weak.fades_on is None  # there is no lower band


def test_interests_name_their_sources(shown: LearnerProfile) -> None:
    assert [(i.tag, i.weight, i.stated, i.uses, i.last) for i in shown.interests] == [
        ("music", 1.0, True, 8, "2026-11-17")
    ]


def test_both_forms_hold_the_same(shown: LearnerProfile) -> None:
    found = json.loads(shown.to_json())
    assert found["strengths"][0]["chance"] == shown.strengths[0].chance
    table = shown.to_table()
    assert table["skill"].tolist() == ["weak", "once", "strong"]
    assert shown.attempts == 17


@pytest.mark.parametrize(("last", "trend"), [(1.0, "rising"), (0.0, "falling")])
def test_a_turn_shows_as_a_trend(
    last: float, trend: str, catalogue: Catalogue, reader: SuccessReader
) -> None:
    state = LearnerState.fresh(catalogue)
    for seq in range(80):
        score = last if seq >= 60 else 1.0 - last
        update(state, Attempt(seq % 10, score, NOW.timestamp() - 1e6 + seq, seq), reader.parameters)
    (line,) = profile(state, catalogue, reader=reader, now=NOW).skills()
    assert line.trend == trend


def test_a_stranger_is_only_told_what_to_start(catalogue: Catalogue, reader: SuccessReader) -> None:
    shown = profile(LearnerState.fresh(catalogue), catalogue, reader=reader, now=NOW)
    assert (shown.attempts, list(shown.skills()), shown.interests) == (0, [], ())
    assert {step.skill for step in shown.next_steps} == set(SKILLS)


def test_what_to_start_is_what_was_never_tried(shown: LearnerProfile) -> None:
    assert [(step.skill, step.ready) for step in shown.next_steps] == [("never", 1.0)]
