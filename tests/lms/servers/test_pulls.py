"""Pulls from servers that follow the specifications: pages, cursors, cut off and resumed, nothing twice."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from segue.cli.main import app
from segue.features.catalogue import Catalogue, Resource
from segue.workspace.records.events import read_events
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.pseudonyms import VARIABLE
from segue.workspace.workspace import Workspace
from tests.local_server import serving

KEY = "00" * 32


class Stub(ThreadingHTTPServer):
    """A record store, a student information system and a Moodle in one, as far as they are asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statements = [statement(i) for i in range(25)]
        self.results: list[dict[str, Any]] = [result("8")]
        self.breaks_at = -1
        self.since = "stored"  # what a store goes by; Ralph goes by the timestamp
        self.asked: list[str] = []


def statement(i: int) -> dict[str, Any]:
    return {
        "id": f"8f87ccde-bb56-4c2e-ab83-{i:012d}",
        "actor": {"account": {"homePage": "https://lms.example", "name": f"s{i % 3}"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
        "object": {"id": "https://lms.example/quiz"},
        "result": {"success": True},
        "timestamp": f"2026-03-02T09:{i:02d}:00Z",
        "stored": f"2026-03-02T09:{i // 2:02d}:00Z",
    }


def result(score: str) -> dict[str, Any]:
    return {
        "sourcedId": "r1",
        "status": "active",
        "lineItem": {"sourcedId": "https://lms.example/quiz"},
        "student": {"sourcedId": "s1"},
        "score": float(score),
        "scoreStatus": "fully graded",
        "scoreDate": "2026-03-02",
    }


class _Handler(BaseHTTPRequestHandler):
    server: Stub

    def log_message(self, *args: object) -> None:
        return

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer({"access_token": "t"})

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        self.server.asked.append(parts.path)
        if parts.path == "/xapi/statements":
            self._statements(query)
        elif "oneroster" in parts.path:
            table = parts.path.rpartition("/")[2]
            item = {"sourcedId": "https://lms.example/quiz", "resultValueMax": 10}
            place = {
                "sourcedId": "e1",
                "user": {"sourcedId": "s1"},
                "class": {"sourcedId": "7b"},
                "role": "student",
            }
            rows = {"results": self.server.results, "lineItems": [item], "enrollments": [place]}
            self._answer({table: rows[table]})
        elif query["wsfunction"] == "core_enrol_get_enrolled_users":
            people = [(5, "student"), (3, "editingteacher")]
            self._answer([{"id": n, "fullname": "CANARY", "roles": [{"shortname": r}]} for n, r in people])
        else:
            grades = {"id": 12, "itemtype": "mod", "cmid": 42, "graderaw": 7, "grademin": 0, "grademax": 10}
            grades["gradedategraded"] = 1772442000
            self._answer({"usergrades": [{"gradeitems": [grades]}]})

    def _statements(self, query: dict[str, str]) -> None:
        assert self.headers["X-Experience-API-Version"] == "1.0.3"
        first, limit = int(query.get("offset", "0")), int(query.get("limit", "10"))
        if first == self.server.breaks_at:
            self.send_error(503)
            return
        by, since = self.server.since, query.get("since", "").replace("+00:00", "Z")
        until = query.get("until", "9").replace("+00:00", "Z")
        found = [s for s in self.server.statements if since < s[by] <= until]
        more = f"/xapi/statements?offset={first + limit}&limit={limit}" if first + limit < len(found) else ""
        if more and "since" in query:
            more += "&since=" + urllib.parse.quote(query["since"])
        self._answer({"statements": found[first : first + limit], "more": more})

    def _answer(self, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving(Stub()) as server:
        yield server


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, KEY)
    for name in ("SEGUE_LRS_PASSWORD", "SEGUE_ONEROSTER_SECRET", "SEGUE_MOODLE_TOKEN"):
        monkeypatch.setenv(name, "secret")
    with Workspace.init(tmp_path / "s", environment={VARIABLE: KEY}, configuration=Configuration()) as space:
        space.set_catalogue(
            Catalogue.build([Resource("quiz", url="https://lms.example/quiz"), Resource("cm:42")])
        )
    return tmp_path / "s"


def pull(*words: str) -> Any:
    return CliRunner().invoke(app, ["pull", *words])


def scores(school: Path) -> list[float]:
    with Workspace.open(school, environment={VARIABLE: KEY}) as space, space.store.read() as connection:
        events = read_events(connection)
    gone = set(events["supersedes"]) | set(events["voids"])
    return events.loc[(events["kind"] == "attempt") & ~events["event_id"].isin(gone), "score"].tolist()


def test_a_record_store_is_read_page_by_page_and_a_pull_cut_off_goes_on(stub: Stub, school: Path) -> None:
    words = (
        "lrs",
        str(school),
        "--url",
        f"http://127.0.0.1:{stub.server_port}/xapi",
        "--user",
        "k",
        "--limit",
        "10",
    )
    stub.breaks_at = 10
    broken = pull(*words)
    assert broken.exit_code != 0
    assert len(scores(school)) == 10
    stub.breaks_at = -1
    assert pull(*words).exit_code == 0
    assert len(scores(school)) == 25
    stub.statements.append(statement(26))
    said = pull(*words).output
    assert len(scores(school)) == 26
    assert "1 events stored" in said


@pytest.mark.parametrize("since", ["stored", "timestamp"])
def test_what_a_device_sends_months_late_is_not_lost(stub: Stub, school: Path, since: str) -> None:
    stub.since = since
    words = ("lrs", str(school), "--url", f"http://127.0.0.1:{stub.server_port}/xapi", "--user", "k")
    late = {"timestamp": "2025-11-02T09:00:00Z", "stored": "2026-03-02T10:00:00Z"}
    stub.statements.append(statement(30) | late)
    assert pull(*words).exit_code == 0
    stub.statements.append(statement(31) | late | {"stored": "2026-04-02T10:00:00Z"})
    stub.asked.clear()
    assert pull(*words).exit_code == 0
    assert len(scores(school)) == 27
    assert ("1 statements" in pull(*words).output) is (since == "stored")


def test_a_store_that_points_elsewhere_gets_no_key(stub: Stub, school: Path) -> None:
    from segue.lms.servers.json_calls import JsonServer, ServerError

    server = JsonServer(f"http://127.0.0.1:{stub.server_port}/xapi", {"Authorization": "secret"})
    with pytest.raises(ServerError, match="another host"):
        server.get("http://elsewhere.example/xapi/statements")


def test_oneroster_over_rest_follows_a_grade_that_changes(stub: Stub, school: Path) -> None:
    base = f"http://127.0.0.1:{stub.server_port}"
    words = ("oneroster", str(school), "--url", base, "--token-url", f"{base}/token", "--client-id", "c")
    assert pull(*words).exit_code == 0
    assert scores(school) == [0.8]
    stub.results = [result("2")]
    assert pull(*words).exit_code == 0
    assert scores(school) == [0.2]


def test_moodles_web_service_gives_grades_of_students_alone(stub: Stub, school: Path) -> None:
    words = ("moodle", str(school), "--url", f"http://127.0.0.1:{stub.server_port}", "--course", "3")
    done = pull(*words)
    assert done.exit_code == 0, done.output
    assert scores(school) == [0.7]
    assert "CANARY" not in done.output
