"""Learners that nobody knows: set aside where there is a roster, and told when they look mistyped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.workspace.records.learners import add_learners
from segue.workspace.records.rosters.enrolments import Enrolment, add_enrolments
from segue.workspace.records.rosters.unknown_learners import (
    MISTYPED,
    MOST_LOOKED_UP,
    ON_NO_ROSTER,
    mistyped_learners,
    plain,
    spellings,
    unknown_to,
)
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(
        tmp_path / "w", environment={"SEGUE_KEY": "22" * 32}, configuration=Configuration()
    ) as w:
        yield w


def test_with_a_roster_strangers_are_set_aside_and_a_slip_is_called_one(space: Workspace) -> None:
    unknown = unknown_to(space.store, space.keyring)
    assert unknown(["pupil-7", "x"]) == {}, "without a roster everybody is welcome"
    with space.store.write() as connection:
        add_enrolments(connection, space.keyring, [Enrolment("pupil-7", "7b")])
        add_learners(connection, space.keyring, ["guest"])
    names = ["pupil-7", "guest", "Pupil-7", "pupil_007", "PUPIL 7", "pupil-8"]
    assert unknown(names) == {
        "Pupil-7": MISTYPED,
        "pupil_007": MISTYPED,
        "PUPIL 7": MISTYPED,
        "pupil-8": ON_NO_ROSTER,
    }


def test_without_a_roster_slips_within_a_file_and_against_the_store_are_told(space: Workspace) -> None:
    with space.store.write() as connection:
        add_learners(connection, space.keyring, ["a-1"])
        assert mistyped_learners(connection, space.keyring, ["a-1", "a-2", "A-1", "b.3", "b3", "c"]) == [
            "A-1",
            "b3",
        ]
        many = [f"n{i}" for i in range(MOST_LOOKED_UP)]
        assert mistyped_learners(connection, space.keyring, ["A1", *many]) == [], "a new school is no slip"


@given(name=st.sampled_from(["p", "pupil", "kaizen"]), number=st.integers(1, 9_999))
def test_spellings_keep_what_is_plain(name: str, number: int) -> None:
    learner = f"{name}-{number}"
    assert {plain(form) for form in spellings(learner)} == {plain(learner)}
    assert learner not in spellings(learner)
    assert learner in spellings(learner.replace("-", "_").upper())
