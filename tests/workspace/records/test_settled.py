"""What is settled is looked at again only where news may change it; it comes out as if all were looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from segue.batch.rebuild import rebuild
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


def last_of(school: School) -> int:
    with school.space.store.read() as connection:
        return last_number(connection)
