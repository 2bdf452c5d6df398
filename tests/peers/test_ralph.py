"""A real learning record store, Ralph: what leaves twice, and what comes in despite accidents."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segue.features.catalogue import Catalogue, Resource
from segue.workspace.records.events import read_events
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.pseudonyms import VARIABLE
from segue.workspace.workspace import Workspace

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("default")]
SEGUE = str(Path(sys.executable).with_name("segue"))
SITE = "https://school.example"
SECRET = {VARIABLE: "11" * 32, "SEGUE_LRS_PASSWORD": "secret"}
SIGNED = "Basic " + base64.b64encode(b"key:secret").decode()

SERVE = """
import uvicorn
from ralph.backends.data.base import BaseOperationType
from ralph.backends.data.fs import FSDataBackend
write = FSDataBackend._write_bytes
def append(self, data, target, chunk_size, ignore_errors, operation_type):
    return write(self, data, target, chunk_size, ignore_errors, BaseOperationType.APPEND)
FSDataBackend._write_bytes = append  # kept in files, it would take one call only
uvicorn.run("ralph.api:app", port={port})
"""


class Ralph:
    """The program with its files in a folder; `start` again after `kill` goes on with the same statements."""

    def __init__(self, programs: Path, folder: Path) -> None:
        (folder / "lrs").mkdir(parents=True)
        self._programs, self.log = programs, folder / "ralph.log"
        self._environment = os.environ | {
            "RALPH_APP_DIR": str(folder / "app"),
            "RALPH_RUNSERVER_BACKEND": "fs",
            "RALPH_BACKENDS__LRS__FS__DEFAULT_DIRECTORY_PATH": str(folder / "lrs"),
        }
        who = ("auth", "-u", "key", "-p", "secret", "-s", "all", "-M", "mailto:segue@school.example", "-w")
        command = [str(programs / "ralph"), *who]
        subprocess.run(command, env=self._environment, check=True, capture_output=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}/xAPI"
        self.start()

    def start(self) -> None:
        command = [str(self._programs / "python"), "-c", SERVE.format(port=self._port)]
        with self.log.open("w") as log:
            self._server = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        while True:
            assert self._server.poll() is None, self.log.read_text()
            try:
                self.call("GET", "/statements?limit=1")
            except urllib.error.URLError:
                time.sleep(0.5)
            else:
                return

    def kill(self) -> None:
        self._server.kill()
        self._server.wait()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": SIGNED, "X-Experience-API-Version": "1.0.3"}
        data = None if body is None else json.dumps(body).encode()
        headers |= {} if body is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request) as answer:
            content = answer.read()
        return json.loads(content) if content else None


@pytest.fixture(scope="module")
def ralph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ralph]:
    programs = os.environ.get("RALPH")
    if programs is None:
        pytest.skip("needs Ralph (set RALPH to the folder of its commands), make test-peers installs it")
    server = Ralph(Path(programs), tmp_path_factory.mktemp("ralph"))
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ralph") / "school"
    with Workspace.init(folder, environment=SECRET, configuration=Configuration()) as space:
        space.set_catalogue(
            Catalogue.build([Resource(f"i{n}", f"Item {n}", f"{SITE}/{n}") for n in range(8)])
        )
    return folder


def run(*words: str) -> str:
    command = [SEGUE, *words]
    done = subprocess.run(command, env=os.environ | SECRET, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def statement(n: int, when: datetime) -> dict[str, Any]:
    return {
        "id": f"8f87ccde-bb56-4c2e-ab83-{n:012d}",
        "actor": {"account": {"homePage": SITE, "name": f"s{n % 4}"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
        "object": {"id": f"{SITE}/{n % 8}"},
        "result": {"success": n % 3 > 0},
        "timestamp": when.isoformat(),
    }


def attempts(school: Path) -> list[datetime]:
    with Workspace.open(school, environment=SECRET) as space, space.store.read() as connection:
        events = read_events(connection)
    return sorted(events.loc[events["kind"] == "attempt", "time"].tolist())


def test_a_pull_through_a_kill_late_devices_and_a_bulk_load_loses_and_doubles_nothing(
    ralph: Ralph, school: Path
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    told = [now - timedelta(hours=n) for n in range(300, 60, -1)]  # in the order stored, not of time
    told = told[::2] + told[1::2]
    for start in range(0, len(told), 60):
        made = [statement(n, told[n]) for n in range(start, start + 60)]
        ralph.call("POST", "/statements", made)
    words = ["pull", "lrs", str(school), "--url", ralph.address, "--user", "key", "--limit", "20"]
    command = [SEGUE, *words]
    pulling = subprocess.Popen(
        command, env=os.environ | SECRET, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert pulling.stdout is not None
    for _ in range(3):
        assert b"20 events stored" in pulling.stdout.readline()
    ralph.kill()
    said = pulling.communicate()[1].decode()
    assert pulling.returncode
    assert "is the server up?" in said
    assert 60 <= len(attempts(school)) < 240
    ralph.start()
    assert "repeats" in (went_on := run(*words))
    assert "240 statements" not in went_on  # from the page where it was cut off
    assert attempts(school) == sorted(told)

    late = now - timedelta(days=90)
    ralph.call("POST", "/statements", [statement(1000, late)])
    ralph.call("POST", "/statements", [statement(1001, now - timedelta(minutes=1))])
    run(*words)
    assert attempts(school) == sorted([*told, late, now - timedelta(minutes=1)])
    assert "0 events stored" in run(*words)
    assert len(attempts(school)) == 242


def test_a_week_sent_twice_is_the_same_to_the_byte_and_the_store_takes_both(
    ralph: Ralph, school: Path, tmp_path: Path
) -> None:
    week = ("--week", "2026-W49")
    run("fit", str(school))
    run("weekly", str(school), *week, "--out", str(tmp_path / "out"), "-k", "4")
    bodies = []
    for name in ("first", "second"):
        out = tmp_path / name
        run(
            "export",
            "statements",
            str(school),
            "--learner",
            "s1",
            *week,
            "--home-page",
            SITE,
            "--out",
            str(out),
        )
        ralph.call("POST", "/statements", json.loads(out.read_bytes()))
        bodies.append(out.read_bytes())
        news = [
            statement(2000 + len(bodies), datetime.now(UTC))
            | {"actor": {"account": {"homePage": SITE, "name": "s1"}}}
        ]
        ralph.call("POST", "/statements", news)
        run("pull", "lrs", str(school), "--url", ralph.address, "--user", "key")
    assert bodies[0] == bodies[1]
    told = json.loads(bodies[0])
    assert len(told) == 4
    assert all(one["object"]["definition"]["description"]["en"] for one in told)
    page = ralph.call("GET", "/statements?limit=100")
    stored = list(page["statements"])
    while page.get("more"):
        page = ralph.call("GET", page["more"].removeprefix("/xAPI"))
        stored += page["statements"]
    kept = [one["id"] for one in stored if one["verb"]["id"].endswith("/recommended")]
    assert sorted(kept) == sorted(one["id"] for one in told)
