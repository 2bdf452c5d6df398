"""What the service does when much goes wrong at once: who waits, who is told to come back, what is lost.

Run: OMP_NUM_THREADS=1 python benchmarks/service_load.py [--seconds 10] [--json]

A real `segue serve` with a registered LMS, and these at the same time, each from a process of its own:
8 clients without a key at ``/login``, 8 launches of teachers whose platform takes 25 s for a roster, 1,000
connections that send half a head, and 900 requests at once by another key (every two seconds); all of these
at the lowest priority, since they share the machine's cores with the service that they are to trouble. A calm
client goes on asking for recommendations and storing events; its times are compared with those of the same
client in quiet. Afterwards everything that was acknowledged is looked for in the store.

The flood's times end when the kernel has the answer, not when the one process that plays nine hundred clients
comes to read it. What the machine itself leaves under such a storm is told by the last two figures: the same
storm against an application that answers everything by 204 and does nothing.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import re
import selectors
import socket
import sqlite3
import struct
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import typer
import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


from benchmarks.service import N_LEARNERS, NOW, make_workspace, service
from segue.service.http.api_keys import KeyRing
from segue.service.http.connections import raise_file_limit
from segue.service.http.rate_limits import ServiceLimits
from segue.service.server import configuration
from tests.service.lti_platform import Platform, launch, register_platform

STAMP = getattr(socket, "SO_TIMESTAMPNS", 35)  # Linux's name for: tell when a part came
FLOOD, HALF_OPEN, LOGINS, ROSTERS, ROSTER_SECONDS = 900, 1_000, 8, 8, 25
Found = dict[str, Any]


def _processes() -> ForkServerContext:
    """Return how processes are started: by forking one that has imported everything, once."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["benchmarks.service_load"])
    return found


def calm(port: int, secret: str, seconds: float, out: Any, part: str) -> None:
    """Ask for a list, store an event and look at `/readyz`, in turn; tell times and what was acknowledged."""
    headers = {"authorization": f"Bearer {secret}"}
    times: dict[str, list[float]] = {"recommend": [], "events": [], "readyz": []}
    lists, events, refused = [], [], Counter[int]()
    until = time.monotonic() + seconds
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, headers=headers) as client:
        n = 0
        while time.monotonic() < until:
            n += 1
            ask = {"learner": f"student-{n % N_LEARNERS}", "k": 10, "fresh": True}
            event = {"id": f"{part}-{n}", "learner": f"student-{n % N_LEARNERS}", "resource": "pizza-fairly"}
            event |= {"score": 1.0, "time": NOW.isoformat()}
            for name, call in (
                ("recommend", lambda: client.post("/v1/recommend", json=ask)),  # noqa: B023
                ("events", lambda: client.post("/v1/events", json={"events": [event]})),  # noqa: B023
                ("readyz", lambda: client.get("/readyz")),
            ):
                began = time.perf_counter()
                try:
                    answer = call()
                except httpx.TransportError:  # neither answered nor refused: the worst that can happen
                    times[name].append(time.perf_counter() - began)
                    refused[0] += 1
                    continue
                took = time.perf_counter() - began
                if answer.status_code != 200:
                    assert answer.headers.get("retry-after"), answer.text
                    refused[answer.status_code] += 1
                    continue
                times[name].append(took)
                if name == "recommend":
                    lists.append(answer.json()["playlist_id"])
                elif name == "events":
                    events.append(answer.json()["accepted"])
    out.put({"times": times, "lists": lists, "events": sum(events), "refused": dict(refused)})


def logging_in(port: int, tenant: str, issuer: str, stop: Any) -> None:
    """Ask for `/login` as fast as it answers, without a key."""
    os.nice(15)
    form = {"iss": issuer, "client_id": "segue", "login_hint": "x", "target_link_uri": "http://tool"}
    with httpx.Client(timeout=60) as client:
        while not stop.is_set():
            with contextlib.suppress(httpx.TransportError):
                client.get(f"http://127.0.0.1:{port}/lti/{tenant}/login", params=form)


def half_open(port: int, stop: Any) -> None:
    """Keep many connections open that have sent half a head; a closed one is opened again."""
    os.nice(15)
    raise_file_limit()
    kept: list[socket.socket] = []
    while not stop.is_set():
        while len(kept) < HALF_OPEN and not stop.is_set():
            with contextlib.suppress(OSError):
                found = socket.create_connection(("127.0.0.1", port), timeout=5)
                found.sendall(b"POST /v1/recommend HTTP/1.1\r\nhost: x\r\n")
                kept.append(found)
        stop.wait(11)  # the service closes them after ten seconds
        for found in kept:
            found.close()
        kept = []


class FloodCall:
    """One connection that asks for a list in each wave, with as little work of its own as can be."""

    def __init__(self, port: int, secret: str, learner: int) -> None:
        body = json.dumps({"learner": f"student-{learner % N_LEARNERS}", "k": 10})
        head = f"POST /v1/recommend HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\n"
        self.request = f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()
        self.port, self.answer, self.sent, self.took = port, b"", 0.0, 0.0
        self.socket: socket.socket | None = None

    def send(self) -> socket.socket:
        """Ask, by a new connection where the last one was closed."""
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            self.socket.setsockopt(socket.SOL_SOCKET, STAMP, 1)
        self.answer, self.sent = b"", time.time()
        self.socket.sendall(self.request)
        return self.socket

    def done(self) -> bool:
        """Read on; whether the answer is whole, or there will be none."""
        assert self.socket is not None
        try:
            part, told, _, _ = self.socket.recvmsg(65_536, socket.CMSG_SPACE(16))
        except OSError:
            part, told = b"", []
        self.answer += part
        stamps = [struct.unpack("qq", data[:16]) for _, kind, data in told if kind == STAMP]
        self.took = (stamps[-1][0] + stamps[-1][1] / 1e9 if stamps else time.time()) - self.sent
        if not part:
            self.socket.close()
            self.socket = None
            return True
        head, _, body = self.answer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        return head.startswith(b"HTTP/1.1 204") or (length is not None and len(body) >= int(length[1]))


def flooding(port: int, secret: str, stop: Any, out: Any) -> None:
    """Send many requests at once, and again when all are answered; tell statuses and times of refusals."""
    os.nice(15)
    raise_file_limit()
    statuses, refusals, lists, lacking = Counter[str](), [], [], 0
    calls = [FloodCall(port, secret, i) for i in range(FLOOD)]
    while not stop.is_set():
        with selectors.DefaultSelector() as waiting:
            for call in calls:
                waiting.register(call.send(), selectors.EVENT_READ, call)
            until = time.monotonic() + 60
            while waiting.get_map() and time.monotonic() < until:
                for key, _ in waiting.select(1.0):
                    if not key.data.done():
                        continue
                    waiting.unregister(key.fileobj)
                    status = key.data.answer[9:12].decode() or "closed"
                    statuses[status] += 1
                    if status == "200":
                        lists.append(re.search(rb'"playlist_id":"(\w+)"', key.data.answer)[1].decode())  # type: ignore[index]
                    else:
                        refusals.append(key.data.took)
                        lacking += b"retry-after: " not in key.data.answer
            statuses["none"] += len(waiting.get_map())
        stop.wait(2)
    out.put({"statuses": dict(statuses), "refusals": refusals, "lacking": lacking, "lists": lists})


def slow_platform(told: Any, stop: Any) -> None:
    """Play an LMS that takes long for a roster, and launch teachers with it once the port is told."""
    os.nice(15)
    platform = Platform()
    platform.roster_seconds = ROSTER_SECONDS
    threading.Thread(target=platform.serve_forever, daemon=True).start()
    told.put(platform.base)
    address = told.get()

    def teacher() -> None:
        with httpx.Client(base_url=address, timeout=90) as client:
            while not stop.is_set():
                with contextlib.suppress(httpx.TransportError, AssertionError, KeyError):
                    launch(client, platform, role="Instructor")

    threads = [threading.Thread(target=teacher, daemon=True) for _ in range(ROSTERS)]
    for thread in threads:
        thread.start()
    stop.wait()


@contextlib.contextmanager
def trouble(port: int, tenant: str, secret: str, issuer: str) -> Iterator[Callable[[], Found]]:
    """Run everything that disturbs, and yield a function that ends it and returns what the flood saw."""
    processes = _processes()
    stop, out = processes.Event(), processes.Queue()
    jobs = [processes.Process(target=logging_in, args=(port, tenant, issuer, stop)) for _ in range(LOGINS)]
    jobs.append(processes.Process(target=half_open, args=(port, stop)))
    jobs.append(processes.Process(target=flooding, args=(port, secret, stop, out)))
    for job in jobs:
        job.start()

    def end() -> Found:
        stop.set()
        found: Found = out.get(timeout=120)
        return found

    try:
        yield end
    finally:
        stop.set()
        for job in jobs:
            job.join(timeout=90)
            job.kill()


async def empty(scope: Any, _: Any, send: Any) -> None:
    """Answer 204, whatever is asked: an application that does nothing."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


def serving_nothing(told: Any) -> None:
    """Serve `empty` until killed, and tell the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        told.put(listening.getsockname()[1])
        uvicorn.Server(configuration(empty, limits=ServiceLimits())).run([listening])  # type: ignore[arg-type]


def looking(port: int, seconds: float, out: Any) -> None:
    """Look at `/readyz` again and again; tell the times."""
    times, until = [], time.monotonic() + seconds
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        while time.monotonic() < until:
            began = time.perf_counter()
            client.get("/readyz")
            times.append(time.perf_counter() - began)
            time.sleep(0.05)
    out.put(times)


def of_nothing(tenant: str, issuer: str, seconds: float) -> tuple[float, float]:
    """Return the worst time of `/readyz` and the p99 of the flood where nothing is done, in seconds."""
    processes = _processes()
    told, out = processes.Queue(), processes.Queue()
    server = processes.Process(target=serving_nothing, args=(told,))
    server.start()
    port = told.get(timeout=60)
    with trouble(port, tenant, "none", issuer) as end:
        time.sleep(3)
        client = processes.Process(target=looking, args=(port, seconds, out))
        client.start()
        times: list[float] = out.get(timeout=seconds * 10 + 60)
        client.join()
        flood = end()
    server.kill()
    return max(times), float(np.quantile(flood["refusals"], 0.99))


def calm_times(port: int, secret: str, seconds: float, part: str) -> Found:
    """Return what a calm client of its own process met."""
    processes = _processes()
    out = processes.Queue()
    client = processes.Process(target=calm, args=(port, secret, seconds, out, part))
    client.start()
    found: Found = out.get(timeout=seconds * 10 + 400)
    client.join()
    return found


def measure(folder: Path, seconds: float) -> Found:
    """Return all figures."""
    secret = make_workspace(folder)
    processes = _processes()
    told, away = processes.Queue(), processes.Event()
    lms = processes.Process(target=slow_platform, args=(told, away))
    lms.start()
    issuer = told.get(timeout=60)
    register_platform(folder, issuer)
    other = KeyRing(folder).create("flood", ("backend",), now=NOW)[1]
    with service(folder) as (_, port):
        quiet = calm_times(port, secret, seconds, "quiet")
        told.put(f"http://127.0.0.1:{port}")
        with trouble(port, folder.name, other, issuer) as end:
            time.sleep(3)
            storm = calm_times(port, secret, 2 * seconds, "storm")
            flood = end()
    away.set()
    lms.join(timeout=30)
    lms.kill()
    nothing_readyz, nothing_flood = of_nothing(folder.name, issuer, seconds)
    there, stored = _stored(folder)
    acknowledged = {*quiet["lists"], *storm["lists"], *flood["lists"]}

    def p99(found: Found, name: str) -> float:
        return float(np.quantile(found["times"][name], 0.99)) * 1e3

    return {
        "quiet_p99_ms": p99(quiet, "recommend"),
        "storm_p99_ms": p99(storm, "recommend"),
        "times_quiet": p99(storm, "recommend") / p99(quiet, "recommend"),
        "readyz_worst_ms": max(storm["times"]["readyz"]) * 1e3,
        "calm_answers": len(storm["times"]["recommend"]),
        "calm_refused": sum(storm["refused"].values()),
        "flood_statuses": flood["statuses"],
        "refusal_p50_ms": float(np.quantile(flood["refusals"] or [0.0], 0.5)) * 1e3,
        "refusal_p99_ms": float(np.quantile(flood["refusals"] or [0.0], 0.99)) * 1e3,
        "refusals_without_retry_after": flood["lacking"],
        "lists_acknowledged": len(acknowledged),
        "lists_lost": len(acknowledged - there),
        "events_lost": quiet["events"] + storm["events"] - stored,
        "nothing_readyz_worst_ms": nothing_readyz * 1e3,
        "nothing_flood_p99_ms": nothing_flood * 1e3,
    }


def _stored(folder: Path) -> tuple[set[str], int]:
    with contextlib.closing(sqlite3.connect(folder / "segue.db")) as store:
        lists = {name for (name,) in store.execute("SELECT playlist_id FROM playlists")}
        (events,) = store.execute("SELECT count(*) FROM events").fetchone()
    return lists, int(events) - N_LEARNERS * 60


def main(seconds: float = 10.0, *, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder) / "school", seconds)
    if as_json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:<30} {value if isinstance(value, dict) else f'{value:10.2f}'}")


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
