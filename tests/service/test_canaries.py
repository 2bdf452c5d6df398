"""A string that could be a name, in every field of every door: it is in nothing that Segue keeps or says."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from typer.testing import CliRunner

from segue import sample
from segue.cli.main import app
from segue.service.http import request_log as logs
from segue.service.http.api_keys import KeyRing
from segue.workspace.privacy import learner_rights as privacy
from segue.workspace.workspace import Workspace

Serving = Callable[..., AbstractContextManager[httpx.Client]]
CANARY = "Canary-Zx81"
SITE = "https://lms.example/item"
NOW = "2026-11-24T09:00:00Z"
PERSONAL = ("name", "email", "gender", "ethnicity", "birth_date", "support_plan", "comment", "ip", "guardian")
IDS = ("event_id", "learner", "class", "step", "tags", "supersedes", "voids")


class Said:
    """What the commands and the service have written on the terminal."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def run(self, *words: object) -> str:
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        self.parts.append(done.output)
        return done.output


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def school(tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "school"
    said.run("init", folder)
    files = ("--catalogue", sample.HERE / "resources.csv", "--skills", sample.HERE / "skills.csv")
    said.run("import", folder, *files)
    return folder


def csv_file(path: Path) -> Path:
    """Write events with canaries in every column that is about a person; the last rows are bad."""
    rows = [
        {
            "resource": "rate-race",
            "score": n % 2,
            "time": f"2026-11-2{n % 4}T1{n % 10}:00Z",
            "kind": "attempt",
        }
        | {name: f"{CANARY}-{name}-{n % 7}" for name in (*IDS, *PERSONAL)}
        | {"event_id": f"{CANARY}-{n}", "supersedes": "", "voids": f"{CANARY}-1" if n == 3 else ""}
        for n in range(40)
    ]
    bad = [{"score": 7}, {"resource": ""}, {"time": "yesterday"}, {"seconds": "long"}, {"kind": "walk"}]
    pd.DataFrame([*rows, *(rows[0] | fault for fault in bad)]).to_csv(path, index=False)
    return path


def statements(path: Path) -> Path:
    """Write xAPI statements with canaries wherever a person may be named."""
    name = {"en": CANARY}
    made = [
        {
            "id": f"00000000-0000-4000-8000-{n:012d}",
            "actor": {"name": CANARY, "mbox": f"mailto:{CANARY}@school.example"},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/answered", "display": name},
            # an unknown resource is quoted, so that it can be added: its id is nobody's name
            "object": {"id": SITE if n else f"{SITE}/unknown", "definition": {"name": name}},
            "result": {"score": {"scaled": 0.5}, "response": CANARY, "extensions": {SITE: CANARY}},
            "context": {"instructor": {"name": CANARY, "mbox": f"mailto:{CANARY}@x.org"}, "platform": CANARY},
            "timestamp": NOW,
        }
        for n in range(3)
    ]
    path.write_text("\n".join(map(json.dumps, made)))
    return path


def bodies(step: str, menu: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield requests with a canary in every field that takes a text, valid ones and such as are refused."""
    event = {"id": f"{CANARY}-e", "learner": f"{CANARY}-learner", "resource": "rate-race", "score": 1}
    event |= {"time": NOW, "class_id": CANARY, "step": CANARY, "tags": [CANARY], "supersedes": f"{CANARY}-0"}
    yield "POST", "/v1/events", {"events": [event, event | {"id": f"{CANARY}-v", "voids": f"{CANARY}-e"}]}
    for field in ("resource", "kind", "score", "time", *PERSONAL):
        yield "POST", "/v1/events", {"events": [event | {"id": f"{CANARY}-{field}", field: CANARY}]}
    ask: dict[str, Any] = {"learner": f"{CANARY}-learner", "interests": [CANARY], "now": NOW}
    yield "POST", "/v1/recommend", ask
    place = dict.fromkeys(("language", "grade_band", "content", "process", "product"), CANARY[:20])
    for more in ({"place": place}, {"place": {"kinds": [CANARY]}}, {"goal": {"skills": [CANARY]}}):
        yield "POST", "/v1/recommend", ask | more
    for field in ("candidates", "pins", "excluded", "mode", "now", *PERSONAL):
        yield "POST", "/v1/recommend", ask | {field: [CANARY] if field in ("candidates", "pins") else CANARY}
    about = f"/v1/decisions/{step}"
    override = {"by": f"{CANARY}-teacher", "action": "swap", "resource": "rate-race", "reason": "too_hard"}
    yield "POST", f"{about}/override", override
    yield "POST", f"{about}/override", override | {"reason": CANARY}
    yield "POST", f"{about}/override", override | {"resource": CANARY}
    yield "POST", f"/v1/decisions/{menu['decision_id']}/choice", {"resource": menu["menu"][0]}
    yield "POST", f"/v1/decisions/{menu['decision_id']}/choice", {"resource": CANARY}
    yield "POST", f"{about}/rating", {"rating": 1}
    for field in ("rating", "text", "comment", "time"):
        yield "POST", f"{about}/rating", {"rating": 1} | {field: CANARY}
    yield "POST", f"/v1/decisions/{CANARY}/rating", {"rating": 1}
    learner = f"/v1/learners/{CANARY}-learner"
    yield "POST", f"{learner}/what-if", {"attempts": [{"resource": CANARY, "score": 1}]}
    for path in (
        f"{learner}/profile",
        f"{learner}/why-not?resource={CANARY}",
        f"{learner}/export?{CANARY}=1",
    ):
        yield "GET", path, None
    yield "GET", f"/v1/classes/{CANARY}?learner={CANARY}-learner", None
    yield "GET", f"/{CANARY}", None
    yield "POST", "/v1/caliper", {"data": [{"actor": {"name": CANARY}}], "sensor": CANARY}
    yield "DELETE", f"/v1/learners/{CANARY}-nobody", None


def use_the_service(folder: Path, said: Said, serving: Serving) -> None:
    stream = io.StringIO()
    logs.set_up(stream)
    _, secret = KeyRing(folder).create("all", ("admin",), now=datetime.now(UTC))
    headers = {"authorization": f"Bearer {secret}", "user-agent": CANARY, "x-request-id": f"{CANARY} 1"}
    with serving(folder) as client:
        client.headers.update(headers)
        asked = [
            client.post("/v1/recommend", json={"learner": "someone", "mode": mode}).json()["steps"][0]
            for mode in ("next", "menu")
        ]
        codes = []
        for method, path, body in bodies(asked[0]["decision_id"], asked[1]):
            codes.append(client.request(method, path, json=body).status_code)
        assert {200, 422, 404} <= set(codes)
        assert max(codes) < 500
        said.parts.append(client.get("/metrics").text)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(lines) >= len(codes)
    said.parts.append(stream.getvalue())


def test_a_canary_in_every_field_is_nowhere_afterwards(
    school: Path, said: Said, serving: Serving, tmp_path: Path
) -> None:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    csv, xapi = csv_file(inputs / "events.csv"), statements(inputs / "statements.ndjson")
    assert "40 stored, 0 repeats, 5 rejected" in said.run("import", school, "--events", csv)
    assert "2 events stored" in said.run(
        "import", school, "--format", "xapi", "--events", xapi, "--map", f"{SITE}=rate-race"
    )
    said.run("fit", school, "--now", NOW)
    use_the_service(school, said, serving)
    said.run("learn", school, "--now", "2026-12-24T09:00:00Z")
    said.run("week", school, "--week", "2026-W53", "--out", tmp_path / "week", "--workers", "1")
    said.run("purge", school, "--before", "2026-11-22T00:00:00Z")
    said.run("rotate-key", school)
    said.run("doctor", school, "--dump", tmp_path / "dump.txt")
    said.run("backup", school, tmp_path / "backup")
    said.run("experiment", "challenger", school, "--store", tmp_path / "mlruns")
    said.run("export-data", school, "-l", "someone", "--out", tmp_path / "someone.json")
    learner = f"{CANARY}-learner"
    with Workspace.open(school, environment={}) as space:
        mine = privacy.export(space, learner)
        assert mine.pop("learner") == learner  # what was asked, and nothing else
        assert mine["events"]
        said.parts.append(json.dumps(mine))
    said.run("erase", school, "-l", learner, "--certificate", tmp_path / "certificate.json")
    for part in said.parts:
        assert CANARY.lower() not in part.lower()
    kept = [f for f in tmp_path.rglob("*") if f.is_file() and inputs not in f.parents]
    assert {"segue.db", "mlflow.db", "dump.txt", "playlists.csv"} <= {f.name for f in kept}
    for file in kept:
        content = file.read_bytes().lower()
        assert CANARY.lower().encode() not in content, file
