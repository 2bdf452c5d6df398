"""One calendar (iCalendar, RFC 5545) per learner, with the steps of the week spread over its school days."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from segue.features.iso_weeks import school_days
from segue.lms.outgoing.lesson import Lesson, LessonItem

_FIRST = datetime(2000, 1, 1, tzinfo=UTC)


def calendar(
    *lessons: Lesson,
    time_zone: ZoneInfo,
    starts: time = time(16, 0),
    holidays: Collection[date] = (),
    name: str = "",
) -> bytes:
    """Return the lessons of one learner as an .ics file; the same lessons give the same bytes.

    The steps are shared evenly over the week's school days that are no `holidays`, each day's one after the
    other from `starts` on. A step keeps its event id, and every change of the list counts `SEQUENCE` up, so a
    calendar that has the list follows; a step that was withdrawn is `CANCELLED`.

    Raises
    ------
    ValueError
        When a whole week is holidays.
    """
    book = Calendar()
    book.add("prodid", "-//Segue//Playlist//EN")
    book.add("version", "2.0")
    book.add("x-wr-calname", name or (lessons[0].heading if lessons else ""))
    aims = dict.fromkeys(aim for lesson in lessons for aim in lesson.objectives)
    if aims:
        book.add("x-wr-caldesc", " ".join(aims))
    for lesson in lessons:
        for event in _events(lesson, time_zone, starts, holidays):
            book.add_component(event)
    book.add_missing_timezones()
    return bytes(book.to_ical())


def _events(lesson: Lesson, time_zone: ZoneInfo, starts: time, holidays: Collection[date]) -> Iterator[Event]:
    days = school_days(lesson.week, holidays=holidays)
    if not days:
        raise ValueError(f"week {lesson.week} has no school day left: every one is a holiday")
    for day, items in zip(days, _shares(len(lesson.items), len(days)), strict=True):
        begin = datetime.combine(day, starts, tzinfo=time_zone)
        for i in items:
            end = begin + timedelta(minutes=lesson.items[i].minutes)
            yield _event(lesson, lesson.items[i], begin, end)
            begin = end
    begin = datetime.combine(days[0], starts, tzinfo=time_zone)
    for item in lesson.withdrawn:
        gone = _event(lesson, item, begin, begin + timedelta(minutes=item.minutes))
        gone.add("status", "CANCELLED")
        yield gone


def _shares(n_items: int, n_days: int) -> list[range]:
    """Return which items fall on which day: in order, and no two days differ by more than one item."""
    bounds = [-(-n_items * day // n_days) for day in range(n_days + 1)]
    return [range(a, b) for a, b in itertools.pairwise(bounds)]


def _event(lesson: Lesson, item: LessonItem, begin: datetime, end: datetime) -> Event:
    event = Event()
    digest = hashlib.blake2b(f"{lesson.key}:{item.resource}".encode(), digest_size=12).hexdigest()
    event.add("uid", f"{digest}@segue")
    event.add("dtstamp", lesson.changed)
    event.add("sequence", int((lesson.changed - _FIRST).total_seconds()) // 60)
    event.add("dtstart", begin)
    event.add("dtend", end)
    event.add("summary", item.title)
    if item.url:
        event.add("url", item.url)
    if item.why:
        event.add("description", item.why)
    return event
