"""What is asked while others wait is decided and stored with them, and is what it would be alone."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import httpx

from segue.service.http.rate_limits import ServiceLimits

Headers = Callable[[str], dict[str, str]]
Serving = Callable[..., AbstractContextManager[httpx.Client]]
AT = "2026-11-24T10:00:00Z"
REFUSED, TWICE, GONE = 3, 5, 8  # places of a wrong question, of one sent twice under its key, of who hangs up
ASKED: list[dict[str, Any]] = [{"learner": f"student-{n}", "k": 2 + n % 3, "now": AT} for n in range(12)]
ASKED[REFUSED]["candidates"] = ["lost-resource"]
PLACES = [*range(len(ASKED)), TWICE]
MANY = [{"learner": f"student-{n}", "k": k, "now": AT} for n in range(12, 24) for k in range(1, 11)]
PATIENT = ServiceLimits(rate=1e6, burst=10**6, seats=64, waiting_seconds=600)
LISTS = "SELECT playlist_id, learner, request_no, upto, model_hash, certificate, undelivered FROM playlists"
STEPS = "SELECT decision_id, resource, propensity, joint_propensity, score, context, reasons FROM decisions"


def sent(client: httpx.Client, headers: dict[str, str], place: int) -> socket.socket:
    """Send a question and return its connection, which who hangs up has closed."""
    url, body = client.base_url, json.dumps(ASKED[place]).encode()
    key = {"idempotency-key": "once"} if place == TWICE else {}
    said = {"host": url.host, "content-length": str(len(body))} | headers | key
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    connection = socket.create_connection((url.host, url.port or 80), timeout=30)
    connection.sendall(f"POST /v1/recommend HTTP/1.1\r\n{lines}\r\n".encode() + body)
    if place == GONE:
        connection.close()
    return connection


def heard(connection: socket.socket) -> tuple[int, bytes]:
    """Return status and body of the answer; nothing to who has hung up."""
    if connection.fileno() < 0:
        return 0, b""
    with connection, connection.makefile("rb") as file:
        status, length = int(file.readline().split()[1]), 0
        while line := file.readline().strip():
            name, _, value = line.lower().partition(b": ")
            length = int(value) if name == b"content-length" else length
        return status, file.read(length)


def asked_alone(client: httpx.Client, headers: dict[str, str]) -> list[tuple[int, bytes]]:
    client.post("/v1/recommend:batch", json={"requests": MANY}, headers=headers)
    return [heard(sent(client, headers, place)) for place in PLACES]


def asked_together(client: httpx.Client, headers: dict[str, str]) -> list[tuple[int, bytes]]:
    with ThreadPoolExecutor(1) as pool:
        before = pool.submit(client.post, "/v1/recommend:batch", json={"requests": MANY}, headers=headers)
        found = [heard(one) for one in [sent(client, headers, place) for place in PLACES]]
        assert before.result().status_code == 200
    return found


def stored(school: Path) -> list[list[tuple[Any, ...]]]:
    """Return lists, steps and kept answers, once it is known that a list was not received."""
    with closing(sqlite3.connect(school / "segue.db")) as store:
        end = time.monotonic() + 20
        while not store.execute(f"{LISTS} WHERE undelivered").fetchall():
            assert time.monotonic() < end
            time.sleep(0.01)
        queries = (f"{LISTS} ORDER BY 1", f"{STEPS} ORDER BY 1", "SELECT digest, asked, body FROM replies")
        return [store.execute(query).fetchall() for query in queries]


def test_questions_of_one_commit_are_answered_and_stored_as_one_by_one(
    school: Path, tmp_path: Path, serving: Serving, headers: Headers
) -> None:
    other = tmp_path / "copy" / school.name
    shutil.copytree(school, other)
    shutil.copy(school.with_suffix(".key"), other.with_suffix(".key"))
    outcomes, commits = [], []
    for folder, asking in ((school, asked_alone), (other, asked_together)):
        with serving(folder, limits=PATIENT) as client:
            answers, kept = asking(client, headers("backend")), stored(folder)
            told = client.get("/metrics", headers=headers("analyst")).text.splitlines()
        counts = sorted(
            line for line in told if line.startswith("segue_requests_total") and "recommend" in line
        )
        outcomes.append((answers, kept, counts))
        commits.append(next(float(line.split()[-1]) for line in told if "group_jobs_count" in line))
    assert outcomes[0] == outcomes[1]
    assert [status for status, _ in outcomes[0][0]] == [
        {REFUSED: 422, GONE: 0}.get(place, 200) for place in PLACES
    ]
    assert outcomes[0][0][TWICE] == outcomes[0][0][-1]
    assert sum(row[-1] for row in outcomes[0][1][0]) == 1, "the list of who hung up, and no other's"
    assert commits[1] < commits[0] - len(PLACES) / 2
