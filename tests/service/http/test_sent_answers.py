"""Answers that need not be sent again, or are packed; and the trace they belong to, in the log."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable

import httpx
from starlette.types import Message

from segue.service.http import request_log as logs
from segue.service.sent_answers import prepared

Headers = Callable[[str], dict[str, str]]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_what_is_still_the_same_is_not_sent_again(client: httpx.Client, headers: Headers) -> None:
    mine = headers("backend")
    assert client.post("/v1/recommend", json={"learner": "student-3"}, headers=mine).status_code == 200
    path = "/v1/learners/student-3/lists"
    first = client.get(path, headers=mine)
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["vary"] == "accept-encoding"
    plain = client.get(path, headers=mine | {"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == first.json()
    tag = first.headers["etag"]
    again = client.get(path, headers=mine | {"if-none-match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(path, headers=mine | {"if-none-match": "*"}).status_code == 304
    client.post("/v1/recommend", json={"learner": "student-3", "k": 3}, headers=mine)
    assert client.get(path, headers=mine | {"if-none-match": tag}).status_code == 200
    nobody = client.get("/v1/decisions/none", headers=mine | {"if-none-match": "*"})
    assert nobody.status_code == 404
    assert "etag" not in nobody.headers


def test_what_is_asked_for_its_head_alone_is_answered_as_in_whole(
    client: httpx.Client, headers: Headers
) -> None:
    mine = headers("backend")
    for path in ("/healthz", "/readyz", "/", "/v1/resources", "/v1/decisions/none"):
        whole, head = (client.request(method, path, headers=mine) for method in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (whole.status_code, b"")
        for name in ("content-length", "content-type", "etag", "content-encoding"):
            assert head.headers.get(name) == whole.headers.get(name)
    assert client.head("/v1/recommend", headers=mine).status_code == 405
    assert client.get("/healthz").json() == {"status": "ok"}  # on the same connection


def test_the_trace_of_a_caller_is_in_the_log(client: httpx.Client, headers: Headers) -> None:
    stream = io.StringIO()
    logs.set_up(stream)
    for said in (f"00-{TRACE}-00f067aa0ba902b7-01", f"00-{'0' * 32}-00f067aa0ba902b7-01", "nonsense"):
        client.get("/v1/decisions/none", headers=headers("backend") | {"traceparent": said})
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line.get("trace") for line in lines if line["event"] == "request"] == [TRACE, None, None]


def test_pages_and_streams_are_left_alone() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asked = [(b"accept-encoding", b"gzip")]
    page = {"type": "http", "method": "GET", "path": "/pages/x", "headers": asked}
    assert prepared(page, send) is send
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
    parts = [{"type": "http.response.body", "body": b"x" * 2000, "more_body": more} for more in (True, False)]

    async def stream() -> None:
        through = prepared({**page, "path": "/v1/x"}, send)
        for message in (start, *parts):
            await through(message)

    asyncio.run(stream())
    assert sent == [start, *parts]
