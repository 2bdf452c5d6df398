"""Who is in which class, from when until when: from any roster, under surrogates as everything inside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, or_, select

from segue.workspace.records.learners import Learner, add_learners, class_surrogates, find_learners, where_in
from segue.workspace.storage.pseudonyms import Keyring
from segue.workspace.storage.schema import aliases, enrolments, events, learners

LONGEST_ROLE = 20


class Enrolment(NamedTuple):
    """A place in a class, by the LMS's ids; `begins` and `ends` are UTC-aware, None when open."""

    learner: str
    class_id: str
    role: str = "student"
    begins: datetime | None = None
    ends: datetime | None = None


def add_enrolments(connection: Connection, keyring: Keyring, rows: Sequence[Enrolment]) -> int:
    """Store enrolments within a write and return how many; of one place in a class the last row counts."""
    people = add_learners(connection, keyring, list(dict.fromkeys(row.learner for row in rows)))
    classes = class_surrogates(connection, keyring, {row.class_id for row in rows}, create=True)
    kept = {
        (classes[row.class_id], people[row.learner].number): row
        for row in rows
        if row.learner in people and row.class_id and not people[row.learner].opted_out
    }
    for (class_id, learner), row in kept.items():
        place = (enrolments.c.class_id == class_id) & (enrolments.c.learner == learner)
        connection.execute(enrolments.delete().where(place))
        times = {"begins": _micros(row.begins), "ends": _micros(row.ends)}
        values = {"class_id": class_id, "learner": learner, "role": row.role[:LONGEST_ROLE] or "student"}
        connection.execute(enrolments.insert().values(values | times))
    return len(kept)


def put_roster(
    connection: Connection, keyring: Keyring, class_id: str, rows: Sequence[Enrolment], *, now: datetime
) -> int:
    """Make `rows` the roster of a class, within a write: who is not among them has left by `now`."""
    n_stored = add_enrolments(connection, keyring, [row._replace(class_id=class_id) for row in rows])
    inside = class_surrogates(connection, keyring, [class_id], create=True)[class_id]
    staying = add_learners(connection, keyring, [row.learner for row in rows])
    numbers = {person.number for person in staying.values()}
    open_ = or_(enrolments.c.ends.is_(None), enrolments.c.ends > _micros(now))
    here = connection.execute(select(enrolments.c.learner).where(enrolments.c.class_id == inside, open_))
    for number in set(here.scalars()) - numbers:
        left = (enrolments.c.class_id == inside) & (enrolments.c.learner == number)
        connection.execute(enrolments.update().where(left).values(ends=_micros(now)))
    return n_stored


def end_others(connection: Connection, keyring: Keyring, rows: Sequence[Enrolment], *, now: datetime) -> int:
    """End by `now`, within a write, students' places in the classes of `rows` that no row names; how many."""
    classes = class_surrogates(connection, keyring, {row.class_id for row in rows}, create=False)
    people = find_learners(connection, keyring, {row.learner for row in rows})
    named = {
        (classes[row.class_id], people[row.learner].number)
        for row in rows
        if row.class_id in classes and row.learner in people
    }
    open_ = or_(enrolments.c.ends.is_(None), enrolments.c.ends > _micros(now))
    placed = select(enrolments.c.class_id, enrolments.c.learner).where(enrolments.c.role == "student", open_)
    there = {(row.class_id, row.learner) for row in connection.execute(placed)}
    inside = set(classes.values())
    gone = [place for place in there - named if place[0] in inside]
    for class_id, learner in gone:
        left = (enrolments.c.class_id == class_id) & (enrolments.c.learner == learner)
        connection.execute(enrolments.update().where(left).values(ends=_micros(now)))
    return len(gone)


def roster_of(connection: Connection, keyring: Keyring, class_id: str, *, at: datetime) -> list[Learner]:
    """Return the students of a class at a moment, in the order of their arrival."""
    inside = class_surrogates(connection, keyring, [class_id], create=False).get(class_id)
    if inside is None:
        return []
    query = (
        select(learners)
        .join_from(enrolments, learners, enrolments.c.learner == learners.c.number)
        .where(enrolments.c.class_id == inside, enrolments.c.role == "student", *_holds(at))
        .order_by(learners.c.number)
    )
    return [Learner(row.number, row.surrogate, row.opted_out) for row in connection.execute(query)]


def classes_of(
    connection: Connection, classes: Collection[str], numbers: Collection[int], *, at: datetime
) -> list[tuple[int, str]]:
    """Return (learner, class) of some learners in some classes (as called inside) at a moment, in order."""
    here = select(enrolments.c.learner, enrolments.c.class_id).where(
        enrolments.c.class_id.in_(classes), enrolments.c.role == "student", *_holds(at)
    )
    wanted = set(numbers)
    return sorted((row.learner, row.class_id) for row in connection.execute(here) if row.learner in wanted)


def has_roster(connection: Connection, keyring: Keyring, class_id: str) -> bool:
    """Return whether anybody was ever enrolled in a class: then its roster says who is in it."""
    inside = class_surrogates(connection, keyring, [class_id], create=False).get(class_id)
    query = select(enrolments.c.learner).where(enrolments.c.class_id == inside).limit(1)
    return inside is not None and connection.execute(query).first() is not None


def no_students(connection: Connection, at: datetime, by: datetime | None = None) -> set[int]:
    """Return who (numbers) is on rosters, and no student at `at` or until `by`: leavers, staff, mentors."""
    here = select(enrolments.c.learner).where(enrolments.c.role == "student", *_holds(at, by))
    ever = select(enrolments.c.learner).where(enrolments.c.learner.not_in(here))
    return set(connection.execute(ever).scalars())


def courses_of(
    connection: Connection,
    keyring: Keyring,
    courses: Collection[str],
    numbers: Collection[int],
    *,
    at: datetime,
    by: datetime | None = None,
) -> Mapping[int, tuple[str, ...]]:
    """Return which of some courses (the source's ids of classes) learners take at a moment, by number.

    With `by`, also those that they begin until then.

    Whoever was ever enrolled takes what the enrolments say; others take the classes of their events. Of whom
    neither names a class is left out: what such a learner takes is not known.
    """
    if not courses or not numbers:
        return {}
    inside = class_surrogates(connection, keyring, courses, create=False)
    called = {surrogate: source for source, surrogate in inside.items()}
    student = enrolments.c.role == "student"
    placed = select(enrolments.c.learner, enrolments.c.class_id).where(student)
    ever = {row.learner for row in where_in(connection, placed, enrolments.c.learner, numbers)}
    rows = list(where_in(connection, placed.where(*_holds(at, by)), enrolments.c.learner, ever))
    worked = select(events.c.learner, events.c.class_id).where(events.c.class_id != "").distinct()
    rows += where_in(connection, worked, events.c.learner, [n for n in numbers if n not in ever])
    found: dict[int, set[str]] = {number: set() for number in (*ever, *(row.learner for row in rows))}
    for row in rows:
        if row.class_id in called:
            found[row.learner].add(called[row.class_id])
    return {number: tuple(sorted(taken)) for number, taken in found.items()}


def ended_courses(
    connection: Connection,
    keyring: Keyring,
    courses: Collection[str],
    numbers: Collection[int],
    *,
    at: datetime,
) -> dict[int, dict[str, int]]:
    """Return which of some courses (the source's ids) learners were in and are not at `at`, by number.

    With each course the time its enrolment ended (UTC microseconds).
    """
    if not courses or not numbers:
        return {}
    inside = class_surrogates(connection, keyring, courses, create=False)
    called = {surrogate: source for source, surrogate in inside.items()}
    query = select(enrolments.c.learner, enrolments.c.class_id, enrolments.c.ends).where(
        enrolments.c.role == "student", enrolments.c.ends <= _micros(at)
    )
    found: dict[int, dict[str, int]] = {}
    for row in where_in(connection, query, enrolments.c.learner, numbers):
        if row.class_id in called:
            found.setdefault(row.learner, {})[called[row.class_id]] = row.ends
    return found


def has_left(connection: Connection, class_id: str, number: int, *, at: datetime) -> bool:
    """Return whether a learner's place as a student in a class (as called inside) has ended by `at`."""
    ends = enrolments.c.ends <= _micros(at)
    place = (enrolments.c.class_id == class_id) & (enrolments.c.learner == number)
    query = select(enrolments.c.learner).where(place, enrolments.c.role == "student", ends)
    return connection.execute(query).first() is not None


def unknown_courses(connection: Connection, keyring: Keyring, courses: Collection[str]) -> list[str]:
    """Return which of some courses are no class of any roster or event, where there are classes at all."""
    some = select(aliases.c.surrogate).where(aliases.c.domain == "class").limit(1)
    if not courses or connection.execute(some).first() is None:
        return []
    return sorted(set(courses) - set(class_surrogates(connection, keyring, courses, create=False)))


def _holds(at: datetime, by: datetime | None = None) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return what is true of an enrolment that has begun (until `by`, later) and not ended at a moment."""
    begun = or_(enrolments.c.begins.is_(None), enrolments.c.begins <= _micros(by or at))
    return begun, or_(enrolments.c.ends.is_(None), enrolments.c.ends > _micros(at))


def members_of(connection: Connection, digests: Collection[bytes], *, at: datetime) -> set[int]:
    """Return the numbers of the students, at a moment, of the classes behind digests of the source's ids."""
    query = (
        select(enrolments.c.learner)
        .join_from(enrolments, aliases, enrolments.c.class_id == aliases.c.surrogate)
        .where(aliases.c.domain == "class", aliases.c.digest.in_(digests))
        .where(enrolments.c.role == "student", *_holds(at))
    )
    return set(connection.execute(query).scalars())


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1e6)
