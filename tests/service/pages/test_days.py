"""Days on a page are those of the school's time zone, and what is due by a day may be done on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from segue.service.pages.texts import day

Link, Browse, Press, Call = (Callable[..., Any],) * 4


@pytest.fixture(params=["Pacific/Auckland", "Pacific/Honolulu"])
def zone(request: pytest.FixtureRequest, school: Path) -> ZoneInfo:
    """The school's time zone; at any moment one of the two has another day than Greenwich."""
    path = school / "workspace.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"time_zone": request.param}))
    return ZoneInfo(request.param)


def test_a_goal_is_due_at_the_end_of_its_day_and_shows_that_day(
    zone: ZoneInfo, link: Link, browse: Browse, press: Press, call: Call
) -> None:
    by = datetime.now(zone).date() + timedelta(days=3)
    week = browse(link("learner", "student-3"))
    me = browse(str(week.url).replace("/week", "/me"))
    shown = press(me, "preview", where={"kind": "goal"}, skill="unit-rates", due=by.isoformat())
    saved = press(shown, "save")
    assert f"by {day(by, 'en')}" in saved.text
    due = datetime.fromisoformat(call("/v1/learners/student-3/statements")["goal"]["due"])
    assert due.astimezone(zone).date() == by
    assert (due + timedelta(seconds=1)).astimezone(zone).date() == by + timedelta(days=1)


def test_what_a_teacher_did_is_of_her_day(zone: ZoneInfo, link: Link, browse: Browse, press: Press) -> None:
    base = str(browse(link("teacher", "t1", class_id="7b")).url).rpartition("/")[0]
    drawn = press(browse(f"{base}/monday"), "draw")
    before = datetime.now(zone).date()
    history = press(drawn, "approve").text.partition('id="history"')[2]
    assert {before, datetime.now(zone).date()} & {
        one for one in days_around(date.today()) if f"{day(one, 'en')}: approved" in history
    }


def days_around(middle: date) -> list[date]:
    return [middle + timedelta(days=n) for n in (-1, 0, 1)]


def test_a_moment_has_the_day_of_the_zone() -> None:
    late = datetime(2026, 11, 30, 20, tzinfo=UTC)
    assert [day(late, "en", zone) for zone in ("UTC", "Pacific/Auckland")] == ["30 Nov 2026", "1 Dec 2026"]
