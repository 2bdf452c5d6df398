"""What leaves for the LMS: a lesson arrives whole, in order, and a second push changes nothing."""

from __future__ import annotations

import json
import os
import re
import urllib.parse
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from canvasapi import Canvas
from defusedxml import ElementTree
from icalendar import Calendar
from typer.testing import CliRunner

from segue.batch.from_workspace import weekly
from segue.batch.plan import WeeklyPlan
from segue.cli.main import app
from segue.features.catalogue import Catalogue, Resource
from segue.lms.outgoing.calendar import calendar
from segue.lms.outgoing.cartridge import cartridge
from segue.lms.outgoing.lesson import Lesson, LessonItem
from segue.lms.outgoing.statements import statements
from segue.lms.servers.canvas_modules import push
from segue.workspace.playlists.step_feedback import StepChange
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.pseudonyms import VARIABLE
from segue.workspace.workspace import Workspace
from tests.local_server import serving

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def lesson(*resources: str, learner: str = "7", week: str = "2026-W48") -> Lesson:
    items = (LessonItem(r, f"Title of {r}", f"https://school.example/{r}", 15) for r in resources)
    return Lesson(learner, week, tuple(items))


@pytest.mark.parametrize("week", ["2026-48", "w48", "2026-W4"])
def test_a_week_that_is_none_is_refused(week: str) -> None:
    with pytest.raises(ValueError, match="2026-W48"):
        lesson("a", week=week)


def test_an_item_twice_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'a' twice"):
        lesson("a", "b", "a")


def test_a_calendar_spreads_the_steps_in_order_over_the_school_days_that_are_left() -> None:
    steps = [f"r{i}" for i in range(10)]
    zone = ZoneInfo("Europe/Helsinki")
    book = Calendar.from_ical(calendar(lesson(*steps), time_zone=zone, holidays={date(2026, 11, 25)}))
    events = book.walk("VEVENT")
    assert [str(event["summary"]) for event in events] == [f"Title of {step}" for step in steps]
    begins = [event["dtstart"].dt for event in events]
    assert begins == sorted(begins)
    per_day = [sum(b.date() == date(2026, 11, day) for b in begins) for day in range(23, 28)]
    assert per_day == [3, 2, 0, 3, 2]
    assert len({str(event["uid"]) for event in events}) == 10


def test_a_week_of_holidays_has_no_calendar() -> None:
    week = {date(2026, 11, day) for day in range(23, 28)}
    with pytest.raises(ValueError, match="no school day"):
        calendar(lesson("a"), time_zone=ZoneInfo("UTC"), holidays=week)


def test_a_cartridge_names_every_step_in_order_and_is_the_same_twice() -> None:
    content = cartridge(lesson("b", "a"))
    assert content == cartridge(lesson("b", "a"))
    with zipfile.ZipFile(BytesIO(content)) as archive:
        manifest = ElementTree.fromstring(archive.read("imsmanifest.xml"))
        links = [ElementTree.fromstring(archive.read(f"links/step-{i:02d}.xml")) for i in (1, 2)]
    namespace = "{http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1}"
    titles = [node.text for node in manifest.iter(f"{namespace}title")]
    assert titles[0] == "Your playlist, week 48 of 2026"
    assert titles[-2:] == ["Title of b", "Title of a"]
    assert [link[1].get("href") for link in links] == [f"https://school.example/{r}" for r in "ba"]


def test_a_cartridge_needs_addresses() -> None:
    with pytest.raises(ValueError, match="'r' has no url"):
        cartridge(Lesson("7", "2026-W48", (LessonItem("r", "R"),)))


def test_statements_keep_their_ids_and_change_with_the_playlist() -> None:
    def ids(*resources: str) -> list[str]:
        made = statements(lesson(*resources), home_page="https://school.example")
        return [statement["id"] for statement in made]

    assert ids("a", "b") == ids("a", "b")
    assert not set(ids("a", "b")) & set(ids("b", "a"))


WHY = Lesson(
    "7",
    "2026-W48",
    (LessonItem("a", "Ratios", "https://school.example/a", 15, "You nearly have it."),),
    objectives=("I can compare ratios.",),
    withdrawn=(LessonItem("b", "Rates", "https://school.example/b"),),
    changed=NOW,
)


def test_the_reason_and_the_objectives_leave_by_every_door() -> None:
    book = calendar(WHY, time_zone=ZoneInfo("Europe/Helsinki")).decode()
    (statement,) = statements(WHY, home_page="https://school.example")
    with zipfile.ZipFile(BytesIO(cartridge(WHY))) as archive:
        page = archive.read("overview.html").decode()
    for text in (book.replace("\r\n ", ""), json.dumps(statement), page, WHY.note):
        assert "You nearly have it." in text
        assert "I can compare ratios." in text
    assert page.index("I can compare") < page.index("You nearly")


def test_a_calendar_has_its_zone_counts_changes_and_cancels_what_was_withdrawn() -> None:
    zone = ZoneInfo("Europe/Helsinki")
    book = Calendar.from_ical(calendar(WHY, time_zone=zone))
    assert [str(part["tzid"]) for part in book.walk("VTIMEZONE")] == ["Europe/Helsinki"]
    status = {str(e["summary"]): str(e.get("status", "")) for e in book.walk("VEVENT")}
    assert status == {"Ratios": "", "Rates": "CANCELLED"}
    later = Calendar.from_ical(calendar(replace(WHY, changed=NOW + timedelta(hours=1)), time_zone=zone))
    before, after = (c.walk("VEVENT")[0] for c in (book, later))
    assert before["uid"] == after["uid"]
    assert int(before["sequence"]) < int(after["sequence"])
    assert calendar(WHY, time_zone=zone) == calendar(WHY, time_zone=zone)


class CanvasServer(ThreadingHTTPServer):
    """Answers as Canvas documents its modules: create, list, edit, items, assignment overrides."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.modules: dict[int, dict[str, Any]] = {}
        self.items: dict[int, dict[int, dict[str, Any]]] = {}
        self.overrides: dict[int, str] = {}
        self.writes = 0
        self.breaks = False
        self.count = 0


class _Handler(BaseHTTPRequestHandler):
    server: CanvasServer

    def log_message(self, *args: object) -> None:
        return

    def do_GET(self) -> None:
        path = self.path.split("?")[0].removeprefix("/api/v1/")
        if path == "courses/1":
            return self._answer({"id": 1})
        if path == "courses/1/search_users":
            assert "enrollment_type[]=student" in urllib.parse.unquote(self.path)
            return self._answer([{"id": 7, "name": "CANARY"}, {"id": 8, "name": "CANARY"}])
        if path == "courses/1/modules":
            return self._answer(list(self.server.modules.values()))
        module = int(path.split("/")[3])
        return self._answer(list(self.server.items[module].values()))

    def do_POST(self) -> None:
        form, path = self._form(), self.path.removeprefix("/api/v1/")
        if self.server.breaks:
            return self.send_error(503)
        self.server.count += 1
        number = self.server.count
        if path == "courses/1/modules":
            self.server.items[number] = {}
            self.server.modules[number] = {"id": number, "name": form["module[name]"], "published": False}
            return self._answer(self.server.modules[number])
        module = int(path.split("/")[3])
        item = {
            "title": form["module_item[title]"],
            "external_url": form.get("module_item[external_url]", ""),
        }
        self.server.items[module][number] = item | {"id": number, "module_id": module}
        return self._answer(self.server.items[module][number])

    def do_PUT(self) -> None:
        form, path = self._form(), self.path.removeprefix("/api/v1/")
        module = int(path.split("/")[3])
        if path.endswith("assignment_overrides"):
            self.server.overrides[module] = form["overrides[][student_ids][]"]
            return self._answer({})
        self.server.modules[module]["published"] = form["module[published]"] in ("true", "True", "1")
        return self._answer(self.server.modules[module])

    def do_DELETE(self) -> None:
        self._form()
        _, _, _, module, _, item = self.path.removeprefix("/api/v1/").split("/")
        return self._answer(self.server.items[int(module)].pop(int(item)))

    def _form(self) -> dict[str, str]:
        self.server.writes += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if "multipart" in (self.headers.get("Content-Type") or ""):
            return dict(re.findall(r'name="([^"]+)"\r\n\r\n(.*?)\r\n', body))
        return {name: values[0] for name, values in urllib.parse.parse_qs(body).items()}

    def _answer(self, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def canvas() -> Iterator[CanvasServer]:
    with serving(CanvasServer()) as server:
        yield server


@pytest.mark.filterwarnings("ignore:Canvas may respond unexpectedly")  # plain http, on loopback only
def test_canvas_gets_one_module_a_learner_and_a_second_push_writes_nothing(canvas: CanvasServer) -> None:
    course = Canvas(f"http://127.0.0.1:{canvas.server_port}", "token").get_course(1)
    lessons = [lesson("a", "b", learner="7"), lesson("c", learner="8")]
    assert push(course, [replace(WHY, learner="9", withdrawn=())]) == {"added": 1}
    (shown,) = [[(i["title"], i["external_url"]) for i in items.values()] for items in canvas.items.values()]
    assert shown == [
        ("This week: I can compare ratios.", ""),
        ("Ratios", "https://school.example/a"),
        ("You nearly have it.", ""),
    ]
    canvas.items.clear(), canvas.modules.clear(), canvas.overrides.clear()
    assert push(course, lessons) == {"added": 2}
    assert sorted(canvas.overrides.values()) == ["7", "8"]
    writes = canvas.writes
    assert push(course, lessons) == {"unchanged": 2}
    assert canvas.writes == writes
    assert push(course, [lesson("b", "a", learner="7"), lessons[1]]) == {"updated": 1, "unchanged": 1}
    shown = {canvas.overrides[m]: [i["title"] for i in items.values()] for m, items in canvas.items.items()}
    assert shown == {"7": ["Title of b", "Title of a"], "8": ["Title of c"]}
    assert all(module["published"] for module in canvas.modules.values())


@pytest.mark.filterwarnings("ignore:Canvas may respond unexpectedly")
def test_a_class_is_pushed_to_canvas_by_command(
    canvas: CanvasServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "00" * 32)
    with Workspace.init(tmp_path / "s", environment=os.environ, configuration=Configuration()) as space:
        space.set_catalogue(
            Catalogue.build([Resource(f"r{i}", f"Item {i}", f"https://lms.example/{i}") for i in range(8)])
        )
        space.fit(now=NOW)
        weekly(space, WeeklyPlan("2026-W48", NOW, "seed", k=3), tmp_path / "out", roster=["7"], workers=1)

    def pushed() -> Any:
        address = f"http://127.0.0.1:{canvas.server_port}"
        words = [
            "push",
            "canvas",
            str(tmp_path / "s"),
            "--url",
            address,
            "--course",
            "1",
            "--week",
            "2026-W48",
        ]
        return CliRunner().invoke(app, words)

    assert "set SEGUE_CANVAS_TOKEN" in str(pushed().exception)
    monkeypatch.setenv("SEGUE_CANVAS_TOKEN", "t")
    canvas.breaks = True
    assert "0 of 1 modules were done" in str(pushed().exception)
    canvas.breaks = False
    assert "2 learners: 1 modules added, 0 updated, 0 unchanged, 1 without a playlist" in pushed().output
    assert "1 unchanged" in pushed().output
    assert list(canvas.overrides.values()) == ["7"]
    (items,) = canvas.items.values()
    shown = [item["title"] for item in items.values()]
    assert [title for title in shown if title.startswith("Item")] == shown[::2], "each with its reason below"
    assert len(shown) == 6
    with Workspace.open(tmp_path / "s", environment=os.environ) as space:
        out, retired, closed = (step for one in space.lists("7", now=NOW) for step in one.todo)
        act, _ = space.override(out.decision_id, StepChange("remove", "t1"), now=NOW)
        space.retire_resource(retired.resource)
        space.change_resource(closed.resource, {"available_until": datetime.now(UTC) - timedelta(hours=1)})
    assert "0 modules added, 1 updated" in pushed().output
    (items,) = canvas.items.values()
    assert not [item["title"] for item in items.values() if item["title"].startswith("Item")]
    with Workspace.open(tmp_path / "s", environment=os.environ) as space:
        space.undo_override(act, by="t1", now=NOW)
        space.restore_resource(retired.resource)
    assert "1 updated" in pushed().output
    (items,) = canvas.items.values()
    shown = [item["title"] for item in items.values() if item["title"].startswith("Item")]
    assert shown == [out.title, retired.title]
