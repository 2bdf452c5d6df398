"""Nothing that waits for nothing holds up the others: connections, heads, floods, long questions."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue.service.http import request_log as logs
from segue.service.http.rate_limits import ServiceLimits
from segue.service.tenant.write_queue import Desk

Headers = Callable[[str], dict[str, str]]
ASK = {"learner": "student-1", "k": 3}


def opened(client: httpx.Client, said: bytes = b"") -> socket.socket:
    found = socket.create_connection((client.base_url.host, client.base_url.port or 80))
    found.settimeout(20)
    if said:
        found.sendall(said)
    return found


def everything(connection: socket.socket) -> bytes:
    """Return what a connection says until it is closed."""
    said = b""
    with connection, contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            said += part
    return said


def test_a_head_that_does_not_come_is_not_waited_for(school: Path, serving: Any, headers: Headers) -> None:
    with serving(school, limits=ServiceLimits(head_seconds=0.3)) as client:
        silent, begun = opened(client), opened(client, b"POST /v1/recommend HTTP/1.1\r\nhost: x\r\n")
        assert b" 408 " in everything(silent)
        assert b" 408 " in everything(begun)
        assert client.post("/v1/recommend", json=ASK, headers=headers("backend")).status_code == 200


def test_a_head_has_a_size(school: Path, serving: Any) -> None:
    with serving(school) as client:
        endless = opened(client, b"GET /healthz HTTP/1.1\r\n")
        with endless, pytest.raises(ConnectionError):  # closed while more is sent
            send_without_end(endless)
        assert client.get("/healthz", headers={"x-long": "y" * 20_000}).status_code == 200
        at_once = opened(client, b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: %s\r\n\r\n" % (b"y" * 40_000))
        assert b" 431 " in everything(at_once)


def test_who_leaves_in_the_middle_of_a_body_has_failed_nothing(
    school: Path, serving: Any, headers: Headers
) -> None:
    stream = io.StringIO()
    logs.set_up(stream)
    with serving(school) as client:
        key = headers("backend")["authorization"].encode()
        head = b"POST /v1/recommend HTTP/1.1\r\nhost: x\r\nauthorization: %s\r\n" % key
        opened(client, head + b"content-type: application/json\r\ncontent-length: 50\r\n\r\n{").close()
        assert client.post("/v1/recommend", json=ASK, headers=headers("backend")).status_code == 200
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert sorted((line["event"], line["status"]) for line in found) == [("request", 0), ("request", 200)]


def send_without_end(connection: socket.socket) -> None:
    for n in range(2_000):  # two hundred times what a head may have
        connection.sendall(b"x-%d: %s\r\n" % (n, b"y" * 3_000))


def test_connections_have_an_end_that_is_told_at_once(school: Path, serving: Any) -> None:
    with serving(school, limits=ServiceLimits(connections=20)) as client:
        held = [opened(client) for _ in range(20)]
        said = everything(opened(client))
        assert b" 503 " in said
        assert b"retry-after: 1" in said
        for connection in held:
            connection.close()
        while client.get("/healthz").status_code != 200:
            pass


def test_an_address_without_a_key_is_slowed_down_and_one_with_a_key_is_not(
    school: Path, serving: Any, headers: Headers
) -> None:
    with serving(school, limits=ServiceLimits(address_rate=0.01, address_burst=5)) as client:
        codes = [client.get("/lti/school/jwks").status_code for _ in range(8)]
        assert codes == [404] * 5 + [429] * 3
        refused = client.get("/v1/learners/x/profile", headers={"authorization": "Bearer guess"})
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert client.post("/v1/recommend", json=ASK, headers=headers("backend")).status_code == 200


def test_who_would_wait_too_long_is_told_at_once(
    school: Path, serving: Any, headers: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = threading.Event()
    work = Desk._do
    monkeypatch.setattr(Desk, "_do", lambda self, jobs: (stuck.wait(20), work(self, jobs))[1])
    with (
        serving(school, limits=ServiceLimits(waiting_seconds=0.3)) as client,
        ThreadPoolExecutor(2) as people,
    ):
        calls = [
            people.submit(client.post, "/v1/recommend", json=ASK, headers=headers("backend")) for _ in "ab"
        ]
        answer = client.get("/readyz")
        assert answer.status_code == 200
        found = until_refused(client, headers("backend"))
        assert found.status_code == 503
        assert int(found.headers["retry-after"]) >= 1
        stuck.set()
        assert [call.result().status_code for call in calls] == [200, 200]


def until_refused(client: httpx.Client, key: dict[str, str]) -> httpx.Response:
    """Ask until a question is answered: those that wait behind the one that is stuck are given up."""
    for _ in range(20):
        with contextlib.suppress(httpx.ReadTimeout):
            return client.post("/v1/recommend", json=ASK, headers=key, timeout=0.5)
    raise AssertionError("every question was let wait")


def test_long_questions_have_an_end_and_do_not_hold_up_the_watch(
    school: Path, serving: Any, headers: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = threading.Event()
    erasing = "segue.workspace.privacy.learner_rights.erase"
    monkeypatch.setattr(erasing, lambda *_, **__: stuck.wait(20))
    monkeypatch.setattr("segue.service.tenant.tenant.CHANGE_SECONDS", 0.2)
    with serving(school) as client, ThreadPoolExecutor(20) as people:
        erase = [
            people.submit(client.delete, f"/v1/learners/student-{n}", headers=headers("admin"))
            for n in range(20)
        ]
        codes = [call.result().status_code for call in erase]
        assert set(codes) == {503}
        assert client.get("/readyz").status_code == 200
        assert client.get("/v1/learners/student-1/profile", headers=headers("backend")).status_code == 200
        stuck.set()
