"""What is settled is looked at again only where news may change it; it comes out as if all were looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segue import sample
from segue.batch.rebuild import rebuild
from segue.features.catalogue import Catalogue, Resource
from segue.workspace.records.events import last_number
from segue.workspace.records.learners import every_learner

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
School = Any  # the class in conftest.py


def weeks(n: int) -> datetime:
    return MONDAY + timedelta(weeks=n)


def looked_at(school: School, since: int | None, now: datetime) -> int:
    with school.space.store.read() as connection:
        numbers = [person.number for person in every_learner(connection)]
        found = [
            school.space.outcomes(connection, number, now=now.timestamp(), since=since) for number in numbers
        ]
    return sum(map(len, found))


def test_news_of_today_leave_what_was_settled_and_late_news_do_not(school: School) -> None:
    late = school.study()
    school.space.learn(now=weeks(1))
    school.study(weeks(2))
    school.space.learn(now=weeks(8))  # all of it is settled
    with school.space.store.read() as connection:
        since = last_number(connection)
    assert looked_at(school, since, weeks(8)) == 0
    school.study(weeks(9))
    everything = looked_at(school, None, weeks(9))
    assert looked_at(school, since, weeks(9)) < everything
    school.space.learn(now=weeks(10))
    digest = school.digest()
    rebuild(school.space)
    assert school.digest() == digest

    with school.space.store.read() as connection:
        since = last_number(connection)
    names = "late-" + late["event_id"]
    again = late.assign(event_id=names, time=late["time"] + timedelta(days=9), score=1.0 - late["score"])
    school.space.add_events(again)  # sent two months late, of the weeks after the first lists
    assert looked_at(school, since, weeks(11)) > looked_at(school, last_of(school), weeks(11))
    assert school.space.learn(now=weeks(11)).revised > 0
    digest = school.digest()
    rebuild(school.space)
    assert school.digest() == digest
    assert school.well()


@pytest.mark.parametrize("seed", [0, 4, 7])
def test_work_that_comes_weeks_late_ends_as_if_all_had_been_there(
    schools: Any, tmp_path: Path, seed: int
) -> None:
    school, rng = schools("").copied(tmp_path / "school", ""), np.random.default_rng(seed)
    underway: list[tuple[int, pd.DataFrame]] = []  # by the week in which it arrives
    for week in range(12):
        done = school.checked(school.room.answer(school.decide(weeks(week)), now=weeks(week)))
        delay = np.where(rng.random(len(done)) < 0.6, 0, rng.integers(0, 9, len(done)))
        underway += [(week + int(late), done[delay == late]) for late in np.unique(delay)]
        for _, some in (one for one in underway if one[0] == week):
            school.space.add_events(some.reset_index(drop=True))
        if rng.random() < 0.2:
            school.space.fit(now=weeks(week))
        school.space.learn(now=weeks(week + 1))
    digest = school.digest()
    rebuild(school.space)
    assert school.digest() == digest
    school.space.close()


def last_of(school: School) -> int:
    with school.space.store.read() as connection:
        return last_number(connection)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # whose conditions may be 1,000 deep
def test_a_learner_who_repeats_more_than_a_thousand_resources(school: School) -> None:
    pieces = [Resource(f"piece-{i}", skills=("scales",)) for i in range(1_200)]
    space, known = school.space, sample.load()
    space.set_catalogue(Catalogue.build([*known.resources, *pieces], known.skills))
    once = pd.DataFrame({"learner": school.roster[0], "resource": [p.resource_id for p in pieces]})
    once = once.assign(kind="attempt", score=1.0, event_id=once["resource"])
    school.decide()
    space.add_events(school.checked(once.assign(time=weeks(1))))
    space.learn(now=weeks(8))  # all of it is settled
    again = once.assign(event_id="again-" + once["event_id"], time=weeks(9), score=0.5)
    assert space.add_events(school.checked(again)).added == len(pieces)
    space.learn(now=weeks(10))
    digest = school.digest()
    rebuild(space)
    assert school.digest() == digest
