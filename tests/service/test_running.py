"""What runs day and night: no model or a broken one, a new one, many clients, and a stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from click.testing import Result
from typer.testing import CliRunner

from segue.cli import serve as cli_serve
from segue.cli.main import sentence
from segue.features.events.event_records import check
from segue.service.http.rate_limits import ServiceLimits
from segue.service.http.refusals import RefusedError
from segue.service.http.request_schemas import EventBody
from segue.service.tenant.tenant import Tenant
from segue.workspace.privacy.key_rotation import rotate
from segue.workspace.workspace import Workspace

Headers = Callable[[str], dict[str, str]]
Serving = Callable[..., AbstractContextManager[httpx.Client]]


def ask(client: httpx.Client, headers: Headers, learner: str = "student-3") -> dict[str, Any]:
    response = client.post("/v1/recommend", json={"learner": learner, "k": 3}, headers=headers("backend"))
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def broken(folder: Path) -> list[tuple[Path, bytes]]:
    """Cut every array file short; return what was there."""
    files = [(path, path.read_bytes()) for path in (folder / "models").glob("*/arrays.npz")]
    for path, content in files:
        path.write_bytes(content[: len(content) // 2])
    return files


def test_without_a_model_pedagogy_answers_and_says_so(
    fresh: Path, serving: Serving, headers: Headers
) -> None:
    with serving(fresh) as client:
        (told,) = client.get("/readyz").json()["tenants"]
        assert (told["tenant"], told["status"], told["model_days"]) == ("fresh", "degraded", None)
        assert told["why"] == "no model has been fitted yet"
        found = ask(client, headers)
        assert found["degraded"]
        assert found["notes"] == ["no model has been fitted yet: these steps rest on pedagogy alone"]
        assert len(found["steps"]) == 3
        text = client.get("/metrics", headers=headers("analyst")).text
        assert 'segue_fallbacks_total{reason="no model has been fitted yet",tenant="fresh"} 1.0' in text
        assert 'segue_degraded{tenant="fresh"} 1.0' in text


def test_a_broken_model_is_replaced_by_pedagogy_until_it_is_repaired(
    school: Path, serving: Serving, headers: Headers
) -> None:
    files = broken(school)
    with serving(school) as client:
        assert client.get("/readyz").status_code == 200
        found = ask(client, headers)
        assert found["degraded"]
        assert "cannot be read" in found["notes"][-1]
        for path, content in files:
            path.write_bytes(content)
        time.sleep(1.0)  # twice the time after which a service looks again
        again = ask(client, headers)
        assert not again["degraded"]
        assert again["model"] != found["model"]
        assert client.get("/readyz").json()["status"] == "ok"


def test_an_erasure_whose_fit_misses_the_model_says_so_and_is_finished_later(
    school: Path, serving: Serving, headers: Headers
) -> None:
    files = broken(school)
    admin = headers("admin")
    with serving(school) as client:
        refused = client.delete("/v1/learners/student-1", headers=admin)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "workspace")
        assert "segue doctor" in refused.json()["error"]["message"]
        for path, content in files:
            path.write_bytes(content)
        time.sleep(1.0)  # twice the time after which a service looks again
        assert client.delete("/v1/learners/student-1", headers=admin).json()["erased"]
        assert client.delete("/v1/learners/student-1", headers=admin).status_code == 404


def test_a_service_whose_folder_of_models_is_gone_says_so_while_it_still_decides(
    school: Path, serving: Serving, headers: Headers
) -> None:
    with serving(school) as client:
        before = client.get("/readyz").json()["tenants"][0]
        (school / "models").rename(school / "elsewhere")
        answer = client.get("/readyz")
        (told,) = answer.json()["tenants"]
        assert (answer.status_code, told["status"], before["why"]) == (200, "ok", "")
        assert told["why"].startswith("the files of the model in charge are gone")
        assert not ask(client, headers)["degraded"]
        (school / "elsewhere").rename(school / "models")
        assert client.get("/readyz").json()["tenants"][0]["why"] == ""


def test_decisions_made_without_a_model_are_learned_from_later(
    fresh: Path, serving: Serving, headers: Headers
) -> None:
    with serving(fresh) as client:
        step = ask(client, headers)["steps"][0]
        tries = [
            {
                "id": f"later-{days}",
                "learner": "student-3",
                "resource": step["resource"],
                "score": 1,
                "time": datetime.fromtimestamp(time.time() + days * 86_400, UTC).isoformat(),
            }
            for days in (0.01, 2)
        ]
        client.post("/v1/events", json={"events": tries[:1]}, headers=headers("backend"))
    workspace = Workspace.open(fresh, environment={})
    later = pd.DataFrame(tries[1:]).rename(columns={"id": "event_id"})  # the service would set it aside today
    workspace.add_events(check(later, range(1)).events)
    learnt = workspace.learn(now=datetime.fromtimestamp(time.time() + 3 * 86_400, UTC))
    workspace.close()
    assert learnt.matured >= 1


def test_a_new_model_is_taken_up_while_running(school: Path, serving: Serving, headers: Headers) -> None:
    with serving(school) as client:
        before = ask(client, headers)["model"]
        more = [
            {"id": f"n{i}", "learner": f"new-{i}", "resource": "rate-race", "score": i % 2, "seq": i}
            for i in range(40)
        ]
        client.post("/v1/events", json={"events": more}, headers=headers("backend"))
        assert ask(client, headers)["model"] == before
        other = Workspace.open(school, environment={})
        other.fit(now=datetime.now(UTC))
        other.close()
        after = ask(client, headers)
        assert after["model"] != before
        assert not after["degraded"]


def test_a_key_that_is_turned_stops_the_service_rather_than_doubling_learners(
    school: Path, serving: Serving, headers: Headers
) -> None:
    with serving(school) as client:
        ask(client, headers)
        workspace = Workspace.open(school, environment={})
        rotate(school, workspace.keyring, environment={})
        workspace.close()
        body = {"learner": "student-3"}
        response = client.post("/v1/recommend", json=body, headers=headers("backend"))
        assert response.status_code == 503
        assert "restart the service" in response.json()["error"]["message"]
        assert client.get("/readyz").status_code == 503
    with serving(school) as client:
        profile = client.get("/v1/learners/student-3/profile", headers=headers("teacher"))
        assert profile.json()["attempts"] == 25


def test_a_full_disk_is_said_and_goes_by(school: Path, headers: Headers) -> None:
    tenant = Tenant.open(school, limits=ServiceLimits())

    def pages(most: int) -> None:
        with tenant.store.write() as connection:
            used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {used + most}")

    async def ask(n: int) -> bytes:
        batch = [
            EventBody(id=f"{n}-{i}", learner="a", resource="rate-race", score=1.0, seq=i) for i in range(900)
        ]
        return await tenant.ask(tenant.decider.store, batch)

    async def main() -> None:
        await tenant.do(partial(pages, 0))
        outcomes = await asyncio.gather(*(ask(n) for n in range(20)), return_exceptions=True)
        refused = [found for found in outcomes if isinstance(found, RefusedError)]
        assert refused
        said = {(found.status, found.code) for found in refused}
        assert (503, "store") in said
        assert said <= {(503, "store"), (503, "busy")}, "busy: where the disk answers too slowly to wait for"
        await tenant.do(partial(pages, 10_000))
        assert b'"accepted":900' in await ask(99)

    try:
        asyncio.run(main())
    finally:
        tenant.close()


@pytest.mark.parametrize("n_calls", [25, pytest.param(1_000, marks=pytest.mark.slow)])
def test_many_clients_lose_nothing(fresh: Path, serving: Serving, headers: Headers, n_calls: int) -> None:
    n_clients = 8

    def served(mine: httpx.Client, path: str, body: object) -> httpx.Response:
        while (answer := mine.post(path, json=body, headers=headers("backend"))).status_code == 503:
            time.sleep(float(answer.headers["retry-after"]))  # refused whole on a slow machine: sent again
        return answer

    def work(n: int) -> list[int]:
        with httpx.Client(base_url=client.base_url, timeout=30) as mine:
            out = []
            for i in range(n_calls):
                event = {
                    "id": f"{n}-{i}",
                    "learner": f"l{(n + i) % 5}",
                    "resource": "rate-race",
                    "score": 1,
                    "seq": 100 * i + n,
                }
                posted = served(mine, "/v1/events", {"events": [event] * 2})
                asked = served(mine, "/v1/recommend", {"learner": "l1", "k": 2})
                out += [posted.status_code, asked.status_code, posted.json()["accepted"]]
            return out

    patient = ServiceLimits(rate=1e6, burst=10**6, waiting_seconds=600)
    with serving(fresh, limits=patient) as client:
        with ThreadPoolExecutor(n_clients) as pool:
            found = [code for codes in pool.map(work, range(n_clients)) for code in codes]
        assert set(found) == {200, 1}
        attempts = [
            client.get(f"/v1/learners/l{n}/profile", headers=headers("teacher")).json()["attempts"]
            for n in range(5)
        ]
        assert sum(attempts) == n_clients * n_calls
        kept = client.get("/v1/learners/l1/export", headers=headers("admin")).json()
        ids = {row["playlist_id"] for row in kept["playlists"]}
        assert len(kept["decisions"]) == 2 * len(ids)


@contextmanager
def process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield a real `segue serve` and its address."""
    command = [sys.executable, "-m", "segue.cli.main", "serve", str(folder), "--port", "0"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as started:
        assert started.stderr is not None
        line = json.loads(started.stderr.readline())
        try:
            yield started, f"http://127.0.0.1:{line['port']}"
        finally:
            started.kill()


@pytest.mark.journey
def test_a_stop_finishes_what_is_under_way(school: Path, headers: Headers) -> None:
    with process(school) as (service, url), httpx.Client(base_url=url, timeout=20) as client:

        def post(n: int) -> int:
            event = {"id": f"s{n}", "learner": "stop", "resource": "rate-race", "score": 1, "seq": n}
            try:
                sent = client.post("/v1/events", json={"events": [event]}, headers=headers("backend"))
            except httpx.TransportError:
                return 0  # came after the door was closed: not acknowledged
            return int(sent.json()["accepted"])

        with ThreadPoolExecutor(4) as pool:
            posted = pool.map(post, range(60))
            time.sleep(0.05)
            service.send_signal(signal.SIGTERM)
            acknowledged = sum(posted)
        assert service.wait(20) in (0, -signal.SIGTERM)
    workspace = Workspace.open(school, environment={})
    with workspace.store.read() as connection:
        stored = connection.exec_driver_sql("SELECT count(*) FROM events WHERE seq < 60 AND time IS NULL")
        assert stored.scalar_one() >= acknowledged
    workspace.close()


def serve(*arguments: str) -> str:
    """Return what `segue serve` says when it ends at once, which is an error."""
    done = CliRunner().invoke(cli_serve.app, [*arguments, "--port", "0"])
    return fault(done)


def fault(done: Result) -> str:
    """Return the sentence that a command ends with."""
    assert isinstance(done.exception, Exception), done.output
    return str(sentence(done.exception))


def test_two_processes_are_refused_on_sqlite(school: Path) -> None:
    assert "SQLite, which has one writer: use --workers 1" in serve(str(school), "--workers", "2")


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_what_cannot_be_served_says_why(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    assert "segue init" in serve(str(tmp_path / folder))


def test_two_tenants_of_one_name_are_refused(school: Path, tmp_path: Path) -> None:
    assert "must differ" in serve(str(school), str(tmp_path / "elsewhere" / school.name))


def test_keys_by_command(tmp_path: Path) -> None:
    call = partial(CliRunner().invoke, cli_serve.keys)
    made = call(["create", str(tmp_path), "--scope", "backend", "--name", "LMS", "--days", "9"])
    secret = made.stdout.split()[-1]
    assert secret.startswith("segue_")
    listed = call(["list", str(tmp_path)]).stdout
    assert "LMS" in listed
    assert secret not in listed
    key_id = listed.split()[0]
    assert call(["revoke", str(tmp_path), key_id]).exit_code == 0
    assert "segue keys list" in fault(call(["revoke", str(tmp_path), key_id]))
    assert "scope must be among" in fault(call(["create", str(tmp_path), "--scope", "root"]))


def test_a_second_service_on_sqlite_is_refused(school: Path, serving: Serving, headers: Headers) -> None:
    with serving(school) as client:
        assert "served by another process already" in serve(str(school))
        ask(client, headers)
    with serving(school) as client:  # the lock went with the first
        ask(client, headers)
