"""What the HTTP service costs: CPU a request above the bare call, latency at half load, events a second.

Run: OMP_NUM_THREADS=1 python benchmarks/service.py [--seconds 5] [--resources 200] [--json]

A real `segue serve` on SQLite (durability normal), 300 learners; the load comes from this process over the
loopback interface, with a bounded number of connections. Every question asks for a new list, as the bare call
makes one; `cpu_ms_standing_list` is the cost where the list that stands is given again. `floor` is what the
same HTTP server costs, with the same pauses, when it has nothing to do but to send as many bytes.
"""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from segue import sample
from segue.engine.requests.request import Request
from segue.features.catalogue import Catalogue
from segue.features.events.event_records import check
from segue.service.http.api_keys import KeyRing
from segue.service.http.connections import Bounded
from segue.service.http.rate_limits import ServiceLimits
from segue.workspace.records import learner_states as states
from segue.workspace.records.learners import find_learners
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace

N_LEARNERS, N_ATTEMPTS, STEPS = 300, 60, 10
ROUNDS = 8
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
Call = Callable[[http.client.HTTPConnection, int], None]


def catalogue(n_resources: int) -> Catalogue:
    """Return the bundled catalogue, filled up to some number of resources by copies."""
    bundled = sample.load()
    copies = range(n_resources // len(bundled.resources))
    more = [replace(r, resource_id=f"{r.resource_id}-{i}") for i in copies for r in bundled.resources]
    edges = [
        (bundled.skills[a].skill_id, bundled.skills[b].skill_id) for a, b in bundled.prerequisites.tolist()
    ]
    return Catalogue.build([*bundled.resources, *more][:n_resources], bundled.skills, edges)


def make_workspace(folder: Path, n_resources: int = 200) -> str:
    """Make a fitted workspace and return a secret that may do everything."""
    workspace = Workspace.init(folder, environment={}, configuration=Configuration())
    resources = workspace.set_catalogue(catalogue(n_resources)).resources
    rng = np.random.default_rng(1)
    n = N_LEARNERS * N_ATTEMPTS
    learner = np.repeat(np.arange(N_LEARNERS), N_ATTEMPTS)
    chance = 1 / (1 + np.exp(-rng.normal(0.5, 1.0, N_LEARNERS)))
    hours = np.tile(np.arange(N_ATTEMPTS), N_LEARNERS) * 6
    raw = pd.DataFrame(
        {
            "event_id": [f"h{i}" for i in range(n)],
            "learner": [f"student-{i}" for i in learner],
            "resource": [resources[i].resource_id for i in rng.integers(n_resources, size=n)],
            "score": (rng.random(n) < chance[learner]).astype(float),
            "time": [(NOW - timedelta(hours=400 - int(h))).isoformat() for h in hours],
        }
    )
    workspace.add_events(check(raw, range(n)).events)
    workspace.fit(now=NOW)
    workspace.close()
    return KeyRing(folder).create("load", ("admin",), now=NOW)[1]


def bare_call(folder: Path) -> Callable[[int], float]:
    """Return one `Recommender.recommend` with the state at hand, which returns its CPU milliseconds."""
    workspace = Workspace.open(folder, environment={})
    with workspace.store.read() as connection:
        champion = workspace.champion(connection)
        names = [f"student-{i}" for i in range(N_LEARNERS)]
        people = find_learners(connection, workspace.keyring, names)
        kept, _ = states.current(connection, [p.number for p in people.values()], champion.fold)
    ready = [kept[people[name].number].state for name in names]
    workspace.close()

    def ask(i: int) -> float:
        request = Request(names[i % N_LEARNERS], NOW, state=ready[i % N_LEARNERS], k=STEPS)
        rng = np.random.default_rng(i)
        began = time.thread_time()
        steps = champion.recommender.recommend(request, rng=rng).steps
        assert len(tuple(steps)) > 0  # steps are made when they are looked at
        return (time.thread_time() - began) * 1e3

    return ask


def bare_milliseconds(ask: Callable[[int], float], *, pause: float, calls: int = 60) -> float:
    """Return the CPU of a bare call, after a pause of some seconds.

    A call after a pause costs a third more than one of a tight loop (cold caches, a slower clock), and a
    service that is asked one question at a time has such pauses.
    """
    spent = 0.0
    for i in range(calls):
        time.sleep(pause)
        spent += ask(i)
    return spent / calls


@contextmanager
def running(*command: str) -> Iterator[tuple[int, int]]:
    """Yield process id and port of a server that says its port in a first line of JSON."""
    with subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True) as started:
        assert started.stderr is not None
        port = int(json.loads(started.stderr.readline())["port"])
        threading.Thread(target=started.stderr.read, daemon=True).start()  # or its log would fill the pipe
        try:
            yield started.pid, port
        finally:
            started.terminate()


def service(folder: Path) -> AbstractContextManager[tuple[int, int]]:
    """Yield process id and port of a running service."""
    return running("-m", "segue.cli.main", "serve", str(folder), "--port", "0", "--rate", "1000000")


def serve_floor() -> None:
    """Serve an answer of the usual length to any question, by the service's own HTTP server."""

    async def same(request: HttpRequest) -> Response:
        await request.body()
        return Response(bytes(8_000), media_type="application/json")

    app = Starlette(routes=[Route("/v1/recommend", same, methods=["POST"])])
    listening = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({"port": listening.getsockname()[1]}), file=sys.stderr, flush=True)
    server = Bounded(app, limits=ServiceLimits(), log_config=None, access_log=False, ws="none")
    uvicorn.Server(server).run([listening])


def cpu_seconds(pid: int) -> float:
    """Return the time that a process has been on a processor, all its threads together."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def recommending(secret: str, *, fresh: bool = True) -> Call:
    """Return a call of POST /v1/recommend for one learner after the other."""
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}

    def call(connection: http.client.HTTPConnection, i: int) -> None:
        body = json.dumps({"learner": f"student-{i % N_LEARNERS}", "k": STEPS, "fresh": fresh})
        connection.request("POST", "/v1/recommend", body, headers)
        response = connection.getresponse()
        content = response.read()
        assert response.status == 200, content

    return call


def posting(secret: str, batch: int = 100) -> Call:
    """Return a call of POST /v1/events with a batch of new events."""
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}

    def call(connection: http.client.HTTPConnection, i: int) -> None:
        events = [
            {
                "id": f"load-{i}-{n}",
                "learner": f"student-{(i * 7 + n) % N_LEARNERS}",
                "resource": "pizza-fairly",
                "score": n % 2,
                "time": f"2026-11-24T10:{i % 60:02d}:{n % 60:02d}Z",
            }
            for n in range(batch)
        ]
        connection.request("POST", "/v1/events", json.dumps({"events": events}), headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert answer["accepted"] == batch, answer

    return call


def load(
    port: int, call: Call, *, connections: int, seconds: float, rate: float | None = None
) -> list[float]:
    """Return the seconds of each request from when it was due, at `rate` a second or as many as go."""
    numbers = itertools.count()
    began = time.perf_counter()
    out: list[float] = []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            i = next(numbers)
            due = began + i / rate if rate else time.perf_counter()
            if due > began + seconds:
                return
            time.sleep(max(due - time.perf_counter(), 0.0))
            call(connection, i)
            out.append(time.perf_counter() - due)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return out


def cpu_of(pid: int, port: int, call: Call, *, connections: int, seconds: float) -> tuple[float, int]:
    """Return the service's CPU milliseconds a request, and how many requests that were."""
    before = cpu_seconds(pid)
    n = len(load(port, call, connections=connections, seconds=seconds))
    return (cpu_seconds(pid) - before) / n * 1e3, n


def measure(folder: Path, seconds: float, n_resources: int) -> dict[str, float]:
    """Return all figures."""
    secret = make_workspace(folder, n_resources)
    bare = bare_call(folder)
    ask, post = recommending(secret), posting(secret)
    alone: list[tuple[float, float, float]] = []
    with service(folder) as (pid, port):
        warm = http.client.HTTPConnection("127.0.0.1", port)
        for i in range(N_LEARNERS):  # the first question of each learner reads the state from the store
            ask(warm, i)
            bare(i)
        for _ in range(ROUNDS):  # in turns: whatever else the machine does then, both have it
            tight, paused = (bare_milliseconds(bare, pause=pause) for pause in (0.0, 0.002))
            single, _ = cpu_of(pid, port, ask, connections=1, seconds=seconds / ROUNDS)
            alone.append((tight, paused, single))
        tight, paused, single = (float(np.median(column)) for column in zip(*alone, strict=True))
        above = float(np.median([one - bare_one for _, bare_one, one in alone]))
        together, most = cpu_of(pid, port, ask, connections=8, seconds=seconds)
        stands = recommending(secret, fresh=False)
        load(port, stands, connections=8, seconds=seconds)
        standing, _ = cpu_of(pid, port, stands, connections=1, seconds=seconds)
        half = load(port, ask, connections=8, seconds=2 * seconds, rate=most / seconds / 2)
        began = time.perf_counter()
        batches = len(load(port, post, connections=4, seconds=seconds))
        spent = time.perf_counter() - began
    with running(__file__, "--floor") as (pid, port):
        load(port, ask, connections=1, seconds=seconds / ROUNDS)
        before = cpu_seconds(pid)
        asked = len(load(port, ask, connections=1, seconds=seconds, rate=1e3 / (single + 1.0)))
        floor = (cpu_seconds(pid) - before) / asked * 1e3
    return {
        "bare_ms_tight_loop": tight,
        "bare_ms_with_pauses": paused,
        "cpu_ms_one_client": single,
        "cpu_ms_eight_clients": together,
        "cpu_ms_standing_list": standing,
        "floor_one_client": floor,
        "above_bare_one_client": above,
        "above_bare_eight_clients": together - tight,
        "saturation_per_s": most / seconds,
        "half_p50_ms": float(np.quantile(half, 0.5)) * 1e3,
        "half_p99_ms": float(np.quantile(half, 0.99)) * 1e3,
        "events_per_s": batches * 100 / spent,
    }


def main(
    seconds: float = 5.0,
    resources: int = 200,
    *,
    as_json: Annotated[bool, typer.Option("--json")] = False,
    floor: Annotated[bool, typer.Option("--floor", hidden=True)] = False,
) -> None:
    """Print the figures."""
    if floor:
        serve_floor()
        return
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder) / "school", seconds, resources)
    if as_json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:<26} {value:10.2f}")


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
