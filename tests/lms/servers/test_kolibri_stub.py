"""Kolibri's interface as a stub answers it: whose resources are whose, and what a leaver's lesson becomes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from segue.batch.from_workspace import weekly
from segue.batch.plan import WeeklyPlan
from segue.cli.main import app
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.pseudonyms import VARIABLE
from segue.workspace.workspace import Workspace
from tests.local_server import serving

KEY = "00" * 32
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


class Kolibri(ThreadingHTTPServer):
    """Two classes; like the real one it takes who leaves a class out of the lessons there."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.members = {"7a": {"u1": "Ada", "u2": "Ben"}, "7b": {"u3": "Cyd"}}
        self.lessons: dict[str, dict[str, Any]] = {}
        self.attempts: list[dict[str, Any]] = []
        self.shelf("7a", "i1", "i2", "i3")
        self.shelf("7b", "i3", "i4")

    def shelf(self, classroom: str, *items: str) -> None:
        held = [{"content_id": i, "channel_id": "c", "contentnode_id": f"n{i}"} for i in items]
        lesson = {
            "title": "Practice",
            "resources": held,
            "learner_ids": [],
            "created_by": "t",
            "active": True,
        }
        self.lessons[f"teacher's {classroom}"] = lesson | {
            "id": f"teacher's {classroom}",
            "collection": classroom,
        }

    def leave(self, classroom: str, learner: str) -> None:
        del self.members[classroom][learner]
        for lesson in self.lessons.values():
            if lesson["collection"] == classroom:
                lesson["learner_ids"] = [who for who in lesson["learner_ids"] if who != learner]

    def pushed(self, classroom: str, *, active: bool = True) -> dict[str, list[str]]:
        """Return the titles of the lessons that were pushed to a class, and what each holds."""
        return {
            one["title"]: [part["content_id"] for part in one["resources"]]
            for one in self.lessons.values()
            if (one["collection"], one["active"], one["created_by"]) == (classroom, active, "admin")
        }


class _Handler(BaseHTTPRequestHandler):
    server: Kolibri

    def log_message(self, *args: object) -> None:
        return

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if "facilityuser" in parts.path:
            found = self.server.members[asked["member_of"]]
            self._answer([{"id": who, "full_name": name} for who, name in found.items()])
        elif "lesson" in parts.path:
            mine = [one for one in self.server.lessons.values() if one["collection"] == asked["collection"]]
            self._answer(mine)
        elif "contentnode" in parts.path:
            self._answer([{"id": node, "title": f"Item {node[2:]}"} for node in asked["ids"].split(",")])
        else:
            tried = self.server.attempts if asked.get("content") == "i1" else []
            self._answer(tried if "attemptlog" in parts.path else [{"id": "f"}])

    def do_POST(self) -> None:
        said = self._said()
        if "session" in self.path:
            return self._answer({"user_id": "admin"})
        made = f"l{len(self.server.lessons)}"
        self.server.lessons[made] = said | {"id": made}
        return self._answer({"id": made})

    def do_PATCH(self) -> None:
        self.server.lessons[self.path.split("/")[-2]] |= self._said()
        self._answer({})

    def _said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return said

    def _answer(self, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def kolibri() -> Iterator[Kolibri]:
    with serving(Kolibri()) as server:
        yield server


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("SEGUE_KOLIBRI_PASSWORD", "secret")
    school = tmp_path / "s"
    Workspace.init(school, environment={VARIABLE: KEY}, configuration=Configuration()).close()
    return school


def test_each_class_gets_its_own_and_a_leavers_lesson_is_closed(
    kolibri: Kolibri, school: Path, tmp_path: Path
) -> None:
    def run(what: str, classroom: str, *more: str) -> str:
        words = [what, "kolibri", str(school), "--url", f"http://127.0.0.1:{kolibri.server_port}"]
        done = CliRunner().invoke(app, [*words, "--user", "a", "--class", classroom, *more])
        assert done.exit_code == 0, done.output
        return done.output

    def belongs() -> dict[str, tuple[str, ...]]:
        with Workspace.open(school, environment={VARIABLE: KEY}) as space:
            return {one.resource_id: one.courses for one in space.catalogue().resources}

    for classroom in ("7a", "7b", "7a"):
        run("pull", classroom)
    assert belongs() == {"i1": ("7a",), "i2": ("7a",), "i3": ("7a", "7b"), "i4": ("7b",)}
    with Workspace.open(school, environment={VARIABLE: KEY}) as space:
        assert {one.source for one in space.catalogue().resources} == {"c"}  # the channel
        assert [one.statement for one in space.catalogue().skills] == ["Item 1", "Item 2", "Item 3", "Item 4"]
        space.fit(now=NOW)
        weekly(space, WeeklyPlan("2026-W48", NOW, "seed", k=4), tmp_path / "out", workers=1)
    assert "2 lessons added" in run("push", "7a", "--week", "2026-W48")
    assert "1 lessons added" in run("push", "7b", "--week", "2026-W48")
    shown = kolibri.pushed("7a")
    assert set(shown) == {"Ada: week 48 (2026-W48)", "Ben: week 48 (2026-W48)"}
    assert all(sorted(held) == ["i1", "i2", "i3"] for held in shown.values())
    assert [sorted(held) for held in kolibri.pushed("7b").values()] == [["i3", "i4"]]

    kolibri.leave("7a", "u1")
    run("pull", "7a")
    assert "1 unchanged, 1 of other weeks or leavers closed" in run("push", "7a", "--week", "2026-W48")
    assert set(kolibri.pushed("7a", active=False)) == {"Ada: week 48 (2026-W48)"}
    kolibri.shelf("7a", "i1", "i2")
    run("pull", "7a")
    assert belongs()["i3"] == ("7b",), "the class has it no more, the other one does"


def test_a_pull_tells_by_its_code_how_much_was_set_aside(kolibri: Kolibri, school: Path) -> None:
    words = ["pull", "kolibri", str(school), "--url", f"http://127.0.0.1:{kolibri.server_port}"]

    def pull(*times: str) -> tuple[int, bool]:
        log = {"user": "u1", "complete": True, "correct": 1}
        kolibri.attempts = [
            log | {"id": f"{n} {time}", "end_timestamp": time} for n, time in enumerate(times)
        ]
        done = CliRunner().invoke(app, [*words, "--user", "a", "--class", "7a"])
        return done.exit_code, "ALARM import: kolibri: " in done.output

    good, late = "2026-11-20T08:00:00Z", "2199-11-20T08:00:00Z"
    assert pull(late) == (1, True), "nothing but rejects: the device's clock is wrong"
    assert pull(good, late) == (0, False), "a handful"
    assert pull(good, *[late] * 12) == (1, True)
