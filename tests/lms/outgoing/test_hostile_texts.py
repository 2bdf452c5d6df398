"""Titles, ids and addresses that try to be something else: a line, a tag, a path, a script."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

import pytest
from defusedxml.ElementTree import fromstring
from icalendar import Calendar

from segue.lms.outgoing.calendar import calendar
from segue.lms.outgoing.cartridge import cartridge
from segue.lms.outgoing.lesson import Lesson, LessonItem
from segue.lms.outgoing.statements import statements

HOSTILE = (
    "x\r\nATTACH:https://evil.example/\r\nSUMMARY:y",
    '"><script>alert(1)</script>',
    "../../../etc/passwd",
    "=HYPERLINK(1)",
    "a\u2028b\x85c",
    "]]><!--",
)
LESSON = Lesson(
    HOSTILE[0],
    "2026-W48",
    tuple(
        LessonItem(f"{text}{i}", text, "javascript:alert(1)", 10.0, text) for i, text in enumerate(HOSTILE)
    ),
    objectives=HOSTILE,
)


def test_a_calendar_has_one_event_a_step_and_no_line_of_a_title() -> None:
    made = calendar(LESSON, time_zone=ZoneInfo("Europe/Zurich"))
    unfolded = made.replace(b"\r\n ", b"").split(b"\r\n")
    assert not [line for line in unfolded if line.startswith((b"ATTACH", b"URL:javascript"))]
    events = Calendar.from_ical(made).walk("VEVENT")
    titles = [str(event["summary"]) for event in events]
    assert titles == ["x ATTACH:https://evil.example/ SUMMARY:y", *HOSTILE[1:4], "a b c", HOSTILE[5]]
    assert all(str(event["uid"]).endswith("@segue") and "/" not in event["uid"] for event in events)


def test_a_cartridge_has_names_of_its_own_and_no_script() -> None:
    with pytest.raises(ValueError, match="has no url"):
        cartridge(LESSON)
    links = tuple(replace(item, url='https://x.example/"><script>') for item in LESSON.items)
    with zipfile.ZipFile(io.BytesIO(cartridge(replace(LESSON, items=links)))) as archive:
        for name in archive.namelist():
            assert ".." not in PurePosixPath(name).parts
            assert name.isascii()
            content = archive.read(name)
            assert b"<script" not in content.lower()
            if name.endswith(".xml"):
                fromstring(content)


def test_statements_carry_no_script_as_an_address() -> None:
    text = json.dumps(statements(LESSON, home_page="https://lms.example"))
    assert '"javascript:' not in text
