"""Answers on their way out: a mark by which a caller can ask "still the same?", and less to carry.

Only calls of programs (``/v1``) are packed: a page holds a secret of its own beside what others can put in,
and the length of a packed page would tell of it.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable, Iterable

from starlette.types import Message, Scope

SMALLEST, LARGE = 1_000, 100_000  # bytes: below not packed, above packed in a thread
Sending = Callable[[Message], Awaitable[None]]
Pairs = list[tuple[bytes, bytes]]


def prepared(scope: Scope, send: Sending) -> Sending:
    """Return `send`, packing and marking the answers of calls that can use it.

    A GET is answered with a weak ETag; where ``If-None-Match`` has it, by 304 without a body. A body of 1 kB
    or more is packed by gzip for who accepts it.
    """
    if not scope["path"].startswith("/v1/"):
        return send
    sent: dict[bytes, bytes] = dict(scope["headers"])
    packs = accepts_gzip(sent.get(b"accept-encoding", b""))
    marks = scope["method"] == "GET"
    if not packs and not marks:
        return send
    known = sent.get(b"if-none-match")
    held: list[Message] = []

    async def through(message: Message) -> None:
        if message["type"] == "http.response.start":
            held.append(message)
            return
        if held:
            start, body = held.pop(), message.get("body", b"")
            if not message.get("more_body", False):
                start, body = await _finished(start, body, known=known, marks=marks, packs=packs)
                message = {**message, "body": body}
            await send(start)
        await send(message)

    return through


def accepts_gzip(said: bytes) -> bool:
    """Whether the header ``Accept-Encoding`` allows gzip.

    >>> [accepts_gzip(said) for said in (b"br, gzip", b"gzip;q=0", b"", b"*")]
    [True, False, False, False]
    """
    for part in said.lower().split(b","):
        name, _, weight = part.partition(b";")
        if name.strip() == b"gzip":
            return weight.replace(b" ", b"").rstrip(b"0") not in (b"q=", b"q=0.")
    return False


async def _finished(
    start: Message, body: bytes, *, known: bytes | None, marks: bool, packs: bool
) -> tuple[Message, bytes]:
    headers: Pairs = list(start["headers"])
    if marks and start["status"] == 200:
        tag = b'W/"' + hashlib.blake2b(body, digest_size=16).hexdigest().encode() + b'"'
        headers += [(b"etag", tag), (b"cache-control", b"private, no-cache"), (b"vary", b"accept-encoding")]
        if known is not None and not {tag, b"*"}.isdisjoint(one.strip() for one in known.split(b",")):
            kept = _without(headers, (b"content-length", b"content-type"))
            return {**start, "status": 304, "headers": kept}, b""
    if packs and len(body) >= SMALLEST:
        packed = await asyncio.to_thread(_packed, body) if len(body) > LARGE else _packed(body)
        more = [(b"content-encoding", b"gzip"), (b"content-length", str(len(packed)).encode())]
        headers, body = _without(headers, (b"content-length",)) + more, packed
    return {**start, "headers": headers}, body


def _packed(body: bytes) -> bytes:
    return gzip.compress(body, 5, mtime=0)


def _without(headers: Pairs, names: Iterable[bytes]) -> Pairs:
    return [(name, value) for name, value in headers if name.lower() not in names]
