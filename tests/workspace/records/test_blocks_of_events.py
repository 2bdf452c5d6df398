"""Events block by block: who was met before is still asked for, and a block that fails leaves no trace."""

from __future__ import annotations

from typing import Any

import pandas as pd

from segue.features.events.event_records import check, identify
from segue.workspace.privacy.learner_rights import erase, opt_out
from segue.workspace.records.learners import Learner, every_learner, find_learners

School = Any  # the class in conftest.py
NOW = pd.Timestamp("2026-11-24T08:00:00Z").to_pydatetime()


def block(school: School, *learners: str, day: int) -> pd.DataFrame:
    """Return an attempt of each learner on a day of November."""
    resource = school.space.catalogue().resources[0].resource_id
    raw = pd.DataFrame({"learner": learners, "resource": resource, "score": 1.0})
    return identify(check(raw.assign(time=f"2026-11-{day:02d}T08:00:00Z"), range(len(raw))).events)


def test_who_is_erased_or_opts_out_between_two_blocks_is_met_no_more(school: School) -> None:
    people: dict[str, Learner] = {}
    assert school.space.add_events(block(school, "ada", "bob", "cy", day=1), people=people).added == 3
    erase(school.space, "ada", now=NOW)
    opt_out(school.space, "bob", out=True)
    done = school.space.add_events(block(school, "ada", "bob", "cy", day=2), people=people)
    assert (done.added, done.erased, done.opted_out) == (1, 1, 1)
    assert school.well()


def test_a_block_that_holds_something_stored_keeps_nobody_of_its_first_try(school: School) -> None:
    old = block(school, "cy", day=1)
    school.space.add_events(old)
    people: dict[str, Learner] = {}
    both = pd.concat([block(school, "dan", "eve", day=1), old], ignore_index=True)
    done = school.space.add_events(both, people=people)
    assert (done.added, done.repeats) == (2, 1)
    assert school.space.add_events(block(school, "fay", "dan", "eve", day=2), people=people).added == 3
    with school.space.store.read() as connection:
        found = find_learners(connection, school.space.keyring, ["dan", "eve", "fay"])
        numbers = [person.number for person in every_learner(connection)]
    assert found == {name: people[name] for name in found}
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert school.well()
