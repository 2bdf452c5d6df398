"""ISO weeks in a tenant's time zone."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SCHOOL_DAYS = 5
FARTHEST = timedelta(weeks=104)  # of a week that something is made for: what lies further off is a slip
SHIPPED = datetime(2026, 1, 1, tzinfo=UTC)  # a clock that stands before it is wrong: no week is refused


def week_of(now: datetime, time_zone: str) -> str:
    """Return the ISO week of a moment.

    >>> week_of(datetime(2026, 11, 22, 23, 30, tzinfo=UTC), "Europe/Paris")
    '2026-W48'
    """
    year, week, _ = now.astimezone(ZoneInfo(time_zone)).isocalendar()
    return f"{year}-W{week:02d}"


def start_of(week: str, time_zone: str) -> datetime:
    """Return the first moment of an ISO week: Monday, midnight.

    Raises
    ------
    ValueError
        When it is not written like 2026-W48, the year has no such week, or the time zone is unknown.

    >>> start_of("2026-W48", "Europe/Paris").isoformat()
    '2026-11-23T00:00:00+01:00'
    """
    match = re.fullmatch(r"([0-9]{4})-W([0-9]{2})", week)
    try:
        monday = date.fromisocalendar(int(match[1]), int(match[2]), 1) if match else None
    except ValueError:
        monday = None
    if monday is None:
        raise ValueError(f"week must be an ISO week such as 2026-W48, got {week!r}")
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"time zone must be an IANA name such as Europe/Paris, got {time_zone!r}") from None
    return datetime.combine(monday, time(), zone)


def near(week: str, now: datetime) -> str:
    """Return an ISO week that something is to be made for at `now`.

    Raises
    ------
    ValueError
        When it is none, or begins more than two years later.

    >>> near("2062-W48", datetime.fromisoformat("2026-11-24T08:00Z"))
    Traceback (most recent call last):
    ValueError: week 2062-W48 is more than two years off: is the year right?
    """
    if start_of(week, "UTC") > max(now, SHIPPED) + FARTHEST:
        raise ValueError(f"week {week} is more than two years off: is the year right?")
    return week


def day_of(text: str) -> date:
    """Return the day that a text names.

    Raises
    ------
    ValueError
        When it is no day in ISO 8601.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"a day must be written as 2026-11-26, got {text!r}") from None


def school_days(week: str, *, holidays: Collection[date] = ()) -> list[date]:
    """Return Monday to Friday of an ISO week, without the holidays.

    >>> [day.day for day in school_days("2026-W48", holidays=[date(2026, 11, 26), date(2026, 12, 25)])]
    [23, 24, 25, 27]
    """
    monday = date.fromisocalendar(int(week[:4]), int(week[-2:]), 1)
    days = [monday + timedelta(days=n) for n in range(SCHOOL_DAYS)]
    return [day for day in days if day not in holidays]
