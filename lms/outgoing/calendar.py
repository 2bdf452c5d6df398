"""One calendar (iCalendar, RFC 5545) per learner, with the steps of the week spread over its school days."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from segue.lms.outgoing.lesson import Lesson

SCHOOL_DAYS = 5


def calendar(
    lesson: Lesson,
    *,
    time_zone: ZoneInfo,
    now: datetime,
    starts: time = time(16, 0),
    holidays: Collection[date] = (),
) -> bytes:
    """Return the lesson as an .ics file.

    The steps are shared evenly over the week's school days that are no `holidays`, each day's one after the
    other from `starts` on. The same lesson gives the same event ids, so a second import replaces the first.

    Raises
    ------
    ValueError
        When the whole week is holidays.
    """
    days = [day for day in _school_days(lesson.week) if day not in holidays]
    if not days:
        raise ValueError(f"week {lesson.week} has no school day left: every one is a holiday")
    book = Calendar()
    book.add("prodid", "-//Segue//Playlist//EN")
    book.add("version", "2.0")
    for day, items in zip(days, _shares(len(lesson.items), len(days)), strict=True):
        begin = datetime.combine(day, starts, tzinfo=time_zone)
        for i in items:
            end = begin + timedelta(minutes=lesson.items[i].minutes)
            book.add_component(_event(lesson, i, begin, end, now))
            begin = end
    return bytes(book.to_ical())


def _school_days(week: str) -> list[date]:
    monday = date.fromisocalendar(int(week[:4]), int(week[-2:]), 1)
    return [monday + timedelta(days=n) for n in range(SCHOOL_DAYS)]


def _shares(n_items: int, n_days: int) -> list[range]:
    """Return which items fall on which day: in order, and no two days differ by more than one item."""
    bounds = [-(-n_items * day // n_days) for day in range(n_days + 1)]
    return [range(a, b) for a, b in itertools.pairwise(bounds)]


def _event(lesson: Lesson, i: int, begin: datetime, end: datetime, now: datetime) -> Event:
    item = lesson.items[i]
    event = Event()
    digest = hashlib.blake2b(f"{lesson.key}:{item.resource}".encode(), digest_size=12).hexdigest()
    event.add("uid", f"{digest}@segue")
    event.add("dtstamp", now)
    event.add("dtstart", begin)
    event.add("dtend", end)
    event.add("summary", item.title)
    if item.url:
        event.add("url", item.url)
    if item.why:
        event.add("description", item.why)
    return event
